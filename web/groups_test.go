package web

import (
	"strings"
	"testing"

	"hubline/product/account"
)

// An admin makes a group, adds several people at once, changes what it gives, and everybody sees why they have what they have.
func TestGroups(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		mary := w.Rig.Open("harbour")
		jo, kim := w.Join(mary, "jo@harbour.example"), w.Join(mary, "kim@harbour.example", account.Billing)
		v := w.as(mary)
		v.open("/harbour/groups").shows(200, "/harbour/groups", "No groups yet", "Make a group")
		v.open("/harbour/groups/new").press("Make group", "name", "", "roles", "admin").shows(422, "/harbour/groups/new", "Enter a name for the group")
		v.press("Make group", "name", "Front desk leads").shows(200, "/harbour/groups/*", "The group Front desk leads is made", "jo@harbour.example", "kim@harbour.example")
		page := v.url.Path
		at := strings.TrimSuffix(page, "/people")
		v.press("Add to group", "people", jo.ID(), "addresses", "kim@harbour.example nobody@harbour.example").shows(422, page, "nobody@harbour.example has no access to this account. Invite them first")
		if _, form := v.form("Add to group"); form.Get("people") != jo.ID() || !strings.Contains(form.Get("addresses"), "nobody@") {
			t.Errorf("the form lost what was chosen: %q", form)
		}
		v.open(page).press("Add to group").shows(422, page, "Choose at least one person")
		v.press("Add to group", "people", jo.ID(), "addresses", "kim@harbour.example").shows(200, at, "2 people added to Front desk leads", "Admin from Front desk leads, Billing given directly")
		if jo.Actor().Roles.String() != "Admin" {
			t.Error("the group does not count")
		}
		v.open("/harbour/hub-users")
		if row := v.row("jo@"); !strings.Contains(row, "from Front desk leads") {
			t.Errorf("the list: %s", row)
		}
		user := "/harbour/hub-users/" + jo.ID()
		v.open(user).shows(200, user, "They are also in Front desk leads (Admin)", "In all: Admin, from Front desk leads")
		v.press("Save changes").shows(200, user, "Nothing was different")
		v.press("Save changes", "roles", "billing").shows(200, user, "The access of Jo is now Admin, Billing (Admin from Front desk leads, Billing given directly) (was Admin, from Front desk leads)")
		v.open("/harbour/groups").shows(200, "/harbour/groups", "Front desk leads", "1 group").follow("Front desk leads").shows(200, at, "Everybody in it can manage users")
		_, form := v.form("Save changes")
		v.post(at, "name", "Leads", "version", form.Get("version")).shows(200, at, "Leads now gives nothing more (was Admin).", "It counts from the next click of 2 people")
		v.post(at, "name", "Others", "version", form.Get("version")).shows(409, at, "Choose which to keep")
		if jo.Actor().Roles.String() != "Billing" {
			t.Errorf("taken away, and Jo has %s", jo.Actor().Roles)
		}
		v.open(at+"?q=kim").shows(200, at, "kim@harbour.example").lacks("jo@harbour.example")
		v.open(at+"?q=nobody").shows(200, at, "Nobody in this group matches")
		v.open(at+"/people/"+kim.ID()+"/removal").press("Take out").shows(200, at, "Kim is no longer in Leads")
		v.open(at+"/deletion").shows(200, at+"/deletion", "1 person loses what only this group gives: nothing more")
		v.press("Delete group").shows(200, "/harbour/groups", "The group Leads is deleted")
	})
}

// Whoever is an admin by a group alone is asked before they give that up.
func TestGroupOwnAdmin(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		mary := w.Rig.Open("harbour")
		jo := w.Join(mary, "jo@harbour.example")
		g, err := w.MakeGroup(t.Context(), mary.Actor(), account.NewGroup{Name: "Leads", Roles: account.Roles{account.Admin}})
		if err == nil {
			_, _, err = w.AddToGroup(t.Context(), mary.Actor(), g.ID, account.Chosen{IDs: []string{jo.ID()}}, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
		jo.Check()
		v := w.as(jo)
		at := "/harbour/groups/" + g.ID
		v.post(at, "name", "Leads", "version", "2").shows(200, at, "Give up your admin access?", "You are an admin by this group alone")
		v.open(at+"/deletion").shows(200, at+"/deletion", "You are one of them and give up your admin access")
		v.open(at+"/people/"+jo.ID()+"/removal").shows(200, "/harbour/groups/*", "This is you")
		v.press("Take out").shows(200, "/harbour/", "Jo is no longer in Leads")
		if got := jo.Actor().Roles; len(got) != 0 {
			t.Errorf("Jo still has %s", got)
		}
		v.open(at).shows(403, at, "You need Account admin access")
	})
}
