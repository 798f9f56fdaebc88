package web

import (
	"strings"
	"testing"

	"hubline/product/account"
)

// Staff ask, an admin lets them in, both see it on every page, and it ends with one press of either.
func TestStaffVisitAnAccount(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		owner := w.Rig.Open("harbour")
		admin, jo := w.as(owner), w.as(w.Join(owner, "jo@harbour.example"))
		sam := w.staff("sam@provider.example")
		sam.open("/harbour/").shows(404, "/harbour/")
		sam.open("/console/accounts/harbour").shows(200, "/console/accounts/harbour", "Ask to see its pages…")
		sam.open("/console/accounts/harbour/visit").shows(200, "/console/accounts/harbour/visit", "View as Harbour Group?")
		sam.press("Ask to be let in", "reason", "", "ticket", "99").shows(422, "/console/accounts/harbour/visit", "Enter a reason")
		sam.press("Ask to be let in", "reason", "Main line rings nobody", "ticket", "").shows(200, "/console/accounts/harbour", "The admins of Harbour Group are asked by email", "No admin has answered yet", "Take it back")
		sam.open("/harbour/").shows(404, "/harbour/")

		if link := w.link(owner.Email, "asks to see", "/harbour/support/visits"); link != "/harbour/support/visits" {
			t.Errorf("the mail leads to %s", link)
		}
		jo.open("/harbour/").shows(200, "/harbour/").lacks("asks to see this account")
		admin.open("/harbour/").shows(200, "/harbour/", "Sam from Southern Cross Voice asks to see this account. Let them in, or refuse", "Main line rings nobody")
		jo.open("/harbour/support/visits").shows(403, "/harbour/support/visits", "You need Account admin access")
		admin.open("/harbour/support/visits").shows(200, "/harbour/support/visits", "Sam from Southern Cross Voice asks to see this account", "Main line rings nobody", "30 minutes")
		admin.press("Let them in", "answer", "allow").shows(200, "/harbour/support/visits", "Sam from Southern Cross Voice can see this account", "Look only", "End now")
		jo.open("/harbour/").shows(200, "/harbour/", "Sam from Southern Cross Voice can see this account until").lacks("End now")
		admin.open("/harbour/hub-users").shows(200, "/harbour/hub-users", "Sam from Southern Cross Voice can see this account until", "End now")

		sam.open("/console/accounts/harbour").shows(200, "/console/accounts/harbour", "Open its pages")
		sam.open("/harbour/").shows(200, "/harbour/", "Console", "You are in Harbour Group until", "to look only", "End visit")
		sam.lacks("Your access", "Invite people")
		if !strings.Contains(sam.body, `class="console"`) {
			t.Error("a visit looks like a customer's portal")
		}
		sam.open("/harbour/hub-users").shows(200, "/harbour/hub-users", owner.Email).lacks("Invite people")
		sam.open("/harbour/audit-log").shows(200, "/harbour/audit-log", "Admin let Sam from Southern Cross Voice see the account")
		sam.open("/harbour/hub-users/invite").shows(403, "/harbour/hub-users/invite", "Staff can't do this in a customer's account")
		sam.open("/harbour/phone-users/new").shows(403, "/harbour/phone-users/new", "You may look at this account, and change nothing")
		sam.open("/harbour/support/visits").shows(403, "/harbour/support/visits")
		sam.open("/profile").shows(200, "/profile")

		admin.open("/harbour/numbers").press("End now").shows(200, "/harbour/support/visits", "Sam from Southern Cross Voice can't see this account any more", "Earlier visits", "by Admin")
		sam.open("/harbour/").shows(404, "/harbour/")
		jo.open("/harbour/").lacks("can see this account")
	})
}

// With the right to change, what staff do stands in the account's audit log under their name and the provider's, and no link with a secret
// ever leaves because of them.
func TestAVisitorsChangesAreTold(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		owner := w.Rig.Open("harbour")
		admin := w.as(owner)
		sam := w.staff("sam@provider.example")
		admin.open("/harbour/support/visits").press("Let staff in ahead of time", "hours", "0").shows(422, "/harbour/support/visits/grant", "Enter 1 to 72 hours")
		admin.press("Let staff in ahead of time", "hours", "2", "ahead_change", "on").shows(200, "/harbour/support/visits", "Staff of Southern Cross Voice can come in for 2 hours", "Take it back")
		sam.open("/console/accounts/harbour/visit").press("Ask to be let in", "reason", "Add a phone", "minutes", "480", "change", "on").
			shows(200, "/harbour/", "You can see Harbour Group now", "and may change things")
		sam.open("/harbour/phone-users/new").press("Add phone user", "extension", "301", "display_name", "By Staff", "email", "sam@provider.example", "app_enabled", "on")
		if sam.status != 200 {
			t.Fatalf("%d: %s", sam.status, sam.text())
		}
		if list := w.mails("sam@provider.example"); len(list) != 0 {
			for _, m := range list {
				if strings.Contains(m.Text, "/phone/set-up/") {
					t.Errorf("staff had a set-up link sent to themselves: %q", m.Subject)
				}
			}
		}
		users, _, err := w.AuditLog(t.Context(), account.Operate().Inside(owner.Account), account.AuditFilter{Area: "phone-user"})
		if err != nil || len(users) != 1 || users[0].Sentence() != "Sam from Southern Cross Voice added the phone user "+users[0].SubjectName || users[0].ActorKind != account.Visitor {
			t.Errorf("the log tells %+v: %v", users, err)
		}
		admin.open("/harbour/audit-log").shows(200, "/harbour/audit-log", "Sam from Southern Cross Voice added the phone user", "Provider staff")
	})
}
