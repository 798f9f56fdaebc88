package browser

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

//go:embed testdata/axe.min.js
var axe string

// chromium is one browser for the whole test process; every person gets a context of their own in it.
var chromium = sync.OnceValues(func() (context.Context, error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-quic", true), chromedp.NoFirstRun, chromedp.DisableGPU)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // root can't have Chromium's sandbox
	}
	allocator, _ := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, _ := chromedp.NewContext(allocator)
	return ctx, chromedp.Do(ctx)
})

// person is somebody at a browser: cookies, a window, and a count of what they pressed.
type person struct {
	t       *testing.T
	ctx     context.Context
	d       *demo
	Presses int // clicks and key chords; typed letters don't count

	mu       sync.Mutex
	problems []string // console errors, exceptions, refused resources
	received map[network.RequestID]float64
	strange  []string // requests to other origins
}

// sit gives somebody a browser of their own, 1280 wide.
func sit(t *testing.T, d *demo) *person {
	t.Helper()
	parent, err := chromium()
	if err != nil {
		t.Fatalf("Chromium is needed for the browser tests (Debian: apt install chromium): %v", err)
	}
	ctx, cancel := chromedp.NewContext(parent, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	p := &person{t: t, d: d, received: map[network.RequestID]float64{}}
	if err := chromedp.Do(ctx); err != nil { // opens the tab without a deadline
		t.Fatal(err)
	}
	p.ctx = ctx
	p.watch()
	p.width(1280)
	return p
}

// watch collects what the page complains about and what it fetches.
func (p *person) watch() {
	if err := chromedp.Listen(p.ctx, func(event any) {
		p.mu.Lock()
		defer p.mu.Unlock()
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			if u := e.Request.URL; !strings.HasPrefix(u, p.d.Portal) && !strings.HasPrefix(u, "data:") && !strings.HasPrefix(u, "about:") && !strings.HasPrefix(u, "chrome") {
				p.strange = append(p.strange, u)
			}
		case *network.EventLoadingFinished:
			p.received[e.RequestID] = e.EncodedDataLength
		}
	}); err != nil {
		p.t.Fatal(err)
	}
	messages := chromedp.Console(p.ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			if text := fmt.Sprint(m); m.IsException() || strings.Contains(text, "Content Security Policy") || strings.Contains(text, "Trusted") {
				p.mu.Lock()
				p.problems = append(p.problems, text)
				p.mu.Unlock()
			}
		}
	}()
	if _, err := chromedp.Call(p.ctx, network.Enable, network.EnableParams{}); err != nil {
		p.t.Fatal(err)
	}
}

// do runs browser steps with a deadline and fails the test with a picture and the page's text.
func (p *person) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 15*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatalf("%s: %v\n%s", what, err, p.screen())
	}
}

// screen says where the person is and what they see, for failures.
func (p *person) screen() string {
	at, _ := chromedp.Run(p.ctx, chromedp.Location())
	text, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string](`document.body ? document.body.innerText.slice(0, 3000) : ''`))
	return "at " + at + "\n" + text
}

func eval[T any](p *person, script string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 30*time.Second)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%.120s: %v\n%s", script, err, p.screen())
	}
	return value
}

// open goes to an address of the portal, as if typed.
func (p *person) open(path string) {
	p.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = p.d.Portal + path
	}
	p.do("open "+path, chromedp.Navigate(path))
}

// at returns the path of the page.
func (p *person) at() string {
	p.t.Helper()
	return eval[string](p, `location.pathname + location.search`)
}

// sees waits until the page shows the words.
func (p *person) sees(words string) {
	p.t.Helper()
	quoted, _ := json.Marshal(words)
	p.await("to see "+words, `document.body.innerText.replace(/\s+/g, ' ').includes(`+string(quoted)+`)`)
}

// seesNot fails when the page shows the words now.
func (p *person) seesNot(words string) {
	p.t.Helper()
	quoted, _ := json.Marshal(words)
	if eval[bool](p, `document.body.innerText.includes(`+string(quoted)+`)`) {
		p.t.Fatalf("the page shows %q\n%s", words, p.screen())
	}
}

// await waits until a script is true, across page loads.
func (p *person) await(what, script string) {
	p.t.Helper()
	for deadline := time.Now().Add(15 * time.Second); ; {
		ctx, cancel := context.WithTimeout(p.ctx, 2*time.Second)
		is, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`!!(document.readyState === 'complete' && (`+script+`))`))
		cancel()
		if err == nil && is {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("waited 15 s %s (%v)\n%s", what, err, p.screen())
		}
		wait := time.NewTimer(15 * time.Millisecond)
		<-wait.C
	}
}

// find marks the visible control with that text or label and returns its selector. Controls are found as people find them: by words.
func (p *person) find(words string) chromedp.CSS {
	p.t.Helper()
	quoted, _ := json.Marshal(words)
	p.await("for the control "+words, findControl+`(`+string(quoted)+`)`)
	return `[data-found]`
}

