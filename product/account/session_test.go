package account_test

import (
	"sync"
	"testing"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// enters reports whether a session's token still opens its account.
func enters(t *testing.T, r *accounttest.Rig, u *accounttest.User, session string) bool {
	t.Helper()
	_, err := r.Enter(t.Context(), session, u.Account.Slug, accounttest.Address)
	if err != nil && !fault.Is(err, fault.SignedOut) {
		t.Fatal(err)
	}
	return err == nil
}

// Holders of a role sign in again after an idle hour and after a day; others after an idle week and after thirty days.
func TestSessionsEnd(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		billing := r.Join(admin, "bill@harbour.example", account.Billing)
		jo := r.Join(admin, "jo@harbour.example")
		for _, c := range []struct {
			user       *accounttest.User
			idle, life time.Duration
		}{
			{billing, time.Hour, day},
			{jo, 7 * day, 30 * day},
			{admin, time.Hour, day},
		} {
			c.user.SignIn()
			r.Clock.Advance(c.idle - time.Millisecond)
			if !enters(t, r, c.user, c.user.Session()) {
				t.Errorf("%s is signed out before idling %v", c.user.Name, c.idle)
			}
			r.Clock.Advance(c.idle)
			if enters(t, r, c.user, c.user.Session()) {
				t.Errorf("%s is signed in after idling %v", c.user.Name, c.idle)
			}
			c.user.SignIn()
			start := r.Clock.Now()
			for r.Clock.Now().Sub(start) < c.life-c.idle/2 {
				r.Clock.Advance(c.idle / 2)
				if !enters(t, r, c.user, c.user.Session()) {
					t.Fatalf("%s is signed out %v after signing in, in spite of using it", c.user.Name, r.Clock.Now().Sub(start))
				}
			}
			r.Clock.Set(start.Add(c.life - time.Millisecond))
			if !enters(t, r, c.user, c.user.Session()) {
				t.Errorf("%s is signed out before %v", c.user.Name, c.life)
			}
			r.Clock.Advance(time.Millisecond)
			if enters(t, r, c.user, c.user.Session()) {
				t.Errorf("%s is signed in after %v", c.user.Name, c.life)
			}
		}
	})
}

// A role makes an open session a privileged one at once, in whatever account it is held.
func TestSessionOfAPersonWhoBecomesAdmin(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		jo := r.Join(admin, "jo@harbour.example")
		r.Join(r.Open("northside"), "jo@harbour.example")
		id := jo.ID()
		r.Clock.Advance(2 * time.Hour)
		if !enters(t, r, jo, jo.Session()) {
			t.Fatal("a standard user is signed out after two hours")
		}
		admin.SignIn().Check()
		must(t, second(r.ChangeHubUser(t.Context(), admin.Actor(), id, roles(account.Admin), 0)))
		r.Clock.Advance(time.Hour)
		for _, slug := range []string{"harbour", "northside"} {
			if _, err := r.Enter(t.Context(), jo.Session(), slug, accounttest.Address); !fault.Is(err, fault.SignedOut) {
				t.Errorf("an admin enters %s after an idle hour: %v", slug, err)
			}
		}
	})
}

func TestListAndEndSessions(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		jo := r.Join(admin, "jo@harbour.example")
		first := jo.Session()
		r.Clock.Advance(minute)
		in, err := r.SignIn(t.Context(), "jo@harbour.example", accounttest.Password, account.Browser{Address: "192.0.2.9", UserAgent: "curl/8"})
		must(t, err)
		third := jo.SignIn().Session()
		list, err := r.Sessions(t.Context(), jo.Actor())
		must(t, err)
		if len(list) != 3 {
			t.Fatalf("three sessions show as %+v", list)
		}
		var other, current account.Session
		for _, s := range list {
			if s.Current {
				current = s
			}
			if s.UserAgent == "curl/8" {
				other = s
			}
		}
		if current.ID != jo.Actor().SessionID || other.Address != "192.0.2.9" || other.CreatedAt != r.Clock.Now().UnixMilli() {
			t.Errorf("%+v", list)
		}
		// Others' sessions can't be ended, by nobody and in no account.
		must(t, r.EndSession(t.Context(), admin.Actor(), other.ID))
		if !enters(t, r, jo, in.Session) {
			t.Fatal("an admin ended a session of somebody else")
		}
		must(t, r.EndSession(t.Context(), jo.Actor(), other.ID))
		if enters(t, r, jo, in.Session) || !enters(t, r, jo, first) {
			t.Error("the wrong session ended")
		}
		must(t, r.EndOtherSessions(t.Context(), jo.Actor()))
		if enters(t, r, jo, first) || !enters(t, r, jo, third) || !enters(t, r, admin, admin.Session()) {
			t.Error("ending the others ended the wrong ones")
		}
		must(t, r.SignOut(t.Context(), third))
		must(t, r.SignOut(t.Context(), third))
		must(t, r.SignOut(t.Context(), "nonsense"))
		if enters(t, r, jo, third) {
			t.Error("signed out, and still in")
		}
	})
}

// The list shows what is open: sessions that idled out are not.
func TestEndedSessionsAreNotListed(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		r.Clock.Advance(2 * time.Hour)
		admin.SignIn()
		if list, err := r.Sessions(t.Context(), admin.Actor()); err != nil || len(list) != 1 {
			t.Errorf("one open session shows as %+v, %v", list, err)
		}
	})
}

