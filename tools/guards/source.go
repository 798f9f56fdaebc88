package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
)

// refusing are calls that return an error for whoever may not.
var refusing = []string{"Require", "Still", "isPerson", "ownsWays", "requireCheck", "RequireCheck", "mayReadAudit", "mayConfirm", "keepsAdmin", "stillRuled", "require", "checkStands", "Confirmed"}

// telling are calls and fields that say whether somebody may, where "not" stands before them or "and" and "or" beside them.
var telling = []string{"Provider", "Checked", "Can", "Allows"}

// Forms of what is done to a guard.
const (
	gone    = "gone"    // nobody is refused
	weaker  = "weaker"  // everybody who belongs to the account is let through, whatever their role
	person  = "person"  // those who signed in by an account's own provider count as well
	flipped = "flipped" // "or" stands for "and", or the other way
)

// guard is one place, and one thing done to it.
type guard struct {
	number   int
	file, in string // and the function
	form     string
	line     int
	text     string
	again    bool // the transaction of the same function asks Still for the same permission
	edits    []edit
}

// edit is what stands instead of the bytes from offset to end.
type edit struct {
	from, to int
	text     string
}

// finder collects the guards of one file.
type finder struct {
	set   *token.FileSet
	text  []byte
	name  string
	first int
	in    string
	still []string // the permissions that the function asks Still for
	list  []guard
}

// guardsOf lists the guards of one file. Numbers begin at first.
func guardsOf(name string, text []byte, first int) ([]guard, error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, text, 0)
	if err != nil {
		return nil, err
	}
	f := &finder{set: set, text: text, name: name, first: first}
	for _, decl := range file.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok || fn.Body == nil || fn.Name.Name == "Require" {
			continue
		}
		f.in, f.still = fn.Name.Name, nil
		from := len(f.list)
		ast.Inspect(fn.Body, f.node)
		for i := range f.list[from:] {
			g := &f.list[from+i]
			_, asks, _ := strings.Cut(strings.TrimSuffix(g.text, ")"), ".Require(")
			g.again = slices.Contains(f.still, asks)
		}
	}
	return f.list, nil
}

// node adds the guards that the node is.
func (f *finder) node(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.CallExpr:
		name := called(n)
		if !slices.Contains(refusing, name) {
			break
		}
		f.around(gone, n, n, "guardPassed(%d, ", ")")
		if last := len(n.Args) - 1; (name == "Require" || name == "Still") && called(n.Args[last]) != "ViewHome" {
			f.around(weaker, n, n.Args[last], "guardWeaker(%d, ", ")")
		}
		if name == "Still" {
			f.still = append(f.still, f.source(n.Args[len(n.Args)-1]))
		}
		if name == "ownsWays" {
			f.around(person, n, n, "guardPerson(%d, ", ")")
		}
		return false
	case *ast.UnaryExpr:
		if n.Op == token.NOT && slices.Contains(telling, called(n.X)) {
			f.around(gone, n.X, n.X, "(guardOff(%d) || ", ")")
		}
	case *ast.BinaryExpr:
		if n.Op != token.LAND && n.Op != token.LOR || !tells(n) {
			break
		}
		do := "guardAnd"
		if n.Op == token.LOR {
			do = "guardOr"
		}
		f.around(flipped, n, n, do+"(%d, ", " })")
		g := &f.list[len(f.list)-1]
		at := f.set.Position(n.OpPos).Offset
		g.edits = append(g.edits, edit{at, at + 2, ", func() bool { return "})
	}
	return true
}

// around adds a guard at n whose switch stands around part of it.
func (f *finder) around(form string, n, part ast.Node, before, after string) {
	number := f.first + len(f.list)
	from, to := f.offset(part.Pos()), f.offset(part.End())
	f.list = append(f.list, guard{number, f.name, f.in, form, f.set.Position(n.Pos()).Line, f.source(n), false,
		[]edit{{from, from, fmt.Sprintf(before, number)}, {to, to, after}}})
}

// source is the text of a node in one line.
func (f *finder) source(n ast.Node) string {
	return strings.Join(strings.Fields(string(f.text[f.offset(n.Pos()):f.offset(n.End())])), " ")
}

func (f *finder) offset(p token.Pos) int { return f.set.Position(p).Offset }

// tells reports whether one side of "and" or "or" says whether somebody may.
func tells(n *ast.BinaryExpr) bool {
	found := false
	for _, side := range []ast.Expr{n.X, n.Y} {
		ast.Inspect(side, func(n ast.Node) bool {
			if x, ok := n.(ast.Expr); ok {
				found = found || slices.Contains(telling, called(x)) || kindOf(x)
			}
			return !found
		})
	}
	return found
}

// kindOf reports whether the expression is the kind of an actor.
func kindOf(x ast.Expr) bool {
	sel, ok := x.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != "Kind" {
		return false
	}
	who, ok := sel.X.(*ast.Ident)
	return ok && (who.Name == "actor" || who.Name == "a")
}

// called is the name of the method or field that an expression asks.
func called(x ast.Expr) string {
	if call, ok := x.(*ast.CallExpr); ok {
		x = call.Fun
	}
	switch x := x.(type) {
	case *ast.SelectorExpr:
		return x.Sel.Name
	case *ast.Ident:
		return x.Name
	}
	return ""
}

// switched is the text of a file with the switches of its guards, which are in the order of the text, outer ones first.
func switched(text []byte, guards []guard) []byte {
	type placed struct {
		edit
		order int
	}
	var all []placed
	for n, g := range guards {
		for i, e := range g.edits {
			order := n // what opens first stands outside
			if i == 1 {
				order = -n - 1 // and closes last, before anything opens
			}
			all = append(all, placed{e, order})
		}
	}
	slices.SortStableFunc(all, func(a, b placed) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.order, b.order))
	})
	var out []byte
	at := 0
	for _, p := range all {
		out = append(append(out, text[at:p.from]...), p.text...)
		at = p.to
	}
	return append(out, text[at:]...)
}
