package browser

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// invite lets an admin with a fresh check invite somebody and returns the link in the mail.
func (p *person) invite(d *demo, admin login, email string) string {
	p.t.Helper()
	p.open("/harbour/hub-users/invite")
	p.confirm(admin)
	p.types("Email addresses", email)
	p.choose("Review")
	p.choose("Send invitation")
	return d.mail(p.t, email, "invited you").link(p.t, "/invitations/")
}

// TestAcceptPresses holds the counts of ux.md for new people: three presses with a passkey or a sign-in provider, ten people with the same
// access in four, and two actions to come back on a device with a passkey.
func TestAcceptPresses(t *testing.T) {
	t.Parallel()
	d := startDemoAt(t, "localhost:0")
	admin := d.who(t, "harbour", "admin,billing")
	priya := sit(t, d)
	priya.signIn(admin)
	d.clearMail(t)

	jo := sit(t, d)
	touch := jo.holdsPasskeys()
	jo.open(priya.invite(d, admin, "jo.new@harbourdental.example"))
	jo.Presses = 0
	jo.types("Your name", "Jo Newman")
	jo.choose("Use a passkey")
	jo.sees("You have joined Harbour Dental Group with a passkey.")
	jo.choose("I have kept them")
	jo.sees("Harbour Dental Group, account")
	jo.atMost(3, "accept an invitation with a passkey")
	touch(false) // or the address field's offer would be taken before anybody can press
	jo.press("Your profile")
	jo.choose("Sign out")
	jo.sees("Sign in with a passkey")
	jo.Presses = 0
	began := time.Now()
	jo.press("Sign in with a passkey")
	touch(true)
	jo.Presses++ // on the device
	jo.sees("Harbour Dental Group")
	jo.atMost(2, "sign in on a known device with a passkey")
	t.Logf("signed in after %v (goal <= 5 s)", time.Since(began).Round(time.Millisecond))

	var ten []string
	for i := range 10 {
		ten = append(ten, fmt.Sprintf("new%d@harbourdental.example", i))
	}
	priya.open("/harbour/support")
	priya.Presses = 0
	priya.palette("invite")
	priya.types("Email addresses", strings.Join(ten, ", "))
	priya.choose("Review")
	priya.choose("Send 10 invitations")
	priya.atMost(4, "invite ten people from any page")
}

// TestReportAndFindPresses holds the counts of ux.md for finding things: the calls that were missed on a day as a file in four presses, and
// staff from a telephone number to its customer's page in three.
func TestReportAndFindPresses(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	p := sit(t, d)
	p.signIn(d.who(t, "harbour", "admin,billing"))
	day := time.Now().AddDate(0, 0, -1)
	for day.Weekday() != time.Monday {
		day = day.AddDate(0, 0, -1)
	}
	p.open("/harbour/reports/inbound-calls")
	p.Presses = 0
	p.pick("Status", "Unanswered")
	for _, field := range []string{"From", "To"} {
		p.sets(field, day.Format("2006-01-02"))
	}
	p.choose("Show")
	p.find("Download as CSV")
	text := eval[string](p, `fetch(document.querySelector('[data-found]').href).then(answer => answer.text())`) // what a press would put into a file
	p.Presses++
	p.atMost(4, "last Monday's missed calls as a file")
	if strings.Contains(text, ",Answered") || !strings.Contains(text, ",Unanswered") || !strings.Contains(text, "Status") {
		t.Errorf("the file holds %.300s", text)
	}

	staff := sit(t, d)
	staff.signIn(d.Staff)
	staff.open("/console/jobs")
	staff.Presses = 0
	began := time.Now()
	staff.choose("Accounts")
	staff.types("Find an account", "02 5550 0142")
	staff.await("for the number", `location.search.includes('q=') && !document.querySelector('main').innerText.includes('Northside')`)
	staff.choose("Harbour Dental Group")
	staff.sees("Account number")
	staff.atMost(3, "staff: from a telephone number to the customer's page")
	t.Logf("found after %v (goal <= 10 s)", time.Since(began).Round(time.Millisecond))
}

// sets types a date, as the keyboard does into its three parts.
func (p *person) sets(label, value string) {
	p.t.Helper()
	p.find(label)
	quoted, _ := json.Marshal(value)
	eval[bool](p, `(value => { const f = document.querySelector('[data-found]'); f.value = value; f.dispatchEvent(new Event('input', {bubbles: true})); return true })(`+string(quoted)+`)`)
}

// TestAdminPresses holds limits of our own for what admins do about access, programs and support, each from its page with a fresh check.
func TestAdminPresses(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	admin := d.who(t, "harbour", "admin,billing")
	p := sit(t, d)
	p.signIn(admin)
	d.clearMail(t)
	joined := sit(t, d)
	joined.open(p.invite(d, admin, "fifth@harbourdental.example"))
	joined.types("Your name", "Fifth Person")
	joined.types("Choose a password", passphrase)
	joined.choose("Accept and join")
	joined.sees("Harbour Dental Group")

	p.open("/harbour/roles")
	p.Presses = 0
	p.palette("access review")
	for _, name := range []string{"Fifth Person", "Mary Chen"} {
		p.sees(name)
	}
	p.choose("Save decisions")
	p.sees("The review is done: 5 kept")
	p.atMost(3, "begin and finish a review of five people")

	p.open("/harbour/groups")
	p.Presses = 0
	p.choose("Front desk")
	p.choose("Add people")
	for _, name := range []string{"Tom Okafor", "Dev Patel", "Fifth Person"} {
		p.press(name)
	}
	p.choose("Add to group")
	p.sees("Fifth Person")
	p.atMost(6, "give a group to three people")

	p.open("/harbour/api-keys")
	p.Presses = 0
	p.choose("Make an API key")
	p.types("Name", "Reporting")
	p.press("See calls and call reports")
	p.choose("Make the key")
	p.sees("shown this once")
	p.atMost(3, "make an API key with one right")

	p.open("/harbour/webhooks")
	p.Presses = 0
	p.choose("Add a webhook")
	p.types("Address", strings.Replace(d.Mailbox, "_mail", "_hooks", 1))
	p.choose("Add webhook")
	p.sees("is added")
	p.choose("Done")
	p.choose("Send test event")
	p.sees("Delivered")
	p.atMost(4, "add a webhook and see a test event delivered")

	p.open("/harbour/hub-users")
	p.Presses = 0
	p.press("Add to favourites")
	p.await("for the menu", `document.querySelector('#favourites').innerText.includes('Hub users')`)
	p.atMost(1, "pin a page")
	p.checks()

	staff := sit(t, d)
	staff.signIn(d.Staff)
	staff.open("/console/accounts/harbour")
	staff.Presses = 0
	staff.choose("Ask to see its pages")
	staff.types("Reason", "A call did not arrive")
	staff.choose("Ask to be let in")
	staff.sees("No admin has answered yet")
	staff.atMost(2, "staff: ask for a visit")
	p.open("/harbour/support")
	p.Presses = 0
	p.choose("Let support in")
	p.choose("Let them in")
	p.atMost(2, "let staff in who asked")
	p.sees("can see this account")
}
