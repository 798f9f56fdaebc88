package web

import (
	"strings"
	"testing"
	"time"

	"hubline/product/account/accounttest"
)

const newPassword = "copper lantern fig 88"

func TestForgottenPassword(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		owner := w.Rig.Open("harbour")
		old := w.as(owner)
		v := w.browser(home)
		v.open("/sign-in").open("/sign-in/forgot").press("Email me a link", "email", "Admin@harbour.example").
			shows(200, "/sign-in/forgot/sent", "If that address belongs to somebody here, a link is on its way")
		first := w.link(owner.Email, "Choose a new password", "/password/")

		v.open(first).shows(200, first, "Choose a password", owner.Email, "15 characters or more")
		v.open(first).shows(200, first) // looking changes nothing
		old.open("/profile").shows(200, "/profile")
		v.press("Set password", "password", "short").shows(422, first, "There is a problem", "15 characters or more. This one has 5")
		v.press("Set password", "password", "password password").shows(422, first, "easy to guess")
		v.press("Set password", "password", newPassword).shows(200, "/harbour/", "Your new password is set")

		old.open("/profile").shows(200, "/sign-in")
		v.open(first).shows(404, first, "This link has run out or was used", "Ask for a new link")
		w.browser(home).signIn(owner.Email, accounttest.Password).shows(422, "/sign-in")
		w.browser(home).signIn(owner.Email, newPassword).shows(200, "/harbour/")
		if strings.Contains(w.log.String(), strings.TrimPrefix(first, "/password/")) {
			t.Error("the token is in the log")
		}
	})
}

func TestResetLinksDie(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		owner := w.Rig.Open("harbour")
		ask := func() string {
			w.browser(home).open("/sign-in/forgot").press("Email me a link", "email", owner.Email)
			w.Clock.Advance(time.Second)
			return w.link(owner.Email, "Choose a new password", "/password/")
		}
		first := ask()
		second := ask()
		v := w.browser(home)
		v.open(first).shows(404, first, "run out or was used")
		v.open(second).shows(200, second)
		w.Clock.Advance(31 * time.Minute)
		v.press("Set password", "password", newPassword).shows(404, second, "run out or was used")
		for _, wrong := range []string{"/password/x", second + "A", second[:len(second)-1], strings.Replace(second, "hr_", "hi_", 1)} {
			v.open(wrong).shows(404, wrong)
		}
		v.open("/sign-in/forgot").press("Email me a link", "email", "jo@harbour").shows(422, "/sign-in/forgot", "in the form name@example.com")
		if n := len(w.mails("nobody@harbour.example")); n != 0 {
			t.Errorf("%d mails to nobody", n)
		}
	})
}
