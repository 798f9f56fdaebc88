package account_test

import (
	"testing"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// prove makes the user's session one that rests on these methods.
func prove(t *testing.T, r *accounttest.Rig, u *accounttest.User, methods ...account.Method) {
	t.Helper()
	var text string
	for i, m := range methods {
		if i > 0 {
			text += ","
		}
		text += string(m) + ":" + scan[string](t, r, `SELECT CAST(created_at AS TEXT) FROM sessions WHERE id = $1`, u.Actor().SessionID)
	}
	must(t, second(r.DB.ExecContext(t.Context(), `UPDATE sessions SET proofs = $2 WHERE id = $1`, u.Actor().SessionID, text)))
}

// policy changes how people sign in to the admin's account.
func policy(t *testing.T, r *accounttest.Rig, admin *accounttest.User, change func(*account.SignInPolicy)) error {
	t.Helper()
	a := admin.Actor().Account
	in := a.Policy.SignIn()
	change(&in)
	return second(r.ChangeSettings(t.Context(), admin.Actor(), account.Settings{Name: a.Name, TimeZone: a.Policy.TimeZone,
		InvitationHours: a.Policy.InvitationHours, CheckMinutes: a.Policy.CheckMinutes, SignIn: &in}, 0))
}

func inviteOne(t *testing.T, r *accounttest.Rig, actor account.Actor) ([]account.Invitation, error) {
	t.Helper()
	return r.Room.Invite(t.Context(), actor, account.Invite{Offers: []account.Offer{{Email: "new@harbour.example"}}})
}

// TestA45NeedsFollowPolicy checks the table: what an account asks, what a session rests on, what the member then lacks.
func TestA45NeedsFollowPolicy(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		standard, billing := r.Join(admin, "jo@harbour.example"), r.Join(admin, "bo@harbour.example", account.Billing)
		password, two, passkey, provider, kept, mailed := []account.Method{account.ByPassword}, []account.Method{account.ByPassword, account.ByTOTP}, []account.Method{account.ByPasskey},
			[]account.Method{account.ByProvider}, []account.Method{account.ByPassword, account.ByDevice}, []account.Method{account.ByPassword, account.ByEmailCode}
		for _, row := range []struct {
			demand   account.Demand
			methods  account.Methods
			remember bool
			who      *accounttest.User
			shown    []account.Method
			want     account.Need
		}{
			{account.OfNobody, account.MethodsOf(account.SignInMethods...), true, standard, password, ""},
			{account.OfHolders, account.MethodsOf(account.SignInMethods...), true, standard, password, ""},
			{account.OfHolders, account.MethodsOf(account.SignInMethods...), true, billing, password, account.NeedSecondFactor},
			{account.OfHolders, account.MethodsOf(account.SignInMethods...), true, billing, mailed, account.NeedSecondFactor},
			{account.OfHolders, account.MethodsOf(account.SignInMethods...), true, billing, two, ""},
			{account.OfHolders, account.MethodsOf(account.SignInMethods...), true, billing, passkey, ""},
			{account.OfEveryone, account.MethodsOf(account.SignInMethods...), true, standard, provider, account.NeedSecondFactor},
			{account.OfEveryone, account.MethodsOf(account.SignInMethods...), true, standard, kept, ""},
			{account.OfEveryone, account.MethodsOf(account.SignInMethods...), false, standard, kept, account.NeedSecondFactor},
			{account.OfNobody, account.MethodsOf(account.ByPasskey), true, standard, password, account.NeedMethod},
			{account.OfNobody, account.MethodsOf(account.ByPasskey), true, standard, two, account.NeedMethod},
			{account.OfNobody, account.MethodsOf(account.ByPasskey), true, standard, passkey, ""},
			{account.OfNobody, account.MethodsOf(account.ByProvider), true, standard, provider, ""},
			{account.OfNobody, account.MethodsOf(account.ByProvider), true, standard, passkey, ""}, // never without passkeys
		} {
			prove(t, r, admin, account.ByPasskey)
			must(t, policy(t, r, admin, func(p *account.SignInPolicy) {
				p.SecondFactor, p.Methods, p.RememberDevices = row.demand, row.methods, row.remember
			}))
			prove(t, r, row.who, row.shown...)
			actor := row.who.Actor()
			var got account.Need
			if actor.Restricted() {
				got = actor.Needs[0]
			}
			if got != row.want {
				t.Errorf("%s, %s, %v remembered, session by %v: lacks %q, want %q", row.demand, row.methods, row.remember, row.shown, got, row.want)
			}
			if actor.Can(account.ViewHome) != (row.want == "") {
				t.Errorf("%s, %v: may open the account: %v", row.demand, row.shown, actor.Can(account.ViewHome))
			}
		}
	})
}

