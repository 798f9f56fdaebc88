package account_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

const newPassword = "a brand new 9 password"

// asked asks for a link, lets the mail go and returns the link's token.
func asked(t *testing.T, r *accounttest.Rig, email string) string {
	t.Helper()
	must(t, r.AskReset(t.Context(), email, browser("192.0.2.9")))
	token := r.ResetToken(email)
	r.RunJobs()
	return token
}

func TestReset(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		jo := r.Join(r.Open("harbour"), "jo@harbour.example", account.Billing)
		old := jo.Session()
		token := asked(t, r, "jo@harbour.example")
		if p, err := r.PasswordLink(t.Context(), token); err != nil || p.Email != "jo@harbour.example" {
			t.Fatalf("the link is for %+v, %v", p, err)
		}
		for password, code := range map[string]string{"": "password-empty", "short": "password-short", "passwordpassword": "password-common"} {
			wantFault(t, second(r.SetPassword(t.Context(), token, password, browser("192.0.2.9"))), code)
		}
		in, err := r.SetPassword(t.Context(), token, newPassword, browser("192.0.2.9"))
		must(t, err)
		if enters(t, r, jo, old) || !enters(t, r, jo, in.Session) {
			t.Error("sessions from before go on, or the new one does not work")
		}
		wantFault(t, second(r.SignIn(t.Context(), "jo@harbour.example", accounttest.Password, jo.Browser())), "sign-in-failed")
		must(t, second(r.SignIn(t.Context(), "jo@harbour.example", newPassword, jo.Browser())))
		f := wantFault(t, second(r.SetPassword(t.Context(), token, "yet another 3 password", browser("192.0.2.9"))), "password-link-unknown", "run out or was used", "Ask for a new one")
		if f.Kind != fault.NotFound {
			t.Errorf("%+v", f)
		}
		wantFault(t, second(r.PasswordLink(t.Context(), token)), "password-link-unknown")
		r.RunJobs()
		subjects := r.Mails.Subjects("jo@harbour.example")
		if len(subjects) < 2 || subjects[0] != "Choose a new password" {
			t.Errorf("mails: %q", subjects)
		}
	})
}

// Every address gets the same answer and leaves the same behind in the request; only the mail knows the difference.
func TestA50AskResetAnswersAlike(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		r.Join(r.Open("harbour"), "jo@harbour.example")
		r.Forget()
		var jobs [2]int
		for i, email := range []string{"jo@harbour.example", "nobody@harbour.example"} {
			for range 5 { // more than the mailbox gets
				must(t, r.AskReset(t.Context(), email, browser("192.0.2.9")))
			}
			jobs[i] = scan[int](t, r, `SELECT COUNT(*) FROM jobs`)
			r.RunJobs()
		}
		if jobs[0] != jobs[1] || jobs[0] != 3 {
			t.Errorf("asking five times queued %d jobs for a known and %d for an unknown address", jobs[0], jobs[1])
		}
		if known, all := len(r.Mails.To("jo@harbour.example")), len(r.Mails.To("")); known != 3 || all != 3 {
			t.Errorf("%d mails to the known address, %d in all", known, all)
		}
		wantFault(t, r.AskReset(t.Context(), "", browser("192.0.2.9")), "email-empty")
		wantFault(t, r.AskReset(t.Context(), "nonsense", browser("192.0.2.9")), "email-form")
		for range 20 {
			must(t, r.AskReset(t.Context(), "jo@harbour.example", browser("192.0.2.9")))
		}
		wantFault(t, r.AskReset(t.Context(), "jo@harbour.example", browser("192.0.2.9")), "too-many-tries")
		must(t, r.AskReset(t.Context(), "jo@harbour.example", browser("192.0.2.10")))
	})
}

// Only the newest link works, and for half an hour.
func TestA44OneLiveLink(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		r.Join(r.Open("harbour"), "jo@harbour.example")
		first := asked(t, r, "jo@harbour.example")
		r.Clock.Advance(minute)
		next := asked(t, r, "jo@harbour.example")
		wantFault(t, second(r.SetPassword(t.Context(), first, newPassword, browser("192.0.2.9"))), "password-link-unknown")
		r.Clock.Advance(30 * minute)
		wantFault(t, second(r.SetPassword(t.Context(), next, newPassword, browser("192.0.2.9"))), "password-link-unknown")
		r.Clock.Advance(-time.Millisecond)
		must(t, second(r.SetPassword(t.Context(), next, newPassword, browser("192.0.2.9"))))
	})
}

// A mail that comes late brings no dead link to life: not one that was used, not one that a newer ask or a new password ended.
func TestLateResetMails(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		jo := r.Join(r.Open("harbour"), "jo@harbour.example")
		r.Mails.Fail(errors.New("the mail server is away"))
		late := asked(t, r, "jo@harbour.example") // its mail is tried again later
		r.Clock.Advance(time.Second)
		must(t, second(r.ChangePassword(t.Context(), jo.Actor(), accounttest.Password, newPassword, jo.Browser())))
		r.Mails.Fail(nil)
		r.Clock.Advance(10 * minute)
		r.RunJobs()
		if err := second(r.PasswordLink(t.Context(), late)); err == nil {
			t.Error("a link asked for before the password was changed works after it")
		}

		// The mail went, the process died before noting it, the link was used, and the job runs again.
		must(t, r.AskReset(t.Context(), "jo@harbour.example", browser("192.0.2.9")))
		used := r.ResetToken("jo@harbour.example")
		var job struct{ id, kind, args string }
		must(t, r.DB.QueryRowContext(t.Context(), `SELECT id, kind, args FROM jobs WHERE kind = 'account.reset-mail'`).Scan(&job.id, &job.kind, &job.args))
		r.RunJobs()
		r.Clock.Advance(time.Second)
		must(t, second(r.SetPassword(t.Context(), used, "yet another 3 password", browser("192.0.2.9"))))
		_, err := r.DB.ExecContext(t.Context(), `INSERT INTO jobs (id, kind, args, attempts, run_at, lease, error, created_at, tried_at, dead_at) VALUES ($1, $2, $3, 1, 0, '', '', 0, 0, 0)`,
			job.id, job.kind, job.args)
		must(t, err)
		r.Mails.Clear()
		r.RunJobs()
		wantFault(t, second(r.SetPassword(t.Context(), used, "the attacker's 5 password", browser("198.51.100.1"))), "password-link-unknown")
		for _, m := range r.Mails.To("jo@harbour.example") {
			if m.Subject == "Choose a new password" {
				t.Error("a mail with a dead link was sent")
			}
		}
	})
}

