package browser

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// pick chooses an option of a list by its words: one press opens it, one chooses.
func (p *person) pick(label, option string) {
	p.t.Helper()
	p.find(label)
	p.Presses += 2
	words, _ := json.Marshal(option)
	if !eval[bool](p, `(words => {
		const list = document.querySelector('[data-found]'), hit = [...list.options].find(o => o.text.includes(words));
		if (!hit) return false;
		list.value = hit.value;
		list.dispatchEvent(new Event('input', {bubbles: true}));
		list.dispatchEvent(new Event('change', {bubbles: true}));
		return true })(`+string(words)+`)`) {
		p.t.Fatalf("%s has no option %q\n%s", label, option, p.screen())
	}
}

// paste puts text into a field as Ctrl V does: one press.
func (p *person) paste(label, text string) {
	p.t.Helper()
	p.find(label)
	p.Presses++
	quoted, _ := json.Marshal(text)
	eval[bool](p, `(text => { const f = document.querySelector('[data-found]'); f.value = text; f.dispatchEvent(new Event('input', {bubbles: true})); return true })(`+string(quoted)+`)`)
}

// phonePages are the pages and dialogs of phone users and numbers. at names a phone user's page.
func phonePages(at string) []place {
	return []place{
		{"phone-users", "/harbour/phone-users", nil},
		{"phone-users-no-match", "/harbour/phone-users?q=nobody-has-this-name", nil},
		{"phone-users-menu", "/harbour/phone-users", func(p *person) { p.press("More actions for Mary Chen") }},
		{"phone-user-new", "/harbour/phone-users/new", nil},
		{"phone-user-new-wrong", "/harbour/phone-users/new", func(p *person) { p.choose("Add phone user") }},
		{"phone-user", at, nil},
		{"phone-user-reset", at, func(p *person) { p.press("Reset phones"); p.sees("Reset and send link") }},
		{"phone-user-delete", at, func(p *person) { p.press("Delete phone user"); p.sees("Keep") }},
		{"phone-user-reset-page", at + "/reset", nil},
		{"phone-user-deletion-page", at + "/deletion", nil},
		{"import", "/harbour/imports", nil},
		{"import-wrong", "/harbour/imports", func(p *person) { p.choose("Check the list") }},
		{"import-review", "/harbour/imports", func(p *person) {
			p.paste("Or paste rows", "Extension,Display name,Email\n131,New Person,new.person@harbourdental.example\n7,Wrong Extension,not an address\n")
			p.choose("Check the list")
		}},
		{"numbers", "/harbour/numbers", nil},
		{"numbers-no-match", "/harbour/numbers?q=99999999", nil},
		{"number", "/harbour/numbers/+61255500142", nil},
	}
}

// TestEveryPhonePage is TestEveryPage for phone users, numbers and the pages behind set-up links.
func TestEveryPhonePage(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	admin := d.who(t, "harbour", "admin,billing")
	p := sit(t, d)
	p.signIn(admin)
	p.open("/harbour/phone-users")
	p.choose("Mary Chen")
	mary := p.at()
	p.visit(phonePages(mary))

	d.clearMail(t)
	p.open(mary)
	p.choose("Resend set-up details")
	link := d.mail(t, "mary.chen@harbourdental.example", "phone").link(t, "/phone/set-up/")
	stranger := sit(t, d)
	stranger.visit([]place{{"set-up", link, nil}, {"set-up-unknown", "/phone/set-up/hs_nothing", nil}})
	stranger.open(link)
	stranger.choose("Show details to type in")
	stranger.looks("set-up-details") // shown once: cannot be opened again
	stranger.visit([]place{{"set-up-used", link, nil}})

	standard := sit(t, d)
	standard.signIn(d.who(t, "harbour", ""))
	standard.visit([]place{{"numbers-standard", "/harbour/numbers", nil}, {"number-standard", "/harbour/numbers/+61255500142", nil}, {"phone-users-standard", "/harbour/phone-users", nil}})

	staff := sit(t, d)
	staff.signIn(d.Staff)
	staff.visit([]place{{"console-withdraw", "/console/accounts/harbour/numbers/+61491570157/withdrawal", nil}})
}

