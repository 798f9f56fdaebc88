package main

import (
	"slices"
	"strings"
	"testing"
)

const source = `package room

func (r *Room) Verb(ctx context.Context, actor Actor) (err error) {
	if err := actor.Require(ViewThings); err != nil {
		return err
	}
	if err := actor.ownsWays(); err != nil {
		return err
	}
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if err := r.Still(ctx, q, &actor, ChangeThings); err != nil {
			return err
		}
		if !actor.Provider() && actor.Provider() || !actor.Checked {
			return notFound()
		}
		return r.do(ctx, q)
	})
}

func (a Actor) Require(p Permission) error { return a.require(p) }
`

func TestGuardsAreFound(t *testing.T) {
	t.Parallel()
	list, err := guardsOf("room.go", []byte(source), 7)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, g := range list {
		got = append(got, g.form+" "+g.text)
	}
	want := []string{"gone actor.Require(ViewThings)", "weaker actor.Require(ViewThings)", "gone r.Still(ctx, q, &actor, ChangeThings)", "weaker r.Still(ctx, q, &actor, ChangeThings)", "person actor.ownsWays()"}
	for _, w := range want {
		if !slices.Contains(got, w) {
			t.Errorf("%q is not found among %q", w, got)
		}
	}
	if flips := "flipped !actor.Provider() && actor.Provider() || !actor.Checked|flipped !actor.Provider() && actor.Provider()|gone actor.Provider()|gone actor.Checked"; !strings.Contains(strings.Join(got, "|"), flips) {
		t.Errorf("found %q, want %q in it", got, flips)
	}
}

func TestSwitchesStandAroundTheirGuards(t *testing.T) {
	t.Parallel()
	list, err := guardsOf("room.go", []byte(source), 7)
	if err != nil {
		t.Fatal(err)
	}
	got := string(switched([]byte(source), list))
	for _, want := range []string{
		"err := guardPassed(7, actor.Require(guardWeaker(8, ViewThings)));",
		"guardPassed(11, r.Still(ctx, q, &actor, guardWeaker(12, ChangeThings)))",
		"err := guardPassed(9, guardPerson(10, actor.ownsWays()));",
		"if guardOr(13, guardAnd(14, !(guardOff(15) || actor.Provider()) , func() bool { return  actor.Provider() }) , func() bool { return  !(guardOff(16) || actor.Checked) }) {",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestWhatIsDoubledHasAReason(t *testing.T) {
	t.Parallel()
	g := guard{file: "room.go", in: "Verb", form: gone, text: "actor.isPerson()"}
	if why := g.reason("room.go | Verb | gone | actor.isPerson() | the transaction asks again\n"); why != "the transaction asks again" {
		t.Errorf("the reason is %q", why)
	}
	if err := needed("room.go | Verb | gone | actor.isPerson() | the transaction asks again\n", []guard{g}); err != nil {
		t.Error(err)
	}
	if err := needed("room.go | Verb | gone | actor.isPerson() | the transaction asks again\n", nil); err == nil {
		t.Error("a line that explains nothing may stay")
	}
	if why := g.reason("room.go | Other | gone | actor.isPerson() | the transaction asks again\n"); why != "" {
		t.Errorf("the reason of another function: %q", why)
	}
}
