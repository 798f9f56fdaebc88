package db_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// modernc.org/sqlite is translated for exactly one version of modernc.org/libc and demands that a program pins that one.
// Any update of the modules may lift it, and nothing but this test would tell.
func TestLibcIsTheOneThatSQLiteDemands(t *testing.T) {
	t.Parallel()
	list := func(format, module string) string {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", format, module).CombinedOutput()
		if err != nil {
			t.Fatalf("go list -m %s: %v\n%s", module, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	have := list("{{.Version}}{{with .Replace}} replaced by {{.Path}} {{.Version}}{{end}}", "modernc.org/libc")
	file, err := os.ReadFile(list("{{.GoMod}}", "modernc.org/sqlite"))
	must(t, err)
	want := libcVersion(string(file))
	if want == "" || have != want {
		t.Errorf("modernc.org/libc is %s, modernc.org/sqlite demands %s: go get modernc.org/libc@%s", have, want, want)
	}
}

func libcVersion(goMod string) string {
	m := regexp.MustCompile(`(?m)^\s*(?:require\s+)?modernc\.org/libc\s+(v\S+)`).FindStringSubmatch(goMod)
	if m == nil {
		return ""
	}
	return m[1]
}
