package account_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"hubline/base/mail/mailbox"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// mailTo runs the jobs and returns the newest mail to an address, as it came through SMTP.
func mailTo(t *testing.T, r *accounttest.Rig, address string) mailbox.Mail {
	t.Helper()
	r.RunJobs()
	mails := r.Box.Mails()
	for i := len(mails) - 1; i >= 0; i-- {
		if mails[i].To == address {
			return mails[i]
		}
	}
	t.Fatalf("no mail to %s among %d", address, len(mails))
	return mailbox.Mail{}
}

func wantText(t *testing.T, m mailbox.Mail, words ...string) {
	t.Helper()
	text := strings.Join(strings.Fields(m.Text), " ")
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("the mail %q lacks %q:\n%s", m.Subject, w, m.Text)
		}
	}
}

// Every mail of the thread, through a real SMTP server: what it says, and the one link it may hold.
func TestMails(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		sent, err := r.Room.Invite(t.Context(), admin.Actor(), account.Invite{Offers: []account.Offer{{Email: "jo@harbour.example"}},
			Roles: account.Roles{account.Billing}, Message: "Hello Jo.\n<b>See</b> https://evil.example & www.evil.example"})
		must(t, err)
		m := mailTo(t, r, "jo@harbour.example")
		link := accounttest.BaseURL + "/invitations/" + r.Token(sent[0].ID)
		if m.Subject != "Admin invited you to Harbour Group" || !slices.Equal(m.Links, []string{link}) {
			t.Errorf("%q has the links %q, want %q", m.Subject, m.Links, link)
		}
		wantText(t, m, "account 10001", "see invoices and pay", "29 November 2026", "(Sydney)", "used once, by jo@harbour.example", "Admin (admin@harbour.example) entered your address")
		if strings.Contains(m.HTML, "<b>See") || strings.Count(m.HTML, "<a ") != 1 {
			t.Errorf("what the inviter typed is more than text: %s", m.HTML)
		}

		jo := r.Join(admin, "kim@harbour.example")
		m = mailTo(t, r, "admin@harbour.example")
		if m.Subject != "Kim joined Harbour Group" || len(m.Links) != 0 {
			t.Errorf("%q, %q", m.Subject, m.Links)
		}
		must(t, r.SendCode(t.Context(), jo.Actor(), jo.Browser()))
		code := r.Code("kim@harbour.example")
		m = mailTo(t, r, "kim@harbour.example")
		if m.Subject != "Your confirmation code is "+code[:3]+" "+code[3:] || len(m.Links) != 0 {
			t.Errorf("%q, %q", m.Subject, m.Links)
		}
		wantText(t, m, "10 minutes", "Chrome on Windows, 192.0.2.7", "never ask for this code")

		must(t, r.AskReset(t.Context(), "kim@harbour.example", jo.Browser()))
		token := r.ResetToken("kim@harbour.example")
		m = mailTo(t, r, "kim@harbour.example")
		if m.Subject != "Choose a new password" || !slices.Equal(m.Links, []string{accounttest.BaseURL + "/password/" + token}) {
			t.Errorf("%q, %q", m.Subject, m.Links)
		}
		for _, c := range []struct {
			change  account.Change
			subject string
			words   string
		}{
			{roles(account.Admin), "Your access to Harbour Group changed", "Admin changed your access. It counts from now"},
			{state(account.Deactivated), "Your access to Harbour Group is paused", "Admin deactivated your access"},
			{state(account.Active), "Your access to Harbour Group is back", "Admin reactivated your access"},
		} {
			id := scan[string](t, r, `SELECT id FROM memberships WHERE email = 'kim@harbour.example'`)
			must(t, second(r.ChangeHubUser(t.Context(), admin.Actor(), id, c.change, 0)))
			m = mailTo(t, r, "kim@harbour.example")
			if m.Subject != c.subject || len(m.Links) != 0 {
				t.Errorf("%q, %q, want %q", m.Subject, m.Links, c.subject)
			}
			wantText(t, m, c.words)
		}
		must(t, second(r.SignIn(t.Context(), "kim@harbour.example", accounttest.Password, browser("192.0.2.99"))))
		m = mailTo(t, r, "kim@harbour.example")
		if m.Subject != "New sign-in: Chrome on Windows" || len(m.Links) != 0 {
			t.Errorf("%q, %q", m.Subject, m.Links)
		}
		wantText(t, m, "192.0.2.99", "no sign-in link on purpose")
	}, accounttest.Mailbox(nil))
}

// activeLink is what mail programs turn into a link by themselves.
var activeLink = regexp.MustCompile(`(?i)[a-z0-9-]\.(com|net|org|io|example)\b|www\.[a-z]|[a-z0-9]@[a-z]`)

