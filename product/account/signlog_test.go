package account_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// Every try is one line of the log, which says how, from where and how it ended. It holds no secret and no address, and people who are
// here and who are not leave lines of the same kind.
func TestSignInsAreLogged(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var out bytes.Buffer
		r := accounttest.New(t, d, accounttest.With(func(c *account.Config) {
			c.Log = slog.New(slog.NewJSONHandler(&out, nil))
		}))
		jo := r.Open("harbour")
		app := jo.Check().Enrol()
		from := browser("198.51.100.9")
		lines := func() []string {
			list := strings.Split(strings.TrimSpace(out.String()), "\n")
			out.Reset()
			return list
		}
		wants := func(got []string, line string, words ...string) {
			t.Helper()
			if len(got) != 1 || !strings.Contains(got[0], `"msg":"`+line+`"`) {
				t.Fatalf("want one line %q, got %q", line, got)
			}
			for _, w := range append(words, `"event":"sign-in"`, `"from":"198.51.100.9"`) {
				if !strings.Contains(got[0], w) {
					t.Errorf("no %s in %s", w, got[0])
				}
			}
			for _, secret := range []string{jo.Email, "nobody@harbour", accounttest.Password, "wrong password", "000000"} {
				if strings.Contains(got[0], secret) {
					t.Errorf("%q is in %s", secret, got[0])
				}
			}
		}
		lines()
		wantFault(t, second(r.Room.SignIn(t.Context(), jo.Email, "wrong password 1", from)), "sign-in-failed")
		known := lines()
		wants(known, "sign-in refused", `"level":"WARN"`, `"with":"password"`, `"person":"`+jo.Actor().PersonID+`"`, `"fault":"sign-in-failed"`, `"tried":"`)
		wantFault(t, second(r.Room.SignIn(t.Context(), "nobody@harbour.example", "wrong password 1", from)), "sign-in-failed")
		unknown := lines()
		wants(unknown, "sign-in refused", `"level":"WARN"`, `"with":"password"`, `"person":""`, `"fault":"sign-in-failed"`, `"tried":"`)
		wantFault(t, second(r.Room.SignIn(t.Context(), strings.ToUpper(jo.Email), "wrong password 1", from)), "sign-in-failed")
		if again := lines(); tried(again[0]) != tried(known[0]) || tried(again[0]) == tried(unknown[0]) {
			t.Errorf("tries against one address can't be counted together: %q, %q, %q", known, again, unknown)
		}
		in, err := r.Room.SignIn(t.Context(), jo.Email, accounttest.Password, from)
		must(t, err)
		wants(lines(), "sign-in waits for the second factor", `"level":"INFO"`, `"person":"`+jo.Actor().PersonID+`"`)
		wantFault(t, second(r.FinishSignIn(t.Context(), in.Half, "000000", false, from)), "totp-wrong")
		wants(lines(), "sign-in refused", `"with":"totp"`, `"person":"`+jo.Actor().PersonID+`"`, `"fault":"totp-wrong"`)
		r.Clock.Advance(minute)
		must(t, second(r.FinishSignIn(t.Context(), in.Half, app.Code(), false, from)))
		wants(lines(), "signed in", `"level":"INFO"`, `"with":"totp"`, `"person":"`+jo.Actor().PersonID+`"`)
		wantFault(t, second(r.Room.SignIn(t.Context(), "not an address", "x", from)), "email-form")
		if got := out.String(); got != "" {
			t.Errorf("a slip of the keyboard is logged: %s", got)
		}
	})
}

// tried is the key by which tries against one address are counted together.
func tried(line string) string {
	_, after, _ := strings.Cut(line, `"tried":"`)
	key, _, _ := strings.Cut(after, `"`)
	return key
}

// Whoever signs in after others tried finds it among what happened to their sign-in, once.
func TestWrongPasswordsAreToldToTheirTarget(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		jo := r.Join(r.Open("harbour"), "jo@harbour.example")
		told := func() (list []string) {
			t.Helper()
			events, err := r.OwnEvents(t.Context(), jo.SignIn().Actor())
			must(t, err)
			for _, e := range events {
				if strings.HasPrefix(e.Words(), "Wrong passwords") {
					list = append(list, e.Words())
				}
			}
			return list
		}
		guess := func(n int) {
			for range n {
				wantFault(t, second(r.Room.SignIn(t.Context(), jo.Email, "wrong password 1", browser("198.51.100.9"))), "sign-in-failed")
			}
		}
		guess(4)
		if got := told(); len(got) != 0 {
			t.Errorf("a few slips are told: %q", got)
		}
		guess(3)
		if got := told(); len(got) != 1 || got[0] != "Wrong passwords from browsers you never used: 7" {
			t.Errorf("told %q", got)
		}
		if got := told(); len(got) != 1 {
			t.Errorf("told again: %q", got)
		}
		r.Clock.Advance(minute)
		guess(1)
		if got := told(); len(got) != 2 || got[0] != "Wrong passwords from browsers you never used: 8" {
			t.Errorf("told %q", got)
		}
	})
}
