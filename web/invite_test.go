package web

import (
	"fmt"
	"html"
	"strings"
	"testing"
	"time"

	"hubline/product/account"
	"hubline/product/account/accounttest"
)

func TestInvitingNeedsAFreshCheck(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		w.Clock.Advance(31 * time.Minute)
		v := w.as(admin)
		if strings.Contains(v.open("/harbour/hub-users").body, `id="invite"`) {
			t.Error("the dialog is there although inviting needs a check")
		}
		v.open("/harbour/hub-users/invite").shows(200, "/check", "Confirm it is you")
		if next := v.url.Query().Get("next"); next != "/harbour/hub-users/invite" {
			t.Errorf("next is %q", next)
		}
		for _, step := range []string{"", "send", "leave-out"} { // posted without the form
			v.post("/harbour/hub-users/invite", "email", "jo@harbour.example", "step", step).shows(401, "/harbour/hub-users/invite", "Confirm it is you")
		}
		if n := w.count(admin); n != 1 {
			t.Fatalf("%d people after posting without a check", n)
		}
		v.press("Email me a code").press("Confirm", "code", w.code(admin.Email))
		v.press("Continue").shows(200, "/harbour/hub-users/invite", "jo@harbour.example") // what was posted last comes back, as a review
		v.open("/harbour/hub-users/invite").shows(200, "/harbour/hub-users/invite", "Email addresses")
	})
}

// count is how many lines the list of the user's account has.
func (w *world) count(u *accounttest.User) int {
	w.t.Helper()
	c, err := w.CountPeople(w.t.Context(), u.Actor())
	if err != nil {
		w.t.Fatal(err)
	}
	return c.All
}

func TestInviteOnePersonInFourPresses(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		v := w.as(admin).open("/harbour/hub-users")
		presses := 1 // "Invite people" opens the dialog
		if v.link("Invite people") != "/harbour/hub-users/invite" || !strings.Contains(v.body, `data-open="invite"`) {
			t.Fatal("no button opens the dialog")
		}
		v.press("Review invitation", "email", " Jo@Harbour.Example ", "name", "Jo Baptiste", "roles", "billing", "message", "Welcome <b>Jo</b>\nCall me").
			shows(200, "/harbour/hub-users/invite", "Review and send", "Nothing has been sent yet", "Jo Baptiste", "harbour.example", "Harbour Group", "Account 10001",
				"Billing", "They can see invoices and pay. Nothing else in the portal.", "Welcome <b>Jo</b>", "7 days")
		if w.count(admin) != 1 || len(w.mails("jo@harbour.example")) != 0 {
			t.Fatal("something was sent before it was confirmed")
		}
		v.press("Send invitation", "step", "send").shows(200, "/harbour/hub-users", "Invitation sent to Jo Baptiste.", "They get Billing access when they accept", "Invited, 7 days left")
		if presses += v.presses; presses > 4 {
			t.Errorf("inviting took %d presses", presses)
		}
		mail := w.mailed("jo@harbour.example", "invited you to Harbour Group")
		if !strings.Contains(mail.Text, "see invoices and pay") || !strings.Contains(mail.Text, "Call me") || strings.Contains(mail.HTML, "<b>Jo</b>") {
			t.Errorf("the mail: %s", mail.Text)
		}
		v.follow("See the invitation").shows(200, "/harbour/invitations/*", "Invitation to Jo Baptiste", "jo@harbour.example", "Invited by", "Admin", "Handed to the mail server")
		v.open("/harbour/hub-users").lacks("Invitation sent to") // the banner comes once
	})
}

func TestInviteManyPeople(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		v := w.as(admin).open("/harbour/hub-users/invite")
		v.press("Review invitation", "email", "Jo Baptiste <jo@harbour.example>\nsam@harbour.example, ann@harbour.example; jo@harbour.example", "roles", "admin").
			shows(200, "/harbour/hub-users/invite", "Jo Baptiste", "sam@", "3 people can manage users, phones, numbers and call flows. No billing.", "Send 3 invitations").
			press("Send 3 invitations", "step", "send").
			shows(200, "/harbour/hub-users", "3 invitations sent to Jo Baptiste, sam@harbour.example and ann@harbour.example.", "Invited 3")
		v.open("/harbour/hub-users/invite")
		var many []string
		for i := range 51 {
			many = append(many, fmt.Sprintf("p%d@harbour.example", i))
		}
		v.press("Review invitation", "email", strings.Join(many, " ")).shows(422, "/harbour/hub-users/invite", "You can invite 50 people at a time. There are 51 addresses")
		v.press("Review invitation", "email", strings.Join(many[:50], " ")).press("Send 50 invitations", "step", "send").
			shows(200, "/harbour/hub-users", "50 invitations sent to p0@harbour.example, p1@harbour.example", "and 45 more")
	})
}

