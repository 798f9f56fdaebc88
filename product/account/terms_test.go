package account_test

import (
	"strings"
	"testing"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

func publish(t *testing.T, r *accounttest.Rig, text string) account.Terms {
	t.Helper()
	terms, err := r.PublishTerms(t.Context(), account.Operate(), account.NewTerms{Terms: text, Privacy: "What we keep"})
	must(t, err)
	return terms
}

// A35: whoever has not accepted the newest terms may do nothing in an account, in sessions that are open too, until they do; keys go on.
func TestRowC13TermsAreAcceptedFirst(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin, ctx := r.Open("harbour"), t.Context()
		_, key := r.Key(admin)
		before := admin.Actor()
		if before.Restricted() || !before.Can(account.ViewHubUsers) {
			t.Fatal("without terms nobody is asked")
		}
		one := publish(t, r, "Be kind")
		if got := admin.Actor(); len(got.Needs) != 1 || got.Needs[0] != account.NeedTerms || got.Can(account.ViewHubUsers) {
			t.Fatalf("with new terms: needs %v", got.Needs)
		}
		if err := second(r.Room.Invite(ctx, before, invite("x@harbour.example"))); !fault.Is(err, fault.Forbidden) { // who came in before
			t.Errorf("an act of a moment ago: %v", err)
		}
		if !key.Can(account.ViewHubUsers) {
			t.Error("a program is asked to accept terms")
		}
		due, err := r.TermsDue(ctx, admin.Actor())
		if err != nil || due.Version != one.Version || due.Terms != "Be kind" {
			t.Errorf("due is %+v, %v", due, err)
		}
		wantFault(t, r.AcceptTerms(ctx, admin.Actor(), one.Version+1), "terms-version")
		wantFault(t, r.AcceptTerms(ctx, admin.Actor(), 0), "terms-version")
		for range 2 { // asked again it changes nothing
			must(t, r.AcceptTerms(ctx, admin.Actor(), one.Version))
			r.Clock.Advance(minute)
		}
		if got := admin.Actor(); got.Restricted() || !got.Can(account.ViewHubUsers) {
			t.Errorf("accepted, and needs %v", got.Needs)
		}
		must(t, second(r.Room.Invite(ctx, admin.Actor(), invite("x@harbour.example"))))
		two := publish(t, r, "Be kinder")
		wantFault(t, r.AcceptTerms(ctx, admin.Actor(), one.Version), "terms-version")
		if !admin.Actor().Restricted() {
			t.Error("a new version asks nobody")
		}
		must(t, r.AcceptTerms(ctx, admin.Actor(), two.Version))
		mine, err := r.Acceptances(ctx, admin.Actor())
		must(t, err)
		if len(mine) != 2 || mine[0].Version != 2 || mine[1].Version != 1 || mine[1].AcceptedAt >= mine[0].AcceptedAt || mine[0].Address != accounttest.Address {
			t.Errorf("kept are %+v", mine)
		}
		var all []account.Acceptance
		must(t, r.EachAcceptance(ctx, account.Operate(), func(a account.Acceptance) error { all = append(all, a); return nil }))
		if len(all) != 2 || all[0].Version != 1 || all[0].Email != admin.Email {
			t.Errorf("the provider reads %+v", all)
		}
		_, narrow := r.Key(admin, account.ViewHubUsers)
		wantFault(t, second(r.TermsVersion(ctx, narrow, one.Version)), "scope-missing")
		wantFault(t, second(r.TermsHistory(ctx, narrow)), "scope-missing")
		list, err := r.TermsVersions(ctx, account.Operate())
		if err != nil || len(list) != 2 || list[0].Accepted != 1 || list[0].PublishedBy != "Operator" {
			t.Errorf("versions %+v, %v", list, err)
		}
	})
}

func TestPublishTerms(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		try := func(in account.NewTerms) error {
			_, err := r.PublishTerms(t.Context(), account.Operate(), in)
			return err
		}
		wantFault(t, try(account.NewTerms{Privacy: "x"}), "terms-empty")
		wantFault(t, try(account.NewTerms{Terms: "x", Privacy: "y", Dated: "25.11.2026"}), "terms-date")
		wantFault(t, try(account.NewTerms{Terms: strings.Repeat("x", account.TermsMost+1), Privacy: "y"}), "terms-long")
		wantFault(t, try(account.NewTerms{Terms: "x\u202e", Privacy: "y"}), "terms-characters")
		must(t, try(account.NewTerms{Terms: "One\r\n\r\nTwo", Privacy: "y", Dated: "2026-11-25"}))
		wantFault(t, try(account.NewTerms{Terms: "One\n\nTwo ", Privacy: "y"}), "terms-same")
		if got, err := r.Terms(t.Context(), 0); err != nil || got.Version != 1 || got.Dated != "2026-11-25" || got.Terms != "One\n\nTwo" {
			t.Errorf("published %+v, %v", got, err)
		}
		_, err := r.Terms(t.Context(), 7)
		wantFault(t, err, "not-found")
	})
}