// Names and messages can't make an invitation into somebody else's advertisement: no tag, no header, and no link but ours.
func TestA3A4HostileInvitations(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		i := 0
		for _, evil := range []string{
			"<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "{{.Secret}}", "https://evil.com/x", "evil.com", "call evil.com/pay now", "www.evil.com", "HTTP://EVIL.COM",
			"me@evil.com", "mailto:me@evil.com", "a\r\nBcc: x@evil.com", "Jo\nSubject: You won", "=?utf-8?q?=0d=0aBcc:x?=", "javascript:alert(1)", "tel:0290001234", "0290001234", "\u202emoc.live",
			"\x00", "\x1b]0;x\x07", strings.Repeat("W", 80), "</td></table><a href=evil.com>x</a>", "&lt;b&gt;", "\u202e", "evil․com", "ｗｗｗ．ｅｖｉｌ．ｃｏｍ",
		} {
			i++
			for _, in := range []account.Invite{
				{Message: evil}, {Offers: []account.Offer{{Name: evil}}},
			} {
				i++
				email := fmt.Sprintf("p%d@harbour.example", i)
				offer := account.Offer{Email: email}
				if len(in.Offers) > 0 {
					offer.Name = in.Offers[0].Name
				}
				in.Offers = []account.Offer{offer}
				sent, err := r.Room.Invite(t.Context(), admin.Actor(), in)
				if err == nil {
					inspect(t, r, evil, email, sent[0].ID)
				}
			}
			// The inviter's own name, and the account's.
			err := second(r.ChangeHubUser(t.Context(), admin.Actor(), admin.ID(), account.Change{Name: &evil}, 0))
			err2 := second(r.ChangeSettings(t.Context(), admin.Actor(), account.Settings{Name: evil, TimeZone: "UTC", InvitationHours: 24, CheckMinutes: 30}, 0))
			if err == nil || err2 == nil {
				email := fmt.Sprintf("n%d@harbour.example", i)
				sent, err := r.Room.Invite(t.Context(), admin.Actor(), invite(email))
				must(t, err)
				inspect(t, r, evil, email, sent[0].ID)
			}
		}
	})
}

func inspect(t *testing.T, r *accounttest.Rig, evil, email, id string) {
	t.Helper()
	link := accounttest.BaseURL + "/invitations/" + r.Token(id)
	r.RunJobs()
	mails := r.Mails.To(email)
	if len(mails) != 1 {
		t.Fatalf("%q: %d mails", evil, len(mails))
	}
	m := mails[0]
	r.Mails.Clear()
	if strings.ContainsAny(m.Subject+m.To+m.ReplyTo, "\r\n\x00") {
		t.Errorf("%q breaks a header: %q", evil, m.Subject)
	}
	if n := strings.Count(m.HTML, "<a "); n != 1 || strings.Contains(m.HTML, "<script") || strings.Contains(m.HTML, "<img src=x") {
		t.Errorf("%q puts %d links or a tag into the mail:\n%s", evil, n, m.HTML)
	}
	for part, text := range map[string]string{"subject": m.Subject, "text": m.Text} {
		for _, ours := range []string{link, "hubline.example", email, "admin@harbour.example", "help@voice.example"} {
			text = strings.ReplaceAll(text, ours, "")
		}
		if found := activeLink.FindString(text); found != "" {
			t.Errorf("%q makes %q active in the %s:\n%s", evil, found, part, text)
		}
	}
}

// What has no use any more is deleted, and nothing else.
func TestTidy(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		r.RunJobs() // plans the hourly work
		admin := r.Open("harbour")
		jo := r.Join(admin, "jo@harbour.example")
		_, cancelled := r.Invite(admin, "gone@harbour.example")
		i, pending := r.Invite(admin, "lee@harbour.example")
		list, _, err := r.People(t.Context(), admin.Actor(), account.PeopleFilter{Search: "gone"})
		must(t, err)
		must(t, second(r.Cancel(t.Context(), admin.Actor(), list[0].ID, 0)))
		must(t, r.SendCode(t.Context(), jo.Actor(), jo.Browser()))
		asked(t, r, "jo@harbour.example")
		wantFault(t, second(r.SignIn(t.Context(), "jo@harbour.example", "wrong", browser("198.51.100.1"))), "sign-in-failed")
		tables := []string{"sessions", "step_up_codes", "password_links", "throttles"}
		count := func(table string) int { return scan[int](t, r, `SELECT COUNT(*) FROM `+table) }
		for _, table := range tables {
			if count(table) == 0 {
				t.Errorf("%s is empty before", table)
			}
		}
		r.Clock.Advance(6 * day)
		r.RunJobs()
		if !enters(t, r, jo, jo.Session()) {
			t.Error("a session that is alive was deleted")
		}
		for _, table := range tables[1:] {
			if n := count(table); n != 0 {
				t.Errorf("%s has %d rows after six days", table, n)
			}
		}
		wantFault(t, second(r.Welcome(t.Context(), cancelled)), "invitation-cancelled")
		r.Clock.Advance(25 * day)
		r.RunJobs()
		if n := count("sessions"); n != 0 {
			t.Errorf("%d sessions after a month", n)
		}
		r.Clock.Advance(31 * day)
		r.RunJobs()
		admin.SignIn()
		ended, err := r.InvitationByID(t.Context(), admin.Actor(), i.ID)
		must(t, err)
		if ended.State != account.Ended || ended.EndedAt != i.ExpiresAt {
			t.Errorf("after two months the invitation is %+v", ended)
		}
		wantFault(t, second(r.Resend(t.Context(), admin.Actor(), i.ID, 0)), "invitation-expired", "ran out", "Invite them again")
		wantFault(t, second(r.Welcome(t.Context(), pending)), "invitation-unknown")
		r.Clock.Advance(91*day + time.Hour)
		r.RunJobs()
		wantFault(t, second(r.Welcome(t.Context(), cancelled)), "invitation-unknown")
		if n := count("audit_entries"); n < 8 {
			t.Errorf("%d audit entries are left", n)
		}
	})
}