// A list of addresses can be wrong in many ways; the field says each, as the summary does.
func TestInviteRefusalsStandAtTheField(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		v := w.as(w.Rig.Open("harbour"))
		v.open("/harbour/hub-users/invite").press("Review invitation", "email", "x@, ok@harbour.example, @y", "roles", "billing").shows(422, "/harbour/hub-users/invite")
		if field := between(v.body, `id="email-error"`, `<textarea`); strings.Count(field, "is not a full email address") != 2 || !strings.Contains(field, "x@") || !strings.Contains(field, "@y") {
			t.Errorf("at the field stands %s", field)
		}
	})
}

func TestInviteRefusalsKeepWhatWasTyped(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		tom := w.Join(admin, "tom@harbour.example")
		mary := w.Join(admin, "mary@harbour.example")
		inactive := account.Deactivated
		if _, err := w.ChangeHubUser(t.Context(), admin.Actor(), mary.ID(), account.Change{State: &inactive}, 0); err != nil {
			t.Fatal(err)
		}
		jo, _ := w.Invite(admin, "jo@harbour.example")
		v := w.as(admin)
		for _, tt := range []struct {
			name, email, who, message string
			want                      []string
		}{
			{"nothing", " \n ", "", "", []string{"Enter an email address"}},
			{"half an address", "jo@harbour, ok@harbour.example", "", "", []string{`"jo@harbour" is not a full email address. Fix it or remove it`}},
			{"two wrong ones", "x@, @y", "", "", []string{`"x@" is not a full email address`, `"@y" is not a full email address`}},
			{"a header break", "ok@harbour.example\nBcc: all@harbour.example", "", "", []string{`"Bcc:" is not a full email address`}},
			{"markup", `<img src=x>@harbour.example`, "", "", []string{"is not a full email address"}},
			{"a member", "TOM@harbour.example", "", "", []string{"tom@harbour.example already has access to this account. Edit their access instead", "Edit their access"}},
			{"a deactivated member", "mary@harbour.example", "", "", []string{"is deactivated. Reactivate them instead"}},
			{"an invited one", "jo@harbour.example", "", "", []string{"jo@harbour.example was invited on 22 November and has not accepted. Resend the invitation", "See the invitation"}},
			{"one name for two", "a@harbour.example b@harbour.example", "Jo", "", []string{"Name is for one address. For several, write Jo Baptiste <jo@example.com>"}},
			{"a link as name", "a@harbour.example", "www.evil.example", "", []string{"Name can't hold a web or email address"}},
			{"a long message", "a@harbour.example", "", strings.Repeat("é", 501), []string{"Message must be 500 characters or fewer. It has 501"}},
			{"a control character", "a@harbour.example", "", "bell\a", []string{"Message has a character that can't be shown"}},
		} {
			v.open("/harbour/hub-users/invite").press("Review invitation", "email", tt.email, "name", tt.who, "message", tt.message, "roles", "billing")
			v.shows(422, "/harbour/hub-users/invite", append(tt.want, "There is a problem")...)
			if _, typed := v.form("Review invitation"); strings.TrimSpace(typed.Get("email")) != strings.TrimSpace(tt.email) || typed.Get("name") != tt.who || typed.Get("message") != tt.message || typed.Get("roles") != "billing" {
				t.Errorf("%s: the form lost what was typed: %q", tt.name, typed)
			}
			if !strings.Contains(v.body, "<title>Error: Invite people") || strings.Contains(v.body, "<img src=x>") {
				t.Errorf("%s: title, or markup that was typed", tt.name)
			}
		}
		if n := w.count(admin); n != 4 {
			t.Errorf("%d people after refusals only", n)
		}

		v.open("/harbour/hub-users/invite").press("Review invitation", "email", "tom@harbour.example, New One <new@harbour.example>, jo@harbour.example", "message", "Hello").
			shows(422, "/harbour/hub-users/invite", "2 addresses are here already")
		if v.link("Edit their access of tom@harbour.example") != "/harbour/hub-users/"+tom.ID() || v.link("See the invitation of jo@harbour.example") != "/harbour/invitations/"+jo.ID {
			t.Error("no way out for the addresses that are taken")
		}
		v.press("Leave them out", "step", "leave-out").shows(200, "/harbour/hub-users/invite", "New One", "Hello", "Send invitation").lacks("tom@", "jo@")
		v.press("Send invitation", "step", "send").shows(200, "/harbour/hub-users", "Invitation sent to New One.")
		v.open("/harbour/hub-users/invite").press("Review invitation", "email", "tom@harbour.example").lacks("Leave it out").
			post("/harbour/hub-users/invite", "email", "tom@harbour.example", "step", "leave-out").
			shows(422, "/harbour/hub-users/invite", "Everybody here has access or an invitation already")
	})
}

