package layout

import (
	"io"
	"strings"
	"testing"
)

func TestEncodings(t *testing.T) {
	for _, name := range Encodings() {
		l := &Layout{Encoding: name}
		text := "id;é 1\r\n"
		if strings.Contains("gb18030 gbk big5 shift_jis euc-jp euc-kr utf-8 utf-16 utf-16le utf-16be", name) {
			text = "id;中 1\r\n"
		} else if strings.HasPrefix(name, "windows-125") || strings.HasPrefix(name, "iso") || strings.HasPrefix(name, "koi8") || strings.HasPrefix(name, "windows-874") || strings.HasPrefix(name, "ibm866") {
			text = "id;1\r\n"
		}
		decoded, err := io.ReadAll(l.Decode(strings.NewReader(string(l.Encode([]byte(text))))))
		if got := strings.TrimPrefix(string(decoded), "\uFEFF"); err != nil || got != text {
			t.Errorf("%s: %q, %v", name, decoded, err)
		}
	}
	for _, test := range []struct{ name, bytes, want string }{
		{"gb18030", "\xd6\xd0\x95\x32\x82\x36", "中𠀀"}, {"gb18030", "a\xd6\nb", "a\uFFFD\nb"}, {"gb18030", "a\x81\xff", "a\uFFFD"}, {"gb18030", "\xd6", "\uFFFD"},
		{"utf-16", "\xff\xfea\x00", "a"}, {"utf-16", "\xfe\xff\x00a", "a"}, {"utf-16", "a\x00", "a"}, {"utf-16le", "\xfe\xff\x00a", "a"}, {"utf-16be", "\x00a", "a"},
		{"utf-16le", "\x00\xd8a\x00", "\uFFFDa"}, {"utf-16le", "a\x00b", "a\uFFFD"}, {"windows-1252", "\x80", "€"}, {"iso-8859-1", "\x80", "\u0080"}, {"shift_jis", "\x93\xfa", "日"},
		{"utf-8", "\xff", "\xff"},
	} {
		decoded, err := io.ReadAll((&Layout{Encoding: test.name}).Decode(strings.NewReader(test.bytes)))
		if got := string(decoded); err != nil || got != test.want && !(strings.Contains(test.want, "\uFFFD") && strings.Contains(got, "\uFFFD")) {
			t.Errorf("%s %q: %q, %v", test.name, test.bytes, decoded, err)
		}
	}
	if got := string((&Layout{Encoding: "windows-1252"}).Encode([]byte("é中"))); got != "\xe9?" {
		t.Errorf("%q", got)
	}
}
