// Package test holds what belongs to no single folder: the rules of the house and the flows from end to end. It knows only the
// outside of the program and the text of its sources.
package test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// rooms lists product/* from left to right; a room may import only rooms to its left.
var rooms = []string{
	"account", "audio", "phoneuser", "voicemail", "queue", "callflow", "number", "call", "message", "report", "billing", "support", "webhook",
}

// mayImport names, for each folder of the root, the folders whose packages it may import. Rooms among themselves are checked apart.
var mayImport = map[string][]string{
	"cmd":         {"base", "product", "sip", "media", "web", "api", "switchboard", "cmd"},
	"web":         {"base", "product", "web"},
	"api":         {"base", "product", "api"},
	"switchboard": {"base", "product", "switchboard", "sip", "media"},
	"product":     {"base", "product"},
	"sip":         {"sip"},
	"media":       {"media"},
	"base":        {"base"},
	"test":        {"base", "product", "sip", "media", "web", "api", "switchboard", "test"},
	"bench":       {"base", "product", "sip", "media", "web", "api", "switchboard", "test"},
}

var doors = []string{"web", "api", "switchboard"}

const (
	mostFileLines     = 600
	mostFunctionLines = 100
	mostDependencies  = 25
)

// source is one Go file of the module.
type source struct {
	path      string // from the root, with slashes
	folder    string // the first part of the path
	test      bool
	generated bool
	lines     int
	file      *ast.File
	set       *token.FileSet
}

func TestImportRules(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		allowed, known := mayImport[s.folder]
		if !known {
			t.Errorf("%s: the folder %q is not part of the layout in docs/architecture.md", s.path, s.folder)
			continue
		}
		for _, spec := range s.file.Imports {
			path, _ := strconv.Unquote(spec.Path.Value)
			target, ours := strings.CutPrefix(path, "hubline/")
			if !ours {
				continue
			}
			if folder, _, _ := strings.Cut(target, "/"); !slices.Contains(allowed, folder) {
				t.Errorf("%s imports %s: %s may import only %v", s.path, target, s.folder, allowed)
			}
			if from, to := room(s.path), room(target+"/"); from != "" && to != "" && from != to && slices.Index(rooms, to) > slices.Index(rooms, from) {
				t.Errorf("%s imports %s, a room to its right", s.path, target)
			}
		}
		if name := room(s.path); name != "" && !slices.Contains(rooms, name) {
			t.Errorf("%s: the room %q has no place in the order of rooms", s.path, name)
		}
	}
}

// room returns the name of the room a path below product/ belongs to, and "" elsewhere.
func room(path string) string {
	rest, ok := strings.CutPrefix(path, "product/")
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, "/")
	return name
}

// sql matches statements in capitals or in small letters; a sentence such as "Select a person from the list" is neither.
var sql = regexp.MustCompile(`(?s)^\s*(SELECT\s.+\sFROM|select\s.+\sfrom|INSERT\s+INTO|insert\s+into|UPDATE\s+\w+\s+SET|update\s+\w+\s+set|DELETE\s+FROM|delete\s+from|(WITH|with)\s+\w+\s+(AS|as)|(CREATE|create)\s+(TABLE|INDEX|table|index))\b`)

func TestDoorsHoldNoSQL(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if !slices.Contains(doors, s.folder) || s.test {
			continue
		}
		for _, spec := range s.file.Imports {
			if spec.Path.Value == `"database/sql"` {
				t.Errorf("%s imports database/sql; a door asks a room", s.path)
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if text, _ := strconv.Unquote(lit.Value); sql.MatchString(text) {
					t.Errorf("%s: SQL in a door; move it into the room", s.set.Position(lit.Pos()))
				}
			}
			return true
		})
	}
}

