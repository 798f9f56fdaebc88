package web

import (
	"strings"
	"testing"
	"time"

	"hubline/product/account"
	"hubline/product/account/accounttest"
)

func TestSignInWithASecondFactor(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		v := w.as(admin)
		v.open("/profile/security").press("Set up an authenticator app").shows(200, "/profile/security/authenticator", "Scan", "Type this key")
		key := piece(v.body, `<code class="num">`, `</code>`)
		app := w.App(key)
		v.press("Confirm", "code", "000").shows(422, "/profile/security/authenticator/confirm", "not right")
		v.press("Confirm", "code", app.Code()).shows(200, "/profile/security/authenticator/confirm", "Your recovery codes", "Download")
		recovery := piece(v.body, `<ul class="codes num"><li>`, `</li>`)
		v.open("/profile/security").shows(200, "/profile/security", "Authenticator app", "10 codes left", "Authenticator app set up")

		w.Clock.Advance(30 * time.Second)
		in := w.browser(office)
		in.open("/sign-in?next=/harbour/hub-users").press("Continue", "email", admin.Email)
		in.press("Sign in", "password", accounttest.Password).shows(200, "/sign-in", "authenticator app shows now", "Remember this browser")
		if strings.Contains(in.body, "Harbour") {
			t.Error("the second step shows the account")
		}
		in.press("Sign in", "code", "000000").shows(422, "/sign-in/second", "not right")
		in.press("Sign in", "code", app.Code(), "remember", "on").shows(200, "/harbour/hub-users", "Hub users")
		in.open("/profile/security").shows(200, "/profile/security", "A password and an authenticator app")
		in.press("Sign out")
		in.open("/sign-in").press("Continue", "email", admin.Email).press("Sign in", "password", accounttest.Password).shows(200, "/harbour/")

		other := w.browser(home)
		other.open("/sign-in").press("Continue", "email", admin.Email).press("Sign in", "password", accounttest.Password)
		other.press("Sign in", "code", recovery).shows(200, "/harbour/")
		w.Clock.Advance(40 * time.Minute)
		other.open("/harbour/hub-users/invite").shows(200, "/check", "authenticator app shows now")
		other.press("Confirm", "code", app.Code()).shows(200, "/harbour/hub-users/invite", "Invite people to Harbour Group")
	})
}

// An account that asks for a second factor leads to it, and the person comes in once it is there.
func TestARestrictedMemberSetsUpAnApp(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		jo := w.Join(admin, "jo@harbour.example")
		admin.Enrol()
		w.decide(admin, func(p *account.SignInPolicy) { p.SecondFactor = account.OfEveryone })
		v := w.as(jo)
		v.open("/harbour/").shows(200, "/harbour/restricted", "you have none yet")
		v.open("/profile/security").press("Set up an authenticator app").shows(401, "/profile/security/authenticator", "Email me a code")
		v.press("Email me a code").press("Confirm", "code", w.code(jo.Email)).press("Continue")
		app := w.App(piece(v.body, `<code class="num">`, `</code>`))
		v.press("Confirm", "code", app.Code())
		v.open("/harbour/").shows(200, "/harbour/", "Home")
	})
}

func piece(text, before, after string) string {
	_, rest, _ := strings.Cut(text, before)
	inner, _, _ := strings.Cut(rest, after)
	return strings.TrimSpace(inner)
}