func TestInviteReviewGoesBackAndSendsOnce(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		v := w.as(admin).open("/harbour/hub-users/invite")
		v.press("Review invitation", "email", "Jo <jo@harbour.example>\nsam@harbour.example", "roles", "admin", "message", "Two\nlines & more")
		_, review := v.form("Send 2 invitations")
		v.press("Back", "step", "edit").shows(200, "/harbour/hub-users/invite", "Invite people to Harbour Group").lacks("There is a problem")
		_, typed := v.form("Review invitation")
		if typed.Get("email") != "Jo <jo@harbour.example>\nsam@harbour.example" || typed.Get("roles") != "admin" || typed.Get("message") != "Two\nlines & more" || typed.Get("form_key") != review.Get("form_key") {
			t.Errorf("Back lost something: %q", typed)
		}
		v.press("Review invitation")
		_, review = v.form("Send 2 invitations")
		twice := []string{"step", "send"}
		for name, values := range review {
			twice = append(twice, name, values[0])
		}
		v.post("/harbour/hub-users/invite", twice...).shows(200, "/harbour/hub-users", "2 invitations sent to Jo and sam@harbour.example.")
		v.post("/harbour/hub-users/invite", twice...).shows(200, "/harbour/hub-users", "2 invitations sent to Jo and sam@harbour.example.")
		if n := w.count(admin); n != 3 {
			t.Errorf("%d people after sending twice", n)
		}
		if n := len(w.mails("sam@harbour.example")); n != 1 {
			t.Errorf("%d mails after sending twice", n)
		}
		changed := append([]string{"email", "other@harbour.example"}, twice...) // the Back button of the browser, and another address
		v.post("/harbour/hub-users/invite", changed...).shows(200, "/harbour/hub-users", "Invitation sent to other@harbour.example.")
	})
}

func TestInviteOverTheDailyLimitKeepsWhatWasTyped(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		w.exec(`UPDATE accounts SET daily_invitations = 2`)
		v := w.as(admin).open("/harbour/hub-users/invite").press("Review invitation", "email", "a@harbour.example b@harbour.example", "message", "Hi")
		v.shows(429, "/harbour/hub-users/invite", "This account can send 2 invitations a day and has sent 1")
		if _, typed := v.form("Review invitation"); typed.Get("email") != "a@harbour.example b@harbour.example" || typed.Get("message") != "Hi" || v.header.Get("Retry-After") == "" {
			t.Errorf("the form lost something: %q", typed)
		}
	})
}

func TestInviteWhereACodeIsAskedForEveryTime(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		w.exec(`UPDATE accounts SET check_minutes = 0`)
		admin.Check()
		v := w.as(admin).open("/harbour/hub-users/invite").press("Review invitation", "email", "a@harbour.example").press("Send invitation", "step", "send")
		v.shows(200, "/harbour/hub-users", "Invitation sent to a@harbour.example.")
		v.open("/harbour/hub-users/invite").shows(200, "/check", "Confirm it is you")
	})
}

func TestInviteAgainStartsFromTheInvitation(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin, ids := w.office()
		v := w.as(admin).open("/harbour/hub-users?status=attention")
		v.open("/harbour/hub-users/invite?again=" + ids["paul@harbour.example"])
		if _, typed := v.form("Review invitation"); typed.Get("email") != "paul@harbour.example" || typed.Get("roles") != "billing" {
			t.Errorf("the form begins with %q", typed)
		}
		v.press("Review invitation").press("Send invitation", "step", "send").shows(200, "/harbour/hub-users", "Invitation sent to paul@harbour.example.", "Needs attention 3")
		v.open("/harbour/hub-users/invite?again=nothing").shows(404, "/harbour/hub-users/invite")
	})
}

