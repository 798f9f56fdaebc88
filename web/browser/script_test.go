// Package browser tests in Chromium what the portal's script does for every page: dialogs, menus, the palette, live parts, focus and
// announcements. It uses the component page alone and knows no rooms.
package browser

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"hubline/base/fault"
	"hubline/base/seal"
	"hubline/web"
)

// guard knows one admin, who is always signed in.
type guard struct{}

func (guard) Viewer(_ *http.Request, account string) (*web.Viewer, error) {
	v := &web.Viewer{PersonID: "p1", Name: "Priya Nair", Email: "priya@harbourdental.example", Zone: time.UTC, Can: func(string) bool { return true }}
	v.Accounts = []web.Account{{Slug: "harbour", Number: "10482", Name: "Harbour Dental Group", Access: "Admin"}}
	if account != "" {
		v.Account = &v.Accounts[0]
	}
	return v, nil
}

func (guard) Help(context.Context, *web.Viewer, string) (web.Help, error) {
	return web.Help{}, fault.New(fault.NotFound, "nobody", "Nobody")
}

// desk is one person at one tab with the component page.
type desk struct {
	t      *testing.T
	ctx    context.Context
	url    string
	events chan string // what the event stream sends: "event data"

	mu       sync.Mutex
	requests []string
	problems []string
	hold     chan struct{} // posted forms are answered when it is closed
}

var chromium = sync.OnceValues(func() (context.Context, error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoFirstRun, chromedp.DisableGPU)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // root can't have Chromium's sandbox
	}
	allocator, _ := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, _ := chromedp.NewContext(allocator)
	return ctx, chromedp.Do(ctx)
})

func sit(t *testing.T, path string) *desk {
	t.Helper()
	d := &desk{t: t, events: make(chan string), hold: make(chan struct{})}
	server := httptest.NewUnstartedServer(nil)
	portal, err := web.New(web.Config{BaseURL: "http://" + server.Listener.Addr().String(), Provider: "Coastal Telecom", Dev: true,
		Guard: guard{}, Ring: seal.New(bytes.Repeat([]byte{7}, 32))})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = d.watch(portal)
	server.Start()
	d.url = server.URL
	parent, err := chromium()
	if err != nil {
		t.Fatalf("Chromium is needed for the browser tests (Debian: apt install chromium): %v", err)
	}
	ctx, cancel := chromedp.NewContext(parent, chromedp.WithNewBrowserContext())
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	d.ctx = ctx
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			d.mu.Lock()
			if text := fmt.Sprint(m); !strings.HasPrefix(text, "info: Autofocus") {
				d.problems = append(d.problems, text)
			}
			d.mu.Unlock()
		}
	}()
	d.do(chromedp.Navigate(d.url + path))
	t.Cleanup(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if len(d.problems) > 0 {
			t.Errorf("the page complained: %q", d.problems)
		}
	})
	return d
}

// watch answers the event stream and posted forms itself, and notes every request.
func (d *desk) watch(portal http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		d.requests = append(d.requests, r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("HX-Target"))
		d.mu.Unlock()
		switch {
		case r.URL.Path == "/harbour/events":
			w.Header().Set("Content-Type", "text/event-stream")
			d.stream(w, r)
		case r.Method == http.MethodPost:
			_, _ = io.Copy(io.Discard, r.Body) // only then the server notices who hangs up
			select {
			case <-d.hold:
			case <-r.Context().Done():
			}
			http.Redirect(w, r, "/dev/components", http.StatusSeeOther)
		case strings.HasPrefix(r.URL.Path, "/harbour/") && r.URL.Path != "/harbour/palette":
			_, _ = io.WriteString(w, "arrived")
		default:
			portal.ServeHTTP(w, r)
		}
	})
}

func (d *desk) stream(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	_, _ = io.WriteString(w, ": open\n\n")
	for control.Flush() == nil {
		select {
		case <-r.Context().Done():
			return
		case event := <-d.events:
			name, data, _ := strings.Cut(event, " ")
			fmt.Fprintf(w, "event: %s\ndata: %s\n\n", name, data)
		}
	}
}

func (d *desk) asked(part string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for _, request := range d.requests {
		if strings.Contains(request, part) {
			n++
		}
	}
	return n
}

func (d *desk) do(steps ...chromedp.Action[chromedp.Void]) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.ctx, 15*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		d.t.Fatal(err)
	}
}

// answer is what Runtime.evaluate returns.
type answer struct {
	Result struct {
		Value any `json:"value"`
	} `json:"result"`
	Exception any `json:"exceptionDetails"`
}

// evaluate asks the page without waiting for a navigation that may be under way.
func (d *desk) evaluate(script string) (any, error) {
	ctx, cancel := context.WithTimeout(d.ctx, 5*time.Second)
	defer cancel()
	var got answer
	err := chromedp.Do(ctx, chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		return tab.Call(ctx, "Runtime.evaluate", map[string]any{"expression": script, "returnByValue": true, "userGesture": true}, &got)
	}))
	if err == nil && got.Exception != nil {
		err = fmt.Errorf("%v", got.Exception)
	}
	return got.Result.Value, err
}