const findControl = `(words => {
  document.querySelectorAll('[data-found]').forEach(e => e.removeAttribute('data-found'));
  const top = document.querySelector('dialog[open]') || document.body;
  const clean = s => (s || '').replace(/\s+/g, ' ').trim();
  const seen = e => e.checkVisibility({visibilityProperty: true}) && e.getClientRects().length > 0;
  const named = e => {
    const label = e.labels && e.labels.length ? clean(e.labels[0].innerText) : '';
    return [clean(e.innerText), clean(e.getAttribute('aria-label')), label, e.tagName === 'BUTTON' ? clean(e.textContent) : clean(e.textContent)];
  };
  const all = [...top.querySelectorAll('a, button, input:not([type=hidden]), select, textarea, summary')].filter(seen);
  const hit = all.find(e => named(e).some(n => n === words)) || all.find(e => named(e).some(n => n.startsWith(words))) || all.find(e => named(e).some(n => n.includes(words)));
  if (!hit) return false;
  const target = hit.matches('input[type=checkbox], input[type=radio]') && hit.closest('label') || hit;
  target.setAttribute('data-found', '');
  return true;
})`

// press clicks the control with these words and counts it.
func (p *person) press(words string) {
	p.t.Helper()
	p.Presses++
	for try := 1; ; try++ { // a list that renews itself may take the control away between finding and pressing
		ctx, cancel := context.WithTimeout(p.ctx, 5*time.Second)
		err := chromedp.Do(ctx, chromedp.Click(p.find(words)))
		cancel()
		if err == nil {
			return
		}
		if try == 3 {
			p.t.Fatalf("press %s: %v\n%s", words, err, p.screen())
		}
	}
}

// choose clicks a link or button and waits for the page it leads to.
func (p *person) choose(words string) {
	p.t.Helper()
	eval[bool](p, `window.before = true`)
	p.press(words)
	p.await("for the page behind "+words, `!window.before`)
}

// types fills the field with that label. Letters don't count as presses.
func (p *person) types(label, text string) {
	p.t.Helper()
	field := p.find(label)
	p.do("type into "+label, chromedp.Focus(field))
	eval[bool](p, `(() => { const f = document.querySelector('[data-found]'); f.select && f.select(); return true })()`)
	p.do("type into "+label, chromedp.KeyEvent(text))
}

// key presses a key chord and counts it.
func (p *person) key(keys string, modifiers ...chromedp.KeyOption) {
	p.t.Helper()
	p.Presses++
	p.do("key "+keys, chromedp.KeyEvent(keys, modifiers...))
}

// width sets the window's width in CSS pixels.
func (p *person) width(pixels int64) {
	p.t.Helper()
	height := int64(900)
	if pixels < 640 {
		height = 740
	}
	p.do("width", chromedp.EmulateViewport(pixels, height))
}

// theme makes the system prefer light or dark.
func (p *person) theme(name string) {
	p.t.Helper()
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
	if err != nil {
		p.t.Fatal(err)
	}
}

// signIn goes through the sign-in page.
func (p *person) signIn(l login) {
	p.t.Helper()
	p.open("/sign-in")
	p.types("Email", l.Email)
	p.choose("Continue")
	p.types("Password", l.Password)
	p.choose("Sign in")
}

// code reads the newest confirmation code from the mailbox.
func (p *person) code(email string) string {
	p.t.Helper()
	subject := p.d.mail(p.t, email, "code").Subject
	digits := strings.Map(func(c rune) rune {
		if c < '0' || c > '9' {
			return -1
		}
		return c
	}, subject)
	if len(digits) != 6 {
		p.t.Fatalf("no six-digit code in %q", subject)
	}
	return digits
}

// confirm passes the step-up check, if the page asks for one.
func (p *person) confirm(l login) {
	p.t.Helper()
	if !strings.HasPrefix(p.at(), "/check") {
		return
	}
	if eval[bool](p, findControl+`("Email me a code")`) {
		p.choose("Email me a code")
	}
	p.types("Code from the email", p.code(l.Email))
	p.choose("Confirm")
}

// shoot saves a picture of the whole page where BROWSER_SHOTS points, for eyes.
func (p *person) shoot(name string) {
	p.t.Helper()
	dir := os.Getenv("BROWSER_SHOTS")
	if dir == "" {
		return
	}
	picture, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644)
	}
	if err != nil {
		p.t.Error(err)
	}
}

// violations runs axe on the page as it stands: WCAG A and AA up to 2.2, and best practice.
func (p *person) violations() []string {
	p.t.Helper()
	if !eval[bool](p, `!!window.axe`) {
		if _, err := chromedp.Run(p.ctx, chromedp.Evaluate[[]byte](axe+`;true`)); err != nil {
			p.t.Fatal(err)
		}
	}
	return eval[[]string](p, `axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.flatMap(v => v.nodes.map(n => v.id + ': ' + n.target + ' ' + n.failureSummary)))`)
}

// complaints returns what the browser refused, threw or fetched elsewhere since the last call.
func (p *person) complaints() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.problems
	for _, u := range p.strange {
		list = append(list, "request to another origin: "+u)
	}
	p.problems, p.strange = nil, nil
	return list
}

// weighed forgets what was received so far, runs fn and returns the bytes received meanwhile, headers included.
func (p *person) weighed(fn func()) (bytes int, requests int) {
	p.t.Helper()
	p.mu.Lock()
	clear(p.received)
	p.mu.Unlock()
	fn()
	p.await("for the page", `true`)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range p.received {
		bytes += int(n)
	}
	return bytes, len(p.received)
}
