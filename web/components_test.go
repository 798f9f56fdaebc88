package web

import (
	"strings"
	"testing"
)

func TestComponentPageShowsEverything(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	page := s.get("/dev/components")
	if page.StatusCode != 200 {
		t.Fatalf("%d: %s\n%s", page.StatusCode, page.body, s.log)
	}
	for _, want := range []string{`aria-busy="true"`, "There is a problem", "Today, 9:14 am", "Nobody matches", "Unsaved changes", "one-time-code"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the component page lacks %q", want)
		}
	}
}
