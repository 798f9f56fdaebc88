package web

import (
	"strings"
	"testing"
	"time"

	"hubline/product/account"
)

// through goes on at the provider, after a button that leads there, as the person with that address.
func (v *visitor) through(email string) *visitor {
	v.world.t.Helper()
	v.shows(200, v.url.Path, "Continue to Example ID")
	refresh, found := strings.CutPrefix(v.header.Get("Refresh"), "0; url=")
	if !found || !strings.Contains(v.body, `rel="external"`) {
		v.world.t.Fatalf("the page leads nowhere: %q", v.header.Get("Refresh"))
	}
	v.presses++ // whom to be
	return v.open(v.world.elsewhere.Choose(refresh, email).RequestURI())
}

// Product row A14 on the pages: accept with a provider, sign in again, choose a password, unlink.
func TestRowA14ProviderOnThePages(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		_, token := w.Invite(admin, "sam@work.example", account.Billing)
		v := w.browser(home)
		v.open("/invitations/"+token).shows(200, "/invitations/*", "Continue with Example ID", "Choose a password")
		v.press("Continue with Example ID").through("sam@private.example")
		v.shows(200, "/invitations/*", "You chose sam@private.example, but this invitation is for sam@work.example", admin.Name)
		v.press("Continue with Example ID").through("").shows(200, "/invitations/*", "You did not finish at Example ID")
		v.presses = 0
		v.press("Continue with Example ID").through("sam@work.example").shows(200, "/harbour/", "Welcome to")
		if v.presses > 3 {
			t.Errorf("accepting took %d presses", v.presses)
		}
		v.open("/profile/security").shows(200, "/profile/security", "Example ID", "sam@work.example", "Choose a password")
		v.lacks("Present password")
		v.press("Unlink Example ID sam@work.example").press("Email me a code").press("Confirm", "code", w.Code("sam@work.example")).press("Continue")
		v.shows(200, "/profile/security", "This is your only way to sign in")
		v.press("Choose password", "password", "short").shows(422, "/profile/security/password", "15 characters or more")

		v.open("/").press("Sign out").shows(200, "/sign-in")
		v.presses = 0
		v.open("/sign-in?next=/profile").press("Continue with Example ID").through("sam@work.example").shows(200, "/profile", "Your details")
		if v.presses > 3 {
			t.Errorf("signing in took %d presses", v.presses)
		}
		other := w.browser(cafe)
		other.open("/sign-in").press("Continue with Example ID").through("somebody@else.example").shows(200, "/sign-in", "Nobody signs in here with that Example ID account")
	})
}

// Linking asks for a fresh check first, and goes on from there.
func TestLinkingOnThePages(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		jo := w.Join(admin, "jo@harbour.example")
		v := w.as(jo)
		v.open("/profile/security").shows(200, "/profile/security", "None is linked")
		v.press("Link Example ID").shows(401, "/profile/security/link/example", "Confirm it is you")
		v.press("Email me a code").press("Confirm", "code", w.Code(jo.Email)).shows(200, "/check", "Continue")
		v.press("Continue").through("jo@elsewhere.example").shows(200, "/profile/security", "You can now sign in with Example ID", "jo@elsewhere.example is linked")

		out := w.browser(cafe)
		out.open("/sign-in").press("Continue with Example ID").through("jo@elsewhere.example").shows(200, "/harbour/")
		v.open("/profile/security").press("Unlink Example ID jo@elsewhere.example") // the check was for the link
		w.Clock.Advance(time.Minute)
		v.press("Email me a code").press("Confirm", "code", w.Code(jo.Email)).press("Continue").shows(200, "/profile/security", "Example ID is unlinked", "None is linked")
		w.browser(cafe).open("/sign-in").press("Continue with Example ID").through("jo@elsewhere.example").shows(200, "/sign-in", "Nobody signs in here")
	})
}

// Abuse case A31: the answer counts only in the browser that set out, and a form that was being sent comes back with its sender.
func TestA31AnswersBelongToOneBrowser(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		v := w.as(admin)
		v.open("/profile/security").press("Link Example ID").through("admin@elsewhere.example").shows(200, "/profile/security", "You can now sign in")

		thief, victim := w.browser(cafe), w.browser(home)
		thief.open("/sign-in").press("Continue with Example ID")
		answer := w.elsewhere.Choose(strings.TrimPrefix(thief.header.Get("Refresh"), "0; url="), "admin@elsewhere.example").RequestURI()
		victim.open(answer).shows(200, "/sign-in", "began in another browser")
		thief.open(answer).shows(200, "/sign-in", "began in another browser") // it is used up

		lost := w.browser(home)
		lost.open("/sign-in").post("/harbour/settings", "name", "Renamed Group", "time_zone", "Australia/Perth", "invitation_hours", "24", "check_minutes", "15")
		lost.shows(401, "/harbour/settings", "bring back what you typed").press("Continue with Example ID").through("admin@elsewhere.example")
		lost.shows(200, "/sign-in/with/example/answer", "Continue where you were")
		if !strings.Contains(lost.body, "Renamed Group") {
			t.Errorf("what was typed is gone: %s", lost.text())
		}
	})
}

