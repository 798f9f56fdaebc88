package web

import (
	"encoding/json"
	"strings"
	"testing"

	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// named gives the portal the name that passkeys need.
func named(t *testing.T, fn func(t *testing.T, w *world)) {
	worlds(t, func(t *testing.T, w *world) {
		w.Room.BaseURL = accounttest.BaseURL
		fn(t, w)
	})
}

// asks gets what the page's script gets, and answers it.
func (v *visitor) asks(path string, answer func(account.PasskeyAsk) account.PasskeyAnswer) []string {
	v.world.t.Helper()
	v.post(path)
	var ask account.PasskeyAsk
	if err := json.Unmarshal([]byte(v.body), &ask); err != nil || ask.Challenge == "" {
		v.world.t.Fatalf("%s: %v: %.300s", path, err, v.body)
	}
	a := answer(ask)
	return []string{"challenge", a.Challenge, "passkey", a.Answer}
}

// holds fails unless the markup of the page holds it.
func (v *visitor) holds(markup string) {
	v.world.t.Helper()
	if !strings.Contains(v.body, markup) {
		v.world.t.Fatalf("%s lacks %s", v.url.Path, markup)
	}
}

// TestPasskeyPages walks a passkey's life over the pages: added, used to sign in and to confirm, renamed, removed.
func TestPasskeyPages(t *testing.T) {
	named(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		k := accounttest.NewPasskey(t)
		v := w.as(admin)
		v.open("/profile/security").press("Add a passkey").shows(200, "/profile/security/passkeys/new", "New passkey", "can't make passkeys")
		v.post("/profile/security/passkeys/new", "name", "Laptop").shows(422, "/profile/security/passkeys/new", "Your browser sent no passkey").holds(`value="Laptop"`)
		v.post("/profile/security/passkeys/new", append(v.asks("/profile/security/passkeys/options", k.Make), "name", "See www.evil.example")...).
			shows(422, "/profile/security/passkeys/new", "a web or email address")
		v.post("/profile/security/passkeys/new", append(v.asks("/profile/security/passkeys/options", k.Make), "name", "Laptop")...).
			shows(200, "/profile/security/passkeys/new", "Your passkey is added", "Your recovery codes")
		v.open("/profile/security").shows(200, "/profile/security", "Laptop", "1 passkey", "Passkey added: Laptop")

		in := w.browser(home)
		in.open("/sign-in").shows(200, "/sign-in", "Sign in with a passkey").holds(`autocomplete="username webauthn"`)
		in.post("/sign-in/passkey", "next", "/harbour/hub-users").shows(422, "/sign-in/passkey", "Your browser sent no passkey").holds(`value="/harbour/hub-users"`)
		answer := in.asks("/sign-in/passkey/options", k.Show)
		w.browser(office).post("/sign-in/passkey", answer...).shows(422, "/sign-in/passkey", "That took too long") // another browser
		in.post("/sign-in/passkey", append(answer, "next", "/harbour/hub-users")...).shows(200, "/harbour/hub-users", "Hub users")
		in.open("/harbour/hub-users/invite").shows(200, "/check", "Confirm with a passkey", "recovery code")
		answer = in.asks("/check/passkey/options", k.Show)
		in.post("/check/passkey", append(answer, "next", "/harbour/hub-users/invite")...).shows(200, "/harbour/hub-users/invite", "Invite people to Harbour Group")

		half := w.browser(cafe)
		half.open("/sign-in").press("Continue", "email", admin.Email).press("Sign in", "password", accounttest.Password).shows(200, "/sign-in", "Use your passkey")
		sealed := piece(half.body, `name="half" value="`, `"`)
		half.post("/sign-in/passkey", append(half.asks("/sign-in/passkey/options", k.Show), "half", sealed)...).shows(200, "/harbour/")

		in.open("/profile/security")
		id := piece(in.body, `href="/profile/security/passkeys/`, `"`)
		in.open("/profile/security/passkeys/"+id).press("Save changes", "name", "").shows(422, "/profile/security/passkeys/"+id, "Enter a name")
		in.press("Save changes", "name", "Old laptop").shows(200, "/profile/security", "Old laptop", "new name")
		w.as(w.Rig.Open("northside")).open("/profile/security/passkeys/"+id).shows(404, "/profile/security/passkeys/"+id)
		in.open("/profile/security/passkeys/"+id+"/removal").press("Remove it").shows(200, "/profile/security", "Your passkey is removed").lacks("1 passkey")
		again := w.browser(home)
		again.post("/sign-in/passkey", again.asks("/sign-in/passkey/options", k.Show)...).shows(422, "/sign-in/passkey", "did not work here")
	})
}

// Somebody new joins with a passkey and no password; what is missing in the form is told on the page. Recovery codes come
// with it, before the account.
func TestAcceptWithAPasskeyPages(t *testing.T) {
	named(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		_, token := w.Invite(admin, "jo@harbour.example")
		page := "/invitations/" + token
		k := accounttest.NewPasskey(t)
		v := w.browser(home)
		v.open(page).shows(200, page, "Use a passkey instead")
		shown := piece(v.body, `name="shown" value="`, `"`)
		answer := v.asks(page+"/passkey/options", k.Make)
		v.post(page, append(answer, "shown", shown, "with", "passkey", "name", "")...).shows(422, page, "Enter your name")
		v.post(page, "shown", shown, "with", "passkey", "name", "Jo").shows(422, page, "Your browser sent no passkey")
		v.post(page, append(answer, "shown", shown, "with", "passkey", "name", "Jo")...).
			shows(200, page, "Your recovery codes", "You have joined Harbour Group with a passkey").holds(`href="/harbour/">I have kept them`)
		v.open("/harbour/").shows(200, "/harbour/")
		v.open("/profile/security").shows(200, "/profile/security", "10 codes left")
		in := w.browser(office)
		in.post("/sign-in/passkey", in.asks("/sign-in/passkey/options", k.Show)...).shows(200, "/harbour/")
	})
}

// A portal without a name, or without https, offers none.
func TestNoPasskeysWithoutAName(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		w.browser(home).open("/sign-in").lacks("passkey")
		v := w.as(admin)
		v.open("/profile/security").lacks("Add a passkey")
		v.post("/profile/security/passkeys").shows(409, "/profile/security/passkeys", "Passkeys need the portal to have a name")
		if _, token := w.Invite(admin, "jo@harbour.example"); strings.Contains(w.browser(home).open("/invitations/"+token).body, "Use a passkey") {
			t.Error("the invitation offers a passkey")
		}
	})
}