func TestInvitationPage(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin, ids := w.office()
		v := w.as(admin)
		v.open("/harbour/invitations/"+ids["bounce@harbour.example"]).shows(200, "/harbour/invitations/*", "Email bounced", "Bounced. ", "Resend invitation", "Cancel invitation…")
		v.open("/harbour/invitations/"+ids["late@harbour.example"]).shows(200, "/harbour/invitations/*", "Invite expired", "Ran out")
		v.open("/harbour/invitations/"+ids["paul@harbour.example"]).shows(200, "/harbour/invitations/*", "Declined", "Invite again", "Take off the list").lacks("Save changes", "Resend invitation")
		v.open("/harbour/invitations/"+ids["stopped@harbour.example"]).shows(200, "/harbour/invitations/*", "Stopped", "as Tom is no longer an admin")
		v.open("/harbour/invitations").shows(200, "/harbour/hub-users", "1 person")

		at := "/harbour/invitations/" + ids["jo@harbour.example"]
		v.open(at).shows(200, at, "Invited, 7 days left", "Works until", "7 December 2026, 9:00 am", "This person will be a standard user")
		v.press("Save changes", "roles", "admin").shows(200, at, "The invitation to jo@harbour.example now offers Admin (was Standard).", "The link in their email still works.")
		v.press("Save changes").shows(200, at, "Nothing was different")
		desk, err := w.MakeGroup(t.Context(), admin.Actor(), account.NewGroup{Name: "Front desk", Roles: account.Roles{account.Billing}})
		if err != nil {
			t.Fatal(err)
		}
		v.open(at).press("Save changes", "groups", desk.ID).shows(200, at, "now offers Admin, Billing (Admin given directly, Billing from Front desk) (was Admin).")
		_, form := v.form("Save changes")
		if form.Get("groups") != desk.ID {
			t.Errorf("the form shows the groups %q", form["groups"])
		}
		form.Del("groups")
		v.send("POST", at, form.Encode()).shows(200, at, "now offers Admin (was Admin, Billing")

		link := w.link("jo@harbour.example", "invited you", "/invitations/")
		v.press("Resend invitation").shows(200, at, "We sent this invitation a moment ago. Wait 60 seconds")
		w.Clock.Advance(2 * time.Minute)
		v.open(at).press("Resend invitation").shows(200, at, "Invitation sent again to jo@harbour.example.", "The link in the email before stopped working", "Sent again", "1 time")
		w.browser(home).open(link).shows(410, link, "A newer email replaced this link")
		for range 4 {
			w.Clock.Advance(2 * time.Minute)
			v.open(at).press("Resend invitation")
		}
		v.shows(200, at, "sent as often, or as long ago, as it can be").lacks("Resend invitation")
		newer := w.link("jo@harbour.example", "invited you", "/invitations/")

		v.open(at+"/cancellation?next=/harbour/hub-users?status=invited").shows(200, at+"/cancellation", "Cancel the invitation to jo@harbour.example?", "Keep invitation")
		if v.link("Keep invitation") != "/harbour/hub-users?status=invited" {
			t.Error("the safe way does not lead back")
		}
		v.press("Cancel invitation").shows(200, "/harbour/hub-users", "The invitation to jo@harbour.example is cancelled.")
		w.browser(home).open(newer).shows(410, newer, "This invitation was cancelled")
		v.post(at+"/cancellation").shows(409, at+"/cancellation", "was cancelled. Invite them again")
		v.post(at+"/resend").shows(200, "/harbour/hub-users", "was cancelled. Invite them again")
		v.post("/harbour/invitations/"+ids["paul@harbour.example"]+"/cancellation").shows(200, "/harbour/hub-users", "The invitation to paul@harbour.example is off the list.")
		v.open("/harbour/invitations/nothing").shows(404, "/harbour/invitations/nothing")
	})
}

func TestLiveSentencesNameStandard(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		v := w.as(w.Rig.Open("harbour")).open("/harbour/hub-users/invite")
		body := html.UnescapeString(v.body)
		for _, want := range []string{`"":["This person will be a standard user: see phone numbers`, `"{n} people will be standard users`, `"admin":["This person can manage users`, `"billing":["This person can see invoices`, `"admin,billing":["This person can manage`} {
			if !strings.Contains(body, want) {
				t.Errorf("the live sentences lack %s", want)
			}
		}
		v.shows(200, "/harbour/hub-users/invite", "This person will be a standard user: see phone numbers and general reports, and rename numbers. Nothing else.")
	})
}
