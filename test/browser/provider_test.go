package browser

import (
	"strings"
	"testing"
)

// TestProviderThread is signing in with another service, in a real browser: accept an invitation, sign in again, link and unlink.
func TestProviderThread(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	admin := d.who(t, "harbour", "admin,billing")
	priya := sit(t, d)
	priya.signIn(admin)
	d.clearMail(t)
	priya.open("/harbour/hub-users")
	priya.choose("Invite people")
	priya.confirm(admin)
	priya.open("/harbour/hub-users")
	priya.press("Invite people")
	priya.types("Email addresses", "sam.new@harbourdental.example")
	priya.choose("Review")
	priya.choose("Send invitation")
	link := d.mail(t, "sam.new@harbourdental.example", "invited you to Harbour Dental Group").link(t, "/invitations/")

	sam := sit(t, d)
	sam.open(link)
	sam.sees("Continue with Demo sign-in")
	for _, v := range sam.violations() {
		t.Error(v)
	}
	sam.press("Continue with Demo sign-in")
	sam.sees("believes everybody")
	for _, v := range sam.violations() {
		t.Error(v)
	}
	sam.press("Priya Nair " + admin.Email)
	sam.sees("You chose " + admin.Email + ", but this invitation is for sam.new@harbourdental.example")

	sam.Presses = 0
	sam.press("Continue with Demo sign-in")
	sam.press("sam.new sam.new@harbourdental.example") // offered, as the invitation names it
	sam.sees("Welcome to Harbour Dental Group")
	sam.atMost(3, "accept with a provider")

	again := sit(t, d)
	again.open("/sign-in")
	again.press("Continue with Demo sign-in")
	again.types("Somebody else", "sam.new@harbourdental.example")
	again.press("Continue")
	again.sees("Harbour Dental Group")
	again.atMost(3, "sign in with a provider")
	again.open("/profile/security")
	again.sees("Choose a password")
	again.choose("Unlink Demo sign-in")
	again.sees("This is your only way to sign in")

	// Somebody with a password links and unlinks.
	priya.open("/profile/security")
	priya.choose("Link Demo sign-in")
	if strings.Contains(priya.screen(), "Confirm it is you") {
		priya.choose("Email me a code")
		priya.types("Code from the email", priya.code(admin.Email))
		priya.choose("Confirm")
		priya.choose("Continue")
	}
	priya.sees("believes everybody")
	priya.press("Priya Nair " + admin.Email)
	priya.sees("You can now sign in with Demo sign-in")
	for _, v := range priya.violations() {
		t.Error(v)
	}
	priya.choose("Unlink Demo sign-in")
	priya.sees("Demo sign-in is unlinked")
	for _, who := range []*person{sam, again, priya} {
		for _, c := range who.complaints() {
			t.Error(c)
		}
	}

	// The provider is another origin when the portal goes by another name: the portal's policy lets the browser go there.
	stranger := sit(t, d)
	stranger.open(strings.Replace(d.Portal, "127.0.0.1", "localhost", 1) + "/sign-in")
	stranger.press("Continue with Demo sign-in")
	stranger.sees("believes everybody")
}