func TestFilesAndFunctionsStayShort(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.generated {
			continue
		}
		if s.lines > mostFileLines {
			t.Errorf("%s has %d lines; at most %d", s.path, s.lines, mostFileLines)
		}
		for _, decl := range s.file.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := s.set.Position(fn.End()).Line - s.set.Position(fn.Pos()).Line + 1; n > mostFunctionLines {
				t.Errorf("%s: %s has %d lines; at most %d", s.path, fn.Name.Name, n, mostFunctionLines)
			}
		}
	}
}

func TestA12NoWeakRandomnessAndNoC(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		for _, spec := range s.file.Imports {
			switch path, _ := strconv.Unquote(spec.Path.Value); {
			case path == "C":
				t.Errorf("%s uses cgo; the program builds without a C compiler", s.path)
			case strings.HasPrefix(path, "math/rand") && !s.test && s.folder != "test" && !strings.HasSuffix(filepath.Dir(s.path), "test"): // calltest and the like fill stores
				t.Errorf("%s imports %s; everything random comes from crypto/rand", s.path, path)
			}
		}
	}
}

func TestPackagesSayWhatTheyAre(t *testing.T) {
	t.Parallel()
	documented := map[string]bool{}
	for _, s := range sources(t) {
		dir := filepath.ToSlash(filepath.Dir(s.path))
		documented[dir] = documented[dir] || s.file.Doc != nil
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s: no file has a package comment that says what it is and what it does not know", dir)
		}
	}
}

// module is what "go mod edit -json" prints of a go.mod.
type module struct {
	Require []struct {
		Path, Version string
		Indirect      bool
	}
	Replace []struct{ Old, New struct{ Path string } }
}

func TestFewDirectDependencies(t *testing.T) {
	t.Parallel()
	var mod module
	read(t, &mod, "mod", "edit", "-json")
	var direct []string
	for _, r := range mod.Require {
		if !r.Indirect {
			direct = append(direct, r.Path)
		}
	}
	if len(direct) > mostDependencies {
		t.Errorf("%d direct dependencies, at most %d: %v", len(direct), mostDependencies, direct)
	}
	if len(mod.Replace) > 0 {
		t.Error("go.mod replaces modules; then «go install …@version» stops working")
	}
	reasons, err := os.ReadFile("../docs/decisions/0001-dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range direct {
		if !strings.Contains(string(reasons), "`"+path+"`") {
			t.Errorf("docs/decisions/0001-dependencies.md does not give the reason for %s", path)
		}
	}
}

// The authors of modernc.org/sqlite ask that programs use exactly the libc version it was built with; another one corrupts memory.
func TestLibcIsTheOneSQLiteWants(t *testing.T) {
	t.Parallel()
	var ours, sqlite struct{ Version, GoMod string }
	read(t, &ours, "list", "-m", "-json", "modernc.org/libc")
	read(t, &sqlite, "list", "-m", "-json", "modernc.org/sqlite")
	var wanted module
	read(t, &wanted, "mod", "edit", "-json", sqlite.GoMod)
	for _, r := range wanted.Require {
		if r.Path == "modernc.org/libc" && r.Version != ours.Version {
			t.Errorf("modernc.org/libc is %s, SQLite wants exactly %s", ours.Version, r.Version)
		}
	}
}

// read runs the go command in the root and decodes its JSON.
func read(t *testing.T, v any, args ...string) {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Stderr = "..", os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v", strings.Join(args, " "), err)
	}
	if err := json.Unmarshal(out, v); err != nil {
		t.Fatal(err)
	}
}

// sources parses every Go file of the module. Folders with a go.mod of their own and hidden folders are not part of it.
func sources(t *testing.T) []source {
	t.Helper()
	var list []source
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name := entry.Name(); path != ".." && (strings.HasPrefix(name, ".") || name == "testdata" || hasModule(path)) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel := filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator)))
		folder, _, _ := strings.Cut(rel, "/")
		list = append(list, source{
			path: rel, folder: folder, test: strings.HasSuffix(rel, "_test.go"), generated: ast.IsGenerated(file),
			lines: strings.Count(string(text), "\n"), file: file, set: set,
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func hasModule(dir string) bool {
	if dir == ".." {
		return false
	}
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}
