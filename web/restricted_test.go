package web

import (
	"net/url"
	"strings"
	"testing"

	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// rests makes the user's session rest on a passkey, or on a password alone.
func (w *world) rests(u *accounttest.User, proofs string) {
	w.t.Helper()
	if _, err := w.DB.ExecContext(w.t.Context(), `UPDATE sessions SET proofs = $2 WHERE id = $1`, u.Actor().SessionID, proofs); err != nil {
		w.t.Fatal(err)
	}
}

// decide changes how people sign in to the admin's account.
func (w *world) decide(admin *accounttest.User, change func(*account.SignInPolicy)) {
	w.t.Helper()
	a := admin.Actor().Account
	in := a.Policy.SignIn()
	change(&in)
	if _, err := w.ChangeSettings(w.t.Context(), admin.Actor(), account.Settings{Name: a.Name, TimeZone: a.Policy.TimeZone,
		InvitationHours: a.Policy.InvitationHours, CheckMinutes: a.Policy.CheckMinutes, SignIn: &in}, 0); err != nil {
		w.t.Fatal(err)
	}
}

// TestARestrictedMemberSeesOnePage walks every page of an account: each leads to the one that says what is missing.
func TestARestrictedMemberSeesOnePage(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		jo := w.Join(admin, "jo@harbour.example", account.Admin)
		stream, _ := w.as(jo).listen("/harbour/events")
		w.rests(admin, "passkey:1")
		w.decide(admin, func(p *account.SignInPolicy) { p.SecondFactor = account.OfHolders })
		hears(t, stream, heard{"ended", "access"})
		ends(t, stream)

		for _, rt := range w.portal.Routes() {
			if !strings.HasPrefix(rt.Pattern, "/{account}/") || rt.Access == Belongs {
				continue
			}
			path := strings.NewReplacer("{account}", "harbour", "{$}", "", "{id}", "x", "{number}", "x", "{device}", "x").Replace(rt.Pattern)
			got := w.ask(rt.Method, path, jo.Session(), url.Values{})
			if to := got.header.Get("Location"); got.status != 303 || !strings.HasPrefix(to, "/harbour/restricted") || strings.Contains(got.body, "Harbour Group") {
				t.Errorf("%s %s: %d to %q", rt.Method, path, got.status, to)
			}
			if got = w.ask(rt.Method, path, jo.Session(), url.Values{}, "Accept: application/json"); rt.Method == "GET" && got.status != 401 {
				t.Errorf("%s %s to a script: %d", rt.Method, path, got.status)
			}
		}
		page := w.ask("GET", "/harbour/restricted?next=/harbour/hub-users", jo.Session(), nil)
		if page.status != 200 || !strings.Contains(page.text(), "asks for a second factor") {
			t.Errorf("%d: %s", page.status, page.text())
		}
		if got := w.ask("GET", "/harbour/restricted?next=/harbour/hub-users", admin.Session(), nil); got.header.Get("Location") != "/harbour/hub-users" {
			t.Errorf("somebody who lacks nothing is led to %q", got.header.Get("Location"))
		}
		if got := w.ask("POST", "/sign-out", jo.Session(), url.Values{"next": {"/harbour/hub-users"}}); got.header.Get("Location") != "/sign-in?next=%2Fharbour%2Fhub-users" {
			t.Errorf("after signing out: %q", got.header.Get("Location"))
		}
	})
}

func TestSignInMethodsOfAnAccount(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		jo := w.Join(admin, "jo@harbour.example")
		w.rests(admin, "passkey:1")
		w.decide(admin, func(p *account.SignInPolicy) { p.Methods = account.MethodsOf(account.ByPasskey, account.ByProvider) })
		page := w.ask("GET", "/harbour/restricted", jo.Session(), nil)
		if !strings.Contains(page.text(), "You signed in with a password, and Harbour Group does not allow that. Sign in with a sign-in provider.") {
			t.Errorf("%d: %s", page.status, page.text())
		}
	})
}
