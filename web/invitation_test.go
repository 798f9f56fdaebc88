package web

import (
	"strings"
	"testing"
	"time"

	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// invite sends an invitation and returns it with the path of its link from the mail.
func (w *world) invite(admin *accounttest.User, email string, roles ...account.Role) (account.Invitation, string) {
	w.t.Helper()
	sent, _ := w.Rig.Invite(admin, email, roles...)
	return sent, w.link(email, "invited you", "/invitations/")
}

func TestAcceptAsANewPerson(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		sent, err := w.Room.Invite(t.Context(), admin.Actor(), account.Invite{Offers: []account.Offer{{Email: "jo@harbour.example", Name: "Jo Baptiste"}},
			Roles: account.Roles{account.Billing}, Message: "Hello <b>Jo</b>"})
		if err != nil {
			t.Fatal(err)
		}
		link := w.link("jo@harbour.example", "invited you", "/invitations/")
		v := w.browser(home)
		v.open(link).shows(200, link, "Admin invited you to Harbour Group", "see invoices and pay", "jo@harbour.example", "number 10001", "29 November 2026, 9:00 am", "Sydney time", "Hello <b>Jo</b>")
		if v.header.Get("Referrer-Policy") != "no-referrer" {
			t.Error("the address may leak")
		}
		if !strings.Contains(v.body, `value="Jo Baptiste"`) {
			t.Error("the name is not filled in")
		}
		v.press("Accept and join", "name", "", "password", "kitten").shows(422, link, "Enter your name", "15 characters or more")
		v.presses = 0
		v.press("Accept and join", "name", "Jo B", "password", newPassword).shows(200, "/harbour/", "Welcome to Harbour Group", "see invoices and pay")
		if v.presses != 1 {
			t.Errorf("%d presses", v.presses)
		}
		v.open("/harbour/").lacks("Welcome to Harbour Group")
		again := w.browser(cafe)
		again.open(link).shows(410, link, "This invitation has already been used", "Sign in")
		v.open(link).shows(410, link, "already been used", "Go to your accounts")
		w.mailed(admin.Email, "Jo B joined Harbour Group")
		if _, err := w.InvitationByID(t.Context(), admin.Actor(), sent[0].ID); err != nil {
			t.Error(err)
		}
		if strings.Contains(w.log.String(), strings.TrimPrefix(link, "/invitations/")) {
			t.Error("the token is in the log")
		}
	})
}

func TestAcceptAsSomebodyKnown(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		harbour, northside := w.Rig.Open("harbour"), w.Rig.Open("northside")
		jo := w.Join(harbour, "jo@harbour.example")
		_, link := w.invite(northside, jo.Email, account.Admin)
		v := w.browser(home)
		v.open(link).shows(200, link, "Your password", "Forgot your password?").lacks("Choose a password")
		v.press("Sign in and join", "password", "not this one at all").shows(422, link, "do not match")
		v.press("Sign in and join", "password", "").shows(422, link, "Enter your password")
		v.press("Sign in and join", "password", accounttest.Password).shows(200, "/northside/", "Welcome to Northside Group")
		v.open("/accounts").shows(200, "/accounts", "Harbour Group", "Northside Group")

		third := w.Rig.Open("third")
		_, link = w.invite(third, jo.Email)
		v.open(link).shows(200, link, "Join as jo@harbour.example").lacks("password")
		v.press("Join as jo@harbour.example").shows(200, "/third/", "Welcome to Third Group")
	})
}

func TestA20InvitationForSomebodyElse(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		_, link := w.invite(admin, "jo@harbour.example")
		v := w.as(admin)
		v.open(link).shows(200, link, "You are signed in as admin@harbour.example", "This invitation is for jo@harbour.example").lacks("Accept", "Join")
		v.post(link, "shown", shown(v.page)).shows(422, link, "you are signed in as admin@harbour.example")
		v.press("Sign out and continue").shows(200, link, "Choose a password")
		if v.cookie(sessionCookie) != "" {
			t.Error("still signed in")
		}
		v.press("Accept and join", "name", "Jo", "password", newPassword).shows(200, "/harbour/")

		staff := w.browser(office)
		w.Rig.Staff("sam@provider.example")
		staff.signIn("sam@provider.example", accounttest.Password)
		_, link = w.invite(admin.SignIn().Check(), "sam@provider.example")
		staff.open(link).press("Join as sam@provider.example").shows(422, link, "Provider staff stand outside accounts")
	})
}