// A policy holds for those who are in already, for keys, and inside a change that began before it.
func TestARestrictedMemberDoesNothing(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		other := r.Join(admin, "kim@harbour.example", account.Admin).Check()
		secret, _ := r.Key(other)
		before := other.Actor()
		prove(t, r, admin, account.ByPasskey)
		must(t, policy(t, r, admin, func(p *account.SignInPolicy) { p.SecondFactor = account.OfHolders }))

		_, err := inviteOne(t, r, before)
		wantFault(t, err, "membership-restricted", "second factor")
		_, err = inviteOne(t, r, other.Actor())
		wantFault(t, err, "membership-restricted")
		key, err := r.UseKey(t.Context(), secret, "harbour", accounttest.Address)
		must(t, err)
		wantFault(t, key.Require(account.ViewHubUsers), "maker-restricted", "API key")
		_, _, err = r.People(t.Context(), key, account.PeopleFilter{})
		wantFault(t, err, "maker-restricted")
		now, err := r.Again(t.Context(), before)
		if must(t, err); !now.Restricted() {
			t.Error("an open page goes on")
		}

		must(t, second(r.DB.ExecContext(t.Context(), `UPDATE people SET ways = 'totp' WHERE email = $1`, other.Email)))
		prove(t, r, other, account.ByPassword, account.ByTOTP)
		if key, err = r.UseKey(t.Context(), secret, "harbour", accounttest.Address); err != nil || !key.Can(account.ViewHubUsers) {
			t.Errorf("the key of somebody who has a second factor: %v", err)
		}
		if !other.Actor().Can(account.InviteHubUsers) {
			t.Error("somebody who showed a second factor is restricted")
		}
	})
}

func TestNobodyShutsThemselvesOut(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		for _, demand := range []account.Demand{account.OfHolders, account.OfEveryone} {
			err := policy(t, r, admin, func(p *account.SignInPolicy) { p.SecondFactor = demand })
			wantFault(t, err, "second-factor-own", "shut yourself out")
		}
		wantFault(t, policy(t, r, admin, func(p *account.SignInPolicy) { p.Methods = account.MethodsOf(account.ByProvider) }), "methods-own")
		wantFault(t, policy(t, r, admin, func(p *account.SignInPolicy) { p.Methods = "" }), "methods-own") // passkeys are left
		wantFault(t, policy(t, r, admin, func(p *account.SignInPolicy) { p.SecondFactor = "some" }), "second-factor-unknown")
		wantFault(t, policy(t, r, admin, func(p *account.SignInPolicy) { p.SessionHours = 721 }), "session-hours", "1 to 720")
		wantFault(t, policy(t, r, admin, func(p *account.SignInPolicy) { p.SessionHours = 0 }), "session-hours")

		must(t, policy(t, r, admin, func(p *account.SignInPolicy) { p.SessionHours, p.RememberDevices = 8, false }))
		r.Clock.Advance(31 * minute) // the check has aged; tightening needs none
		must(t, policy(t, r, admin, func(p *account.SignInPolicy) { p.SessionHours = 4 }))
		for name, loosen := range map[string]func(*account.SignInPolicy){
			"longer": func(p *account.SignInPolicy) { p.SessionHours = 5 }, "remembered": func(p *account.SignInPolicy) { p.RememberDevices = true },
		} {
			if f := wantFault(t, policy(t, r, admin, loosen), "check-needed"); f.Kind != fault.StepUp {
				t.Errorf("%s: %v", name, f.Kind)
			}
		}
	})
}