func (d *desk) text(script string) string {
	d.t.Helper()
	value, err := d.evaluate(script)
	if err != nil {
		d.t.Fatalf("%s: %v", script, err)
	}
	return fmt.Sprint(value)
}

// run runs a script for its effect.
func (d *desk) run(script string) {
	d.t.Helper()
	d.text("void (" + script + ")")
}

// until waits for a condition on the page.
func (d *desk) until(what, script string) {
	d.t.Helper()
	d.wait(what, func() bool {
		ok, err := d.evaluate(script)
		return err == nil && ok == true
	})
}

func (d *desk) wait(what string, done func() bool) {
	d.t.Helper()
	deadline, tick := time.After(10*time.Second), time.NewTicker(15*time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-deadline:
			focus, _ := d.evaluate(`document.activeElement.outerHTML.slice(0, 200)`)
			d.t.Fatalf("never: %s\nfocus on %v\nrequests %q", what, focus, d.requests)
		case <-tick.C:
		}
	}
}

func (d *desk) press(keys string, with ...chromedp.Modifier) {
	d.t.Helper()
	d.do(chromedp.KeyEvent(keys, chromedp.KeyModifiers(with...)))
}

func focusOn(selector string) string {
	return fmt.Sprintf(`document.activeElement.matches(%q)`, selector)
}

func TestDialogsTakeAndReturnTheFocus(t *testing.T) {
	t.Parallel()
	d := sit(t, "/dev/components")
	d.do(chromedp.Click(`.head [data-open=invite]`))
	d.until("the dialog has the focus in its first field", `document.querySelector('#invite').open && `+focusOn("#to"))
	d.do(chromedp.SendKeys("#to", "a@b.example, c@d.example a@b.example"))
	d.until("the button counts people once", `document.querySelector('[data-count]').textContent === 'Send 2 invitations'`)
	d.do(chromedp.Click(`#access`))
	d.until("the sentence follows the boxes", `document.querySelector('#invite [data-says]').textContent.startsWith('2 people can manage users')`)
	d.press(kb.Escape)
	d.until("the opener has the focus again", `!document.querySelector('#invite').open && `+focusOn(".head [data-open=invite]"))
}

func TestRowMenusLeadToConfirmedActions(t *testing.T) {
	t.Parallel()
	d := sit(t, "/dev/components")
	d.do(chromedp.Focus(`[popovertarget=row-1]`))
	d.press(kb.Enter)
	d.until("the menu's first item has the focus", focusOn("#row-1 form button"))
	d.press(kb.ArrowDown)
	d.until("the arrow moves", focusOn("#row-1 [data-open=remove]"))
	d.press(kb.Enter)
	d.until("the question names the person and the safe button has the focus", `document.querySelector('#remove h2').textContent === 'Remove Priya Nair?' && `+focusOn("#remove [data-close]"))
	d.press(kb.Enter)
	d.until("Enter keeps the person, and the row has the focus", `!document.querySelector('#remove').open && `+focusOn("[popovertarget=row-1]"))
	if n := d.asked("POST"); n != 0 {
		t.Errorf("%d forms were sent", n)
	}
}

func TestThePaletteGoesAnywhere(t *testing.T) {
	t.Parallel()
	d := sit(t, "/dev/components")
	d.press("k", chromedp.ModifierCtrl)
	d.until("the entries are there", `document.querySelectorAll('#palette li').length > 4 && `+focusOn("#palette input"))
	d.do(chromedp.SendKeys("#palette input", "sett"))
	d.until("the best match is chosen and told", `document.querySelector('#palette [aria-selected=true] span').textContent === 'Settings' && document.querySelector('#palette input').getAttribute('aria-activedescendant') === document.querySelector('#palette [aria-selected=true]').id && /^\d+ results?$/.test(document.querySelector('#say').textContent)`)
	if n := d.asked("/harbour/palette"); n != 1 {
		t.Errorf("the entries were fetched %d times", n)
	}
	d.press(kb.Enter)
	d.wait("the page opens", func() bool { return d.asked("GET /harbour/settings ") == 1 })
}

func TestSingleKeysStayOutOfFields(t *testing.T) {
	t.Parallel()
	d := sit(t, "/dev/components")
	d.press("/")
	d.until("the search has the focus", focusOn("main [type=search]"))
	d.press("?")
	d.until("a letter in a field is a letter", `document.querySelector('main [type=search]').value.endsWith('?') && !document.querySelector('#keys').open`)
	d.run(`document.activeElement.blur()`)
	d.press("?")
	d.until("the list of keys opens", `document.querySelector('#keys').open`)
}

