package web

import (
	"testing"

	"hubline/product/account"
	"hubline/product/phoneuser"
)

// A new account's home lists what is to set up, each tick coming from what is stored; people see what they may do, until they put it away.
func TestFirstSteps(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Open("harbour")
		v := w.as(admin)
		v.open("/harbour/").shows(200, "*", "Get started", "0 of 6 done", "Invite a colleague", "Decide who needs a second factor", "Add a phone user", "Make the first call").lacks("Choose where a number leads")
		clerk := w.Join(admin, "clerk@harbour.example")
		if _, err := w.phones.Add(t.Context(), admin.Actor(), phoneuser.Settings{Extension: "101", DisplayName: "Mary Chen"}, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := w.numbers.Assign(t.Context(), account.Operate().Inside(admin.Account), "02 5550 0142", "Main"); err != nil {
			t.Fatal(err)
		}
		v.open("/harbour/").shows(200, "*", "2 of 7 done", "Invite a colleague (done)", "Add a phone user (done)", "Choose where a number leads")
		c := w.as(clerk)
		c.open("/harbour/").shows(200, "*", "Get started", "0 of 1 done", "Add a second factor").lacks("Invite a colleague").lacks("Add a phone user")
		v.press("Put this list away").shows(200, "/harbour/", "put away").lacks("Get started")
		v.open("/harbour/").lacks("Get started")
		c.open("/harbour/").shows(200, "*", "Get started")
		clerk.Check().Enrol()
		c = w.as(clerk)
		c.open("/harbour/").lacks("Get started")
	})
}
