package account_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// act is something that needs a fresh check.
func act(t *testing.T, r *accounttest.Rig, u *accounttest.User, email string) error {
	t.Helper()
	return second(r.Room.Invite(t.Context(), u.Actor(), invite(email)))
}

func TestCheckStaysFreshAsLongAsThePolicySays(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		kim := r.Join(admin, "kim@harbour.example", account.Admin)
		f := wantFault(t, act(t, r, kim, "a@harbour.example"), "check-needed", "email you a code")
		if f.Kind != fault.StepUp || kim.Actor().Checked {
			t.Errorf("%+v", f)
		}
		kim.Check()
		r.Clock.Advance(30*minute - time.Millisecond)
		must(t, act(t, r, kim, "a@harbour.example"))
		if !kim.Actor().Checked {
			t.Error("the check counts but does not show")
		}
		r.Clock.Advance(time.Millisecond)
		wantFault(t, act(t, r, kim, "b@harbour.example"), "check-needed")

		// A shorter policy counts for checks made before it.
		kim.Check()
		r.Clock.Advance(6 * minute)
		admin.SignIn().Check()
		must(t, second(r.ChangeSettings(t.Context(), admin.Actor(), account.Settings{Name: "H", TimeZone: "UTC", InvitationHours: 24, CheckMinutes: 5}, 0)))
		wantFault(t, act(t, r, kim, "b@harbour.example"), "check-needed")
	})
}

// With policy 0 a check is good for one action, and only for a while.
func TestCheckForOneAction(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		must(t, second(r.ChangeSettings(t.Context(), admin.Actor(), account.Settings{Name: "H", TimeZone: "UTC", InvitationHours: 24, CheckMinutes: 0}, 0)))
		r.Clock.Advance(minute)
		admin.Check()
		id := r.Join(admin, "jo@harbour.example").ID() // used it up
		wantFault(t, act(t, r, admin, "a@harbour.example"), "check-needed")
		wantFault(t, second(r.ChangeHubUser(t.Context(), admin.Actor(), id, roles(account.Admin), 0)), "check-needed")
		if admin.Actor().Checked {
			t.Error("a used check shows as fresh")
		}
		r.Clock.Advance(minute)
		admin.Check()
		wantFault(t, act(t, r, admin, "not an address"), "email-form")                                        // a refused action
		wantFault(t, act(t, r, admin, "jo@harbour.example"), "already-member")                                // does not use it up
		must(t, second(r.ChangeHubUser(t.Context(), admin.Actor(), id, account.Change{Name: ptr("Joe")}, 0))) // nor does one that needs none
		must(t, act(t, r, admin, "a@harbour.example"))
		r.Clock.Advance(minute)
		admin.Check()
		r.Clock.Advance(10 * minute)
		wantFault(t, act(t, r, admin, "b@harbour.example"), "check-needed")

		// Two actions at the same time on one check: one of them goes through.
		admin.Check()
		actor := admin.Actor()
		errs := make([]error, 4)
		var wait sync.WaitGroup
		for i := range errs {
			wait.Go(func() {
				errs[i] = second(r.Room.Invite(t.Context(), actor, invite(fmt.Sprintf("c%d@harbour.example", i))))
			})
		}
		wait.Wait()
		done := 0
		for _, err := range errs {
			if err == nil {
				done++
			} else {
				wantFault(t, err, "check-needed")
			}
		}
		if done != 1 {
			t.Errorf("one check was good for %d actions", done)
		}
	})
}

func TestCodes(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		kim := r.Join(admin, "kim@harbour.example", account.Admin)
		actor := kim.Actor()
		confirm := func(code string) error { return second(r.ConfirmCode(t.Context(), actor, code)) }
		wantFault(t, confirm("123456"), "code-ended", "Send a new one")
		wantFault(t, confirm("  "), "code-empty", "six-digit")
		must(t, r.SendCode(t.Context(), actor, kim.Browser()))
		code := r.Code("kim@harbour.example")
		wrong := fmt.Sprintf("%06d", (atoi(t, code)+1)%1_000_000)

		// Another session of the same person, and another person, can't use it.
		session := kim.Session()
		other := kim.SignIn().Actor()
		wantFault(t, second(r.ConfirmCode(t.Context(), other, code)), "code-ended")
		wantFault(t, second(r.ConfirmCode(t.Context(), admin.Actor(), code)), "code-ended")

		// The fifth wrong try ends it for the right one as well.
		for left := 4; left >= 0; left-- {
			words := map[int]string{0: "can't be used any more", 1: "1 try left"}[left]
			if words == "" {
				words = fmt.Sprintf("%d tries left", left)
			}
			wantFault(t, confirm(wrong), "code-wrong", words)
		}
		wantFault(t, confirm(code), "code-ended")
		if pending, err := r.CodePending(t.Context(), actor); err != nil || pending {
			t.Errorf("a code without tries left is pending: %v", err)
		}

		// A new one only after a while; then the old one is dead.
		r.Clock.Advance(30*time.Second - time.Millisecond)
		f := wantFault(t, r.SendCode(t.Context(), actor, kim.Browser()), "code-just-sent", "Wait 1 second before")
		if f.Kind != fault.TooMany || f.RetryAfter.Milliseconds() != 1 {
			t.Errorf("%+v", f)
		}
		r.Clock.Advance(time.Millisecond)
		must(t, r.SendCode(t.Context(), actor, kim.Browser()))
		next := r.Code("kim@harbour.example")
		if next != code {
			wantFault(t, confirm(code), "code-wrong")
		}
		fresh, err := r.ConfirmCode(t.Context(), actor, next[:3]+" "+next[3:])
		must(t, err)
		if _, err := r.Enter(t.Context(), session, "harbour", accounttest.Address); !fault.Is(err, fault.SignedOut) {
			t.Errorf("the session's old token still works: %v", err)
		}
		if got, err := r.Enter(t.Context(), fresh, "harbour", accounttest.Address); err != nil || !got.Checked || got.SessionID != actor.SessionID {
			t.Errorf("the new token gives %+v, %v", got, err)
		}
		wantFault(t, confirm(next), "code-ended")
	})
}

