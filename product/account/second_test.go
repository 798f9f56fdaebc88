package account_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// person is the user outside every account, as their own pages have them.
func person(t *testing.T, r *accounttest.Rig, u *accounttest.User) account.Actor {
	t.Helper()
	actor, err := r.SignedIn(t.Context(), u.Session(), accounttest.Address)
	must(t, err)
	return actor
}

// wantHalf checks that a sign-in stopped before the session, and completes it.
func wantHalf(t *testing.T, r *accounttest.Rig, app *accounttest.App, in account.Entrance, err error) account.Entrance {
	t.Helper()
	must(t, err)
	if in.Session != "" || in.Half == "" {
		t.Fatal("a session without the second factor")
	}
	r.Clock.Advance(30 * time.Second) // the next code
	done, err := r.FinishSignIn(t.Context(), in.Half, app.Code(), false, browser("192.0.2.9"))
	must(t, err)
	if done.Session == "" {
		t.Fatal("no session with the second factor")
	}
	return done
}

// TestA45SecondFactorOnEveryPath walks every way to a session as somebody who has a second factor.
func TestA45SecondFactorOnEveryPath(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		c := t.Context()
		admin, north := r.Open("harbour"), r.Open("northside")
		jo := r.Join(admin, "jo@harbour.example").Check()
		app := jo.Enrol()

		in, err := r.Room.SignIn(c, jo.Email, accounttest.Password, browser("192.0.2.9"))
		in = wantHalf(t, r, app, in, err)
		actor, err := r.Enter(c, in.Session, "harbour", accounttest.Address)
		if must(t, err); !actor.SignedInWith(account.ByPassword) || !actor.SignedInWith(account.ByTOTP) {
			t.Error("the session does not keep both factors")
		}

		invitation, token := r.Invite(north, jo.Email)
		w, err := r.Welcome(c, token)
		must(t, err)
		in, _, err = r.AcceptSigningIn(c, token, w.Shown, accounttest.Password, browser("192.0.2.9"))
		wantHalf(t, r, app, in, err)
		if n := scan[int](t, r, `SELECT COUNT(*) FROM memberships WHERE account_id = $1 AND email = $2`, invitation.AccountID, jo.Email); n != 0 {
			t.Error("half a sign-in joined the account")
		}

		must(t, r.AskReset(c, jo.Email, browser("192.0.2.9")))
		reset := r.ResetToken(jo.Email)
		r.RunJobs()
		in, err = r.SetPassword(c, reset, "quince tram wattle 14", browser("192.0.2.9"))
		in = wantHalf(t, r, app, in, err)

		actor, err = r.SignedIn(c, in.Session, accounttest.Address)
		must(t, err)
		in, err = r.ChangePassword(c, actor, "quince tram wattle 14", accounttest.Password, browser("192.0.2.9"))
		if must(t, err); in.Session == "" {
			t.Error("a session with both factors lost one by a change of password")
		}
		prove := `UPDATE sessions SET proofs = 'password:1' WHERE person_id = $1`
		must(t, second(r.DB.ExecContext(c, prove, in.Person.ID)))
		actor, err = r.SignedIn(c, in.Session, accounttest.Address)
		must(t, err)
		in, err = r.ChangePassword(c, actor, accounttest.Password, "quince tram wattle 14", browser("192.0.2.9"))
		wantHalf(t, r, app, in, err)
	})
}

func TestA46CodesCountOnce(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		c := t.Context()
		jo := r.Open("harbour")
		app := jo.Enrol()
		half := func() string {
			in, err := r.Room.SignIn(c, jo.Email, accounttest.Password, browser("192.0.2.9"))
			must(t, err)
			return in.Half
		}
		_, err := r.FinishSignIn(c, half(), app.Code(), false, browser("192.0.2.9"))
		wantFault(t, err, "totp-wrong", "was used") // the code that set the app up
		r.Clock.Advance(30 * time.Second)
		first := half()
		must(t, second(r.FinishSignIn(c, first, app.Code(), false, browser("192.0.2.9"))))
		_, err = r.FinishSignIn(c, half(), app.Code(), false, browser("192.0.2.9"))
		wantFault(t, err, "totp-wrong")
		r.Clock.Advance(30 * time.Second)
		_, err = r.FinishSignIn(c, first, app.Code(), false, browser("192.0.2.9"))
		wantFault(t, err, "half-ended") // and what failed used no code up
		must(t, second(r.FinishSignIn(c, half(), app.Code(), false, browser("192.0.2.9"))))

		code := app.Recovery[3]
		must(t, second(r.FinishSignIn(c, half(), strings.ToUpper(code), false, browser("192.0.2.9"))))
		_, err = r.FinishSignIn(c, half(), code, false, browser("192.0.2.9"))
		wantFault(t, err, "recovery-wrong")
		r.RunJobs()
		if got := strings.Join(r.Mails.Subjects(jo.Email), "; "); !strings.Contains(got, "A recovery code was used") || !strings.Contains(got, "An authenticator app was set up") {
			t.Errorf("mails: %s", got)
		}
		late := half()
		r.Clock.Advance(10 * minute)
		_, err = r.FinishSignIn(c, late, app.Code(), false, browser("192.0.2.9"))
		wantFault(t, err, "half-ended")
	})
}

