package web

import (
	"testing"
	"time"

	"hubline/product/account"
)

// Abuse case A40 on the pages: an admin starts a recovery, the person completes it at the sign-in page; it can be stopped from the mail.
func TestA40RecoveryOnThePages(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		jo := w.Join(admin, "jo@harbour.example", account.Admin).Check()
		jo.Enrol()
		v, page := w.as(admin), "/harbour/hub-users/"+jo.ID()
		v.open(page).shows(200, page, "Lost second factor", "You never see or choose", "Start recovery…")
		v.open("/harbour/hub-users/" + admin.ID()).lacks("Lost second factor")
		v.open(page+"/recovery").shows(200, page+"/recovery", "Start a recovery of Jo?", "only if you have spoken with them")

		out := w.browser(cafe)
		out.open("/sign-in?next=/harbour/").press("Continue", "email", jo.Email).press("Sign in", "password", "wattle tram quince 41").lacks("Recover your sign-in")
		v.press("Start recovery").shows(200, page, "A recovery of Jo is started", "Admin started a recovery", "Stop the recovery")
		v.post(page+"/recovery").shows(409, page+"/recovery", "has started already")

		w.as(jo).open("/profile/security").shows(200, "/profile/security", "A recovery of your sign-in is open", "Admin of Harbour Group")
		stop := "/sign-in/recovery/stop/" + w.RecoveryToken(jo.Email)
		w.browser(home).open(stop).shows(200, stop, "Stop the recovery?", jo.Email).press("Stop the recovery").shows(200, stop, "The recovery is stopped")
		w.browser(home).open(stop).shows(404, stop, "This recovery is over")
		v.open(page).lacks("Stop the recovery")
		w.Clock.Advance(time.Hour)
		v = w.as(admin.SignIn().Check())
		v.open(page+"/recovery").press("Start recovery").shows(200, page, "is started")

		out = w.browser(cafe)
		out.open("/sign-in?next=/harbour/").press("Continue", "email", jo.Email).press("Sign in", "password", "wattle tram quince 41").
			shows(200, "/sign-in", "a recovery was started for you")
		out.press("Recover your sign-in").shows(200, "/sign-in/recovery", "We emailed a six-digit code to jo@harbour.example")
		out.press("Recover my sign-in", "code", "x").shows(422, "/sign-in/recovery/code", "That code is not right. You have 4 tries left")
		out.press("Recover my sign-in", "code", w.Code(jo.Email)).shows(200, "/profile/security", "You are back, without a second factor", "Second factor removed by recovery")
		v.open(page).lacks("Lost second factor")
		v.open("/harbour/audit-log").shows(200, "/harbour/audit-log", "Jo came back without their second factor", "Admin started a recovery of Jo")
	})
}

// Staff start a recovery for an account's last admin.
func TestA40StaffStartARecovery(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		admin.Enrol()
		v, page := w.staff("ines@provider.example"), "/console/people/"+admin.Actor().PersonID
		v.open(page).shows(200, page, "Lost second factor")
		v.open(page+"/recovery").shows(200, page+"/recovery", "made sure who they are")
		v.press("Start recovery").press("Email me a code").press("Confirm", "code", w.Code("ines@provider.example")).press("Continue").
			shows(200, page, "A recovery of admin@harbour.example is started", "Stop the recovery")
		v.press("Stop the recovery").shows(200, page, "The recovery is stopped")
	})
}

// Who lacks the second factor that the account asks for shows in the list, its filter, its file and on their page.
func TestPeopleWithoutASecondFactorShow(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		admin.Enrol()
		jo := w.Join(admin, "jo@harbour.example")
		w.Join(admin, "kim@harbour.example").Check().Enrol()
		v := w.as(admin)
		v.open("/harbour/hub-users/"+jo.ID()).shows(200, "/harbour/hub-users/"+jo.ID(), "Second factor").lacks("This account asks for one")
		w.decide(admin, func(p *account.SignInPolicy) { p.SecondFactor = account.OfEveryone })
		v.open("/harbour/hub-users").shows(200, "/harbour/hub-users", "Needs attention 1", "No second factor", "Lost second factor…")
		v.open("/harbour/hub-users?status=attention").shows(200, "/harbour/hub-users", "1 person", "jo@harbour.example", "No second factor").lacks("admin@harbour.example Admin")
		v.open("/harbour/hub-users/"+jo.ID()).shows(200, "/harbour/hub-users/"+jo.ID(), "This account asks for one")
		v.open("/harbour/hub-users.csv?status=attention").shows(200, "/harbour/hub-users.csv", "jo@harbour.example", "No second factor,No,")
	})
}