func TestSearchingKeepsTheFocusAndTellsTheCount(t *testing.T) {
	t.Parallel()
	d := sit(t, "/dev/components")
	d.run(`document.querySelector('#rows').dataset.old = 'yes'`)
	d.do(chromedp.SendKeys("main [type=search]", "jo"))
	d.until("the rows are new, the count is told, the address holds the search",
		`!document.querySelector('#rows').dataset.old && document.querySelector('#say').textContent === '7 people' && location.search === '?q=jo' && `+focusOn("main [type=search]"))
	if n := d.asked("q=jo rows"); n != 1 {
		t.Errorf("%d requests for one search", n)
	}
}

func TestFormsAreSentOnce(t *testing.T) {
	t.Parallel()
	d := sit(t, "/dev/components")
	d.do(chromedp.Click(`.head [data-open=invite]`), chromedp.SendKeys("#to", "a@b.example"))
	// While a form is under way Chromium answers no questions, so the page itself tells what it looks like then.
	d.run(`(() => {
		const button = document.querySelector('#invite [data-count]'), width = button.offsetWidth;
		new MutationObserver((_, watch) => {
			if (button.getAttribute('aria-disabled') !== 'true') return;
			watch.disconnect();
			button.click();
			button.form.requestSubmit();
			fetch('/harbour/state?' + [button.getAttribute('aria-busy'), button.offsetWidth === width, button.textContent]);
		}).observe(button, { attributes: true });
	})()`)
	d.press(kb.Enter, chromedp.ModifierCtrl)
	d.wait("the button says so and keeps its width", func() bool { return d.asked("GET /harbour/state?true,true,Sending%E2%80%A6") == 1 })
	close(d.hold)
	d.until("the next page is there", `!document.querySelector('#invite').open`)
	if n := d.asked("POST"); n != 1 {
		t.Errorf("the form was sent %d times", n)
	}
}

func TestProblemsHaveTheFocus(t *testing.T) {
	t.Parallel()
	d := sit(t, "/dev/components")
	d.until("the summary has the focus", focusOn("#errors"))
	d.do(chromedp.Click(`#errors a[href="#bad-email"]`))
	d.until("its line leads into the field", focusOn("#bad-email"))
}

func TestUnsavedChangesAreNamed(t *testing.T) {
	t.Parallel()
	d := sit(t, "/dev/components")
	d.until("nothing is said at first", `document.querySelector('.dirty').hidden`)
	d.do(chromedp.SendKeys("#name", "x"))
	d.until("the note shows", `!document.querySelector('.dirty').hidden`)
	close(d.hold)
	d.press(kb.Enter, chromedp.ModifierCtrl) // saving asks nothing
	d.until("the note is gone", `document.querySelector('.dirty').hidden`)
}

func TestLivePartsWaitForTheHands(t *testing.T) {
	t.Parallel()
	d := sit(t, "/dev/components")
	fresh := func() { d.run(`document.querySelector('#rows').dataset.old = 'yes'`) }
	const isNew = `!document.querySelector('#rows').dataset.old`
	fresh()
	d.events <- "changed something-else"
	d.events <- "changed hub-users"
	d.until("the rows are fetched", isNew)
	if n := d.asked("GET /dev/components rows"); n != 1 {
		t.Errorf("%d fetches for one change", n)
	}
	fresh()
	d.do(chromedp.Click(`.head [data-open=invite]`))
	d.events <- "changed hub-users"
	d.events <- "changed something-else" // read after the one before it was handled
	if got := d.text(`document.querySelector('#rows').dataset.old`); got != "yes" {
		t.Error("the rows changed under an open dialog")
	}
	d.press(kb.Escape)
	d.until("they change once it is closed", isNew)
	if said := d.text(`document.querySelector('#say').textContent`); said != "" {
		t.Errorf("a live part said %q", said)
	}
	d.events <- "ended access"
	d.until("the page says that it is out of date", `document.querySelector('.ended').textContent.startsWith('Your access changed.')`)
	d.do(chromedp.Click(".ended button"))
	d.until("reloading clears it", `!document.querySelector('.ended')`)
}

func TestStringsNeverBecomeCode(t *testing.T) {
	t.Parallel()
	d := sit(t, "/dev/components")
	for _, attempt := range []string{
		`document.body.insertAdjacentHTML('beforeend', '<script>window.broken = 1</scr' + 'ipt>')`,
		`document.createElement('script').text = 'window.broken = 1'`,
		`trustedTypes.createPolicy('mine', { createHTML: s => s })`,
		`trustedTypes.createPolicy('default', { createHTML: s => s })`,
	} {
		if got := d.text(`(() => { try { ` + attempt + `; return 'allowed' } catch (e) { return e.name } })()`); got == "allowed" {
			t.Errorf("%s is allowed", attempt)
		}
	}
	d.wait("the last refusal in the console", func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		last := slices.ContainsFunc(d.problems, func(text string) bool { return strings.Contains(text, "TrustedTypePolicy named 'default'") })
		if last {
			d.problems = nil // all four are there
		}
		return last
	})
}
