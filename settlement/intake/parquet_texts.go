package intake

import (
	"fmt"
	"unicode/utf8"
)

// readTexts reads the next texts of the page at hand. They are cut from one string.
func (v *valueReader) readTexts(out []string) (err error) {
	switch v.encoding {
	case encodingPlain:
		for i := range out {
			if out[i], err = v.plainText(); err != nil {
				return err
			}
		}
	case encodingDeltaLength, encodingDeltaBytes:
		for i := range out {
			if out[i], err = v.deltaText(); err != nil {
				return err
			}
		}
	default:
		indexes := v.scratch[:len(out)]
		if err := v.indexes.read(indexes); err != nil {
			return err
		}
		for i, index := range indexes {
			if uint64(index) >= uint64(len(v.dictionary.texts)) {
				return errEncoding
			}
			out[i] = v.dictionary.texts[index]
		}
	}
	return nil
}

// plainText cuts the next text off the page's.
func (v *valueReader) plainText() (string, error) {
	length := uint64(v.field.length)
	if v.field.physical == physicalByteArray {
		if len(v.text) < 4 {
			return "", errTooFew
		}
		length = uint64(v.text[0]) | uint64(v.text[1])<<8 | uint64(v.text[2])<<16 | uint64(v.text[3])<<24
		v.text = v.text[4:]
	}
	return v.cut(length)
}

func (v *valueReader) cut(length uint64) (string, error) {
	if length > uint64(len(v.text)) {
		return "", errTooFew
	}
	text := v.text[:length]
	v.text = v.text[length:]
	return text, v.checkLength(len(text))
}

// checkLength bounds a text where it is made, so that no row is made of what is too long for it.
func (v *valueReader) checkLength(length int) error {
	if length > v.budget.limits.recordBytes {
		return unreadable("column %s has a value of %d bytes, more than the limit of %d", v.column, length, v.budget.limits.recordBytes)
	}
	return nil
}

// deltaText returns the next text of those whose lengths stand before them, and perhaps how much
// of the text before each repeats.
func (v *valueReader) deltaText() (string, error) {
	length, err := v.numbers.next()
	if err != nil {
		return "", err
	}
	text, err := v.cut(uint64(uint32(length)))
	if err != nil || v.encoding == encodingDeltaLength {
		return text, err
	}
	prefix, err := v.prefixes.next()
	if err != nil {
		return "", err
	}
	if prefix < 0 || prefix > int64(len(v.previous)) {
		return "", errEncoding
	}
	switch {
	case prefix == 0:
		v.previous = text
	case text == "":
		v.previous = v.previous[:prefix]
	default:
		v.previous = v.previous[:prefix] + text
	}
	return v.previous, v.checkLength(len(v.previous))
}

// headerOfText_bytes is what a text takes of memory besides its bytes.
const headerOfText_bytes = 16

// readDictionary reads the page that the indexes of others refer to.
func (v *valueReader) readDictionary(header *pageHeader, page []byte) error {
	if v.hasDictionary {
		return fmt.Errorf("it has two dictionaries")
	}
	if header.encoding != encodingPlain && header.encoding != encodingPlainDictionary {
		return &encodingError{"dictionary's values", header.encoding, "PLAIN"}
	}
	size := int64(8)
	if v.isText {
		size = headerOfText_bytes
	}
	// Each value has at least a byte, so that their number cannot be made up.
	if header.values > int64(len(page)) {
		return errTooFew
	}
	v.dictionaryHeld = header.values*size + int64(len(page))
	if err := v.budget.take(0, v.dictionaryHeld); err != nil {
		return err
	}
	v.hasDictionary, v.plain = true, page
	if !v.isText {
		v.dictionary.integers = append(v.dictionary.integers[:0], make([]int64, header.values)...)
		err := v.plainIntegers(v.dictionary.integers)
		if err == nil && len(v.plain) > 0 {
			err = errTooMany
		}
		return err
	}
	v.text, v.dictionary.texts = v.room.keep(page, header.values)
	v.allUTF8 = true
	for i := range v.dictionary.texts {
		text, err := v.plainText()
		if err != nil {
			return err
		}
		v.dictionary.texts[i] = text
		v.allUTF8 = v.allUTF8 && utf8.ValidString(text)
	}
	if v.text != "" {
		return errTooMany
	}
	return nil
}
