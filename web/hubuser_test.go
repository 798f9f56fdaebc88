package web

import (
	"slices"
	"strings"
	"testing"
	"time"

	"hubline/product/account"
)

func TestA37ChangingAccessIsObeyedOnTheNextRequest(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		jo := w.Join(admin, "jo@harbour.example", account.Admin)
		v, other := w.as(admin), w.as(jo)
		other.open("/harbour/hub-users").shows(200, "/harbour/hub-users", "Audit log", "Settings")

		at := "/harbour/hub-users/" + jo.ID()
		v.open("/harbour/hub-users").follow("Edit access for Jo").shows(200, at, "Jo is an admin, as you are", "Invited", "by Admin", "Accepted", "Last signed in")
		v.presses = 1 // Edit
		_, form := v.form("Save changes")
		form.Del("roles")
		presses := v.presses + 2 // untick, save
		v.post(at, "name", form.Get("name"), "version", form.Get("version")).shows(200, at, "The access of Jo is now Standard (was Admin).", "It counts from their next click", "Jo will be a standard user")
		if presses > 3 {
			t.Errorf("changing access took %d presses", presses)
		}

		other.open("/harbour/hub-users").shows(403, "/harbour/hub-users", "You need Account admin access. Admin can give it to you").lacks("Audit log", "Settings")
		other.open("/harbour/").shows(200, "/harbour/", "Your access: Standard", "Who looks after this account", "Admin").lacks("Invite people", "Hub users")
		if w.mailed("jo@harbour.example", "Your access to Harbour Group changed").Text == "" {
			t.Error("no mail tells them")
		}
		v.open("/harbour/hub-users")
		if row := v.row("jo@"); !strings.Contains(row, "Standard") {
			t.Errorf("the list: %s", row)
		}
		v.open(at).press("Save changes", "roles", "billing", "name", "Jo Baptiste").
			shows(200, at, "Jo is now called Jo Baptiste, and their access is Billing (was Standard).")
		v.open(at).press("Save changes", "name", "Jo B").shows(200, at, "Jo Baptiste is now called Jo B in this account.")
		v.open(at).press("Save changes").shows(200, at, "Nothing was different, so nothing was changed.")
		v.press("Save changes", "name", " ").shows(422, at, "Enter a name")
		v.press("Save changes", "name", "www.evil.example").shows(422, at, "Name can't hold a web or email address")
		if _, typed := v.form("Save changes"); typed.Get("name") != "www.evil.example" || typed.Get("roles") != "billing" {
			t.Errorf("the form lost what was typed: %q", typed)
		}
		v.post(at, "name", "Jo", "roles", "owner").shows(422, at, "Choose roles from admin and billing")
		v.post(at, "name", "Jo", "roles", "admin").shows(409, at, "Choose which to keep") // a form that does not say what it has seen
	})
}

func TestChangingAccessSaysWhatWillBeLost(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		jo := w.Join(admin, "jo@harbour.example", account.Admin, account.Billing)
		v := w.as(admin).open("/harbour/hub-users/" + jo.ID())
		for _, want := range []string{"Jo can manage users, phones, numbers and call flows, and can see invoices and pay.",
			"Jo will no longer see hub users, settings, the audit log and call flows.", "Jo will no longer see invoices and payments.",
			"Jo will no longer see hub users, settings, the audit log, call flows, invoices and payments."} {
			if !strings.Contains(v.body, want) {
				t.Errorf("no sentence says %q", want)
			}
		}
	})
}

func TestTheLastAdminStays(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		at := "/harbour/hub-users/" + admin.ID()
		v := w.as(admin).open(at).shows(200, at, "This is you. You can give up access, but only another admin can give you more.", "You can't deactivate or remove yourself.").
			lacks("Remove Admin…", "Deactivate Admin…")
		_, form := v.form("Save changes")
		give := []string{"name", form.Get("name"), "version", form.Get("version"), "roles", "billing"}
		v.post(at, give...).shows(409, at, "There is a problem", "Admin is the only admin of Harbour Group. Make somebody else an admin first")
		if _, typed := v.form("Save changes"); strings.Join(typed["roles"], ",") != "billing" {
			t.Errorf("the form lost what was chosen: %q", typed)
		}
		v.post(at+"/removal").shows(409, at+"/removal", "You can't remove yourself. Ask another admin")
		v.post(at+"/deactivation").shows(409, at+"/deactivation", "You can't deactivate yourself")

		tom := w.Join(admin, "tom@harbour.example", account.Admin)
		v.post(at, give...).shows(200, at, "Give up your admin access?", "Tom is still an admin.", "Stay admin")
		if got := w.as(admin).open(at).status; got != 200 {
			t.Fatalf("the question changed something: %d", got)
		}
		v.press("Give up access").shows(200, "/harbour/", "You gave up your admin access to Harbour Group.", "Your access is now Billing.").lacks("Hub users")
		v.open("/harbour/hub-users").shows(403, "/harbour/hub-users", "Tom can give it to you")
		if actor := tom.Actor(); !actor.Roles.Has(account.Admin) {
			t.Error("the other admin lost something")
		}
		w.as(admin).open("/harbour/hub-users/"+tom.ID()).shows(403, "/harbour/hub-users/*")
	})
}

