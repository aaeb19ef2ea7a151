package rules_test

import (
	"bytes"
	"regexp"
	"testing"

	"alliance/rules"
)

// lineBreak is what YAML takes for the end of a line.
var lineBreak = regexp.MustCompile("\r\n|[\r\n\u0085\u2028\u2029]")

// FuzzParse shows that no text makes Parse panic, that every error names a line, and that
// what it accepts can be described.
func FuzzParse(f *testing.F) {
	f.Add([]byte(right))
	f.Add([]byte(reordered))
	f.Add(rules.Sample())
	f.Add([]byte(profiled))
	f.Add([]byte("{\"alliance\": {\"id\": [1, null, 1e5]}}"))
	f.Add([]byte("---\n--- &a [*a, !x y, ? b : c]\n"))
	f.Add([]byte("---\n# nothing but a comment without an end of line"))
	f.Fuzz(func(t *testing.T, text []byte) {
		book, err := rules.Parse("r", text)
		if err != nil {
			lines := 1 + len(lineBreak.FindAll(text, -1))
			for _, one := range err.(rules.Errors) {
				if one.Line < 1 || one.Line > lines {
					t.Errorf("line %d: %v", one.Line, one)
				}
			}
			return
		}
		var out bytes.Buffer
		if err := book.Describe(&out); err != nil || out.Len() == 0 {
			t.Error(err)
		}
		if _, err := book.DescribeJSON(); err != nil {
			t.Error(err)
		}
	})
}