// TestA46OneCodeRaced has many browsers use the same code at the same time: one gets in.
func TestA46OneCodeRaced(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := accounttest.New(t, d)
		jo := r.Open("harbour")
		app := jo.Enrol()
		r.Clock.Advance(30 * time.Second)
		const racers = 4 // fewer than the tries that are counted
		for _, code := range []string{app.Code(), app.Recovery[0]} {
			var halves [racers]string
			for i := range halves {
				in, err := r.Room.SignIn(t.Context(), jo.Email, accounttest.Password, browser("192.0.2.9"))
				must(t, err)
				halves[i] = in.Half
			}
			var won atomic.Int64
			var wait sync.WaitGroup
			for _, half := range halves {
				wait.Go(func() {
					in, err := r.FinishSignIn(t.Context(), half, code, false, browser("192.0.2.9"))
					if err == nil && in.Session != "" {
						won.Add(1)
					} else if f, ok := fault.Of(err); !ok || f.Kind != fault.Invalid {
						t.Error(err)
					}
				})
			}
			wait.Wait()
			if won.Load() != 1 {
				t.Errorf("%d of %d got in with one code", won.Load(), racers)
			}
			r.Clock.Advance(6 * minute) // the losers' tries are forgotten
		}
	})
}

func TestA46WrongCodesAreCounted(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		c := t.Context()
		jo := r.Open("harbour")
		app := jo.Enrol()
		half := func() string {
			in, err := r.Room.SignIn(c, jo.Email, accounttest.Password, jo.Browser())
			must(t, err)
			return in.Half
		}
		wrong := func() string { // never what the app shows in this minute
			for _, guess := range []string{"000000", "111111", "222222", "333333"} {
				if guess != app.Code() {
					return guess
				}
			}
			return "444444"
		}
		tries := 0
		for tries < 100 {
			h := half()
			for range 5 {
				err := second(r.FinishSignIn(c, h, wrong(), false, jo.Browser()))
				if tries++; !isFault(err, "totp-wrong") {
					t.Fatalf("wrong code %d: %v", tries, err)
				}
			}
			wantFault(t, second(r.FinishSignIn(c, h, app.Code(), false, jo.Browser())), "too-many-tries")
			r.Clock.Advance(5*minute + time.Second)
		}
		r.Clock.Advance(30 * time.Second)
		wantFault(t, second(r.FinishSignIn(c, half(), app.Code(), false, jo.Browser())), "totp-locked")
		must(t, second(r.FinishSignIn(c, half(), app.Recovery[0], false, jo.Browser())))
		r.Clock.Advance(30 * time.Second)
		must(t, second(r.FinishSignIn(c, half(), app.Code(), false, jo.Browser())))
	})
}

func isFault(err error, code string) bool {
	f, ok := fault.Of(err)
	return ok && f.Code == code
}

func TestARememberedBrowser(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		c := t.Context()
		jo := r.Open("harbour")
		app := jo.Enrol()
		in, err := r.Room.SignIn(c, jo.Email, accounttest.Password, browser("192.0.2.9"))
		must(t, err)
		r.Clock.Advance(30 * time.Second)
		in, err = r.FinishSignIn(c, in.Half, app.Code(), true, browser("192.0.2.9"))
		must(t, err)
		known := browser("192.0.2.9")
		known.Device = in.Device
		enters := func(want bool) {
			t.Helper()
			in, err := r.Room.SignIn(c, jo.Email, accounttest.Password, known)
			must(t, err)
			if (in.Session != "") != want {
				t.Errorf("the browser stands for the second factor: %v", in.Session != "")
			}
		}
		enters(true)
		other := browser("192.0.2.9")
		if in, err := r.Room.SignIn(c, jo.Email, accounttest.Password, other); err != nil || in.Half == "" {
			t.Errorf("another browser counts too: %v", err)
		}
		jo.CheckWith(app)
		must(t, policy(t, r, jo, func(p *account.SignInPolicy) { p.RememberDevices = false }))
		enters(false)
		jo.CheckWith(app)
		must(t, policy(t, r, jo, func(p *account.SignInPolicy) { p.RememberDevices = true }))
		enters(true)
		r.Clock.Advance(30 * day)
		enters(false)
	})
}

