package listing_test

import (
	"strings"
	"testing"

	"hubline/base/fault"
	"hubline/base/listing"
	"hubline/base/seal"
)

func TestCursorsBelongToOneList(t *testing.T) {
	t.Parallel()
	ring := seal.New([]byte(strings.Repeat("k", seal.KeySize)))
	want := listing.Cursor{Text: "chen, mary", Time: 7, ID: "a"}
	text := listing.Write(ring, "phone users of a", want)
	if got, err := listing.Read(ring, "phone users of a", text); err != nil || got != want {
		t.Errorf("read %+v, %v; want %+v", got, err, want)
	}
	if got, err := listing.Read(ring, "phone users of a", ""); err != nil || got != (listing.Cursor{}) {
		t.Errorf("the beginning: %+v, %v", got, err)
	}
	for name, wrong := range map[string]string{"cut": text[:len(text)-1], "flipped": "A" + text[1:], "line break": text[:9] + "\n" + text[9:], "nonsense": "§"} {
		if _, err := listing.Read(ring, "phone users of a", wrong); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := listing.Read(ring, "phone users of b", text); !fault.Is(err, fault.Invalid) {
		t.Errorf("another list: %v", err)
	}
}

func TestFoldAndContains(t *testing.T) {
	t.Parallel()
	if got := listing.Fold("  ZOË \tÅngström\x00 "); got != "zoe angstrom" {
		t.Errorf("Fold: %q", got)
	}
	if got := listing.Contains(`50%_\`); got != `%50\%\_\\%` {
		t.Errorf("Contains: %q", got)
	}
}

// Plain text is folded without a table of characters, and to the same.
func TestFoldPlainText(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", " ", "Mary", "  Mary   CHEN ", "a\tb", "x\x7fy", "0255 50 (142)", "Z~!"} {
		with := listing.Fold("\u0301" + text) // a mark, which is dropped
		if got := listing.Fold(text); got != with {
			t.Errorf("Fold(%q) is %q, and %q by the table", text, got, with)
		}
	}
}
