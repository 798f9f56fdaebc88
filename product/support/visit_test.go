package support_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/account/accounttest"
	"hubline/product/support"
)

// rig is the room on a rig of its own, without a desk in it.
type rig struct {
	*accounttest.Rig
	room *support.Room
	t    *testing.T
}

func eachRig(t *testing.T, fn func(t *testing.T, r *rig)) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, store *db.DB) {
		all := accounttest.New(t, store)
		c := all.Room.Config
		fn(t, &rig{all, support.New(support.Config{DB: store, Jobs: all.Jobs, Keys: all.Keys, Account: all.Room, Mail: all.Mails, Now: all.Clock.Now, BaseURL: c.BaseURL, Provider: c.Provider}), t})
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func codeOf(err error) string {
	if f, ok := fault.Of(err); ok {
		return f.Code
	}
	return ""
}

func fieldOf(err error) string {
	if f, ok := fault.Of(err); ok {
		return f.Field
	}
	return ""
}

// guest is a person of the staff with a session, which the rig's Staff does not give.
type guest struct {
	account.Actor
	session string
}

func (r *rig) guest(email string) guest {
	r.t.Helper()
	actor := r.Staff(email)
	in, err := r.Room.SignIn(r.t.Context(), email, accounttest.Password, account.Browser{Address: accounttest.Address, UserAgent: accounttest.UserAgent})
	if err != nil {
		r.t.Fatal(err)
	}
	return guest{actor, in.Session}
}

// enter comes into an account as a request does.
func (r *rig) enter(g guest, slug string) (account.Actor, error) {
	return r.Room.Enter(r.t.Context(), g.session, slug, accounttest.Address)
}

// Staff are in an account from the moment an admin allows it until it ends, with the rights that the admin gave and no others.
func TestAVisitIsAllowedByAnAdminAndByNobodyElse(t *testing.T) {
	eachRig(t, func(t *testing.T, r *rig) {
		admin, ctx := r.Open("harbour"), t.Context()
		jo := r.Join(admin, "jo@harbour.example")
		second := r.Join(admin, "second@harbour.example", account.Admin)
		north := r.Open("northside")
		alex, sam := r.guest("alex@voice.example"), r.guest("sam@voice.example")
		inside := alex.Inside(admin.Account)
		r.RunJobs()
		r.Mails.Clear()
		for _, c := range []struct {
			in    support.VisitRequest
			field string
		}{
			{support.VisitRequest{Minutes: 30}, "reason"}, {support.VisitRequest{Reason: "x", Minutes: 14}, "minutes"},
			{support.VisitRequest{Reason: "x", Minutes: 481}, "minutes"}, {support.VisitRequest{Reason: "x", Minutes: 30, Ticket: "1001"}, "ticket"},
		} {
			if _, err := r.room.AskVisit(ctx, inside, c.in); fieldOf(err) != c.field {
				t.Errorf("%+v: %v", c.in, err)
			}
		}
		v, err := r.room.AskVisit(ctx, inside, support.VisitRequest{Reason: "Look at Main line", Minutes: 30, Change: true})
		must(t, err)
		if _, err := r.room.AskVisit(ctx, inside, support.VisitRequest{Reason: "again", Minutes: 30}); codeOf(err) != "visit-open" {
			t.Errorf("asked twice: %v", err)
		}
		if _, err := r.enter(alex, "harbour"); !fault.Is(err, fault.NotFound) {
			t.Errorf("in before anybody answered: %v", err)
		}
		for who, actor := range map[string]account.Actor{"the staff person": inside, "a colleague": sam.Inside(admin.Account), "the operator": account.Operate().Inside(admin.Account),
			"a standard user": jo.Actor(), "an admin of another account": north.Actor(), "that admin, inside": north.Actor().Inside(admin.Account)} {
			if _, err := r.room.AnswerVisit(ctx, actor, v.ID, true, true); !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Forbidden) {
				t.Errorf("%s answers: %v", who, err)
			}
		}
		r.RunJobs()
		for _, a := range []*accounttest.User{admin, second} {
			if got := r.Mails.Subjects(a.Email); !slices.Equal(got, []string{"Alex from Southern Cross Voice asks to see Harbour Group"}) {
				t.Errorf("%s is mailed %q", a.Email, got)
			}
		}
		if got := r.Mails.Subjects(jo.Email); len(got) != 0 {
			t.Errorf("a standard user is mailed %q", got)
		}

		v, err = r.room.AnswerVisit(ctx, admin.Actor(), v.ID, true, false)
		must(t, err)
		if v.State != support.VisitAllowed || v.Change || v.UntilAt != r.Clock.Now().Add(30*time.Minute).UnixMilli() {
			t.Errorf("allowed %+v", v)
		}
		visitor, err := r.enter(alex, "harbour")
		must(t, err)
		if visitor.Kind != account.Visitor || visitor.Name != "Alex from Southern Cross Voice" || visitor.Provider() || visitor.MembershipID != "" {
			t.Errorf("acts as %+v", visitor)
		}
		for _, right := range account.Rights {
			if got := visitor.Can(right.Permission); got != right.Staff {
				t.Errorf("may %s: %t", right.Permission, got)
			}
		}
		for where, in := range map[string]struct {
			who  guest
			slug string
		}{"another account": {alex, "northside"}, "a colleague": {sam, "harbour"}} {
			if _, err := r.enter(in.who, in.slug); !fault.Is(err, fault.NotFound) {
				t.Errorf("%s: %v", where, err)
			}
		}
		if list, err := r.room.Visitors(ctx, jo.Actor()); err != nil || len(list) != 1 || list[0].StaffName != "Alex from Southern Cross Voice" {
			t.Errorf("a standard user sees the visitors %+v: %v", list, err)
		}

		r.Clock.Advance(30*time.Minute - time.Millisecond)
		must(t, second2(r.Room.Again(ctx, visitor)))
		r.Clock.Advance(time.Millisecond)
		if _, err := r.enter(alex, "harbour"); !fault.Is(err, fault.NotFound) {
			t.Errorf("in after the time: %v", err)
		}
		if _, err := r.Room.Again(ctx, visitor); !fault.Is(err, fault.NotFound) {
			t.Errorf("an open page goes on after the time: %v", err)
		}
		if err := r.still(visitor, account.ViewHome); !fault.Is(err, fault.NotFound) {
			t.Errorf("a change goes on after the time: %v", err)
		}
	})
}

