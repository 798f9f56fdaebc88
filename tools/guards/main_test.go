package main

import (
	"strings"
	"testing"
)

const source = `package room

func (r *Room) Verb(ctx context.Context, actor Actor) (err error) {
	if err := actor.Require(ViewThings); err != nil {
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
		got = append(got, g.as)
		if source[g.from:g.to] != g.text {
			t.Errorf("%q is not what stands at %d", g.text, g.from)
		}
	}
	want := "guardPassed(7, actor.Require(ViewThings))|guardPassed(8, r.Still(ctx, q, &actor, ChangeThings))|(guardOff(9) || actor.Provider())|(guardOff(10) || actor.Checked)"
	if strings.Join(got, "|") != want {
		t.Errorf("found %q", got)
	}
}
