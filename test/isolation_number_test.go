package test

import (
	"reflect"
	"testing"

	"hubline/product/account"
	"hubline/product/number"
	"hubline/product/phoneuser/phoneusertest"
)

// numberWalk is the walk through the room "number".
var numberWalk = walk{
	room:    reflect.TypeFor[*number.Room](),
	tables:  []string{"numbers", "phone_users"},
	prepare: numberVerbs,
}

const harbourNumber = "+61255500142"

// numberVerbs makes a number of harbour that leads to a phone user of harbour.
func numberVerbs(t *testing.T, h *harbour) map[string]verb {
	r := phoneusertest.With(t, h.Rig)
	room := number.New(number.Config{DB: h.DB, Keys: h.Keys, Account: h.Room, Phones: r.Phones, Now: h.Clock.Now})
	mary := r.Add(h.admin, "101", "Mary Harbour")
	_, err := room.Assign(t.Context(), account.Operate().Inside(h.admin.Account), harbourNumber, "Harbour main line")
	if err == nil {
		_, err = room.Lead(t.Context(), h.admin.Actor(), harbourNumber, mary.ID, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return map[string]verb{
		"List": {whom: members, right: account.ViewNumbers, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just2(room.List(c, a, number.Filter{}))
		}},
		"Each": {whom: members, right: account.ViewNumbers, call: func(_ *harbour, c ctx, a actor) (any, error) {
			var all []number.Number
			err := room.Each(c, a, number.Filter{}, func(n number.Number) error { all = append(all, n); return nil })
			return all, err
		}},
		"Count": {whom: members, right: account.ViewNumbers, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.Count(c, a))
		}},
		"Owned": {whom: members, right: account.ViewNumbers, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.Owned(c, a))
		}},
		"ByNumber": {whom: members, right: account.ViewNumbers, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.ByNumber(c, a, harbourNumber))
		}},
		"Rename": {whom: members, right: account.RenameNumbers, writes: true, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.Rename(c, a, harbourNumber, "Stranger", 0))
		}},
		"Lead": {whom: members, writes: true, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.Lead(c, a, harbourNumber, "", 0))
		}},
		"Change": {whom: members, writes: true, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.Change(c, a, harbourNumber, number.Change{ServiceName: &renamed, PhoneUserID: new(string)}, 0))
		}},
		"Assign": {whom: provider, writes: true, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.Assign(c, a, "02 5550 0199", "Stranger"))
		}},
		"Withdraw": {whom: provider, writes: true, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return nil, room.Withdraw(c, a, harbourNumber)
		}},
		"Find": {whom: provider, writes: true, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.Find(c, a, "5550"))
		}},
	}
}
