package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// atMost fails when a task took more presses than ux.md allows, and starts the count anew.
func (p *person) atMost(presses int, task string) {
	p.t.Helper()
	p.t.Logf("%s: %d presses (goal <= %d)", task, p.Presses, presses)
	if p.Presses > presses {
		p.t.Errorf("%s took %d presses, at most %d", task, p.Presses, presses)
	}
	p.Presses = 0
}

const passphrase = "tangerine otter lantern 42"

// TestThread is the product's first promise: an admin signs in, invites a colleague, the colleague accepts in another browser, and
// when the admin changes their access the colleague's open page obeys on its next click.
func TestThread(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	admin := d.who(t, "harbour", "admin,billing")
	priya := sit(t, d)

	priya.signIn(admin)
	priya.atMost(2, "sign in with a password")
	priya.sees("Harbour Dental Group")
	d.clearMail(t)

	priya.open("/harbour/hub-users")
	priya.choose("Invite people")
	priya.confirm(admin) // the first time a code is asked for
	priya.sees("Invite people")
	priya.shoot("thread-invite")

	priya.open("/harbour/hub-users")
	priya.Presses = 0
	priya.press("Invite people")
	priya.types("Email addresses", "jo.new@harbourdental.example")
	priya.press("Account admin")
	priya.sees("can manage users")
	priya.shoot("thread-invite-dialog")
	priya.choose("Review")
	priya.sees("Nothing has been sent yet")
	priya.sees("jo.new@harbourdental.example")
	priya.shoot("thread-review")
	priya.choose("Send invitation")
	priya.atMost(4, "invite one person")
	priya.sees("jo.new@harbourdental.example")
	priya.shoot("thread-invited")

	jo := sit(t, d)
	mail := d.mail(t, "jo.new@harbourdental.example", "invited you to Harbour Dental Group")
	jo.open(mail.link(t, "/invitations/"))
	jo.sees("Priya Nair invited you")
	jo.shoot("thread-welcome")
	for _, v := range jo.violations() {
		t.Error(v)
	}
	jo.types("Your name", "Jo Newman")
	jo.types("Choose a password", passphrase)
	jo.choose("Accept and join")
	jo.atMost(3, "accept an invitation")
	jo.sees("Harbour Dental Group")
	jo.choose("Account")
	jo.sees("Hub users")
	jo.choose("Tom Okafor")
	jo.sees("tom.okafor@harbourdental.example")

	priya.open("/harbour/hub-users")
	priya.Presses = 0
	priya.choose("Jo Newman")
	priya.press("Account admin")
	priya.choose("Save changes")
	priya.atMost(3, "change someone's access")
	priya.sees("Jo Newman")

	jo.open("/harbour/hub-users") // the next click
	jo.sees("You need Account admin access")
	jo.sees("Priya Nair")
	jo.seesNot("tom.okafor@harbourdental.example")
	jo.shoot("thread-no-permission")
	if c := append(priya.complaints(), jo.complaints()...); len(c) > 0 {
		t.Error(strings.Join(c, "\n"))
	}
}

// tab presses Tab until the control with the words has the focus, then leaves it there. Tabs are how a keyboard moves; they don't count.
func (p *person) tab(words string) {
	p.t.Helper()
	p.find(words)
	for range 80 {
		if eval[bool](p, `(e => !!e && (e.matches('[data-found]') || !!e.closest('[data-found]') || !!document.querySelector('[data-found]')?.contains(e)))(document.activeElement)`) {
			if eval[bool](p, `(() => {
				const e = document.activeElement, shown = s => s.outlineStyle !== 'none' || s.boxShadow !== 'none';
				return !shown(getComputedStyle(e)) && !(e.closest('label') && shown(getComputedStyle(e.closest('label')))) && !e.matches('[type=search]') })()`) {
				p.t.Errorf("the focus on %q can't be seen", words)
			}
			return
		}
		p.do("Tab", chromedp.KeyEvent(kb.Tab))
	}
	p.t.Fatalf("80 tabs did not reach %q\n%s", words, p.screen())
}

// enter presses Enter on the control with the words and waits for the next page.
func (p *person) enter(words string) {
	p.t.Helper()
	p.tab(words)
	eval[bool](p, `window.before = true`)
	p.key(kb.Enter)
	p.await("for the page behind "+words, `!window.before`)
}

// write tabs to a field and types.
func (p *person) write(label, text string) {
	p.t.Helper()
	p.tab(label)
	p.do("type", chromedp.KeyEvent(text))
}

// TestThreadByKeyboard walks the whole thread without a mouse.
func TestThreadByKeyboard(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	admin := d.who(t, "harbour", "admin,billing")
	priya := sit(t, d)
	priya.open("/sign-in")
	priya.write("Email", admin.Email)
	priya.enter("Continue")
	priya.write("Password", admin.Password)
	priya.enter("Sign in")
	priya.sees("Harbour Dental Group")
	d.clearMail(t)

	priya.Presses = 0
	priya.palette("invite")
	if strings.HasPrefix(priya.at(), "/check") {
		priya.enter("Email me a code")
		priya.write("Code from the email", priya.code(admin.Email))
		priya.enter("Confirm")
	}
	priya.write("Email addresses", "kim@harbourdental.example, lee@harbourdental.example")
	priya.tab("Billing")
	priya.key(" ")
	priya.enter("Review")
	priya.sees("Nothing has been sent yet")
	priya.enter("Send 2 invitations")
	priya.sees("kim@harbourdental.example")

	kim := sit(t, d)
	kim.open(d.mail(t, "kim@harbourdental.example", "invited you").link(t, "/invitations/"))
	kim.write("Your name", "Kim Park")
	kim.write("Choose a password", passphrase)
	kim.enter("Accept and join")
	kim.sees("Harbour Dental Group")

	priya.palette("hub users")
	priya.enter("Kim Park")
	priya.tab("Account admin")
	priya.key(" ")
	priya.enter("Save changes")
	priya.sees("Kim Park")
	kim.palette("hub users")
	kim.sees("lee@harbourdental.example")
}