func atoi(t *testing.T, s string) (n int) {
	t.Helper()
	if _, err := fmt.Sscan(s, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestCodeRunsOut(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		kim := r.Join(r.Open("harbour"), "kim@harbour.example", account.Admin)
		actor := kim.Actor()
		must(t, r.SendCode(t.Context(), actor, kim.Browser()))
		if pending, err := r.CodePending(t.Context(), actor); err != nil || !pending {
			t.Errorf("a fresh code is not pending: %v", err)
		}
		r.Clock.Advance(10 * minute)
		wantFault(t, second(r.ConfirmCode(t.Context(), actor, r.Code("kim@harbour.example"))), "code-ended")
		r.Clock.Advance(-time.Millisecond)
		must(t, second(r.ConfirmCode(t.Context(), actor, r.Code("kim@harbour.example"))))
		if n := scan[int64](t, r, `SELECT checked_at FROM sessions WHERE id = $1`, actor.SessionID); n != r.Clock.Now().UnixMilli() {
			t.Errorf("checked at %d", n)
		}
	})
}

// After a hundred wrong codes in a row, over any number of new codes, each further try has to wait, longer and longer.
func TestWrongCodesInARow(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		kim := r.Join(r.Open("harbour"), "kim@harbour.example", account.Admin)
		actor := kim.Actor()
		for range 20 {
			r.Clock.Advance(30 * time.Second)
			r.Forget()
			must(t, r.SendCode(t.Context(), actor, kim.Browser()))
			bad := fmt.Sprintf("%06d", (atoi(t, r.Code("kim@harbour.example"))+1)%1_000_000)
			for range 5 {
				wantFault(t, second(r.ConfirmCode(t.Context(), actor, bad)), "code-wrong")
			}
		}
		for _, wait := range []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600} {
			wait *= time.Second
			f := wantFault(t, second(r.ConfirmCode(t.Context(), actor, "000000")), "too-many-tries")
			if f.RetryAfter != wait {
				t.Fatalf("the wait is %v, want %v", f.RetryAfter, wait)
			}
			r.Clock.Advance(wait - time.Millisecond)
			wantFault(t, second(r.ConfirmCode(t.Context(), actor, "000000")), "too-many-tries")
			r.Clock.Advance(time.Millisecond)
			wantFault(t, second(r.ConfirmCode(t.Context(), actor, "000000")), "code-ended")
		}
		r.Clock.Advance(day + time.Millisecond)
		kim.SignIn().Check() // a day without a try, and the count begins anew
	})
}

func TestOnlySignedInMembersGetCodes(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		_, key := r.Key(admin)
		for _, actor := range []account.Actor{{}, key, account.Operate()} {
			err := r.SendCode(t.Context(), actor, admin.Browser())
			if !fault.Is(err, fault.Forbidden) {
				t.Errorf("%s is sent a code: %v", actor.Kind, err)
			}
			if err := second(r.ConfirmCode(t.Context(), actor, "123456")); err == nil {
				t.Errorf("%s confirms a code", actor.Kind)
			}
		}
		// A program's key needs no check of its own: who made it was checked.
		must(t, second(r.Room.Invite(t.Context(), key, invite("jo@harbour.example"))))
	})
}

// Other rooms ask by Confirmed.
func TestOtherRoomsAskForTheCheck(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		kim := r.Join(admin, "kim@harbour.example", account.Admin)
		confirmed := func(a account.Actor) error {
			return r.DB.Tx(t.Context(), func(ctx context.Context, q db.Q) error { return r.Confirmed(ctx, q, a) })
		}
		wantFault(t, confirmed(kim.Actor()), "check-needed")
		must(t, confirmed(kim.Check().Actor()))
	})
}
