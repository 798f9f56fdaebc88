package test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"hubline/api"
)

var (
	postRoute = regexp.MustCompile(`\{"POST", "([^"]+)", `)
	verbRow   = regexp.MustCompile("(?m)^\\| `POST ([^`]+)` \\| (.+) \\|$")
	verbWhys  = []string{"in person", "their own", "provider", "ways in", "evidence"}
)

// Whatever a page does the API does, or docs/api/verbs.md says why not; and what it names is there.
func TestEveryVerbOfAPageHasAnOperationOrAReason(t *testing.T) {
	t.Parallel()
	var pages []string
	files, err := filepath.Glob("../web/*.go")
	check(t, err)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		check(t, err)
		for _, m := range postRoute.FindAllStringSubmatch(string(text), -1) {
			pages = append(pages, m[1])
		}
	}
	if len(pages) < 100 {
		t.Fatalf("only %d pages that do something were found", len(pages))
	}
	operations := map[string]bool{} // whether it changes something
	for _, rt := range api.Routes() {
		operations[rt.ID] = rt.Method != "GET"
	}
	text, err := os.ReadFile("../docs/api/verbs.md")
	check(t, err)
	listed := map[string]string{}
	for _, m := range verbRow.FindAllStringSubmatch(string(text), -1) {
		if listed[m[1]] != "" {
			t.Errorf("%s stands in the table twice", m[1])
		}
		listed[m[1]] = m[2]
	}
	for _, page := range pages {
		says, there := listed[page]
		delete(listed, page)
		operation, named := strings.CutPrefix(says, "`")
		switch {
		case !there:
			t.Errorf("POST %s: docs/api/verbs.md names neither its operation nor a reason", page)
		case named && !operations[strings.TrimSuffix(operation, "`")]:
			t.Errorf("POST %s: the API has no operation %s that changes something", page, says)
		case !named && !slices.Contains(verbWhys, says):
			t.Errorf("POST %s: %q is none of the reasons %q", page, says, verbWhys)
		}
	}
	for page := range listed {
		t.Errorf("docs/api/verbs.md has POST %s, which is no page", page)
	}
	for _, why := range verbWhys {
		if !strings.Contains(string(text), "\n- **"+why+"**: ") {
			t.Errorf("docs/api/verbs.md does not explain %q", why)
		}
	}
}
