package fault

import (
	"errors"
	"fmt"
	"io"
	"testing"
)

func TestOfFindsAFaultThroughWrapping(t *testing.T) {
	t.Parallel()
	inner := New(Conflict, "last-admin", "An account keeps at least one admin.")
	err := error(inner)
	Wrap(&err, "account.Remove(%q)", "x")
	err = errors.Join(io.EOF, err)
	f, ok := Of(err)
	if !ok || f != inner {
		t.Fatalf("Of = %v, %v", f, ok)
	}
	if !Is(err, Conflict) || Is(err, NotFound) || Is(io.EOF, Conflict) || Is(nil, Conflict) {
		t.Error("Is gives the wrong kinds")
	}
	if want := `account.Remove("x"): An account keeps at least one admin.`; err.Error() != "EOF\n"+want {
		t.Errorf("text %q", err)
	}
}

func TestFaultKeepsItsCause(t *testing.T) {
	t.Parallel()
	f := New(Busy, "busy", "Try again in a moment.")
	f.Err = fmt.Errorf("commit: %w", io.ErrUnexpectedEOF)
	if !errors.Is(f, io.ErrUnexpectedEOF) {
		t.Error("the cause is not in the chain")
	}
	if want := "Try again in a moment.: commit: unexpected EOF"; f.Error() != want {
		t.Errorf("text %q, want %q", f, want)
	}
}

func TestWrapLeavesNilAlone(t *testing.T) {
	t.Parallel()
	var err error
	Wrap(&err, "x")
	if err != nil {
		t.Error(err)
	}
}

func TestAll(t *testing.T) {
	t.Parallel()
	if err := All(); err != nil {
		t.Errorf("no fault: %v", err)
	}
	if err := All(nil, nil); err != nil {
		t.Errorf("all nil: %v", err)
	}
	name, email := Field("required", "name", "Enter a name."), Field("required", "email", "Enter an email address.")
	roles := Field("unknown", "roles", "Choose a role from the list.")
	joined, _ := Of(All(email, roles))
	for round := range 2 { // the faults that went in stay as they are
		f, ok := Of(All(nil, name, joined))
		if !ok || f.Field != "name" || len(f.Also) != 2 || f.Also[0].Field != "email" || f.Also[1].Field != "roles" {
			t.Fatalf("round %d: %+v", round, f)
		}
		if len(f.Also[0].Also) != 0 {
			t.Error("the list is nested")
		}
	}
	if len(name.Also) != 0 || len(joined.Also) != 1 {
		t.Error("All changed what it was given")
	}
}

func TestKindNames(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for k := Kind(0); k <= Busy; k++ {
		if s := k.String(); s == "" || seen[s] {
			t.Errorf("kind %d is called %q", k, s)
		}
		seen[k.String()] = true
	}
	if got := (Busy + 1).String(); got != "Kind(10)" {
		t.Errorf("an unknown kind is called %q", got)
	}
}