// What stays open asks again with its session, and is no use of it.
func TestAgain(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		jo := r.Join(admin, "jo@harbour.example", account.Billing)
		was, id := jo.Actor(), jo.ID()
		for range 3 {
			r.Clock.Advance(20*minute - time.Millisecond)
			if now, err := r.Again(t.Context(), was); err != nil || now.Roles.String() != "Billing" {
				t.Fatalf("%+v %v", now, err)
			}
		}
		r.Clock.Advance(minute)
		_, err := r.Again(t.Context(), was)
		wantFault(t, err, "signed-out")
		admin.SignIn().Check()
		was = jo.SignIn().Actor()
		must(t, second(r.ChangeHubUser(t.Context(), admin.Actor(), id, roles(), 0)))
		if now, err := r.Again(t.Context(), was); err != nil || now.Roles.String() != "Standard" {
			t.Errorf("after a demotion: %+v %v", now, err)
		}
		must(t, second(r.RemoveHubUser(t.Context(), admin.Actor(), id, 0)))
		if _, err := r.Again(t.Context(), was); !fault.Is(err, fault.NotFound) {
			t.Errorf("after a removal: %v", err)
		}
		r.Join(admin, "jo@harbour.example", account.Admin)
		if _, err := r.Again(t.Context(), was); !fault.Is(err, fault.NotFound) {
			t.Errorf("after coming back as another membership: %v", err)
		}
		must(t, r.EndOtherSessions(t.Context(), account.Actor{Kind: account.Member, PersonID: was.PersonID}))
		_, err = r.Again(t.Context(), was)
		wantFault(t, err, "signed-out")
	})
}

// A double click on Sign in, in a browser that another person used before, is two sign-ins.
func TestSignInTwiceAtOnce(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		jo := r.Join(admin, "jo@harbour.example")
		b := jo.Browser()
		b.Device = admin.Device()
		errs := make([]error, 4)
		devices := make([]string, 4)
		var wait sync.WaitGroup
		for i := range errs {
			wait.Go(func() {
				in, err := r.SignIn(t.Context(), "jo@harbour.example", accounttest.Password, b)
				errs[i], devices[i] = err, in.Device
			})
		}
		wait.Wait()
		for i, err := range errs {
			must(t, err)
			if devices[i] != b.Device {
				t.Error("the browser got another name")
			}
		}
	})
}

// A program's key acts for its account; what is a person's own is not within its reach.
func TestKeysDoNotReachTheirMakersOwn(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		north := r.OpenFor("northside", "admin@harbour.example")
		_, north2 := r.Invite(north, "x@northside.example")
		_ = north2
		_, key := r.Key(admin)
		list, err := r.Belongings(t.Context(), key)
		if err == nil {
			t.Errorf("a key of harbour sees %+v", list)
		}
		_, err2 := r.Sessions(t.Context(), key)
		_, err3 := r.ChangePassword(t.Context(), key, accounttest.Password, "a brand new 9 password", browser("192.0.2.9"))
		for _, err := range []error{err, err2, err3, r.EndSession(t.Context(), key, admin.Actor().SessionID), r.EndOtherSessions(t.Context(), key), r.SetOwn(t.Context(), key, account.Own{Name: "Evil"})} {
			if !fault.Is(err, fault.Forbidden) {
				t.Errorf("got %v", err)
			}
		}
		if admin.Actor().Name != "Admin" {
			t.Error("a key changed its maker")
		}
	})
}

// A clock that ran ahead and was set right leaves nothing behind that lives for years.
func TestMadeInTheFuture(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		jo := r.Join(admin, "jo@harbour.example")
		r.Clock.Advance(10 * 365 * day)
		admin.SignIn().Check()
		jo.SignIn()
		_, token := r.Invite(admin, "lee@harbour.example")
		_, key := r.Key(admin)
		_ = key
		secret, _ := r.Key(admin)
		must(t, r.AskReset(t.Context(), "jo@harbour.example", browser("192.0.2.9")))
		r.RunJobs()
		actor := admin.Actor()
		must(t, r.SendCode(t.Context(), actor, admin.Browser()))
		r.Clock.Set(accounttest.Start.Add(minute))
		for what, err := range map[string]error{
			"a session":               second(r.SignedIn(t.Context(), admin.Session(), accounttest.Address)),
			"a session without roles": second(r.SignedIn(t.Context(), jo.Session(), accounttest.Address)),
			"an invitation":           second(r.Welcome(t.Context(), token)),
			"a key":                   second(r.UseKey(t.Context(), secret, "harbour", accounttest.Address)),
			"a link for a password":   second(r.PasswordLink(t.Context(), r.ResetToken("jo@harbour.example"))),
			"a code":                  second(r.ConfirmCode(t.Context(), actor, r.Code("admin@harbour.example"))),
			"a check":                 second(r.Room.Invite(t.Context(), actor, invite("x@harbour.example"))),
		} {
			if err == nil {
				t.Errorf("%s made in the future works", what)
			}
		}
		// And everything can be made anew.
		admin.SignIn().Check()
		jo.SignIn()
		must(t, r.AskReset(t.Context(), "jo@harbour.example", browser("192.0.2.9")))
		r.RunJobs()
		must(t, second(r.PasswordLink(t.Context(), r.ResetToken("jo@harbour.example"))))
		list, _, err := r.People(t.Context(), admin.Actor(), account.PeopleFilter{Invitations: true})
		must(t, err)
		must(t, second(r.Resend(t.Context(), admin.Actor(), list[0].ID, 0)))
		must(t, second(r.Welcome(t.Context(), r.Token(list[0].ID))))
	})
}