// The shortest life that one of a person's accounts allows ends their sessions everywhere: a browser has one session for all.
func TestSessionsLiveAsLongAsEveryAccountAllows(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		harbour, north := r.Open("harbour"), r.Open("northside")
		jo := r.Join(harbour, "jo@harbour.example")
		r.Join(north, jo.Email)
		must(t, policy(t, r, north, func(p *account.SignInPolicy) { p.SessionHours = 2 }))
		r.Clock.Advance(2*time.Hour - time.Millisecond)
		jo.Actor()
		r.Clock.Advance(time.Millisecond)
		_, err := r.Enter(t.Context(), jo.Session(), "harbour", accounttest.Address)
		wantFault(t, err, "signed-out")
	})
}

func TestStaffNeedASecondFactor(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		ines := r.Staff("ines@provider.example")
		if !ines.Restricted() || ines.Provider() {
			t.Errorf("staff with a password alone lack %q", ines.Needs)
		}
		_, _, err := r.Accounts(t.Context(), ines, "", "", 0)
		wantFault(t, err, "not-found")
		for methods, want := range map[string]bool{"password:1,device:1": false, "password:1,totp:1": true, "passkey:1": true} {
			must(t, second(r.DB.ExecContext(t.Context(), `UPDATE sessions SET proofs = $2 WHERE id = $1`, ines.SessionID, methods)))
			now, err := r.Again(t.Context(), ines)
			if must(t, err); now.Provider() != want {
				t.Errorf("staff by %s lack %q", methods, now.Needs)
			}
		}
	}, accounttest.With(func(c *account.Config) { c.StaffSecondFactor = true }))
}

// TestA47EveryChangeOfAWayInHasACheckOfItsOwn: what somebody signs in with changes once for each check, however long accounts let one count,
// and a check for that leaves those for the account alone.
func TestA47EveryChangeOfAWayInHasACheckOfItsOwn(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		c := t.Context()
		admin := r.Open("harbour") // with a fresh check, and a policy of 30 minutes
		b := admin.Browser()
		must(t, r.AskEmail(c, person(t, r, admin), "new@harbour.example", b))
		for name, change := range map[string]func() error{
			"another address":    func() error { return r.AskEmail(c, person(t, r, admin), "newer@harbour.example", b) },
			"an app":             func() error { return r.StartAuthenticator(c, person(t, r, admin)) },
			"no app":             func() error { return r.RemoveAuthenticator(c, person(t, r, admin), b) },
			"a passkey":          func() error { return second(r.BeginPasskey(c, person(t, r, admin))) },
			"no passkey":         func() error { return r.RemovePasskey(c, person(t, r, admin), "x", b) },
			"recovery codes":     func() error { return second(r.NewRecoveryCodes(c, person(t, r, admin), b)) },
			"no linked identity": func() error { return second(r.Unlink(c, person(t, r, admin), "x")) },
		} {
			if err := change(); !isFault(err, "check-needed") {
				t.Errorf("%s on a check that was used: %v", name, err)
			}
		}
		must(t, act(t, r, admin, "a@harbour.example"))
		r.Clock.Advance(minute)
		admin.Check()
		r.Clock.Advance(10 * minute)
		wantFault(t, r.StartAuthenticator(c, person(t, r, admin)), "check-needed", "email you a code")
		must(t, act(t, r, admin, "b@harbour.example"))
	})
}

// TestA47AMailedCodeIsNoStepUpForThoseWithMore checks that a check names its method: what counted before somebody had a second factor
// counts no more.
func TestA47AMailedCodeIsNoStepUpForThoseWithMore(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		if !admin.Actor().Checked || !admin.Actor().SignedInWith(account.ByEmailCode) {
			t.Error("the check with a mailed code does not count")
		}
		must(t, second(r.DB.ExecContext(t.Context(), `UPDATE people SET ways = 'totp' WHERE email = $1`, admin.Email)))
		if admin.Actor().Checked {
			t.Error("a mailed code counts for somebody with an authenticator app")
		}
		_, err := inviteOne(t, r, admin.Actor())
		wantFault(t, err, "check-needed")
	})
}
