package layout

import (
	"io"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
)

// UTF8 is the encoding of the common form.
const UTF8 = "utf-8"

// encodings are those that a profile may name. A byte order mark decides the order of bytes in all
// three of UTF-16; without one, it is as the name says, and little endian in utf-16.
var encodings = []struct {
	name string
	encoding.Encoding
}{
	{UTF8, nil},
	{"utf-16", unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)},
	{"utf-16le", unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)},
	{"utf-16be", unicode.UTF16(unicode.BigEndian, unicode.UseBOM)},
	{"gb18030", simplifiedchinese.GB18030},
	{"gbk", simplifiedchinese.GBK},
	{"big5", traditionalchinese.Big5},
	{"shift_jis", japanese.ShiftJIS},
	{"euc-jp", japanese.EUCJP},
	{"euc-kr", korean.EUCKR},
	{"windows-1250", charmap.Windows1250},
	{"windows-1251", charmap.Windows1251},
	{"windows-1252", charmap.Windows1252},
	{"windows-1253", charmap.Windows1253},
	{"windows-1254", charmap.Windows1254},
	{"windows-1255", charmap.Windows1255},
	{"windows-1256", charmap.Windows1256},
	{"windows-1257", charmap.Windows1257},
	{"windows-1258", charmap.Windows1258},
	{"windows-874", charmap.Windows874},
	{"iso-8859-1", charmap.ISO8859_1},
	{"iso-8859-2", charmap.ISO8859_2},
	{"iso-8859-5", charmap.ISO8859_5},
	{"iso-8859-7", charmap.ISO8859_7},
	{"iso-8859-9", charmap.ISO8859_9},
	{"iso-8859-15", charmap.ISO8859_15},
	{"koi8-r", charmap.KOI8R},
	{"koi8-u", charmap.KOI8U},
	{"ibm437", charmap.CodePage437},
	{"ibm850", charmap.CodePage850},
	{"ibm852", charmap.CodePage852},
	{"ibm866", charmap.CodePage866},
	{"macintosh", charmap.Macintosh},
}

// Encodings returns the names of the encodings that can be read, UTF-8 first.
func Encodings() []string {
	names := make([]string, len(encodings))
	for i := range encodings {
		names[i] = encodings[i].name
	}
	return names
}

func find(name string) encoding.Encoding {
	for i := range encodings {
		if encodings[i].name == name {
			return encodings[i].Encoding
		}
	}
	return nil
}

// IsDecoded reports whether files are in another encoding than UTF-8.
func (l *Layout) IsDecoded() bool { return find(l.Encoding) != nil }

// Decode returns a file's text in UTF-8. What is no character in the file's encoding becomes
// U+FFFD, which a text that was meant to be read does not have.
func (l *Layout) Decode(source io.Reader) io.Reader {
	if from := find(l.Encoding); from != nil {
		return from.NewDecoder().Reader(source)
	}
	return source
}

// Encode returns a text as the merchant writes it. A character that the encoding does not have
// becomes a question mark.
func (l *Layout) Encode(text []byte) []byte {
	to := find(l.Encoding)
	if to == nil {
		return text
	}
	encoder := to.NewEncoder()
	encoded, err := encoder.Bytes(text)
	if err == nil {
		return encoded
	}
	encoded = nil
	for _, r := range string(text) {
		one, err := encoder.Bytes([]byte(string(r)))
		if err != nil {
			one, _ = encoder.Bytes([]byte("?"))
		}
		encoded = append(encoded, one...)
	}
	return encoded
}
