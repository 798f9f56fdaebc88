package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"hubline/base/fault"
	"hubline/base/mail/mailbox"
	"hubline/product/account"
)

// The provider of the demo. Everybody here is made up; addresses end in .example, the number is one set aside for fiction.
const (
	demoProvider     = "Clearwater Telecom"
	demoSupportEmail = "support@clearwater.example"
	demoSupportPhone = "02 5550 0100"
	demoFrom         = "Clearwater Telecom <portal@clearwater.example>"
)

type demoPerson struct {
	email, name string
	roles       account.Roles
}

type demoSet struct {
	slug, number, name, zone string
	people                   []demoPerson // the first one is the admin who invites the others
	waiting                  []demoPerson // invited, not accepted
}

var demoStaff = demoPerson{email: "alex.moreau@clearwater.example", name: "Alex Moreau"}

var (
	adminAndBilling = account.Roles{account.Admin, account.Billing}
	adminOnly       = account.Roles{account.Admin}
	billingOnly     = account.Roles{account.Billing}
	standard        = account.Roles{}
)

// demoAccounts are the demo's customers. Dev Patel keeps the books of both.
var demoAccounts = []demoSet{
	{
		slug: "harbour", number: "10482", name: "Harbour Dental Group", zone: "Australia/Sydney",
		people: []demoPerson{
			{"priya.nair@harbourdental.example", "Priya Nair", adminAndBilling},
			{"tom.okafor@harbourdental.example", "Tom Okafor", adminOnly},
			{"mary.chen@harbourdental.example", "Mary Chen", standard},
			{"dev.patel@ledger.example", "Dev Patel", billingOnly},
		},
		waiting: []demoPerson{
			{"jo.baptiste@harbourdental.example", "Jo Baptiste", adminOnly},
			{"old.address@harbourdental.example", "", standard},
		},
	},
	{
		slug: "northside", number: "10517", name: "Northside Physiotherapy", zone: "Australia/Melbourne",
		people: []demoPerson{
			{"lena.kovac@northside.example", "Lena Kovac", adminAndBilling},
			{"ruby.tran@northside.example", "Ruby Tran", standard},
			{"dev.patel@ledger.example", "Dev Patel", billingOnly},
		},
	},
}

// demoRefused is the address whose mail bounces, so that the list has somebody who needs attention.
func demoRefused(address string) bool { return address == "old.address@harbourdental.example" }

// demoBrowser is the browser that sets the demo up; the people's own browsers are new to them.
var demoBrowser = account.Browser{Address: "127.0.0.1", UserAgent: "Hubline demo"}

const (
	demoMailWait = 30 * time.Second
	demoPause    = 10 * time.Millisecond
)

// seed fills an empty store the way people would: invitations are mailed, read in the mailbox and accepted.
func (d *demo) seed(ctx context.Context) error {
	alex, err := d.seedStaff(ctx, demoStaff)
	if err != nil {
		return err
	}
	sam, err := d.seedStaff(ctx, demoColleague)
	if err != nil {
		return err
	}
	var admins []string
	for _, set := range demoAccounts {
		session, err := d.seedAccount(ctx, set)
		if err != nil {
			return fmt.Errorf("account %s: %w", set.slug, err)
		}
		admins = append(admins, session)
	}
	if err := d.seedVisits(ctx, alex, sam, admins); err != nil {
		return err
	}
	for _, session := range []string{alex, sam} {
		if err := d.room.SignOut(ctx, session); err != nil {
			return err
		}
	}
	if err := d.settled(ctx); err != nil {
		return err
	}
	if err := d.box.Clear(); err != nil { // what mattered only for setting up
		return err
	}
	for i, set := range demoAccounts {
		if err := d.invite(ctx, admins[i], set, set.waiting); err != nil {
			return err
		}
		if err := d.room.SignOut(ctx, admins[i]); err != nil {
			return err
		}
	}
	return d.settled(ctx)
}

// seedAccount opens an account, lets its people accept and returns the first admin's session, with a fresh check.
func (d *demo) seedAccount(ctx context.Context, set demoSet) (session string, err error) {
	first := set.people[0]
	_, _, err = d.room.Open(ctx, account.Operate(), account.NewAccount{Name: set.name, Slug: set.slug, Number: set.number, TimeZone: set.zone,
		AdminEmail: first.email, AdminName: first.name, AdminRoles: first.roles})
	if err != nil {
		return "", err
	}
	if session, err = d.accept(ctx, set, first); err != nil {
		return "", err
	}
	if session, err = d.confirm(ctx, session, set, first); err != nil {
		return "", err
	}
	if err := d.invite(ctx, session, set, set.people[1:]); err != nil {
		return "", err
	}
	admin, err := d.room.Enter(ctx, session, set.slug, demoBrowser.Address)
	if err != nil {
		return "", err
	}
	if err := d.seedPhones(ctx, admin, set.slug); err != nil {
		return "", err
	}
	for _, p := range set.people[1:] {
		own, err := d.accept(ctx, set, p)
		if err != nil {
			return "", err
		}
		if err := d.room.SignOut(ctx, own); err != nil {
			return "", err
		}
	}
	if set.slug != "harbour" { // the other account is one that has just begun
		return session, nil
	}
	if err := d.seedHistory(ctx, admin); err != nil {
		return "", err
	}
	return session, d.seedHook(ctx, admin)
}

