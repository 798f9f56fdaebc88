package browser

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestEveryLinkedPage follows every link that an admin, staff and a visitor see and looks at each page: a page that somebody adds to a menu
// or a list is looked at without being named here.
func TestEveryLinkedPage(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	for _, walk := range []struct {
		name  string
		who   login
		start []string
	}{
		{"admin", d.who(t, "harbour", "admin,billing"), []string{"/harbour/"}},
		{"staff", d.Staff, []string{"/console/accounts", "/console/accounts/harbour"}},
		{"nobody", login{}, []string{"/sign-in"}},
	} {
		t.Run(walk.name, func(t *testing.T) {
			t.Parallel()
			p := sit(t, d)
			if walk.who.Email != "" {
				p.signIn(walk.who)
			}
			p.follow(walk.name, walk.start)
		})
	}
}

// follow looks at the pages that can be reached from the starts, one of each kind, wide and narrow, light and dark.
func (p *person) follow(name string, paths []string) {
	p.t.Helper()
	seen := map[string]bool{}
	budget := 45_000 // a first visit; further pages bring only themselves
	for i := 0; i < len(paths); i++ {
		if kind := kindOf(paths[i]); !seen[kind] {
			seen[kind] = true
			p.lookAt(name+strings.ReplaceAll(kind, "/", "-"), paths[i], budget)
			budget = 12_000
			for _, to := range eval[[]string](p, pageLinks) {
				if !slices.Contains(paths, to) && pageLike(to) {
					paths = append(paths, to)
				}
			}
		}
	}
	if len(seen) < 2 {
		p.t.Errorf("%s: the links lead to %d kinds of pages: %v", name, len(seen), paths)
	}
	p.t.Logf("%s: %d kinds of pages", name, len(seen))
}

const pageLinks = `[...document.querySelectorAll('a[href]:not([download])')].filter(a => a.origin === location.origin).map(a => a.pathname + a.search)`

// pageLike reports whether a path of the portal leads to a page: files and the demo's own rooms do not, and lists sorted or paged in
// another way are the same page.
func pageLike(path string) bool {
	bare, query, _ := strings.Cut(path, "?")
	return !strings.HasPrefix(bare, "/_") && !strings.Contains(bare[strings.LastIndex(bare, "/"):], ".") && !strings.Contains(query, "=") && !strings.HasPrefix(bare, "/api")
}

// IDs are long and random, or numbers; they make no other kind of page.
var idPart = regexp.MustCompile(`/(\+?[0-9]+|[0-9a-z]{20,})(/|$)`)

func kindOf(path string) string {
	path, _, _ = strings.Cut(path, "?")
	return idPart.ReplaceAllString(idPart.ReplaceAllString(path, "/*$2"), "/*$2")
}

// lookAt opens a page once and examines it light and dark, at 1280 and 360 px, and how it fits other widths. The budget is in bytes as
// sent, with all files that the browser does not have yet.
func (p *person) lookAt(name, path string, budget int) {
	p.t.Helper()
	p.width(1280)
	p.theme("light")
	if bytes, _ := p.weighed(func() { p.open(path) }); bytes > budget {
		p.t.Errorf("%s: %d bytes; at most %d", path, bytes, budget)
	}
	p.examine(name + "-light-1280")
	p.width(360)
	p.examine(name + "-light-360")
	p.theme("dark")
	p.examine(name + "-dark-360")
	p.fits(path)
}
