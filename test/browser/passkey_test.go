package browser

import (
	"testing"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// holdsPasskeys gives the person's browser a device that makes passkeys, as a laptop with a finger reader does. touch says whether a finger lies
// on it.
func (p *person) holdsPasskeys() (touch func(bool)) {
	p.t.Helper()
	_, err := chromedp.Call(p.ctx, webauthn.Enable, webauthn.EnableParams{})
	if err != nil {
		p.t.Fatal(err)
	}
	made, err := chromedp.Call(p.ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: "ctap2", Transport: "internal", HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true}})
	if err != nil {
		p.t.Fatal(err)
	}
	return func(on bool) {
		p.t.Helper()
		if _, err := chromedp.Call(p.ctx, webauthn.SetAutomaticPresenceSimulation, webauthn.SetAutomaticPresenceSimulationParams{AuthenticatorID: made.AuthenticatorID, Enabled: on}); err != nil {
			p.t.Fatal(err)
		}
	}
}

// TestPasskeys: somebody adds a passkey, signs in with it in two actions, confirms with it; somebody new joins with one.
func TestPasskeys(t *testing.T) {
	t.Parallel()
	d := startDemoAt(t, "localhost:0")
	admin := d.who(t, "harbour", "admin,billing")
	priya := sit(t, d)
	touch := priya.holdsPasskeys()
	priya.signIn(admin)
	priya.open("/profile/security")
	priya.choose("Add a passkey")
	priya.choose("Email me a code") // the form is kept meanwhile
	priya.types("Code from the email", priya.code(admin.Email))
	priya.choose("Confirm")
	priya.choose("Continue")
	priya.sees("New passkey")
	priya.checks()
	priya.types("Name", "Test laptop")
	priya.choose("Make passkey")
	priya.sees("Your recovery codes")
	priya.open("/profile/security")
	priya.sees("Test laptop")
	priya.checks()

	priya.open("/accounts")
	priya.choose("Sign out")
	touch(false) // or the address field's offer would be taken before anybody can press
	priya.open("/sign-in")
	priya.checks()
	touch(true)
	priya.Presses = 0
	priya.choose("Sign in with a passkey")
	priya.atMost(1, "sign in with a passkey (and one press on the device)")
	priya.sees("Harbour Dental Group")
	priya.open("/harbour/hub-users/invite")
	priya.sees("Confirm it is you")
	priya.checks()
	priya.choose("Confirm with a passkey")
	priya.sees("Email addresses")

	d.clearMail(t)
	priya.types("Email addresses", "jo.new@harbourdental.example")
	priya.choose("Review")
	priya.choose("Send invitation")
	jo := sit(t, d)
	jo.holdsPasskeys()
	jo.open(d.mail(t, "jo.new@harbourdental.example", "invited you to Harbour Dental Group").link(t, "/invitations/"))
	jo.checks()
	jo.choose("Use a passkey") // without a name: the page says so, and no passkey is made
	jo.sees("Enter your name")
	jo.types("Your name", "Jo Newman")
	jo.choose("Use a passkey")
	jo.sees("You have joined Harbour Dental Group with a passkey.")
	jo.checks()
	jo.choose("I have kept them")
	jo.sees("Harbour Dental Group, account")
	jo.open("/profile/security")
	jo.sees("1 passkey")
	jo.checks()
}

// checks runs axe and what the browser complained about.
func (p *person) checks() {
	p.t.Helper()
	for _, problem := range append(p.violations(), p.complaints()...) {
		p.t.Error(problem)
	}
}