// palette jumps by Ctrl K, typing and Enter.
func (p *person) palette(words string) {
	p.t.Helper()
	eval[bool](p, `window.before = true`)
	p.key("k", chromedp.KeyModifiers(chromedp.ModifierCtrl))
	p.await("for the palette", `document.querySelector('dialog[open] [role=combobox]') === document.activeElement`)
	p.do("type", chromedp.KeyEvent(words))
	p.await("for results", `document.querySelectorAll('dialog[open] [role=option]:not([hidden])').length > 0`)
	p.key(kb.Enter)
	p.await("for the page from the palette", `!window.before`)
}

// TestInvitePressesFromAnywhere holds the count of ux.md: from any page, with a fresh check, at most four presses.
func TestInvitePressesFromAnywhere(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	admin := d.who(t, "harbour", "admin,billing")
	p := sit(t, d)
	p.signIn(admin)
	d.clearMail(t)
	p.open("/harbour/hub-users/invite")
	p.confirm(admin)
	p.open("/harbour/roles")
	p.Presses = 0
	p.palette("invite")
	p.types("Email addresses", "ten@harbourdental.example\neleven@harbourdental.example, twelve@harbourdental.example")
	p.choose("Review")
	p.choose("Send 3 invitations")
	p.atMost(4, "invite several people from any page")
	p.sees("twelve@harbourdental.example")
}

// TestWithoutScript signs in, invites and reads the list in a browser that runs no script.
func TestWithoutScript(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	admin := d.who(t, "harbour", "admin,billing")
	p := sit(t, d)
	p.open("/sign-in")
	if _, err := chromedp.Call(p.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	p.signIn(admin)
	d.clearMail(t)
	p.sees("Harbour Dental Group")
	p.choose("Account")
	p.sees("Mary Chen")
	p.choose("Invite people")
	p.confirm(admin)
	p.types("Email addresses", "plain@harbourdental.example")
	p.choose("Review")
	p.choose("Send invitation")
	p.sees("plain@harbourdental.example")
	d.mail(t, "plain@harbourdental.example", "invited you")
	p.choose("Mary Chen")
	p.choose("Remove Mary Chen")
	p.sees("Remove Mary Chen?")
	p.choose("Remove user")
	p.sees("Mary Chen")
}

// fits fails when the page scrolls sideways at one of eleven widths, or a target is too small to hit: 24 px, and 44 px high for thumbs.
func (p *person) fits(path string) {
	p.t.Helper()
	for _, width := range []int64{320, 360, 414, 640, 768, 900, 1024, 1100, 1280, 1440, 1920} {
		p.width(width)
		if wide := eval[int](p, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); wide > 0 {
			p.t.Errorf("%s scrolls sideways by %d px at %d", path, wide, width)
		}
		least := "24"
		if width < 640 {
			least = "44"
		}
		for _, small := range eval[[]string](p, targetsBelow+`(`+least+`)`) {
			p.t.Errorf("%s at %d: target under 24 x %s: %s", path, width, least, small)
		}
	}
}

// targetsBelow lists what can be pressed and is narrower than 24 px or lower than so many. What stands in a sentence is as high as its line.
const targetsBelow = `(least => [...document.querySelectorAll('main a, main button, main input:not([type=hidden]), main select, header a, header button')]
  .filter(e => e.checkVisibility() && !e.closest('p, li, dd, .hint, .sr, label') && !(e.closest('thead') && getComputedStyle(e.closest('thead')).clipPath !== 'none'))
  .map(e => [e, e.getBoundingClientRect()])
  .filter(([e, r]) => r.width > 0 && (r.width < 24 || r.height < least - .5))
  .map(([e, r]) => (e.innerText || e.name || e.className) + ' ' + Math.round(r.width) + 'x' + Math.round(r.height)))`

// TestWeight holds the budget of ux.md for a first visit: at most 45 KB, compressed.
func TestWeight(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	p := sit(t, d)
	admin := d.who(t, "harbour", "admin,billing")
	cold, requests := p.weighed(func() { p.open("/sign-in") })
	t.Logf("sign-in, cold: %d bytes, %d requests", cold, requests)
	if cold > 45_000 || requests > 5 {
		t.Errorf("sign-in, cold: %d bytes in %d requests; at most 45000 in 5", cold, requests)
	}
	p.signIn(admin)
	fresh := sit(t, d)
	fresh.signIn(admin)
	if _, err := chromedp.Call(fresh.ctx, network.ClearBrowserCache, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	all, requests := fresh.weighed(func() { fresh.open("/harbour/hub-users") })
	t.Logf("hub users, cold: %d bytes, %d requests", all, requests)
	if all > 45_000 || requests > 6 { // the event stream is one of them
		t.Errorf("hub users, cold: %d bytes in %d requests; at most 45000 in 6", all, requests)
	}
}
