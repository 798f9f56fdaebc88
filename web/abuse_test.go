package web

import (
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"hubline/base/db/dbtest"
	"hubline/product/account"
	"hubline/product/account/accounttest"
	"hubline/product/call"
)

// Abuse cases of docs/security.md whose rule is about what the portal takes and shows.

// Abuse case A7: a second address slips into a mail flow. Every mail goes to the one stored address, as it is stored.
func TestA7MailsGoToTheStoredAddress(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		jo := w.Join(w.Rig.Open("harbour"), "jo@harbour.example")
		w.RunJobs()
		before := len(w.Box.Mails())
		known := 0
		for _, form := range []url.Values{
			{"email": {"JO@Harbour.Example"}}, {"email": {jo.Email, "evil@evil.example"}}, {"email": {"evil@evil.example", jo.Email}},
			{"email": {jo.Email}, "email[]": {"evil@evil.example"}}, {"email[]": {jo.Email, "evil@evil.example"}}, {"email": {jo.Email}, "to": {"evil@evil.example"}, "cc": {"evil@evil.example"}},
			{"email": {jo.Email + ",evil@evil.example"}}, {"email": {jo.Email + " evil@evil.example"}}, {"email": {jo.Email + "\r\nBcc: evil@evil.example"}}, {"email": {"evil@evil.example;" + jo.Email}},
			{"email": {"<" + jo.Email + ">"}}, {"email": {jo.Email + "%0aevil@evil.example"}},
		} {
			w.exec(`DELETE FROM throttles`)
			w.Clock.Advance(20 * time.Minute)
			w.ask(http.MethodPost, "/sign-in/forgot?email=evil@evil.example", "", form)
			w.RunJobs()
		}
		for _, m := range w.Box.Mails()[before:] {
			if known++; m.To != jo.Email || strings.Contains(m.Subject+m.Text+m.HTML, "evil") {
				t.Errorf("%q went to %s", m.Subject, m.To)
			}
		}
		if known == 0 {
			t.Error("no mail came, so nothing was proved")
		}
	})
}

// Abuse case A10: what opens something leaves once, in the mail. No page, file or stream shows a token that is alive, nor the hash under
// which the store knows it, to anybody.
func TestA10TokensLeaveInMailsOnly(t *testing.T) {
	t.Parallel()
	c := newCast(t, dbtest.SQLite(t))
	secrets := map[string]string{}
	keep := func(what, token string) {
		if len(token) > 8 {
			secrets[token] = what
		}
	}
	keep("the link of an invitation", c.Token(c.own.invitation))
	for _, p := range append(slices.Clone(c.players), c.clerk) {
		keep("a session", p.session)
		keep("another session", p.ended)
		keep("a browser's name", p.device)
		keep("the link to a new address", p.move)
	}
	for what, token := range map[string]string{"the link of an invitation": c.invitation, "the link for a password": c.reset, "a link that takes an address back": c.undo,
		"a link that sets up a phone": c.setUp, "an app's document": c.provision, "a recovery code": c.recovery} {
		keep(what, token)
	}
	hashes := 0
	for _, table := range []string{"invitations", "sessions", "api_keys"} {
		rows, err := c.DB.QueryContext(t.Context(), `SELECT token_hash FROM `+table+` WHERE token_hash IS NOT NULL`)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var hash string
			if err := rows.Scan(&hash); err != nil {
				t.Fatal(err)
			}
			keep("a hash of "+table, hash)
			hashes++
		}
		rows.Close()
	}
	pages := 0
	for _, who := range []*player{c.active(account.Admin, account.Billing), c.active(), c.clerk} {
		for _, rt := range c.portal.Routes() {
			cl := &cell{c, rt, who, "signed in", "own", c.own}
			if rt.Method != http.MethodGet || cl.expected() != open {
				continue
			}
			got, err := cl.request()
			if err != nil {
				t.Fatal(err)
			}
			pages++
			all := strings.ReplaceAll(cl.everything(got), got.url.RequestURI(), "") // a page may lead to itself
			for token, what := range secrets {
				own := strings.Contains(got.url.Path, token) || rt.Pattern == "/phone/set-up/{token}" && token == c.provision
				if !own && strings.Contains(all, token) {
					t.Errorf("%s shows %s", cl, what)
				}
			}
		}
		c.frozen.Restore()
	}
	if hashes < 20 || pages < 100 {
		t.Errorf("%d hashes were looked for on %d pages", hashes, pages)
	}
	t.Logf("%d secrets looked for in %d answers", len(secrets), pages)
}

