package test

import (
	"reflect"
	"testing"

	"hubline/product/phoneuser"
	"hubline/product/phoneuser/phoneusertest"
)

// phoneuserWalk is the walk through the room "phoneuser".
var phoneuserWalk = walk{
	room:    reflect.TypeFor[*phoneuser.Room](),
	tables:  []string{"phone_users", "devices", "set_up_links", "locations", "phone_user_imports"},
	prepare: phoneuserVerbs,
}

const harbourTeam = "Extension,Display name,Email\n150,Harbour Desk,desk@harbour.example\n"

// phoneuserVerbs makes a phone user of harbour with two devices, a link and an import.
func phoneuserVerbs(t *testing.T, h *harbour) map[string]verb {
	r := phoneusertest.With(t, h.Rig)
	mary := r.Add(h.admin, "101", "Mary Harbour")
	device := r.Device(h.admin, mary.ID, phoneuser.Phone)
	if err := r.Phones.SaveLocations(t.Context(), []phoneuser.Location{r.Location(mary, device.DeviceID, 1)}); err != nil {
		t.Fatal(err)
	}
	list, err := r.Phones.Review(t.Context(), h.admin.Actor(), harbourTeam)
	if err != nil {
		t.Fatal(err)
	}
	room := r.Phones
	return map[string]verb{
		"List": {whom: members, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just2(room.List(c, a, phoneuser.Filter{}))
		}},
		"Each": {whom: members, call: func(_ *harbour, c ctx, a actor) (any, error) {
			var all []phoneuser.User
			err := room.Each(c, a, phoneuser.Filter{}, func(u phoneuser.User) error { all = append(all, u); return nil })
			return all, err
		}},
		"Count": {whom: members, call: func(_ *harbour, c ctx, a actor) (any, error) {
			used, limit, err := room.Count(c, a)
			return []int{used, limit}, err
		}},
		"NextExtension": {whom: members, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.NextExtension(c, a))
		}},
		"ByID": {whom: members, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.ByID(c, a, mary.ID))
		}},
		"Uses": {whom: members, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.Uses(c, a, mary.ID))
		}},
		"Devices": {whom: members, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.Devices(c, a, mary.ID))
		}},
		"Add": {whom: members, writes: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.Add(c, a, phoneuser.Settings{Extension: "199", DisplayName: "Stranger"}, ""))
		}},
		"Change": {whom: members, writes: true, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.Change(c, a, mary.ID, phoneuser.Change{DisplayName: &renamed}, 0))
		}},
		"Delete": {whom: members, writes: true, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.Delete(c, a, mary.ID, 0))
		}},
		"SendDetails": {whom: members, writes: true, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.SendDetails(c, a, mary.ID))
		}},
		"Reset": {whom: members, writes: true, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.Reset(c, a, mary.ID))
		}},
		"EndDevice": {whom: members, writes: true, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return nil, room.EndDevice(c, a, mary.ID, device.DeviceID)
		}},
		"Provide": {whom: members, writes: true, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.Provide(c, a, mary.ID, phoneuser.Phone))
		}},
		"Review": {whom: members, writes: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			_, err := room.Review(c, a, harbourTeam)
			return nil, err // it shows what was uploaded
		}},
		"Correct": {whom: members, writes: true, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.Correct(c, a, list.ID, []phoneuser.Fix{{Line: 2, Field: "display_name", Value: "Stranger"}}))
		}},
		"RunImport": {whom: members, writes: true, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.RunImport(c, a, list.ID, true))
		}},
		"ImportByID": {whom: members, names: true, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.ImportByID(c, a, list.ID))
		}},
		"Imports": {whom: members, call: func(_ *harbour, c ctx, a actor) (any, error) {
			return just(room.Imports(c, a))
		}},
	}
}