func TestA2NobodyGivesThemselvesMore(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		tom := w.Join(w.Rig.Open("harbour"), "tom@harbour.example", account.Admin).Check()
		at := "/harbour/hub-users/" + tom.ID()
		v := w.as(tom).open(at)
		_, form := v.form("Save changes")
		v.post(at, "name", "Tom", "version", form.Get("version"), "roles", "admin", "roles", "billing").
			shows(422, at, "You can't give yourself more access. Ask another admin")
	})
}

func TestTwoAdminsEditingOnePersonChooseWhichToKeep(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		tom := w.Join(admin, "tom@harbour.example", account.Admin).Check()
		jo := w.Join(admin, "jo@harbour.example")
		id := jo.ID()
		at := "/harbour/hub-users/" + id
		v, other := w.as(admin).open(at), w.as(tom).open(at)
		w.Clock.Advance(102 * time.Minute)
		admin.SignIn().Check()
		tom.SignIn().Check()
		v.plant(sessionCookie, admin.Session())
		other.plant(sessionCookie, tom.Session())
		other.press("Save changes", "name", "Joanna", "roles", "billing").shows(200, at, "Jo is now called Joanna")

		v.press("Save changes", "name", "Josephine").shows(409, at, "Tom changed this at 10:42 am. Choose which to keep", "Tom renamed Jo to Joanna", "Tom changed the access of Joanna",
			"Before: Standard", "After: Billing", "Saved now: Joanna", "Saved now: Billing", "Keep what is saved")
		if !strings.Contains(v.body, "<title>Error: ") || v.link("Keep what is saved") != at {
			t.Error("the title, or the way to keep what is saved")
		}
		if u, err := w.HubUserByID(t.Context(), admin.Actor(), id); err != nil || u.Name != "Joanna" {
			t.Fatalf("%v %v: what Tom saved is gone", u, err)
		}
		_, typed := v.form("Save changes")
		if typed.Get("name") != "Josephine" || typed.Has("roles") {
			t.Errorf("the form lost what was typed: %q", typed)
		}
		v.press("Save changes").shows(200, at, "Joanna is now called Josephine, and their access is Standard (was Billing).")
	})
}

func TestTwoAdminsEditingOneInvitation(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		i, _ := w.Invite(admin, "jo@harbour.example")
		at := "/harbour/invitations/" + i.ID
		v, other := w.as(admin).open(at), w.as(admin).open(at)
		other.press("Save changes", "roles", "billing").shows(200, at, "now offers Billing (was Standard)")
		v.press("Save changes", "roles", "admin").shows(409, at, "Admin changed this at 9:00 am. Choose which to keep", "Saved now: Billing")
		v.press("Save changes").shows(200, at, "now offers Admin (was Billing)")
	})
}

