package browser

import (
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// A long list filters from the first letter, by keyboard alone, and sends what was chosen. Escape leaves it as it was.
func TestLongListsFilter(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	p := sit(t, d)
	p.signIn(d.who(t, "harbour", "admin,billing"))
	zone := func() string { return eval[string](p, `document.querySelector('[name=time_zone]').value`) }
	for _, width := range []int64{1280, 360} {
		p.width(width)
		p.open("/harbour/settings")
		p.types("Time zone", "melb")
		p.sees("Melbourne")
		p.examine("long-list")
	}
	p.key(kb.Escape)
	if got := zone(); got != "Australia/Sydney" {
		t.Fatalf("Escape left %q", got)
	}
	p.types("Time zone", "melb")
	p.key(kb.Enter)
	if got := zone(); got != "Australia/Melbourne" {
		t.Fatalf("Enter chose %q", got)
	}
	p.types("Time zone", "nowhere on earth")
	p.sees("Nothing matches")
	p.key(kb.Tab)
	if got := zone(); got != "Australia/Melbourne" {
		t.Fatalf("what matches nothing chose %q", got)
	}
	p.choose("Save changes")
	p.sees("Settings saved")
	if got := zone(); got != "Australia/Melbourne" {
		t.Errorf("saved %q", got)
	}
}
