package main

import (
	"context"
	"fmt"

	"hubline/product/account"
	"hubline/product/support"
)

// demoColleague is a second person of the provider's staff, who asks to be let in.
var demoColleague = demoPerson{email: "sam.rivera@clearwater.example", name: "Sam Rivera"}

// seedStaff makes a person of the provider's staff and returns their session.
func (d *demo) seedStaff(ctx context.Context, p demoPerson) (session string, err error) {
	_, token, err := d.room.AddStaff(ctx, account.Operate(), p.email, p.name)
	if err != nil {
		return "", err
	}
	in, err := d.room.SetPassword(ctx, token, d.password(p.email), demoBrowser)
	return in.Session, err
}

// seedVisits lets the colleague ask to see the first account, which was seen by Alex before, and look around in the second.
func (d *demo) seedVisits(ctx context.Context, alex, sam string, admins []string) error {
	for _, s := range []struct {
		staff, reason string
		account       int
		minutes       int
		answered      bool
		over          bool
	}{
		{staff: alex, account: 0, reason: "Request 1001: look at where the old fax number would lead", minutes: 30, answered: true, over: true},
		{staff: sam, account: 0, reason: "Check the caller ID of your new phones", minutes: 60},
		{staff: sam, account: 1, reason: "Help with the first phones, as agreed by telephone", minutes: support.VisitMost, answered: true},
	} {
		admin, err := d.room.Enter(ctx, admins[s.account], demoAccounts[s.account].slug, demoBrowser.Address)
		if err != nil {
			return err
		}
		staff, err := d.room.SignedIn(ctx, s.staff, demoBrowser.Address)
		if err != nil {
			return err
		}
		v, err := d.support.AskVisit(ctx, staff.Inside(admin.Account), support.VisitRequest{Reason: s.reason, Minutes: s.minutes})
		if err == nil && s.answered {
			_, err = d.support.AnswerVisit(ctx, admin, v.ID, true, false)
		}
		if err == nil && s.over {
			_, err = d.support.EndVisit(ctx, admin, v.ID)
		}
		if err != nil {
			return fmt.Errorf("visit to %s: %w", admin.Account.Slug, err)
		}
	}
	return nil
}

// seedReview looks at everybody's access once, so that there is a record, and asks to be reminded of the next time.
func (d *demo) seedReview(ctx context.Context, admin account.Actor) error {
	v, err := d.room.Reviewing(ctx, admin, "")
	if err != nil {
		return err
	}
	var keep []account.Decision
	for _, u := range v.People {
		keep = append(keep, account.Decision{ID: u.ID, Version: u.Version, Verdict: account.Keep})
	}
	if _, _, err := d.room.Decide(ctx, admin, keep); err != nil {
		return fmt.Errorf("access review: %w", err)
	}
	_, err = d.room.SetReviewPolicy(ctx, admin, 6)
	return err
}
