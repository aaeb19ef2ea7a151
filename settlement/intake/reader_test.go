package intake

import "testing"

// TestReaderForgetsLargeDictionaries has dictionaries that are small, which stay, and together too large, which do not.
func TestReaderForgetsLargeDictionaries(t *testing.T) {
	var reader Reader
	held := func() (bytes int) {
		for i := range reader.dictionaries {
			bytes += cap(reader.dictionaries[i].page) + cap(reader.dictionaries[i].texts)*headerOfText_bytes
		}
		return bytes
	}
	page := make([]byte, mostRoom/8)
	for i := range 4 {
		if text, texts := reader.dictionaryRoom(i).keep(page, 10); len(text) != len(page) || len(texts) != 10 {
			t.Errorf("a dictionary of %d bytes and 10 texts became one of %d and %d", len(page), len(text), len(texts))
		}
	}
	if reader.forgetLarge(); held() < 4*len(page) {
		t.Errorf("of small dictionaries %d bytes stay", held())
	}
	reader.dictionaryRoom(5).keep(page, mostRoom/2/headerOfText_bytes)
	if reader.forgetLarge(); held() != 0 {
		t.Errorf("of large dictionaries %d bytes stay", held())
	}
	if room := reader.fileRoom(mostRoom + 1); len(room) != mostRoom+1 || cap(reader.file) != 0 {
		t.Errorf("a file of %d bytes has %d, and %d stay", mostRoom+1, len(room), cap(reader.file))
	}
	if room := reader.dictionaryRoom(len(reader.dictionaries)); room != nil {
		t.Error("there is room for any number of columns")
	}
}
