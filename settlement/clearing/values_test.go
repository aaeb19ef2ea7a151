package clearing

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/shopspring/decimal"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

func TestValidID(t *testing.T) {
	for _, text := range []string{"1", "T-1", " ", "a b", "~", "会员", "é", "\u00a0", "😀", "\ufffd",
		strings.Repeat("x", 128), strings.Repeat("x", 126) + "é"} {
		if !validID(text) {
			t.Errorf("%q is refused", text)
		}
	}
	for _, text := range []string{"", "a\tb", "\x00", "\x1f", "\x7f", "a\u0080", "\u0085", "a\u009f", "e\u0301", "\u212b",
		"a\xff", "\xc2", "\xed\xa0\x80", strings.Repeat("x", 129), strings.Repeat("x", 127) + "é"} {
		if validID(text) {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestValidIDIsItsDefinition(t *testing.T) {
	pieces := []string{"a", " ", "~", "\x7f", "\x1f", "\u0080", "\u009f", "\u00a0", "é", "e\u0301", "\u0301", "가", "\u1100", "\u1161",
		"\xff", "\xc2", "\ufffd", "漢", "\u0344", "😀", strings.Repeat("y", 60)}
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 6).Draw(t, "pieces"), "")
		want := len(text) >= 1 && len(text) <= 128 && utf8.ValidString(text) && norm.NFC.IsNormalString(text) &&
			strings.IndexFunc(text, func(r rune) bool { return unicode.Is(unicode.Cc, r) }) < 0
		if validID(text) != want {
			t.Fatalf("validID(%q) = %v", text, !want)
		}
	})
}

// TestValidIDLooksAtEveryByte puts every byte of ASCII at every place of ids around the length that is looked at at once.
func TestValidIDLooksAtEveryByte(t *testing.T) {
	for length := 1; length <= 25; length++ {
		for at := range length {
			for c := range 0x80 {
				text := []byte(strings.Repeat("~", length))
				text[at] = byte(c)
				if want := c >= ' ' && c < 0x7f; validID(string(text)) != want {
					t.Fatalf("validID(%q) = %v", text, !want)
				}
			}
		}
	}
}

// nearly draws texts that are of a form or miss it by little.
func nearly(alphabet string, forms ...string) *rapid.Generator[string] {
	generators := []*rapid.Generator[string]{rapid.StringOfN(rapid.RuneFrom([]rune(alphabet)), 0, 15, -1)}
	for _, form := range forms {
		generators = append(generators, rapid.StringMatching(form))
	}
	return rapid.OneOf(generators...)
}

func TestParsePointsIsItsForm(t *testing.T) {
	form := regexp.MustCompile(`^[1-9][0-9]{0,12}$`)
	rapid.Check(t, func(t *rapid.T) {
		text := nearly("0123456789+-. e１", `[1-9][0-9]{0,12}`, `1000000000000`, `100000000000[0-9]`, `[0-9]{13,20}`).Draw(t, "text")
		want, _ := strconv.ParseInt(text, 10, 64)
		valid := form.MatchString(text) && want <= 1_000_000_000_000
		got, ok := parsePoints(text)
		if ok != valid || ok && got != want {
			t.Fatalf("parsePoints(%q) = %d, %v", text, got, ok)
		}
	})
}

func TestAmountIsItsForm(t *testing.T) {
	form := regexp.MustCompile(`^-?[0-9]+(\.[0-9]{1,2})?$`)
	amounts := nearly("0123456789+-. e,", `-?[0-9]{1,4}(\.[0-9]{1,3})?`, `-?0{1,3}(\.0{1,2})?`, `-?[0-9]{30}\.[0-9]{2}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := amounts.Draw(t, "a"), amounts.Draw(t, "b")
		var partsOfA, partsOfB amountText
		ok := partsOfA.parse(a)
		if ok != form.MatchString(a) {
			t.Fatalf("parse(%q) = %v", a, ok)
		}
		if !ok || !partsOfB.parse(b) {
			return
		}
		equal := decimal.RequireFromString(a).Equal(decimal.RequireFromString(b))
		if (partsOfA == partsOfB) != equal {
			t.Fatalf("%q and %q: parts %v and %v", a, b, partsOfA, partsOfB)
		}
	})
}

func TestAmountDropsWhatHasNoValue(t *testing.T) {
	for text, want := range map[string]amountText{
		"0":      {whole: "0"},
		"-0.00":  {whole: "0"},
		"007.50": {whole: "7", fraction: "5"},
		"-12.05": {negative: true, whole: "12", fraction: "05"},
		"100":    {whole: "100"},
	} {
		var got amountText
		if ok := got.parse(text); !ok || got != want {
			t.Errorf("parse(%q) = %+v, %v", text, got, ok)
		}
	}
}

func TestWhatIsNoAmount(t *testing.T) {
	for _, text := range []string{"", "-", "--1", "+1", ".5", "-.5", "1.", "1.x", "1.x5", "1.5x", "1.-5", "1.555", "1,5", "1e5", "x", "1 ", " 1"} {
		if got := new(amountText); got.parse(text) {
			t.Errorf("parse(%q) = %+v", text, *got)
		}
	}
}

func TestCurrencyAndReasonAreTheirForms(t *testing.T) {
	currency, reason := regexp.MustCompile(`^[A-Z]{3}$`), regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
	texts := nearly("aAzZ09_-{[`@é", `[A-Z]{2,4}`, `[a-z0-9_]{1,5}`, `[a-z][a-z0-9_]{29,33}`)
	rapid.Check(t, func(t *rapid.T) {
		text := texts.Draw(t, "text")
		if validCurrency(text) != currency.MatchString(text) {
			t.Fatalf("validCurrency(%q) = %v", text, validCurrency(text))
		}
		if validReason(text) != reason.MatchString(text) {
			t.Fatalf("validReason(%q) = %v", text, validReason(text))
		}
	})
}
