package account_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"hubline/product/account"
	"hubline/product/account/accounttest"
)

func decisions(list []account.HubUser, verdict account.Verdict, roles ...account.Role) (all []account.Decision) {
	for _, u := range list {
		all = append(all, account.Decision{ID: u.ID, Version: u.Version, Verdict: verdict, Roles: roles})
	}
	return all
}

// One save decides about everybody; what was shown in another version is refused alone, and the rules hold.
func TestAccessReview(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin, far := r.Open("harbour"), r.Open("far")
		jo, lee := r.Join(admin, "jo@harbour.example"), r.Join(admin, "lee@harbour.example", account.Billing)
		r.Join(admin, "kim@harbour.example", account.Admin)
		group(t, r, admin, "Leads", account.Roles{account.Admin}, jo)
		ctx := t.Context()
		now := func() account.Reviewing {
			t.Helper()
			v, err := r.Reviewing(ctx, admin.Actor(), "")
			must(t, err)
			return v
		}
		r.Clock.Advance(91 * 24 * time.Hour)
		admin.SignIn().Check()
		v := now()
		if v.Left != 4 || len(v.People) != 4 || v.Open.ID != "" || v.People[0].Unused(r.Clock.Now().UnixMilli()) || !v.People[1].Unused(r.Clock.Now().UnixMilli()) || v.People[1].Access() != "Admin, from Leads" {
			t.Fatalf("before the review: %+v", v)
		}
		list := decisions(v.People, account.Keep)
		list[1] = account.Decision{ID: v.People[1].ID, Version: v.People[1].Version, Verdict: account.ChangeTo, Roles: account.Roles{account.Billing}}
		list[2].Verdict = account.RemoveFrom // Kim
		must(t, second(r.ChangeHubUser(ctx, admin.Actor(), v.People[3].ID, account.Change{Name: ptr("Lee L")}, 0)))
		done, refused, err := r.Decide(ctx, admin.Actor(), list)
		must(t, err)
		if len(refused) != 1 || refused[0].ID != v.People[3].ID || refused[0].Why.Code != "changed-meanwhile" || done.DoneAt != 0 || done.Decided() != 3 {
			t.Fatalf("saved %+v, refused %+v", done, refused)
		}
		sound(t, r)
		if v = now(); v.Left != 1 || v.People[0].Name != "Lee L" || v.Open.ID != done.ID {
			t.Fatalf("left are %+v", v)
		}
		must(t, third(r.Decide(ctx, admin.Actor(), decisions(v.People, account.Keep))))
		if v = now(); v.Open.ID != "" || len(v.Past) != 1 || v.Past[0].DoneBy != "Admin" || v.Past[0].Kept != 2 || v.Past[0].Changed != 1 || v.Past[0].Removed != 1 || v.Left != 3 {
			t.Fatalf("after the review: %+v", v)
		}
		rows, next, err := r.Reviewed(ctx, admin.Actor(), done.ID, "", 2)
		must(t, err)
		more, _, err := r.Reviewed(ctx, admin.Actor(), done.ID, next, 2)
		must(t, err)
		if got := append(rows, more...); len(got) != 4 || got[1].Access != "Admin, from Leads" || got[1].After != "Admin, Billing (Admin from Leads, Billing given directly)" || got[2].Verdict != account.RemoveFrom || got[2].After != "" || got[2].DecidedBy != "Admin" {
			t.Errorf("the record says %+v", got)
		}
		if e := last(actions(t, r, admin)); e.Sentence() != "Admin finished a review of access: 2 kept, 1 changed, 1 removed" {
			t.Errorf("the audit log tells %q", e.Sentence())
		}
		// The rules hold: the only admin by name keeps it while nobody else is one, and nobody removes themselves.
		v = now()
		_, refused, err = r.Decide(ctx, admin.Actor(), decisions(v.People[:1], account.RemoveFrom))
		must(t, err)
		if len(refused) != 1 || refused[0].Why.Code != "own-removal" {
			t.Errorf("removing oneself: %+v", refused)
		}
		must(t, third(r.Decide(ctx, admin.Actor(), decisions(v.People[1:2], account.RemoveFrom))))
		_, refused, err = r.Decide(ctx, admin.Actor(), decisions(v.People[:1], account.ChangeTo))
		must(t, err)
		if len(refused) != 1 || refused[0].Why.Code != "last-admin" {
			t.Errorf("the last admin: %+v", refused)
		}
		sound(t, r)
		wantFault(t, third(r.Decide(ctx, far.SignIn().Check().Actor(), decisions(v.People[2:], account.Keep))), "not-found")
		wantFault(t, third(r.Decide(ctx, admin.Actor(), nil)), "review-size")
		wantFault(t, third(r.Decide(ctx, admin.Actor(), decisions(v.People[2:], "maybe"))), "review-decision")
		wantFault(t, third(r.Decide(ctx, lee.SignIn().Actor(), decisions(v.People[2:], account.Keep))), "role-missing")
		r.Clock.Advance(31 * time.Minute)
		wantFault(t, third(r.Decide(ctx, admin.Actor(), decisions(v.People[2:], account.RemoveFrom))), "check-needed")
	})
}

