package web

import (
	"strings"
	"testing"
	"time"

	"hubline/product/account/accounttest"
)

// stale makes the person's last check too old to count, in a session that goes on.
func (w *world) stale() { w.Clock.Advance(31 * time.Minute) }

const guarded = "/harbour/hub-users/invite" // needs a fresh check already when it is opened

func TestCheckByCode(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		w.stale()
		v := w.as(admin)
		v.open("/check?next="+guarded).shows(200, "/check", "Confirm it is you", admin.Email, "Email me a code")
		before := len(w.mails(admin.Email))
		if v.open("/check?next=" + guarded); len(w.mails(admin.Email)) != before {
			t.Fatal("looking sends mail")
		}
		old := v.cookie(sessionCookie)
		v.presses = 0
		v.press("Email me a code").shows(200, "/check/code", "We emailed a six-digit code to admin@harbour.example", "send a new code")
		code := w.code(admin.Email)
		v.press("Confirm", "code", "").shows(422, "/check", "Enter the six-digit code from the email")
		v.press("Confirm", "code", wrong(code)).shows(422, "/check", "That code is not right. You have 4 tries left")
		v.press("Confirm", "code", strings.ReplaceAll(code, " ", " - ")).shows(200, guarded)
		if v.cookie(sessionCookie) == old {
			t.Error("the token is the same after a check")
		}
		copied := w.browser(cafe)
		copied.plant(sessionCookie, old)
		copied.open("/profile").shows(200, "/sign-in")
		v.post("/check", "code", code).shows(422, "/check", "That code has run out. Send a new one", "Email me a code")
	})
}

func wrong(code string) string {
	if code[0] == '9' {
		return "1" + code[1:]
	}
	return "9" + code[1:]
}

func TestCheckCodesEnd(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		w.stale()
		v := w.as(admin)
		v.open("/check?next=/harbour/").press("Email me a code")
		first := w.code(admin.Email)
		v.press("send a new code").shows(429, "/check/code", "We just sent a code. Wait", "seconds", "Code from the email")
		if v.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		w.Clock.Advance(time.Minute)
		v.press("send a new code").shows(200, "/check/code")
		second := w.code(admin.Email)
		if first != second {
			v.press("Confirm", "code", first).shows(422, "/check", "not right")
		}
		for range 3 {
			v.press("Confirm", "code", wrong(second)).shows(422, "/check", "not right")
		}
		v.post("/check", "code", wrong(second)).post("/check", "code", second).shows(422, "/check", "Email me a code")

		w.Clock.Advance(time.Minute)
		v.press("Email me a code").shows(200, "/check/code")
		late := w.code(admin.Email)
		w.Clock.Advance(11 * time.Minute)
		v.press("Confirm", "code", late).shows(422, "/check", "That code has run out. Send a new one")

		other := w.as(w.Rig.Open("northside"))
		v.press("Email me a code")
		other.post("/check", "code", w.code(admin.Email)).shows(422, "/check", "run out")
	})
}

func TestCheckStandsAlready(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		v := w.as(admin)
		before := len(w.mails(admin.Email))
		v.post("/check/code", "next", guarded).shows(200, guarded)
		if len(w.mails(admin.Email)) != before {
			t.Error("a mail although the check is fresh")
		}
		w.stale()
		v.post("/check/code", "next", guarded).shows(200, "/check/code", "Code from the email")
		v.post("/check/code", "next", guarded).shows(200, "/check/code", "Code from the email") // from another tab: one code serves both
		v.press("Confirm", "code", w.code(admin.Email)).shows(200, guarded)
	})
}

func TestFormIsKeptOverACheck(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		kim := w.Join(admin, "kim@harbour.example")
		page := "/harbour/hub-users/" + kim.ID()
		v := w.as(admin)
		w.stale()
		v.open(page).press("Save changes", "name", "Kim Lee", "roles", "billing").shows(401, page, "Confirm it is you", "Email me a code")
		if strings.Contains(v.body, "Kim Lee") {
			t.Error("what was typed travels in clear")
		}
		v.press("Email me a code").press("Confirm", "code", "000 000 0").shows(422, "/check")
		v.press("Confirm", "code", w.code(admin.Email)).shows(200, "/check", "What you typed is kept")
		v.press("Continue").shows(200, "/harbour/*", "Kim")
		if got := kim.Actor().Roles.String(); got != "Billing" {
			t.Errorf("kim is %s", got)
		}
	})
}

func TestStaffConfirmForThemselves(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		w.Rig.Staff("sam@provider.example")
		v := w.browser(office).signIn("sam@provider.example", accounttest.Password)
		v.open("/check").press("Email me a code").shows(200, "/check/code", "We emailed a six-digit code")
		w.browser(home).post("/check/code").shows(401, "/check/code", "Sign in")
	})
}