func TestA43A44PasswordChangeEndsLinksAndSessions(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		jo := r.Join(admin, "jo@harbour.example")
		token := asked(t, r, "jo@harbour.example")
		elsewhere, err := r.SignIn(t.Context(), "jo@harbour.example", accounttest.Password, browser("192.0.2.9"))
		must(t, err)
		wantFault(t, second(r.ChangePassword(t.Context(), jo.Actor(), "wrong", newPassword, jo.Browser())), "password-wrong", "present password")
		wantFault(t, second(r.ChangePassword(t.Context(), jo.Actor(), accounttest.Password, "short", jo.Browser())), "password-short")
		if !enters(t, r, jo, elsewhere.Session) {
			t.Fatal("a refused change ended sessions")
		}
		in, err := r.ChangePassword(t.Context(), jo.Actor(), accounttest.Password, newPassword, jo.Browser())
		must(t, err)
		if enters(t, r, jo, elsewhere.Session) || enters(t, r, jo, jo.Session()) || !enters(t, r, jo, in.Session) || in.Device != jo.Device() {
			t.Error("after the change the wrong sessions are open")
		}
		wantFault(t, second(r.PasswordLink(t.Context(), token)), "password-link-unknown")
		if n := scan[int](t, r, `SELECT COUNT(*) FROM sessions WHERE person_id = $1`, in.Person.ID); n != 1 {
			t.Errorf("%d sessions are kept", n)
		}
		if !enters(t, r, admin, admin.Session()) {
			t.Error("somebody else was signed out")
		}
	})
}

// A session made under an older password is over even when its row is still there.
func TestEpoch(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		jo := r.Join(r.Open("harbour"), "jo@harbour.example")
		_, err := r.DB.ExecContext(t.Context(), `UPDATE people SET epoch = epoch + 1 WHERE email = 'jo@harbour.example'`)
		must(t, err)
		if enters(t, r, jo, jo.Session()) {
			t.Error("a session of an older epoch is open")
		}
	})
}

func TestLinkUsedTwiceAtOnce(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		r.Join(r.Open("harbour"), "jo@harbour.example")
		token := asked(t, r, "jo@harbour.example")
		errs := make([]error, 4)
		var wait sync.WaitGroup
		for i := range errs {
			wait.Go(func() { errs[i] = second(r.SetPassword(t.Context(), token, newPassword, browser("192.0.2.9"))) })
		}
		wait.Wait()
		done := 0
		for _, err := range errs {
			if err == nil {
				done++
			} else {
				wantFault(t, err, "password-link-unknown")
			}
		}
		if done != 1 {
			t.Errorf("a link was good for %d passwords", done)
		}
	})
}

// Guessing the present password in a stolen session is slowed.
func TestChangePasswordThrottle(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		jo := r.Join(r.Open("harbour"), "jo@harbour.example")
		wantFault(t, second(r.ChangePassword(t.Context(), jo.Actor(), "wrong", newPassword, jo.Browser())), "password-wrong")
		failed(t, r, "own:%", 9)
		wantFault(t, second(r.ChangePassword(t.Context(), jo.Actor(), "wrong", newPassword, jo.Browser())), "password-wrong")
		wantFault(t, second(r.ChangePassword(t.Context(), jo.Actor(), accounttest.Password, newPassword, jo.Browser())), "too-many-tries")
		jo.SignIn() // of its own counter
	})
}

// A browser that came in with the old password is unknown after the new one.
func TestNewPasswordForgetsOtherBrowsers(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		jo := r.Join(r.Open("harbour"), "jo@harbour.example")
		thief, err := r.SignIn(t.Context(), "jo@harbour.example", accounttest.Password, browser("198.51.100.1"))
		must(t, err)
		must(t, second(r.SetPassword(t.Context(), asked(t, r, "jo@harbour.example"), newPassword, jo.Browser())))
		known := func(device string) bool {
			t.Helper()
			_, err := r.DB.ExecContext(t.Context(), `DELETE FROM throttles`)
			must(t, err)
			wantFault(t, second(r.SignIn(t.Context(), "jo@harbour.example", "wrong", account.Browser{Address: "198.51.100.1", Device: device})), "sign-in-failed")
			return scan[int](t, r, `SELECT COUNT(*) FROM throttles WHERE key LIKE 'device:%'`) == 1
		}
		if !known(jo.Device()) || known(thief.Device) {
			t.Errorf("the owner's browser is known: %t, the other: %t", known(jo.Device()), known(thief.Device))
		}
		in, err := r.SignIn(t.Context(), "jo@harbour.example", newPassword, account.Browser{Address: "198.51.100.1", UserAgent: accounttest.UserAgent, Device: thief.Device})
		must(t, err)
		r.RunJobs()
		if got := r.Mails.Subjects("jo@harbour.example"); !slices.Contains(got, "New sign-in: Chrome on Windows") {
			t.Errorf("the owner is told %q of %s", got, in.Person.Email)
		}
	})
}
