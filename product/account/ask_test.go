package account_test

import (
	"strings"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

func TestAskForAccess(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		mails := &accounttest.Mails{}
		r := accounttest.New(t, d, accounttest.With(func(c *account.Config) { c.Mail = mails }))
		admin := r.Open("harbour")
		second := r.Join(admin, "tom@harbour.example", account.Admin)
		jo, gone := r.Join(admin, "jo@harbour.example"), r.Join(admin, "gone@harbour.example", account.Admin)
		removed := account.Deactivated
		if _, err := r.ChangeHubUser(t.Context(), admin.Actor(), gone.ID(), account.Change{State: &removed}, 0); err != nil {
			t.Fatal(err)
		}
		r.RunJobs()
		mails.Clear()
		for range 3 { // the same wish is mailed once
			asked, err := r.AskForAccess(t.Context(), jo.Actor(), account.ChangePhoneUsers)
			if err != nil || len(asked) != 2 {
				t.Fatalf("asked %v, %v", asked, err)
			}
		}
		r.RunJobs()
		for _, to := range []string{admin.Email, second.Email} {
			got := mails.To(to)
			if len(got) != 1 || !strings.Contains(got[0].Subject, "asks for more access to Harbour Group") {
				t.Fatalf("%s got %q", to, mails.Subjects(to))
			}
			if text := got[0].Text; !strings.Contains(text, "Add, change and delete phone users") || !strings.Contains(text, "/harbour/hub-users/"+jo.ID()) || !strings.Contains(text, "Standard") {
				t.Errorf("the mail says %s", text)
			}
		}
		if list := mails.Subjects(gone.Email); len(list) != 0 {
			t.Errorf("somebody who is no admin any more got %q", list)
		}
		if _, err := r.AskForAccess(t.Context(), jo.Actor(), "no.such"); !fault.Is(err, fault.NotFound) {
			t.Errorf("an unknown permission: %v", err)
		}
		r.Clock.Advance(25 * time.Hour)
		jo.SignIn()
		if _, err := r.AskForAccess(t.Context(), jo.Actor(), account.ChangePhoneUsers); err != nil {
			t.Fatal(err)
		}
		r.RunJobs()
		if got := mails.To(admin.Email); len(got) != 2 {
			t.Errorf("a day later: %q", mails.Subjects(admin.Email))
		}
		log, _, err := r.AuditLog(t.Context(), admin.SignIn().Actor(), account.AuditFilter{SubjectID: jo.ID()})
		if err != nil || !strings.HasSuffix(log[0].Sentence(), "asked for access: Add, change and delete phone users") {
			t.Errorf("the audit log tells %v, %v", log, err)
		}
	})
}

func TestReminderAndAskAgain(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		mails := &accounttest.Mails{}
		r := accounttest.New(t, d, accounttest.With(func(c *account.Config) { c.Mail = mails }))
		admin := r.Open("harbour")
		_, token := r.Invite(admin, "sam@harbour.example", account.Billing)
		done, _ := r.Invite(admin, "done@harbour.example")
		if _, err := r.Cancel(t.Context(), admin.Actor(), done.ID, 0); err != nil {
			t.Fatal(err)
		}
		r.RunJobs()
		mails.Clear()
		if _, err := r.AskAgain(t.Context(), token); err == nil {
			t.Error("asked for a new link while the old one works")
		}
		r.Clock.Advance(4*24*time.Hour + 23*time.Hour)
		r.RunJobs()
		if got := mails.To("sam@harbour.example"); len(got) != 0 {
			t.Fatalf("reminded too early: %q", mails.Subjects("sam@harbour.example"))
		}
		r.Clock.Advance(2 * time.Hour)
		r.RunJobs()
		got := mails.To("sam@harbour.example")
		if len(got) != 1 || !strings.HasPrefix(got[0].Subject, "Reminder: ") || !strings.Contains(got[0].Text, "/invitations/"+token) {
			t.Fatalf("two days before the end: %q", mails.Subjects("sam@harbour.example"))
		}
		if got := mails.To("done@harbour.example"); len(got) != 0 {
			t.Errorf("reminded of a cancelled invitation: %q", mails.Subjects("done@harbour.example"))
		}
		r.Clock.Advance(3 * 24 * time.Hour)
		for range 2 {
			if inviter, err := r.AskAgain(t.Context(), token); err != nil || inviter == "" {
				t.Fatalf("asked %q, %v", inviter, err)
			}
		}
		r.RunJobs()
		if got := mails.Subjects(admin.Email); len(got) != 1 || !strings.Contains(got[0], "asks for a new invitation to Harbour Group") {
			t.Errorf("the inviter got %q", got)
		}
		if _, err := r.AskAgain(t.Context(), "hi_unknown"); !fault.Is(err, fault.NotFound) {
			t.Errorf("an unknown link: %v", err)
		}
	})
}
