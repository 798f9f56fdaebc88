package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"hubline/product/account"
	"hubline/product/account/accounttest"
)

const (
	home   = "198.51.100.20" // networks that nobody in the rig has used
	cafe   = "198.51.100.30"
	office = "203.0.113.40"
)

func TestSignInTakesTwoPresses(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		w.Rig.Open("harbour")
		v := w.browser(home)
		v.open("/harbour/hub-users").shows(200, "/sign-in", "Sign in")
		if next := v.url.Query().Get("next"); next != "/harbour/hub-users" {
			t.Fatalf("next is %q", next)
		}
		v.press("Continue", "email", " Admin@HARBOUR.example ").shows(200, "/sign-in", "Password")
		v.press("Sign in", "password", accounttest.Password).shows(200, "/harbour/hub-users")
		if v.presses != 2 {
			t.Errorf("signing in took %d presses", v.presses)
		}
		v.open("/sign-in?next=/profile").shows(200, "/profile", "Your details")
		if v.cookie(sessionCookie) == "" || v.cookie(deviceCookie) == "" {
			t.Error("a cookie is missing")
		}
		before := v.cookie(sessionCookie)
		v.post("/sign-in", "email", "admin@harbour.example", "password", accounttest.Password)
		if v.cookie(sessionCookie) == before {
			t.Error("signing in again kept the token")
		}
		other := w.browser(home)
		other.plant(sessionCookie, before)
		other.open("/profile").shows(200, "/sign-in")
	})
}

func TestA53SignInCookies(t *testing.T) {
	for _, tt := range []struct{ base, session, device string }{
		{"http://hub.example", "hubline=x; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax", "hubline_device=x; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax"},
		{"https://hub.example", "__Host-hubline=x; Path=/; Max-Age=2592000; HttpOnly; Secure; SameSite=Lax", "__Host-hubline_device=x; Path=/; Max-Age=31536000; HttpOnly; Secure; SameSite=Lax"},
	} {
		p := &Portal{Config: Config{BaseURL: tt.base}}
		if got := p.cookie(sessionCookie, "x", sessionCookieLife).String(); got != tt.session {
			t.Errorf("session cookie %s", got)
		}
		if got := p.cookie(deviceCookie, "x", yearCookieLife).String(); got != tt.device {
			t.Errorf("device cookie %s", got)
		}
	}
}

func TestSignInLeadsToWhereThePersonWorks(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		harbour := w.Rig.Open("harbour")
		northside := w.Rig.Open("northside")
		jo := w.Join(harbour, "jo@harbour.example")
		w.as(jo).open("/").shows(200, "/harbour/")

		w.Join(northside, jo.Email, account.Billing)
		v := w.as(jo)
		v.open("/").shows(200, "/accounts", "Choose an account", "Harbour Group", "Northside Group", "Billing")
		v.open("/northside/").shows(200, "/northside/")
		v.open("/").shows(200, "/northside/")
		v.open("/accounts").shows(200, "/accounts")
		if strings.Index(v.text(), "Northside") > strings.Index(v.text(), "Harbour") {
			t.Error("the account used last is not first")
		}

		if _, err := w.RemoveHubUser(t.Context(), harbour.Actor(), jo.ID(), 0); err != nil {
			t.Fatal(err)
		}
		if _, err := w.RemoveHubUser(t.Context(), northside.Actor(), jo.As(northside.Account).ID(), 0); err != nil {
			t.Fatal(err)
		}
		v.open("/").shows(200, "/accounts", "You belong to no account", jo.Email)
		v.open("/northside/").shows(404, "/northside/")
	})
}

func TestSignInNeverLeadsElsewhere(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.as(w.Rig.Open("harbour"))
		for _, next := range []string{"https://evil.example/", "//evil.example/", `/\evil.example`, "javascript:alert(1)", "evil", "/%09/evil.example", "https:evil.example"} {
			admin.open("/sign-in?next=" + strings.ReplaceAll(next, "#", "%23"))
			if admin.url.Host != w.portal.BaseURL[len("http://"):] || admin.status >= 400 && admin.status != 404 {
				t.Errorf("next=%s leads to %s (%d)", next, admin.url, admin.status)
			}
		}
	})
}

func TestSignInRefusals(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		w.Rig.Open("harbour")
		v := w.browser(home)
		v.open("/sign-in").press("Continue", "email", "").shows(422, "/sign-in", "There is a problem", "Enter your email address")
		v.press("Continue", "email", "jo@harbour").shows(422, "/sign-in", "Enter an email address in the form name@example.com")
		if !strings.Contains(v.body, "<title>Error: Sign in") || !strings.Contains(v.body, `value="jo@harbour"`) {
			t.Error("the page does not say that there is an error, or lost what was typed")
		}
		v.press("Continue", "email", "admin@harbour.example").press("Sign in", "password", "").shows(422, "/sign-in", "Enter your password")
		v.press("Sign in", "password", "not the password of anybody").shows(422, "/sign-in", "That email and password do not match. Check both, or reset your password")
		if !strings.Contains(v.body, `value="admin@harbour.example"`) || strings.Contains(v.body, "not the password") {
			t.Error("the address must stay and the password must not")
		}
		v.press("Sign in", "email", "admin@harbour.example", "password", accounttest.Password).shows(200, "/harbour/")
	})
}

