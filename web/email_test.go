package web

import (
	"strings"
	"testing"
)

func TestChangingTheAddress(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Open("harbour")
		jo := w.Join(admin, "jo@harbour.example")
		v := w.as(jo)
		v.open("/profile").shows(200, "/profile", "jo@harbour.example", "New address")
		v.press("Send the link", "new_email", "jo").shows(422, "/profile/email", "Enter an email address in the form")
		if !strings.Contains(v.body, `value="jo"`) {
			t.Error("what was typed is gone")
		}
		v.press("Send the link", "new_email", "jo@new.example").shows(401, "/profile/email", "Confirm it is you")
		v.press("Email me a code")
		v.press("Confirm", "code", w.code(jo.Email)).press("Continue").shows(200, "/profile", "We sent a link to jo@new.example")
		link := w.link("jo@new.example", "Confirm your new address", "/profile/email/")
		w.browser(home).open(link).shows(200, "/sign-in")
		v.open(link).shows(200, link, "jo@new.example")
		v.press("Use this address").shows(200, "/profile", "You sign in with jo@new.example now")
		v.open(link).shows(404, link, "This link can't be used")
		undo := w.link("jo@harbour.example", "You sign in with another address now", "/email/")
		thief := w.browser(cafe)
		thief.open(undo).shows(200, undo, "goes back to jo@harbour.example")
		thief.press("Take the change back").shows(200, undo, "We sent a link to jo@harbour.example")
		v.open("/profile").shows(200, "/sign-in")
		w.link("jo@harbour.example", "Choose a new password", "/password/")
	})
}
