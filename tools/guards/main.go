// Command guards takes away every guard of the rooms, one at a time, and tells which of them no test misses. A guard is a call that
// refuses somebody: that they hold a permission, still hold it inside the transaction, are a person, belong to the provider, have just
// shown that it is them. All are built into one test binary, each with a switch:
//
//	go run ./guards -list ..                                          every guard with its number
//	go run ./guards -tests ./test -run 'TestA9A41Isolation/.*/sqlite' ..
//	go run ./guards -only 3,17 -tests ./product/account ..            some of them, with other tests
//
// It prints the guards whose loss the tests do not notice. Those may stand in front of another one that says the same: reading them is
// somebody's work.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// rooms are the packages whose guards are taken away.
var rooms = []string{"product/account", "product/support", "product/phoneuser", "product/number", "product/call", "product/webhook"}

// refusing are calls that return an error for whoever may not.
var refusing = []string{"Require", "Still", "isPerson", "ownsWays", "requireCheck", "RequireCheck", "mayReadAudit", "mayConfirm", "keepsAdmin", "stillRuled", "require"}

// telling are calls and fields that say whether somebody may, where "not" stands before them.
var telling = []string{"Provider", "Checked"}

// guard is one place.
type guard struct {
	file     string
	line     int
	text     string
	from, to int    // bytes of the file
	as       string // what stands there instead
}

func main() {
	log.SetFlags(0)
	list := flag.Bool("list", false, "only print the guards")
	only := flag.String("only", "", "numbers of guards, 3,17; all of them without it")
	tests := flag.String("tests", "./test", "package whose tests must notice")
	run := flag.String("run", ".", "which of its tests")
	flag.Parse()
	root, err := filepath.Abs(flag.Arg(0))
	if err != nil {
		log.Fatal(err)
	}
	guards, err := find(root)
	if err != nil {
		log.Fatal(err)
	}
	if *list {
		for n, g := range guards {
			fmt.Printf("%3d %s:%d %s\n", n, g.file, g.line, g.text)
		}
		return
	}
	if err := try(root, guards, *only, *tests, *run); err != nil {
		log.Fatal(err)
	}
}

// find lists the guards of all rooms.
func find(root string) (all []guard, err error) {
	for _, room := range rooms {
		files, err := filepath.Glob(filepath.Join(root, room, "*.go"))
		if err != nil {
			return nil, err
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			text, err := os.ReadFile(name)
			if err != nil {
				return nil, err
			}
			rel, _ := filepath.Rel(root, name)
			found, err := guardsOf(rel, text, len(all))
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
		}
	}
	return all, nil
}

// guardsOf lists the guards of one file. Numbers begin at first.
func guardsOf(name string, text []byte, first int) (list []guard, err error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, text, 0)
	if err != nil {
		return nil, err
	}
	add := func(n ast.Node, form string) {
		from, to := set.Position(n.Pos()).Offset, set.Position(n.End()).Offset
		is := string(text[from:to])
		list = append(list, guard{name, set.Position(n.Pos()).Line, is, from, to, fmt.Sprintf(form, first+len(list), is)})
	}
	for _, decl := range file.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok || fn.Body == nil || slices.Contains(refusing, fn.Name.Name) {
			continue
		}
		ast.Inspect(fn.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if slices.Contains(refusing, called(n)) {
					add(n, "guardPassed(%d, %s)")
					return false
				}
			case *ast.UnaryExpr:
				if n.Op == token.NOT && slices.Contains(telling, called(n.X)) {
					add(n.X, "(guardOff(%d) || %s)")
					return false
				}
			}
			return true
		})
	}
	return list, nil
}

// called is the name of the method or field that an expression asks.
func called(x ast.Expr) string {
	if call, ok := x.(*ast.CallExpr); ok {
		x = call.Fun
	}
	if sel, ok := x.(*ast.SelectorExpr); ok {
		return sel.Sel.Name
	}
	return ""
}

const helper = `package %s

import "os"

func guardOff(n int) bool { return os.Getenv("GUARD_OFF") == %s(n) }

func guardPassed(n int, err error) error {
	if guardOff(n) {
		return nil
	}
	return err
}
`

// overlay writes the files with switches and returns the file that tells the go command of them.
func overlay(root, dir string, guards []guard) (string, error) {
	replace := map[string]string{}
	for i := len(guards) - 1; i >= 0; i-- { // from the back, so that positions stay right
		g := guards[i]
		whole := filepath.Join(root, g.file)
		if replace[whole] == "" {
			replace[whole] = filepath.Join(dir, strings.ReplaceAll(g.file, "/", "_"))
			text, err := os.ReadFile(whole)
			if err == nil {
				err = os.WriteFile(replace[whole], text, 0o600)
			}
			if err != nil {
				return "", err
			}
		}
		text, err := os.ReadFile(replace[whole])
		if err == nil {
			err = os.WriteFile(replace[whole], slices.Concat(text[:g.from], []byte(g.as), text[g.to:]), 0o600)
		}
		if err != nil {
			return "", err
		}
		room := filepath.Dir(g.file)
		added := filepath.Join(root, room, "guards_off.go")
		replace[added] = filepath.Join(dir, strings.ReplaceAll(room, "/", "_")+"_guards_off.go")
		source := fmt.Sprintf(strings.Replace(helper, `import "os"`, "import (\n\t\"os\"\n\t\"strconv\"\n)", 1), filepath.Base(room), "strconv.Itoa")
		if err := os.WriteFile(replace[added], []byte(source), 0o600); err != nil {
			return "", err
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, text, 0o600)
}

// try builds the tests once and runs them without each guard.
func try(root string, guards []guard, only, tests, run string) error {
	dir, err := os.MkdirTemp("", "guards")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file, err := overlay(root, dir, guards)
	if err != nil {
		return err
	}
	binary := filepath.Join(dir, "tests")
	build := exec.Command("go", "test", "-c", "-o", binary, "-overlay", file, tests)
	build.Dir, build.Stderr = root, os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("the tests with switches do not build: %w", err)
	}
	test := func(off string) (bool, string) {
		cmd := exec.Command(binary, "-test.run", run, "-test.failfast", "-test.short", "-test.timeout", "5m")
		cmd.Dir, cmd.Env = filepath.Join(root, tests), append(os.Environ(), "GUARD_OFF="+off)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		err := cmd.Run()
		return err == nil, out.String()
	}
	began := time.Now()
	if ok, said := test("none"); !ok {
		return fmt.Errorf("the tests fail with every guard in place:\n%s", said)
	}
	log.Printf("the tests take %v", time.Since(began).Round(time.Millisecond))
	tried, missed := 0, 0
	for n, g := range guards {
		if only != "" && !slices.Contains(strings.Split(only, ","), strconv.Itoa(n)) {
			continue
		}
		if tried++; first(test(strconv.Itoa(n))) {
			missed++
			fmt.Printf("%3d %s:%d %s\n", n, g.file, g.line, g.text)
		}
	}
	fmt.Printf("%d guards taken away, %d of them are not missed\n", tried, missed)
	return nil
}

func first(ok bool, _ string) bool { return ok }