func TestDeactivateReactivateRemove(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		northside := w.Rig.Open("northside")
		jo := w.Join(admin, "jo@harbour.example", account.Billing)
		w.Join(northside, jo.Email)
		id := jo.ID()
		at := "/harbour/hub-users/" + id
		v, other := w.as(admin), w.as(jo)
		other.open("/harbour/").shows(200, "/harbour/")

		v.open(at).shows(200, at, "Deactivate Jo…", "Remove Jo…")
		v.follow("Deactivate Jo…").shows(200, at+"/deactivation", "Deactivate Jo?", "They lose access to Harbour Group now", "You can reactivate them at any time.", "Keep active")
		if v.link("Keep active") != at {
			t.Error("the safe way does not lead back")
		}
		v.press("Deactivate").shows(200, at, "Jo is deactivated.", "Their access, Billing, is kept.", "Deactivated", "Reactivate Jo").lacks("Deactivate Jo…")
		other.open("/harbour/").shows(404, "/harbour/")
		other.open("/northside/").shows(200, "/northside/")
		v.press("Reactivate Jo").shows(200, at, "Jo is active again, with the same access as before: Billing.")
		other.open("/harbour/").shows(200, "/harbour/", "Your access: Billing")

		v.open(at+"/removal?next=%2Fharbour%2Fhub-users%3Fq%3Djo").shows(200, at+"/removal", "Remove Jo?", "They will be signed out of Harbour Group now and lose access to it.", "You can invite them again.", "Keep user")
		v.press("Remove user").shows(200, "/harbour/hub-users", "Jo is removed from Harbour Group.", "Nobody matches “jo”")
		other.open("/harbour/").shows(404, "/harbour/")
		other.open("/northside/").shows(200, "/northside/")
		v.open(at).shows(404, at, "We could not find that")
		v.post(at+"/removal").shows(404, at+"/removal")
		v.post(at+"/reactivation").shows(404, at+"/reactivation")

		v.open(at+"/removal?next=https://evil.example/").shows(404, at+"/removal")
		v.open("/harbour/hub-users/" + admin.ID() + "/deactivation?next=//evil.example/")
		if to := v.link("Keep active"); to != "/harbour/hub-users" {
			t.Errorf("next leads to %s", to)
		}
	})
}

func TestChangesOfAccessNeedAFreshCheck(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		jo := w.Join(admin, "jo@harbour.example")
		at := "/harbour/hub-users/" + jo.ID()
		w.Clock.Advance(31 * time.Minute)
		v := w.as(admin)
		for _, act := range []string{"/removal", "/deactivation"} {
			v.post(at+act).shows(401, at+act, "Confirm it is you")
		}
		v.open(at).press("Save changes", "name", "Jo B").shows(200, at, "Jo is now called Jo B") // a name alone needs none
		v.press("Save changes", "roles", "admin").shows(401, at, "Confirm it is you")
		v.press("Email me a code").press("Confirm", "code", w.code(admin.Email)).press("Continue").
			shows(200, at, "The access of Jo B is now Admin (was Standard).")
	})
}

// TestOnlyAdminsReachPeople walks every page that is for admins with everybody who must not open it.
func TestOnlyAdminsReachPeople(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin, ids := w.office()
		std := w.Join(admin, "std@harbour.example")
		bill := w.Join(admin, "bill@harbour.example", account.Billing)
		far := w.Rig.Open("northside")
		before := w.count(admin)
		forAll := []string{"/{account}/{$}", "/{account}/roles", "/{account}/ask", "/{account}/first-steps", "/{account}/favourites", "/{account}/restricted", "/{account}/events", "/{account}/palette"}
		for _, rt := range w.portal.Routes() {
			if !strings.HasPrefix(rt.Pattern, "/{account}/") || slices.Contains(forAll, rt.Pattern) {
				continue
			}
			if p, needs := rt.Access.Permission(); needs && (holds(nil, account.Permission(p)) || holds(account.Roles{account.Billing}, account.Permission(p))) {
				continue // others than admins may, as the matrix knows
			}
			id := ids["mary"]
			if strings.Contains(rt.Pattern, "/invitations/") {
				id = ids["jo@harbour.example"]
			}
			path := strings.NewReplacer("{account}", "harbour", "{id}", id).Replace(rt.Pattern)
			for _, u := range []*visitor{w.as(std), w.as(bill)} {
				if u.send(rt.Method, path, ""); u.status != 403 || !strings.Contains(u.text(), "You need Account admin access. Admin can give it to you") {
					t.Errorf("%s %s: %d %s", rt.Method, path, u.status, u.text())
				}
			}
			if u := w.as(far).send(rt.Method, path, ""); u.status != 404 || strings.Contains(u.text(), "Harbour") {
				t.Errorf("%s %s by somebody else's admin: %d %s", rt.Method, path, u.status, u.text())
			}
			if strings.Contains(rt.Pattern, "{id}") { // their own account, and an ID of this one
				path = strings.Replace(path, "/harbour/", "/northside/", 1)
				if u := w.as(far).send(rt.Method, path, ""); u.status != 404 {
					t.Errorf("%s %s: %d", rt.Method, path, u.status)
				}
			}
		}
		if after := w.count(admin); after != before {
			t.Errorf("%d people before, %d after", before, after)
		}
		for _, u := range []*visitor{w.as(std), w.as(bill)} {
			u.open("/harbour/").lacks("Hub users", "Settings", "Audit log", "Invite")
			if u.open("/harbour/palette"); strings.Contains(u.body, "Invite") || strings.Contains(u.body, "hub-users") {
				t.Errorf("the palette offers %s", u.body)
			}
		}
	})
}
