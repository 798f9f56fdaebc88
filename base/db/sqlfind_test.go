package db_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// gap stands in a text for a part that only the running program knows.
const gap = "\x00"

// sqlText is one text of the program that is SQL, or a piece of it.
type sqlText struct {
	file  string // from the module's root, with slashes
	line  int
	text  string
	whole bool // nothing of it is made at run time
}

func (s sqlText) where() string { return s.file + ":" + strconv.Itoa(s.line) }

var (
	// keywords in capitals tell SQL from prose; what is passed to a Q is SQL in any case.
	keywords = regexp.MustCompile(`\b(SELECT|INSERT|REPLACE INTO|DELETE FROM|UPDATE \w+|FROM \w+|WHERE|ORDER BY|GROUP BY|HAVING|JOIN|RETURNING|VALUES|ON CONFLICT|LIMIT|LIKE|IS NULL|IS NOT NULL|CREATE \w+|ALTER \w+|DROP \w+|PRAGMA|VACUUM|ATTACH|TRUNCATE|LOCK TABLE|LISTEN \w+|NOTIFY \w+|SHOW \w+|SET \w+ =)(\s|$|\()|^\s*(AND|OR)\s`)

	runsSQL = map[string]bool{"ExecContext": true, "QueryContext": true, "QueryRowContext": true, "PrepareContext": true, "Exec": true, "QueryRow": true, "Collect": true}
	formats = map[string]bool{"Sprintf": true, "Fprintf": true, "Errorf": true, "Appendf": true}
)

// programTexts finds the SQL of all Go files and migrations below root.
func programTexts(t *testing.T, root string) []sqlText {
	t.Helper()
	packages := map[string]map[string]*ast.File{} // folder → file → syntax
	var found []sqlText
	files := token.NewFileSet()
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		name = filepath.ToSlash(name)
		switch {
		case e.IsDir() && path != root && (strings.HasPrefix(e.Name(), ".") || e.Name() == "testdata" || e.Name() == "node_modules"):
			return filepath.SkipDir
		case e.IsDir():
		case strings.HasSuffix(name, ".go"):
			syntax, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			folder := filepath.Dir(name) + " " + syntax.Name.Name
			if packages[folder] == nil {
				packages[folder] = map[string]*ast.File{}
			}
			packages[folder][name] = syntax
		case strings.HasSuffix(name, ".sql"):
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			found = append(found, statements(name, string(text))...)
		}
		return nil
	})
	must(t, err)
	for _, syntax := range packages {
		found = append(found, packageTexts(files, syntax)...)
	}
	return found
}

// statements splits a migration, so that a finding names its line.
func statements(file, text string) []sqlText {
	var found []sqlText
	line := 1
	for part := range strings.SplitAfterSeq(text, ";") {
		blank := len(part) - len(strings.TrimLeft(part, "\n \t"))
		found = append(found, sqlText{file: file, line: line + strings.Count(part[:blank], "\n"), text: part})
		line += strings.Count(part, "\n")
	}
	return found
}

// finder looks through one package.
type finder struct {
	files  *token.FileSet
	consts map[string]ast.Expr // nil for a name that has several values in the package
	file   string
	found  []sqlText
}

func packageTexts(files *token.FileSet, syntax map[string]*ast.File) []sqlText {
	f := &finder{files: files, consts: map[string]ast.Expr{}}
	for _, file := range syntax {
		ast.Inspect(file, f.collectConst)
	}
	for name, file := range syntax {
		f.file = name
		f.visit(file, false, false)
	}
	return f.found
}

func (f *finder) collectConst(n ast.Node) bool {
	decl, ok := n.(*ast.GenDecl)
	if !ok || decl.Tok != token.CONST {
		return true
	}
	for _, spec := range decl.Specs {
		spec := spec.(*ast.ValueSpec)
		for i, name := range spec.Names {
			if _, twice := f.consts[name.Name]; twice || i >= len(spec.Values) {
				f.consts[name.Name] = nil
			} else {
				f.consts[name.Name] = spec.Values[i]
			}
		}
	}
	return true
}

// visit notes the texts below n. isSQL says that they are SQL whatever they look like, isFormat that they have verbs.
func (f *finder) visit(n ast.Node, isSQL, isFormat bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.CallExpr:
			if called, ok := n.Fun.(*ast.SelectorExpr); ok && (runsSQL[called.Sel.Name] || formats[called.Sel.Name]) {
				f.visit(called.X, isSQL, isFormat)
				// Of a method that runs SQL only the first text is SQL, the others are arguments.
				first := true
				for _, arg := range n.Args {
					text, _, _ := f.fold(arg)
					f.visit(arg, runsSQL[called.Sel.Name] && first, isFormat || formats[called.Sel.Name])
					first = first && strings.Trim(text, gap) == ""
				}
				return false
			}
		case *ast.BasicLit, *ast.BinaryExpr:
			text, whole, rest := f.fold(n.(ast.Expr))
			if strings.Trim(text, gap) == "" {
				return true
			}
			if isSQL || keywords.MatchString(text) {
				f.found = append(f.found, sqlText{f.file, f.files.Position(n.Pos()).Line, text, whole && !isFormat})
			}
			for _, other := range rest {
				f.visit(other, false, isFormat)
			}
			return false
		}
		return true
	})
}

// fold computes a text of literals, constants and +, with gaps for the rest, which it returns too.
func (f *finder) fold(e ast.Expr) (text string, whole bool, rest []ast.Expr) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			text, err := strconv.Unquote(e.Value)
			return text, err == nil, nil
		}
	case *ast.ParenExpr:
		return f.fold(e.X)
	case *ast.Ident:
		if value := f.consts[e.Name]; value != nil {
			return f.fold(value)
		}
	case *ast.BinaryExpr:
		if e.Op == token.ADD {
			left, leftWhole, leftRest := f.fold(e.X)
			right, rightWhole, rightRest := f.fold(e.Y)
			return left + right, leftWhole && rightWhole, append(leftRest, rightRest...)
		}
	}
	return gap, false, []ast.Expr{e}
}
