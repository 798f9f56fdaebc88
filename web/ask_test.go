package web

import (
	"testing"
	"time"

	"hubline/product/account"
)

func TestAskingFromAPageWithoutPermission(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Open("harbour")
		jo := w.as(w.Join(admin, "jo@harbour.example"))
		jo.open("/harbour/hub-users").shows(403, "/harbour/hub-users", "You need Account admin access", "Ask for access")
		jo.press("Ask for access").shows(200, "/harbour/", "We asked for you", "will see it in an email")
		w.mailed(admin.Email, "asks for more access to Harbour Group")
		jo.post("/harbour/ask", "permission", "root").shows(404, "/harbour/ask")
	})
}

func TestAskingForANewInvitation(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Open("harbour")
		_, token := w.Invite(admin, "sam@harbour.example", account.Billing)
		w.Clock.Advance(8 * 24 * time.Hour)
		v := w.browser(home).open("/invitations/"+token).shows(410, "/invitations/"+token, "ran out on", "Ask for a new one")
		v.press("Ask for a new one").shows(200, "/invitations/"+token+"/ask", "We asked")
		w.mailed(admin.Email, "asks for a new invitation to Harbour Group")
		w.browser(home).open("/invitations/nonsense").shows(404, "/invitations/nonsense").lacks("Ask for a new one")
	})
}