func TestA50SignInAnswersKnownAndUnknownAlike(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		w.Rig.Open("harbour")
		answer := func(email string, do func(v *visitor)) string {
			v := w.browser(home)
			do(v)
			return mask(v.page, email)
		}
		for name, do := range map[string]func(email string) func(v *visitor){
			"address": func(email string) func(v *visitor) {
				return func(v *visitor) { v.open("/sign-in").press("Continue", "email", email) }
			},
			"password": func(email string) func(v *visitor) {
				return func(v *visitor) { v.post("/sign-in", "email", email, "password", "some wrong words here") }
			},
			"forgot": func(email string) func(v *visitor) {
				return func(v *visitor) { v.open("/sign-in/forgot").press("Email me a link", "email", email) }
			},
		} {
			known, unknown := "admin@harbour.example", "nobody@harbour.example"
			if a, b := answer(known, do(known)), answer(unknown, do(unknown)); a != b {
				t.Errorf("%s tells known from unknown:\n%s\n%s", name, a, b)
			}
		}
	})
}

func TestGuessingIsSlowedAndTheOwnerStillGetsIn(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		owner := w.Rig.Open("harbour")
		thief := w.browser(cafe)
		for range 10 {
			thief.post("/sign-in", "email", owner.Email, "password", "guess guess guess")
		}
		thief.post("/sign-in", "email", owner.Email, "password", accounttest.Password).shows(429, "/sign-in", "Too many tries. Wait", "second")
		if thief.header.Get("Retry-After") == "" || !strings.Contains(thief.body, `value="`+owner.Email+`"`) {
			t.Error("no Retry-After, or the address is gone")
		}
		own := w.browser(office)
		own.plant(deviceCookie, owner.Device())
		own.signIn(owner.Email, accounttest.Password).shows(200, "/harbour/")

		w.Clock.Advance(20 * time.Minute)
		thief.post("/sign-in", "email", owner.Email, "password", "guess guess guess").shows(422, "/sign-in", "do not match")
	})
}

func TestA48SignOutEndsTheSessionOnTheServer(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		v := w.as(w.Rig.Open("harbour"))
		token := v.cookie(sessionCookie)
		v.open("/accounts").press("Sign out").shows(200, "/sign-in", "You are signed out")
		if v.cookie(sessionCookie) != "" {
			t.Error("the cookie stayed")
		}
		if got := w.cleared(token); got != `"cache", "storage"` {
			t.Errorf("an ended session is answered with Clear-Site-Data %q", got)
		}
		if got := w.cleared(""); got != "" {
			t.Errorf("nobody's request is answered with Clear-Site-Data %q", got)
		}
		if got := w.cleared(w.Rig.Open("northside").Session()); got != "" {
			t.Errorf("somebody who is signed in is answered with Clear-Site-Data %q", got)
		}
		copied := w.browser(home)
		copied.plant(sessionCookie, token)
		copied.open("/profile").shows(200, "/sign-in")
		v.post("/sign-out").shows(200, "/sign-in", "You are signed out")
	})
}

// cleared is what the answer to somebody with that session tells the browser to forget.
func (w *world) cleared(session string) string {
	req := httptest.NewRequestWithContext(w.t.Context(), http.MethodGet, w.portal.BaseURL+"/profile", nil)
	if session != "" {
		req.AddCookie(w.portal.cookie(sessionCookie, session, time.Hour))
	}
	out := httptest.NewRecorder()
	w.portal.ServeHTTP(out, req)
	return out.Header().Get("Clear-Site-Data")
}

// Signing out tells the browser to forget, in the answer itself.
func TestSigningOutForgets(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, w.portal.BaseURL+"/sign-out", nil)
		req.AddCookie(w.portal.cookie(sessionCookie, w.Rig.Open("harbour").Session(), time.Hour))
		out := httptest.NewRecorder()
		w.portal.ServeHTTP(out, req)
		if got := out.Header().Get("Clear-Site-Data"); out.Code != http.StatusSeeOther || got != `"cache", "storage"` {
			t.Errorf("%d, Clear-Site-Data %q", out.Code, got)
		}
	})
}

func TestWhatWasTypedSurvivesTheEndOfASession(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		owner := w.Rig.Open("harbour")
		v := w.as(owner)
		v.open("/profile").shows(200, "/profile")
		if err := w.Room.SignOut(t.Context(), owner.Session()); err != nil {
			t.Fatal(err)
		}
		v.press("Save changes", "name", "Priya Nair", "theme", "dark").shows(401, "/profile", "You have been signed out. Sign in and we will bring back what you typed")
		if strings.Contains(v.body, "Priya") {
			t.Error("what was typed travels in clear")
		}
		v.press("Continue", "email", owner.Email).press("Sign in", "password", "wrong words wrong words").shows(422, "/sign-in")
		v.press("Sign in", "password", accounttest.Password).shows(200, "/sign-in", "What you typed is kept")
		v.press("Continue").shows(200, "/profile", "Your details are changed")
		if !strings.Contains(v.body, `value="Priya Nair"`) || !strings.Contains(v.body, `data-theme="dark"`) {
			t.Error("what was typed was not saved")
		}
	})
}