// Five hundred people are one review and one save.
func TestAccessReviewOfFiveHundred(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin, ctx := r.Open("harbour"), t.Context()
		for i := range account.ReviewMost + 20 {
			id := fmt.Sprintf("m%025d", i)
			_, err := r.DB.ExecContext(ctx, `INSERT INTO memberships (account_id, id, person_id, email, name, search, roles, state, invited_at, accepted_at, last_signed_in_at, version)
				VALUES ($1, $2, $3, $4, $5, $6, '', 'active', 1, 1, 1, 1)`, admin.Account.ID, id, "p"+id, id+"@harbour.example", "Person", "person "+id)
			must(t, err)
		}
		for _, want := range []int{account.ReviewMost, 21} {
			began := time.Now()
			v, err := r.Reviewing(ctx, admin.Actor(), "")
			must(t, err)
			looked := time.Since(began)
			if len(v.People) != want {
				t.Fatalf("%d people of %d, want %d", len(v.People), v.Left, want)
			}
			list := decisions(v.People, account.Keep)
			list[len(list)-1].Verdict, list[len(list)-1].Roles = account.ChangeTo, account.Roles{account.Admin}
			_, refused, err := r.Decide(ctx, admin.Actor(), list)
			must(t, err)
			t.Logf("%d people: read in %s, saved in %s", want, looked.Round(time.Millisecond), (time.Since(began) - looked).Round(time.Millisecond))
			if len(refused) > 0 {
				t.Fatalf("refused %+v", refused)
			}
		}
		v, err := r.Reviewing(ctx, admin.Actor(), "")
		must(t, err)
		if v.Open.ID != "" || len(v.Past) != 1 || v.Past[0].Kept != account.ReviewMost+19 || v.Past[0].Changed != 2 {
			t.Errorf("in the end %+v", v.Past)
		}
	})
}

// An account that wants reviews hears of it when one is due, once a month until it is done, and then after the time again.
func TestReviewReminder(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin, ctx := r.Open("harbour"), t.Context()
		r.Join(admin, "jo@harbour.example")
		wantFault(t, second(r.SetReviewPolicy(ctx, admin.Actor(), 5)), "review-months")
		p, err := r.SetReviewPolicy(ctx, admin.Actor(), 3)
		must(t, err)
		mails := func() (n int) {
			t.Helper()
			r.Clock.Advance(2 * time.Hour)
			r.RunJobs()
			for _, subject := range append(r.Mails.Subjects(admin.Email), r.Mails.Subjects("jo@harbour.example")...) {
				if strings.HasPrefix(subject, "Time to review access to") {
					n++
				}
			}
			return n
		}
		if n := mails(); n != 0 {
			t.Fatalf("%d reminders at once", n)
		}
		r.Clock.Advance(93 * 24 * time.Hour)
		admin.SignIn().Check()
		for i, want := range []int{1, 1, 1} {
			if n := mails(); n != want {
				t.Errorf("look %d: %d reminders, want %d", i, n, want)
			}
		}
		if now, err := r.ReviewPolicy(ctx, admin.SignIn().Check().Actor()); err != nil || now.DueAt != p.DueAt || now.DueAt > r.Clock.Now().UnixMilli() {
			t.Errorf("due at %+v, %v", now, err)
		}
		v, err := r.Reviewing(ctx, admin.Actor(), "")
		must(t, err)
		must(t, third(r.Decide(ctx, admin.Actor(), decisions(v.People, account.Keep))))
		if now, err := r.ReviewPolicy(ctx, admin.Actor()); err != nil || now.DueAt <= r.Clock.Now().UnixMilli() {
			t.Errorf("done, and due at %+v, %v", now, err)
		}
	})
}
