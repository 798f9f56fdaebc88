package test

import (
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Some rules against abuse are about where things are written at all. The text of the program shows whether they hold.

// writers returns the functions of the program whose statements hold the words: "account.offer", each once and in order.
func writers(t *testing.T, words string) (names []string) {
	t.Helper()
	for _, s := range sources(t) {
		if s.test || s.folder == "test" || s.folder == "bench" {
			continue
		}
		for _, decl := range s.file.Decls {
			ast.Inspect(decl, func(n ast.Node) bool {
				lit, ok := n.(*ast.BasicLit)
				if !ok || lit.Kind != token.STRING {
					return true
				}
				text, _ := strconv.Unquote(lit.Value)
				if text = strings.Join(strings.Fields(text), " "); strings.Contains(text, words) {
					name := "a variable"
					if fn, ok := decl.(*ast.FuncDecl); ok {
						name = fn.Name.Name
					}
					names = append(names, s.file.Name.Name+"."+name)
				}
				return true
			})
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// callers returns the functions of the program that name another one of the same package.
func callers(t *testing.T, pkg, name string) (names []string) {
	t.Helper()
	for _, s := range sources(t) {
		if s.test || s.file.Name.Name != pkg {
			continue
		}
		for _, decl := range s.file.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || fn.Name.Name == name {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == name {
					names = append(names, fn.Name.Name)
				}
				return true
			})
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func wantNames(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if slices.Sort(want); !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// Abuse case A1: an invitation is written by one unexported function, which checks what may be offered, and only the verbs here reach
// it. Who may call those is asked of everybody by the isolation walk and the matrices.
func TestA1InvitationsAreMadeInOnePlace(t *testing.T) {
	t.Parallel()
	wantNames(t, "invitations are inserted by", writers(t, "INSERT INTO invitations"), "account.makeOffers")
	wantNames(t, "invitations are made by", callers(t, "account", "makeOffers"), "importSome", "offer")
	wantNames(t, "offers are made by", callers(t, "account", "offer"), "findOrOffer", "Invite", "InviteFirstAdmin", "Open")
	wantNames(t, "memberships are inserted by", writers(t, "INSERT INTO memberships"), "account.join")
	wantNames(t, "people are joined by", callers(t, "account", "join"), "accept")
}

// Abuse cases A23 and A26: nobody exists, and no address counts as verified, but by a link that came from that address or by staff's
// hand. There is no other place where a person is made, so there is no registration that somebody could forget to close.
func TestA23A26PeopleAreMadeByProofOnly(t *testing.T) {
	t.Parallel()
	wantNames(t, "people are inserted by", writers(t, "INSERT INTO people ("), "account.insertStaff", "account.newPerson")
	wantNames(t, "people are made by", callers(t, "account", "newPerson"), "AcceptNew", "AcceptNewWithPasskey", "newFromProvider")
	wantNames(t, "verified_at is written by", slices.DeleteFunc(writers(t, "verified_at"), func(name string) bool {
		return !slices.Contains(writers(t, "UPDATE people"), name) && !slices.Contains(writers(t, "INSERT INTO people ("), name)
	}), "account.insertStaff", "account.moveTo", "account.newPerson")
	wantNames(t, "addresses change by", callers(t, "account", "moveTo"), "ConfirmEmail", "TakeBackEmail")
}

// Threat S20: a flaw in a panel becomes a shell where the panel runs programs. This one runs none, loads no code and has no plug-ins;
// only the program's own commands for operators and what tests start are outside of that.
func TestS20NothingIsExecuted(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.test || slices.Contains([]string{"test", "bench"}, s.folder) || strings.HasSuffix(strings.TrimSuffix(s.path, s.path[strings.LastIndex(s.path, "/"):]), "test") {
			continue
		}
		for _, spec := range s.file.Imports {
			switch path, _ := strconv.Unquote(spec.Path.Value); path {
			case "os/exec", "plugin", "net/rpc", "net/http/cgi", "net/http/fcgi", "net/http/pprof":
				t.Errorf("%s imports %s", s.path, path)
			}
		}
	}
}