// shown is the hidden value that stands for what an invitation's page shows.
func shown(p *page) string {
	_, values := p.form("Accept and join")
	return values.Get("shown")
}

func TestDeadInvitations(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		v := w.browser(home)
		dead := func(link, words string) {
			t.Helper()
			v.open(link).shows(410, link, "This invitation can't be used", words)
			v.post(link, "name", "Jo", "password", newPassword).shows(410, link, words)
			v.post(link+"/decline", "email", "jo@harbour.example").shows(410, link+"/decline", words)
		}
		sent, old := w.invite(admin, "jo@harbour.example")
		w.Clock.Advance(2 * time.Minute)
		if _, err := w.Resend(t.Context(), admin.Actor(), sent.ID, 0); err != nil {
			t.Fatal(err)
		}
		link := w.link("jo@harbour.example", "invited you", "/invitations/")
		dead(old, "A newer email replaced this link")
		v.open(link).shows(200, link)
		if _, err := w.Cancel(t.Context(), admin.Actor(), sent.ID, 0); err != nil {
			t.Fatal(err)
		}
		dead(link, "This invitation was cancelled. Ask Admin if you still need it")

		_, link = w.invite(admin, "kim@harbour.example")
		for _, wrong := range []string{"/invitations/x", link + "A", link[:len(link)-1], strings.Replace(link, "hi_", "hr_", 1)} {
			v.open(wrong).shows(404, wrong, "This invitation link does not work")
			v.post(wrong, "name", "Jo", "password", newPassword).shows(404, wrong)
		}

		second := w.Join(admin, "second@harbour.example", account.Admin)
		_, voided := w.invite(second.Check(), "lee@harbour.example")
		if _, err := w.ChangeHubUser(t.Context(), admin.Actor(), second.ID(), account.Change{Roles: &account.Roles{}}, 0); err != nil {
			t.Fatal(err)
		}
		dead(voided, "no longer works, as Second is not an admin any more")

		w.Clock.Advance(8 * 24 * time.Hour)
		v.open(link).shows(410, link, "This invitation ran out on 29 November. Ask Admin for a new one")
	})
}

func TestA25InvitationThatChangesWhileItIsRead(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		sent, link := w.invite(admin, "jo@harbour.example", account.Admin)
		v := w.browser(home)
		v.open(link).shows(200, link, "manage users")
		if _, err := w.ChangeInvited(t.Context(), admin.Actor(), sent.ID, account.InvitedChange{Roles: &account.Roles{account.Billing}}, 0); err != nil {
			t.Fatal(err)
		}
		v.press("Accept and join", "name", "Jo", "password", newPassword).shows(409, link, "The invitation changed while you were reading", "see invoices and pay")
		v.press("Accept and join", "password", newPassword).shows(200, "/harbour/", "Welcome")
	})
}

func TestDecline(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		_, link := w.invite(admin, "jo@harbour.example")
		v := w.browser(home)
		v.open(link).press("Decline invitation", "email", "kim@harbour.example").shows(422, link+"/decline", "Enter the address that was invited")
		if !strings.Contains(v.body, `<details class="help" open`) {
			t.Error("the form with the problem is folded away")
		}
		v.press("Decline invitation", "email", "Jo@Harbour.example").shows(200, link+"/decline", "You declined the invitation")
		v.open(link).shows(410, link, "This invitation was declined. Ask Admin for a new one")
	})
}

// A mail scanner that follows every link, and even asks the page for more, changes nothing.
func TestA19ScannersChangeNothing(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		sent, link := w.invite(admin, "jo@harbour.example")
		before, err := w.InvitationByID(t.Context(), admin.Actor(), sent.ID)
		if err != nil {
			t.Fatal(err)
		}
		scanner := w.browser(cafe)
		for range 3 {
			scanner.open(link).shows(200, link)
			scanner.send("HEAD", link, "")
			scanner.open(link+"/decline").shows(405, link+"/decline")
		}
		scanner.post(link, "shown", shown(scanner.open(link).page)).shows(422, link)
		after, err := w.InvitationByID(t.Context(), admin.Actor(), sent.ID)
		if err != nil || after.Version != before.Version || after.State != account.Pending {
			t.Errorf("%+v became %+v (%v)", before, after, err)
		}
	})
}