// Abuse case A24: accepting signs nobody in by itself. A session comes only with a password, chosen or known, in the same form.
func TestA24AcceptingAloneSignsNobodyIn(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		w.Join(w.Rig.Open("northside"), "known@letters.example")
		for _, email := range []string{"new@letters.example", "known@letters.example"} {
			_, link := w.invite(admin, email)
			v := w.browser(home)
			seal := shown(v.open(link).page)
			for _, form := range [][]string{nil, {"shown", seal}, {"shown", seal, "name", "Jo"}, {"shown", seal, "name", "Jo", "password", ""}, {"shown", seal, "name", "Jo", "password", "short"},
				{"shown", seal, "name", "Jo", "passkey", "{}", "challenge", "x"}} {
				v.post(link, form...)
				if v.cookie(sessionCookie) != "" || v.status < 400 {
					t.Errorf("%s with %q: %d, signed in: %t", email, form, v.status, v.cookie(sessionCookie) != "")
				}
			}
			var sessions int
			if err := w.DB.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM sessions s JOIN people p ON p.id = s.person_id WHERE p.email = $1 AND s.user_agent = $2 AND s.address = $3`,
				email, accounttest.UserAgent, home).Scan(&sessions); err != nil || sessions != 0 {
				t.Errorf("%s has %d sessions from there, %v", email, sessions, err)
			}
		}
	})
}

// Abuse cases A26 and A52: there is no address where somebody could register, and whoever comes first to an empty installation finds
// nothing to claim: every route that takes strangers is asked, and nobody exists afterwards.
func TestA26A52StrangersMakeNobody(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		tried := 0
		form := pairs("email", "first@evil.example", "name", "First", "password", newPassword, "new_password", newPassword, "step", "send", "staff", "1", "roles", "admin", "shown", "x", "slug", "evil", "admin_email", "first@evil.example")
		ask := func(method, path string) {
			for _, from := range []string{"127.0.0.1", "192.0.2.1"} {
				got := w.ask(method, path, "", form, "X-Forwarded-For: "+from)
				if tried++; got.status >= 500 {
					t.Errorf("%s %s: %d", method, path, got.status)
				}
				if strings.Contains(strings.Join(got.header.Values("Set-Cookie"), ""), sessionCookie+"=hs_") {
					t.Errorf("%s %s signs in", method, path)
				}
			}
		}
		for _, rt := range w.portal.Routes() {
			path := regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(strings.TrimSuffix(rt.Pattern, "{$}"), "x")
			ask(rt.Method, path)
		}
		for _, path := range []string{"/register", "/sign-up", "/signup", "/setup", "/install", "/api/install", "/admin", "/users", "/first-run", "/console/staff", "/invitations", "/people"} {
			ask(http.MethodGet, path)
			ask(http.MethodPost, path)
		}
		for _, table := range []string{"people", "accounts", "memberships", "invitations", "sessions"} {
			var n int
			if err := w.DB.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM `+table).Scan(&n); err != nil || n != 0 {
				t.Errorf("%d rows in %s, %v", n, table, err)
			}
		}
		t.Logf("%d requests by strangers", tried)
	})
}

// Abuse case A35: what a person may change of themselves carries nothing else along.
func TestA35AProfileCarriesNoRights(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		jo := w.Join(w.Rig.Open("harbour"), "jo@harbour.example")
		row := func() (all string) {
			var email, verified, password string
			var staff, roles, state string
			if err := w.DB.QueryRowContext(t.Context(), `SELECT p.email, CAST(p.verified_at AS TEXT), p.password, CAST(p.staff AS TEXT), m.roles, m.state FROM people p JOIN memberships m ON m.person_id = p.id WHERE p.email = $1`,
				jo.Email).Scan(&email, &verified, &password, &staff, &roles, &state); err != nil {
				t.Fatal(err)
			}
			return strings.Join([]string{email, verified, password, staff, roles, state}, "|")
		}
		before := row()
		v := w.as(jo)
		v.post("/profile", "name", "Jo New", "theme", "dark", "roles", "admin", "role", "admin", "roles[]", "admin", "own_roles", "admin", "staff", "1", "is_admin", "true", "state", "active",
			"verified_at", "1", "email", "evil@evil.example", "password", newPassword, "account", "harbour").shows(200, "/profile", "Your details are changed")
		if after := row(); after != before {
			t.Errorf("a form for a name made\n%s of\n%s", after, before)
		}
		v.open("/harbour/hub-users").shows(403, "/harbour/hub-users")
	})
}

// Threat S19: what phones and callers say about themselves is shown on pages, in files and in streams. Whatever it is, it stays words.
func TestS19WordsOfPhonesStayWords(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		v := w.as(admin)
		tried, showed := 0, 0
		for n, what := range slices.Sorted(maps.Keys(badValues)) {
			value := badValues[what]
			if strings.ContainsRune(value, 0) || len(value) > 500 {
				continue // no field of SIP is taken that long, and no store keeps that byte
			}
			r := w.answered(time.Duration(n+1)*time.Minute, 9*time.Second, 95*time.Second)
			r.FromName, r.ToName, r.AnsweringPoint, r.ServiceName, r.FromNumber, r.ToNumber = value, value, value, value, value, value
			r.Steps = []call.Step{{At: r.StartedAt, Kind: "ringing", Party: value, Status: 180, Text: value}}
			ids := w.record(admin.Account, r)
			for _, address := range []string{"/harbour/calls/" + ids[0], "/harbour/reports/inbound-calls", "/harbour/reports/inbound-calls.csv", "/harbour/reports/all-calls?q=" + url.QueryEscape(value)} {
				got := w.ask(http.MethodGet, address, admin.Session(), nil)
				if tried++; got.status != http.StatusOK && got.status != http.StatusNotFound { // text that is none finds nothing
					t.Errorf("%s with %s: %d", address, what, got.status)
				}
				if strings.Contains(got.body, mark) {
					showed++
				}
				for _, problem := range unsafe(got) {
					t.Errorf("%s with %s: %s", address, what, problem)
				}
				if policy := got.header.Get("Content-Security-Policy"); strings.Contains(policy, "unsafe") || !strings.Contains(policy, "script-src") {
					t.Errorf("%s: the policy is %q", address, policy)
				}
			}
		}
		v.open("/harbour/calls").shows(200, "/harbour/calls")
		if showed < 20 {
			t.Errorf("only %d answers show what phones say, so little was proved", showed)
		}
		t.Logf("%d answers with words of phones, in %d of them marked ones", tried, showed)
	})
}