// accept follows the link in the mail, as a new person or as one with a password, and returns the session.
func (d *demo) accept(ctx context.Context, set demoSet, p demoPerson) (session string, err error) {
	m, err := d.await(ctx, p.email, func(m mailbox.Mail) bool {
		return strings.Contains(m.Text, set.name) && invitationLink(m) != ""
	})
	if err != nil {
		return "", err
	}
	token := invitationLink(m)
	w, err := d.room.Welcome(ctx, token)
	if err != nil {
		return "", err
	}
	var in account.Entrance
	if w.Known {
		in, _, err = d.room.AcceptSigningIn(ctx, token, w.Shown, d.password(p.email), demoBrowser)
	} else {
		in, _, err = d.room.AcceptNew(ctx, token, w.Shown, p.name, d.password(p.email), demoBrowser)
	}
	return in.Session, err
}

// invitationLink returns the token of the invitation that a mail carries, "" when it carries none.
func invitationLink(m mailbox.Mail) string {
	for _, link := range m.Links {
		if _, token, ok := strings.Cut(link, "/invitations/"); ok {
			return token
		}
	}
	return ""
}

var sixDigits = regexp.MustCompile(`\b\d{3} ?\d{3}\b`)

// confirm passes the step-up check with the code from the mail.
func (d *demo) confirm(ctx context.Context, session string, set demoSet, p demoPerson) (string, error) {
	actor, err := d.room.Enter(ctx, session, set.slug, demoBrowser.Address)
	if err != nil {
		return "", err
	}
	if err := d.room.SendCode(ctx, actor, demoBrowser); err != nil {
		return "", err
	}
	m, err := d.await(ctx, p.email, func(m mailbox.Mail) bool { return invitationLink(m) == "" && sixDigits.MatchString(m.Text) })
	if err != nil {
		return "", err
	}
	return d.room.ConfirmCode(ctx, actor, sixDigits.FindString(m.Text))
}

// invite sends invitations, one act for each choice of access.
func (d *demo) invite(ctx context.Context, session string, set demoSet, people []demoPerson) error {
	for _, p := range people {
		actor, err := d.room.Enter(ctx, session, set.slug, demoBrowser.Address)
		if err != nil {
			return err
		}
		in := account.Invite{Offers: []account.Offer{{Email: p.email, Name: p.name}}, Roles: p.roles, FormKey: strings.ToLower(rand.Text())}
		if _, err := d.room.Invite(ctx, actor, in); err != nil {
			return fmt.Errorf("invite %s: %w", p.email, err)
		}
	}
	return nil
}

// await returns the newest mail to an address that fits, once it is there.
func (d *demo) await(ctx context.Context, to string, fits func(mailbox.Mail) bool) (found mailbox.Mail, err error) {
	err = d.until(ctx, "the mail to "+to, func() (bool, error) {
		mails := d.box.Mails()
		for i := len(mails) - 1; i >= 0; i-- {
			if mails[i].To == to && fits(mails[i]) {
				found = mails[i]
				return true, nil
			}
		}
		return false, nil
	})
	return found, err
}

// settled waits until no job is left, so that every mail has been delivered or refused.
func (d *demo) settled(ctx context.Context) error {
	return d.until(ctx, "waiting mails", func() (bool, error) {
		queued, _, _, err := d.jobs.Counts(ctx)
		return queued == 0, err
	})
}

func (d *demo) until(ctx context.Context, what string, done func() (bool, error)) error {
	deadline := time.NewTimer(demoMailWait)
	defer deadline.Stop()
	tick := time.NewTicker(demoPause)
	defer tick.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			return errors.New(what + " did not come")
		case <-tick.C:
		}
	}
}

// key returns the account's API key with every scope: the one of the last start while it works, else a new one.
func (d *demo) key(ctx context.Context, set demoSet, before string) (string, error) {
	if before != "" {
		_, err := d.room.UseKey(ctx, before, set.slug, "")
		if err == nil {
			return before, nil
		}
		if _, isFault := fault.Of(err); !isFault {
			return "", err
		}
	}
	a, err := d.room.BySlug(ctx, account.Operate(), set.slug)
	if err != nil {
		return "", err
	}
	actor := account.Operate().Inside(a)
	maker, err := hubUserByEmail(ctx, d.room, actor, set.people[0].email)
	if err != nil {
		return "", err
	}
	_, secret, err := d.room.MakeKey(ctx, actor, maker, "Demo", account.Scopes(), 366*24*time.Hour)
	return secret, err
}