func TestA47StepUpAsksForTheSecondFactor(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		c := t.Context()
		jo := r.Open("harbour")
		app := jo.Enrol()
		if !jo.Actor().Checked {
			t.Error("setting an app up is no check")
		}
		r.Clock.Advance(31 * minute)
		wantFault(t, r.SendCode(c, jo.Actor(), jo.Browser()), "check-stronger")
		wantFault(t, second(r.ConfirmCode(c, jo.Actor(), "000000")), "totp-wrong")
		before := jo.Session()
		jo.CheckWith(app)
		if !jo.Actor().Checked || jo.Session() == before {
			t.Error("a code of the app is no check, or the session keeps its token")
		}
		// TestA48: the token from before the check is worth nothing.
		wantFault(t, second(r.SignedIn(c, before, accounttest.Address)), "signed-out")
	})
}

func TestTurningTheSecondFactorOff(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		c := t.Context()
		admin := r.Open("harbour")
		jo := r.Join(admin, "jo@harbour.example", account.Admin)
		wantFault(t, r.StartAuthenticator(c, person(t, r, jo)), "check-needed")
		app := jo.Check().Enrol()
		r.Clock.Advance(11 * minute)
		wantFault(t, r.RemoveAuthenticator(c, person(t, r, jo), jo.Browser()), "check-needed")
		wantFault(t, second(r.NewRecoveryCodes(c, person(t, r, jo), jo.Browser())), "check-needed")
		jo.CheckWith(app)
		must(t, policy(t, r, jo, func(p *account.SignInPolicy) { p.SecondFactor = account.OfHolders }))
		wantFault(t, r.RemoveAuthenticator(c, person(t, r, jo), jo.Browser()), "second-factor-asked", "Harbour Group")
		must(t, policy(t, r, jo, func(p *account.SignInPolicy) { p.SecondFactor = account.OfNobody }))
		codes, err := r.NewRecoveryCodes(c, person(t, r, jo), jo.Browser())
		if must(t, err); len(codes) != 10 || len(codes[0]) != 19 {
			t.Errorf("codes %q", codes)
		}
		jo.CheckWith(app)
		must(t, r.RemoveAuthenticator(c, person(t, r, jo), jo.Browser()))
		in, err := r.Room.SignIn(c, jo.Email, accounttest.Password, jo.Browser())
		if err != nil || in.Session == "" {
			t.Errorf("after turning it off: %v", err)
		}
		if n := scan[int](t, r, `SELECT COUNT(*) FROM recovery_codes`); n != 0 {
			t.Errorf("%d recovery codes stay", n)
		}
		r.RunJobs()
		if got := strings.Join(r.Mails.Subjects(jo.Email), "; "); !strings.Contains(got, "Your authenticator app was removed") {
			t.Errorf("mails: %s", got)
		}
		events, err := r.OwnEvents(c, person(t, r, jo))
		if must(t, err); len(events) < 4 || events[0].Words() != "Signed in with a password" || events[1].Words() != "Authenticator app removed" {
			t.Errorf("events %v", events)
		}
	})
}

// An app that another session began to set up is nobody's to read or to confirm.
func TestAnAppIsSetUpInOneSession(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		c := t.Context()
		jo := r.Open("harbour")
		mine := person(t, r, jo)
		must(t, r.StartAuthenticator(c, mine))
		jo.SignIn()
		other := person(t, r, jo)
		wantFault(t, second(r.PendingAuthenticator(c, other)), "not-found")
		_, _, err := r.ConfirmAuthenticator(c, other, "123456", jo.Browser())
		wantFault(t, err, "not-found")
		_, _, err = r.ConfirmAuthenticator(c, mine, "000000", jo.Browser())
		if !isFault(err, "totp-wrong") {
			t.Error(err)
		}
		r.Clock.Advance(time.Hour)
		wantFault(t, second(r.PendingAuthenticator(c, mine)), "not-found") // an hour is enough
	})
}
