package account_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"

	"hubline/product/account"
)

// sources parses the room's own files.
func sources(t *testing.T) []*ast.File {
	t.Helper()
	entries, err := os.ReadDir(".")
	must(t, err)
	var files []*ast.File
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), e.Name(), nil, parser.SkipObjectResolution)
		must(t, err)
		files = append(files, f)
	}
	return files
}

// actionsInSource lists the constants of type Action.
func actionsInSource(t *testing.T) (list []account.Action) {
	t.Helper()
	for _, f := range sources(t) {
		ast.Inspect(f, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == 1 {
				if name, ok := spec.Type.(*ast.Ident); ok && name.Name == "Action" {
					text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
					must(t, err)
					list = append(list, account.Action(text))
				}
			}
			return true
		})
	}
	if len(list) < 18 {
		t.Fatalf("found %d actions only", len(list))
	}
	return list
}
