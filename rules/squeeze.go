package rules

import "strings"

// squeeze writes a condition in one spelling: blanks, line breaks and comments outside of
// quotes are left out, but for a blank where two words would run together.
func squeeze(text string) string {
	var out strings.Builder
	gap := false
	for at := 0; at < len(text); {
		switch rest := text[at:]; {
		case strings.IndexByte(" \t\r\n\f", rest[0]) >= 0:
			gap = true
			at++
		case strings.HasPrefix(rest, "//"):
			gap = true
			at += lineLength(rest)
		default:
			length := tokenLength(rest)
			if gap && out.Len() > 0 && wordByte(out.String()[out.Len()-1]) && wordByte(rest[0]) {
				out.WriteByte(' ')
			}
			gap = false
			out.WriteString(rest[:length])
			at += length
		}
	}
	return out.String()
}

func lineLength(text string) int {
	if end := strings.IndexByte(text, '\n'); end >= 0 {
		return end
	}
	return len(text)
}

func wordByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c >= 0x80
}

// tokenLength returns the length of a run of letters, a quoted text, or one other character.
func tokenLength(text string) int {
	length := 0
	for length < len(text) && wordByte(text[length]) {
		length++
	}
	prefix := text[:length]
	if length < len(text) && (text[length] == '"' || text[length] == '\'') && literalPrefix(prefix) {
		raw := strings.ContainsAny(prefix, "rR")
		return length + quotedLength(text[length:], raw)
	}
	return max(length, 1)
}

// literalPrefix reports whether a word before a quote belongs to the literal.
func literalPrefix(word string) bool {
	switch strings.ToLower(word) {
	case "", "r", "b", "rb", "br":
		return true
	}
	return false
}

// quotedLength returns the length of the literal that starts with a quote.
func quotedLength(text string, raw bool) int {
	quote := text[:1]
	if strings.HasPrefix(text, strings.Repeat(quote, 3)) {
		quote = strings.Repeat(quote, 3)
	}
	for at := len(quote); at < len(text); at++ {
		switch {
		case text[at] == '\\' && !raw:
			at++
		case strings.HasPrefix(text[at:], quote):
			return at + len(quote)
		}
	}
	return len(text)
}
