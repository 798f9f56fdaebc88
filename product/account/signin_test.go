package account_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

func TestSignIn(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		jo := r.Join(r.Open("harbour"), "jo@harbour.example")
		sign := func(email, password string) error {
			return second(r.SignIn(t.Context(), email, password, browser("192.0.2.9")))
		}
		r.Clock.Advance(minute)
		in, err := r.SignIn(t.Context(), " JO@Harbour.example ", accounttest.Password, browser("192.0.2.9"))
		must(t, err)
		actor, err := r.Enter(t.Context(), in.Session, "harbour", "192.0.2.9")
		must(t, err)
		if in.Person.Email != "jo@harbour.example" || in.Device == "" || in.Device == jo.Device() || actor.Checked {
			t.Errorf("%+v, %+v", in, actor)
		}
		if seen := scan[int64](t, r, `SELECT last_signed_in_at FROM memberships WHERE id = $1`, actor.MembershipID); seen != r.Clock.Now().UnixMilli() {
			t.Errorf("last signed in at %d", seen)
		}
		for _, c := range []struct{ email, password, code string }{
			{"", "x", "email-empty"},
			{"jo", "x", "email-form"},
			{"jo@harbour.example", "", "password-empty"},
			{"jo@harbour.example", "wrong password 123", "sign-in-failed"},
			{"jo@harbour.example", strings.ToUpper(accounttest.Password), "sign-in-failed"},
			{"jo@harbour.example", accounttest.Password + " ", "sign-in-failed"},
			{"jo@harbour.example", accounttest.Password + "\x00", "sign-in-failed"},
			{"jo@harbour.example", strings.Repeat("a", 100_000), "sign-in-failed"},
			{"nobody@harbour.example", accounttest.Password, "sign-in-failed"},
		} {
			wantFault(t, sign(c.email, c.password), c.code)
		}
		// Known and unknown addresses hear the same.
		known, unknown := sign("jo@harbour.example", "wrong password 123"), sign("nobody@harbour.example", "wrong password 123")
		if known.Error() != unknown.Error() || !fault.Is(known, fault.SignedOut) {
			t.Errorf("known: %v, unknown: %v", known, unknown)
		}
	})
}

// A browser not seen before is told about by mail, the first one and known ones are not.
func TestNewBrowserIsTold(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		jo := r.Join(r.Open("harbour"), "jo@harbour.example")
		jo.SignIn()
		r.RunJobs()
		if got := r.Mails.Subjects("jo@harbour.example"); len(got) != 0 {
			t.Errorf("the browser of the first sign-in is told about: %q", got)
		}
		must(t, second(r.SignIn(t.Context(), "jo@harbour.example", accounttest.Password, browser("192.0.2.9"))))
		r.RunJobs()
		if got := r.Mails.Subjects("jo@harbour.example"); len(got) != 1 || got[0] != "New sign-in: Chrome on Windows" {
			t.Errorf("another browser is told about: %q", got)
		}
	})
}

// Ten tries are free, each further one from the same network waits twice as long as the one before.
func TestA49SignInThrottle(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		r.Join(r.Open("harbour"), "jo@harbour.example")
		wrong := func(email, address string) error {
			return second(r.SignIn(t.Context(), email, "wrong", browser(address)))
		}
		for _, email := range []string{"jo@harbour.example", "nobody@harbour.example"} {
			for n := range 10 { // spelt otherwise it is the same address
				spelt := []string{email, strings.ToUpper(email), " " + email + "\t", strings.ToUpper(email[:1]) + email[1:], strings.Replace(email, "harbour", "Harbour", 1)}[n%5]
				wantFault(t, wrong(spelt, "198.51.100.1"), "sign-in-failed")
			}
			for _, wait := range []time.Duration{1, 2, 4} {
				wait *= time.Second
				f := wantFault(t, wrong(email, "198.51.100.1"), "too-many-tries", "reset your password by email")
				if f.RetryAfter != wait || f.Kind != fault.TooMany {
					t.Fatalf("%s: %+v", email, f)
				}
				r.Clock.Advance(wait)
				wantFault(t, wrong(email, "198.51.100.1"), "sign-in-failed")
			}
		}
		// The right password waits too, from there, and not from elsewhere.
		wantFault(t, second(r.SignIn(t.Context(), "jo@harbour.example", accounttest.Password, browser("198.51.100.1"))), "too-many-tries")
		must(t, second(r.SignIn(t.Context(), "jo@harbour.example", accounttest.Password, browser("198.51.100.2"))))
		// Asking for a link is always open.
		must(t, r.AskReset(t.Context(), "jo@harbour.example", browser("198.51.100.1")))
		r.RunJobs()
		must(t, second(r.SetPassword(t.Context(), r.ResetToken("jo@harbour.example"), "a brand new 9 password", browser("198.51.100.1"))))
		// After a day without a try the count begins anew.
		r.Clock.Advance(day + time.Millisecond)
		for range 2 {
			wantFault(t, wrong("jo@harbour.example", "198.51.100.1"), "sign-in-failed")
		}
	})
}