// looks examines the page as it stands in both themes and widths.
func (p *person) looks(name string) {
	p.t.Helper()
	for _, width := range []int64{1280, 360} {
		p.width(width)
		for _, theme := range []string{"light", "dark"} {
			p.theme(theme)
			p.examine(fmt.Sprintf("%s-%s-%d", name, theme, width))
		}
	}
	p.width(1280)
	p.theme("light")
}

// TestPhoneUserPresses holds the counts of ux.md: a phone user with app and caller ID in six presses, details again in one, a reset in two,
// and from the mail to the details in one.
func TestPhoneUserPresses(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	p := sit(t, d)
	p.signIn(d.who(t, "harbour", "admin,billing"))
	d.clearMail(t)
	p.open("/harbour/audit-log")
	p.Presses = 0
	p.palette("add phone")
	p.types("Display name", "Ines Moreau")
	p.pick("Caller ID", "5550 0142")
	if !eval[bool](p, `document.querySelector('[name=app_enabled]').checked`) {
		p.press("Allow the phone app")
	}
	p.types("Email address", "ines.moreau@harbourdental.example")
	p.choose("Add phone user")
	p.atMost(6, "add one phone user with app and caller ID, from any page")
	p.sees("Ines Moreau")

	ines := sit(t, d)
	ines.open(d.mail(t, "ines.moreau@harbourdental.example", "phone").link(t, "/phone/set-up/"))
	ines.sees("is ready for Ines Moreau")
	ines.choose("Show details to type in")
	ines.atMost(1, "from the mail's link to the details of a phone")
	ines.sees("They are shown this once")
	ines.sees("call *43")

	p.open("/harbour/phone-users")
	p.choose("Ines Moreau")
	p.sees("Set up, not connected yet")
	d.clearMail(t)
	p.Presses = 0
	p.choose("Resend set-up details")
	p.atMost(1, "send the details again")
	again := d.mail(t, "ines.moreau@harbourdental.example", "phone").link(t, "/phone/set-up/")
	d.clearMail(t)
	p.open("/harbour/phone-users")
	p.choose("Ines Moreau")
	p.Presses = 0
	p.press("Reset phones")
	p.choose("Reset and send link")
	p.atMost(2, "reset the phones of a phone user")
	if next := d.mail(t, "ines.moreau@harbourdental.example", "phone").link(t, "/phone/set-up/"); next == again {
		t.Error("the link after a reset is the one before")
	}
	p.open("/harbour/phone-users")
	p.choose("Ines Moreau")
	p.sees("No devices yet")
	ines.open(again)
	ines.seesNot("is ready for")
	if c := append(p.complaints(), ines.complaints()...); len(c) > 0 {
		t.Error(strings.Join(c, "\n"))
	}
}

// TestFiftyPhoneUsersPresses holds the count of ux.md for an import: fifty phone users in six presses, and a bad row keeps nobody waiting.
func TestFiftyPhoneUsersPresses(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	staff := sit(t, d)
	staff.signIn(d.Staff)
	staff.open("/console/accounts/harbour")
	staff.types("Phone users in the plan", "80")
	staff.choose("Change plan")
	staff.sees("now holds 80 phone users")

	rows := []string{"Extension,Display name,Email,Local prefix,Caller ID"}
	for i := range 50 {
		rows = append(rows, fmt.Sprintf("%d,Seat %d,seat%d@harbourdental.example,02,02 5550 0142", 300+i, i, i))
	}
	rows = append(rows, "9999999,Row Too Long,nobody@harbourdental.example,02,")
	p := sit(t, d)
	p.signIn(d.who(t, "harbour", "admin,billing"))
	p.open("/harbour/roles")
	p.Presses = 0
	p.palette("phone users")
	p.choose("Import")
	p.paste("Or paste rows", strings.Join(rows, "\n"))
	p.choose("Check the list")
	p.sees("1 row needs a look")
	p.choose("Import 50 phone users")
	p.atMost(6, "add fifty phone users from any page")
	p.sees("Imported")
	p.open("/harbour/phone-users?q=seat49")
	p.sees("Seat 49")
	if c := p.complaints(); len(c) > 0 {
		t.Error(strings.Join(c, "\n"))
	}
}