// A provider that fails is told of on the page where somebody set out.
func TestProvidersThatFail(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		w.Rig.Open("harbour")
		v := w.browser(home)
		w.elsewhere.Faults("audience")
		v.open("/sign-in").press("Continue with Example ID").through("admin@harbour.example").shows(200, "/sign-in", "What Example ID sent does not hold")
		w.elsewhere.Faults("redirected-token")
		v.press("Continue with Example ID").through("admin@harbour.example").shows(200, "/sign-in", "Example ID refused")
		v.open("/sign-in/with/nobody/answer").shows(200, "/sign-in", "Start again")
		if !strings.Contains(w.log.String(), "a sign-in provider failed") || strings.Contains(w.log.String(), "s3cret") {
			t.Error("the log does not tell the cause, or tells the secret")
		}
	})
}

// An admin adds a provider of the account's own, tests it, switches it off and removes it; its people find its button on the way in.
func TestOwnProviderOnThePages(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		jo := w.Join(admin, "jo@harbour.example")
		w.elsewhere.Client("harbour", "s3cret", w.ProviderRedirect("harbour"))
		v := w.as(admin)
		v.open("/harbour/settings").shows(200, "/harbour/settings", "Sign-in providers of this account")
		v.open("/harbour/settings/sign-in").shows(200, "/harbour/settings/sign-in", "No provider yet")
		v.open("/harbour/settings/sign-in/new").shows(200, "/harbour/settings/sign-in/new", w.ProviderRedirect("harbour"))
		v.press("Add provider", "name", "Example ID", "issuer", "https://127.0.0.1/x", "client_id", "harbour", "client_secret", "s3cret", "domains", "harbour.example")
		v.shows(422, "/harbour/settings/sign-in/new", "Issuer must be a public https address")
		if !strings.Contains(v.body, `value="https://127.0.0.1/x"`) {
			t.Error("what was typed is gone")
		}
		v.press("Add provider", "issuer", w.elsewhere.Issuer+"/no", "client_secret", "s3cret").shows(422, "/harbour/settings/sign-in/new", "answers as a sign-in provider does")
		v.press("Add provider", "issuer", w.elsewhere.Issuer, "client_secret", "s3cret").shows(200, "/harbour/settings/sign-in", "Example ID is added", "harbour.example", "On")
		if strings.Contains(v.body, "s3cret") {
			t.Error("the secret is shown")
		}
		v.press("Test Example ID").shows(200, "/harbour/settings/sign-in", "Example ID answers")
		w.elsewhere.Faults("other-issuer")
		v.press("Test Example ID").shows(200, "/harbour/settings/sign-in", "Nothing at "+w.elsewhere.Issuer)
		w.elsewhere.Faults()

		j := w.as(jo.Check())
		j.open("/profile/security").press("Link Example ID of "+admin.Account.Name).through("jo@harbour.example").shows(200, "/profile/security", "You can now sign in with Example ID")
		j = w.browser(cafe)
		j.open("/sign-in?next=/harbour/")
		if n := strings.Count(j.body, "Continue with Example ID"); n != 2 { // the installation's, and the account's
			t.Fatalf("%d buttons at the account", n)
		}
		if n := strings.Count(w.browser(cafe).open("/sign-in?next=/northside/").body, "Continue with Example ID"); n != 1 {
			t.Errorf("%d buttons elsewhere", n)
		}
		list, err := w.OwnProviders(t.Context(), admin.Actor())
		if err != nil {
			t.Fatal(err)
		}
		j.post("/sign-in/with/"+list[0].ID, "next", "/harbour/").through("jo@harbour.example").shows(200, "/harbour/")
		j.open("/profile/security").shows(200, "/profile/security").lacks("Link Example ID")

		v.press("Switch off Example ID").shows(200, "/harbour/settings/sign-in", "Example ID is switched off", "Off")
		j.open("/harbour/").shows(200, "/sign-in")
		v.press("Switch on Example ID").shows(200, "/harbour/settings/sign-in", "Example ID is switched on")
		v.open("/harbour/settings/sign-in/"+list[0].ID+"/removal").shows(200, "/harbour/*", "Remove Example ID?")
		v.press("Remove provider").shows(200, "/harbour/settings/sign-in", "Example ID is removed", "No provider yet")
	})
}