// Nobody keeps the owner out of a browser they signed in with before, however many guess from however many places.
func TestKnownBrowserIsNeverSlowedByOthers(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		jo := r.Join(r.Open("harbour"), "jo@harbour.example")
		for i := range 2 {
			wantFault(t, second(r.SignIn(t.Context(), "jo@harbour.example", "wrong", browser(fmt.Sprintf("198.51.100.%d", i)))), "sign-in-failed")
		}
		failed(t, r, "person:%", 99)
		wantFault(t, second(r.SignIn(t.Context(), "jo@harbour.example", "wrong", browser("198.51.100.3"))), "sign-in-failed")
		wantFault(t, second(r.SignIn(t.Context(), "jo@harbour.example", accounttest.Password, browser("203.0.113.5"))), "too-many-tries")
		jo.SignIn()

		// Its own wrong tries count, for itself.
		wantFault(t, second(r.SignIn(t.Context(), "jo@harbour.example", "wrong", jo.Browser())), "sign-in-failed")
		failed(t, r, "device:%", 9)
		wantFault(t, second(r.SignIn(t.Context(), "jo@harbour.example", "wrong", jo.Browser())), "sign-in-failed")
		wantFault(t, second(r.SignIn(t.Context(), "jo@harbour.example", accounttest.Password, jo.Browser())), "too-many-tries")
		// A made-up device is an unknown one.
		made := jo.Browser()
		made.Device = "hd_" + strings.Repeat("A", 43)
		wantFault(t, second(r.SignIn(t.Context(), "jo@harbour.example", accounttest.Password, made)), "too-many-tries")
	})
}

// One network that tries many addresses is slowed, others are not; IPv6 counts by /64.
func TestA49NetworkThrottle(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		jo := r.Join(r.Open("harbour"), "jo@harbour.example")
		wrong := func(i int, address string) error {
			return second(r.SignIn(t.Context(), fmt.Sprintf("p%d@harbour.example", i), "wrong", browser(address)))
		}
		for i := range 3 {
			wantFault(t, wrong(i, fmt.Sprintf("2001:db8::%x", i)), "sign-in-failed")
		}
		if n := scan[int](t, r, `SELECT failures FROM throttles WHERE key = 'network:2001:db8::/64'`); n != 3 {
			t.Errorf("three addresses of one /64 count %d", n)
		}
		failed(t, r, "network:%", 99)
		wantFault(t, wrong(99, "2001:db8::99"), "sign-in-failed")
		f := wantFault(t, wrong(1000, "2001:db8::ffff"), "too-many-tries")
		if f.RetryAfter > 30*time.Second {
			t.Errorf("an office waits %v", f.RetryAfter)
		}
		wantFault(t, wrong(1001, "2001:db8:0:1::1"), "sign-in-failed")
		known := jo.Browser()
		known.Address = "2001:db8::1"
		must(t, second(r.SignIn(t.Context(), "jo@harbour.example", accounttest.Password, known)))
		failed(t, r, "network:%", 10_000) // it goes on, and the wait stays short
		r.Clock.Advance(30 * time.Second)
		wantFault(t, wrong(3000, "2001:db8::1"), "sign-in-failed")
		r.Clock.Advance(15*minute + time.Millisecond)
		wantFault(t, wrong(3001, "2001:db8::1"), "sign-in-failed")
		wantFault(t, wrong(3002, "2001:db8::1"), "sign-in-failed")
	})
}

// A success gives back what it cost: an office of a hundred people signs in every morning.
func TestSuccessGivesTriesBack(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		r.Join(r.Open("harbour"), "jo@harbour.example")
		for range 2 {
			wantFault(t, second(r.SignIn(t.Context(), "jo@harbour.example", "wrong", browser("198.51.100.1"))), "sign-in-failed")
		}
		must(t, second(r.SignIn(t.Context(), "jo@harbour.example", accounttest.Password, browser("198.51.100.1"))))
		left := scan[int](t, r, `SELECT COUNT(*) FROM throttles WHERE key LIKE 'pair:%' OR key LIKE 'person:%'`)
		if n := scan[int](t, r, `SELECT failures FROM throttles WHERE key = 'network:198.51.100.1'`); n != 2 || left != 0 {
			t.Errorf("after two wrong and a right one the network has %d, %d counters of the person are left", n, left)
		}
	})
}

// Clocks are set back and forth; nobody is shut out for years, and nothing is counted less.
func TestThrottleWhenTheClockMoves(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		r.Join(r.Open("harbour"), "jo@harbour.example")
		wrong := func() error {
			return second(r.SignIn(t.Context(), "jo@harbour.example", "wrong", browser("198.51.100.1")))
		}
		r.Clock.Advance(10 * 365 * day)
		wrong()
		failed(t, r, "%", 30)
		wrong()
		wantFault(t, wrong(), "too-many-tries")
		r.Clock.Set(accounttest.Start)
		for range 3 {
			wantFault(t, wrong(), "sign-in-failed")
			f := wantFault(t, wrong(), "too-many-tries")
			if f.RetryAfter > 15*minute {
				t.Fatalf("back in the present the wait is %v", f.RetryAfter)
			}
			r.Clock.Advance(f.RetryAfter)
		}
		must(t, second(r.SignIn(t.Context(), "jo@harbour.example", accounttest.Password, browser("198.51.100.1"))))
		must(t, r.AskReset(t.Context(), "jo@harbour.example", browser("198.51.100.1")))
	})
}

// failed sets how many tries the counters with such keys have seen: a hundred real ones cost a hundred password hashes.
func failed(t *testing.T, r *accounttest.Rig, like string, failures int) {
	t.Helper()
	_, err := r.DB.ExecContext(t.Context(), `UPDATE throttles SET failures = $2 WHERE key LIKE $1`, like, failures)
	must(t, err)
}

func TestNetworks(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"fe80::1%eth0": "fe80::/64", "": "unknown", "192.0.2.1:80": "unknown", "not an address": "unknown",
	} {
		if got := account.Network(address); got != want {
			t.Errorf("%q is of the network %q, want %q", address, got, want)
		}
	}
}
