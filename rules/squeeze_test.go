package rules

import "testing"

func TestSqueeze(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{`a == "x"`, `a=="x"`},
		{"a==\n\t\"x\" // why\n && b", `a=="x"&&b`},
		{`reason in ["a b", 'c  //d']`, `reason in["a b",'c  //d']`},
		{`a in b`, `a in b`},
		{`"a\" b" + r"\" + 'it''s'`, `"a\" b"+r"\"+'it''s'`},
		{`"""a " b""" + x`, `"""a " b"""+x`},
		{`! ! a`, `!!a`},
		{`"open `, `"open `},
		{`x // end`, `x`},
		{`r "a  b"`, `r"a  b"`},
	} {
		got := squeeze(test.text)
		if got != test.want {
			t.Errorf("%s: %s, not %s", test.text, got, test.want)
		}
		if again := squeeze(got); again != got {
			t.Errorf("%s: %s the second time", got, again)
		}
	}
}