func second2[T any](_ T, err error) error { return err }

// still reads an actor's rights again, as every verb that changes something does.
func (r *rig) still(actor account.Actor, p account.Permission) error {
	return r.DB.Tx(r.t.Context(), func(ctx context.Context, q db.Q) error {
		now := actor
		return r.Room.Still(ctx, q, &now, p)
	})
}

// Either side ends a visit at once, and both logs tell the whole story.
func TestAVisitEndsAtOnceAndStandsInBothLogs(t *testing.T) {
	eachRig(t, func(t *testing.T, r *rig) {
		admin, ctx := r.Open("harbour"), t.Context()
		alex := r.guest("alex@voice.example")
		inside := alex.Inside(admin.Account)
		for _, byStaff := range []bool{false, true} {
			v, err := r.room.AskVisit(ctx, inside, support.VisitRequest{Reason: "Look at Main line", Minutes: 60})
			must(t, err)
			_, err = r.room.AnswerVisit(ctx, admin.SignIn().Check().Actor(), v.ID, true, true)
			must(t, err)
			visitor, err := r.enter(alex, "harbour")
			must(t, err)
			must(t, r.still(visitor, account.ChangeNumbers))
			if _, err := r.room.EndVisit(ctx, visitor, v.ID); !fault.Is(err, fault.Forbidden) {
				t.Errorf("the visitor uses the account's own button: %v", err)
			}
			by := admin.Actor()
			if byStaff {
				by = inside
			}
			_, err = r.room.EndVisit(ctx, by, v.ID)
			must(t, err)
			if _, err := r.enter(alex, "harbour"); !fault.Is(err, fault.NotFound) {
				t.Errorf("in after the end: %v", err)
			}
			if err := r.still(visitor, account.ChangeNumbers); !fault.Is(err, fault.NotFound) {
				t.Errorf("changes after the end: %v", err)
			}
			if _, err := r.room.EndVisit(ctx, by, v.ID); codeOf(err) != "visit-over" {
				t.Errorf("ended twice: %v", err)
			}
		}
		v, err := r.room.AskVisit(ctx, inside, support.VisitRequest{Reason: "Once more", Minutes: 15})
		must(t, err)
		_, err = r.room.AnswerVisit(ctx, admin.Actor(), v.ID, false, true)
		must(t, err)
		if _, err := r.room.AnswerVisit(ctx, admin.Actor(), v.ID, true, true); codeOf(err) != "visit-answered" {
			t.Errorf("a refusal is turned: %v", err)
		}
		const who = "Alex from Southern Cross Voice"
		story := func(asker, ender string) []string {
			return []string{who + " asked to see the account", "Admin let " + who + " see the account", "Admin ended the visit of " + who,
				who + " asked to see the account", "Admin let " + who + " see the account", ender + " ended the visit of " + who,
				who + " asked to see the account", "Admin did not let " + who + " see the account"}
		}
		if got, wish := r.told(admin.Actor()), story("Provider staff", "Provider staff"); !slices.Equal(got, wish) {
			t.Errorf("the account's log tells\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(wish, "\n"))
		}
		if got, wish := r.told(alex.Actor), story("Alex", "Alex"); !slices.Equal(got, wish) {
			t.Errorf("the provider's log tells\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(wish, "\n"))
		}
	})
}

// told are the sentences about visits in the log that the actor reads, the oldest first.
func (r *rig) told(actor account.Actor) (list []string) {
	r.t.Helper()
	entries, _, err := r.AuditLog(r.t.Context(), actor, account.AuditFilter{Area: "visit"})
	must(r.t, err)
	for _, e := range entries {
		list = append(list, e.Sentence())
	}
	slices.Reverse(list)
	return list
}

// Letting somebody in, now or ahead of time, gives access away: an admin shows first that it is them. Refusing and taking back need nothing.
func TestLettingStaffInAsksForAFreshCheck(t *testing.T) {
	eachRig(t, func(t *testing.T, r *rig) {
		admin, ctx := r.Open("harbour"), t.Context()
		kim := r.Join(admin, "kim@harbour.example", account.Admin)
		alex := r.guest("alex@voice.example")
		v, err := r.room.AskVisit(ctx, alex.Inside(admin.Account), support.VisitRequest{Reason: "Look at Main line", Minutes: 60})
		must(t, err)
		if _, err := r.room.AnswerVisit(ctx, kim.Actor(), v.ID, true, false); codeOf(err) != "check-needed" {
			t.Errorf("let in without a check: %v", err)
		}
		if _, err := r.room.GrantVisits(ctx, kim.Actor(), 4, false); codeOf(err) != "check-needed" {
			t.Errorf("allowed ahead of time without a check: %v", err)
		}
		if _, err := r.enter(alex, "harbour"); !fault.Is(err, fault.NotFound) {
			t.Errorf("in after what was refused: %v", err)
		}
		must(t, r.room.EndVisitGrant(ctx, kim.Actor()))
		_, err = r.room.AnswerVisit(ctx, kim.Actor(), v.ID, false, false)
		must(t, err)
	})
}

// What is allowed ahead of time lets staff in at once, for no longer and with no more rights than that.
func TestAGrantAheadOfTime(t *testing.T) {
	eachRig(t, func(t *testing.T, r *rig) {
		admin, ctx := r.Open("harbour"), t.Context()
		alex := r.guest("alex@voice.example")
		for _, hours := range []int{-1, 0, 73} {
			if _, err := r.room.GrantVisits(ctx, admin.Actor(), hours, false); fieldOf(err) != "hours" {
				t.Errorf("%d hours: %v", hours, err)
			}
		}
		if _, err := r.room.GrantVisits(ctx, alex.Inside(admin.Account), 4, true); !fault.Is(err, fault.Forbidden) {
			t.Errorf("staff grant themselves: %v", err)
		}
		must(t, second2(r.room.GrantVisits(ctx, admin.Actor(), 1, false)))
		r.RunJobs()
		r.Mails.Clear()
		v, err := r.room.AskVisit(ctx, alex.Inside(admin.Account), support.VisitRequest{Reason: "Look", Minutes: 480, Change: true})
		must(t, err)
		if v.State != support.VisitAllowed || v.Change || v.UntilAt != r.Clock.Now().Add(time.Hour).UnixMilli() || v.AnsweredBy != admin.Name {
			t.Errorf("begun %+v", v)
		}
		must(t, second2(r.enter(alex, "harbour")))
		r.RunJobs()
		if got := r.Mails.Subjects(admin.Email); !slices.Equal(got, []string{"Alex from Southern Cross Voice can see Harbour Group"}) {
			t.Errorf("the admin is mailed %q", got)
		}
		_, err = r.room.EndVisit(ctx, admin.Actor(), v.ID)
		must(t, err)
		must(t, r.room.EndVisitGrant(ctx, admin.Actor()))
		v, err = r.room.AskVisit(ctx, alex.Inside(admin.Account), support.VisitRequest{Reason: "Look", Minutes: 15})
		must(t, err)
		if v.State != support.VisitAsked {
			t.Errorf("in although the grant was taken back: %+v", v)
		}
		r.Clock.Advance(24 * time.Hour)
		if _, err := r.room.AnswerVisit(ctx, admin.SignIn().Check().Actor(), v.ID, true, false); codeOf(err) != "visit-answered" {
			t.Errorf("a wish of yesterday is allowed: %v", err)
		}
	})
}

// A36: staff stand outside accounts, and a visit gives them no power over people, keys or the account itself, however much they may change.
func TestA36AVisitGivesNoPowerOverPeople(t *testing.T) {
	eachRig(t, func(t *testing.T, r *rig) {
		admin, ctx := r.Open("harbour"), t.Context()
		jo := r.Join(admin, "jo@harbour.example")
		alex := r.guest("alex@voice.example")
		v, err := r.room.AskVisit(ctx, alex.Inside(admin.Account), support.VisitRequest{Reason: "Look", Minutes: 60, Change: true})
		must(t, err)
		must(t, second2(r.room.AnswerVisit(ctx, admin.Actor(), v.ID, true, true)))
		visitor, err := r.enter(alex, "harbour")
		must(t, err)
		name := "Taken over"
		for what, err := range map[string]error{
			"removes an admin":  second2(r.RemoveHubUser(ctx, visitor, admin.ID(), 0)),
			"changes an admin":  second2(r.ChangeHubUser(ctx, visitor, jo.ID(), account.Change{Name: &name, Roles: &account.Roles{account.Admin}}, 0)),
			"invites":           second2(r.Room.Invite(ctx, visitor, account.Invite{Offers: []account.Offer{{Email: "x@voice.example"}}})),
			"changes settings":  second2(r.ChangeSettings(ctx, visitor, account.Settings{Name: name, TimeZone: "Australia/Sydney", InvitationHours: 24, CheckMinutes: 30}, 0)),
			"lets itself stay":  second2(r.room.GrantVisits(ctx, visitor, 72, true)),
			"answers a visit":   second2(r.room.AnswerVisit(ctx, visitor, v.ID, true, true)),
			"lists keys":        third(r.APIKeys(ctx, visitor, account.KeyFilter{})),
			"opens a request":   second2(r.room.Open(ctx, visitor, support.NewTicket{Kind: support.Question, Subject: "x", Description: "x"})),
			"suspends":          second2(r.Suspend(ctx, visitor, admin.Account.ID, "x")),
			"changes own name":  r.SetOwn(ctx, visitor, account.Own{Name: name}),
			"confirms as admin": r.SendCode(ctx, visitor, admin.Browser()),
		} {
			if !fault.Is(err, fault.Forbidden) && !fault.Is(err, fault.NotFound) {
				t.Errorf("a visitor %s: %v", what, err)
			}
		}
		if _, err := r.AcceptAs(ctx, visitor, "hi_x", ""); err == nil {
			t.Error("a visitor accepts an invitation")
		}
	})
}

func third[A, B any](_ A, _ B, err error) error { return err }
