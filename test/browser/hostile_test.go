package browser

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"hubline/sip"
	"hubline/test/handset"
	"hubline/test/node"
)

var scripts = flag.Int("scripts", 5, "scripts to put into every field of SIP; 200 is the long run")

// scriptTexts are ways to run a script on a page, each behind ways out of where a text may stand.
func scriptTexts() (list []string) {
	ways := []string{"<script>%</script>", "<img src=x onerror=%>", "<svg onload=%>", "<svg/onload=%>", "<script src=//evil.example></script>", "<iframe srcdoc='<script>%</script>'>",
		"<a href=javascript:%>x</a>", "<input autofocus onfocus=%>", "<details open ontoggle=%>", "<style onload=%></style>", "<video><source onerror=%>", "<body onload=%>",
		"<object data=javascript:%>", "<base href=//evil.example>", "<meta http-equiv=refresh content=0,javascript:%>", "<ScRiPt>%</sCrIpT>", "<math><mtext><img src=x onerror=%>",
		"x autofocus onfocus=% x=", "javascript:%", "<form><button formaction=javascript:%>x"}
	outs := []string{"", `">`, `'>`, "</title>", "</textarea>", "</script>", "-->", `"`, "'", "{{"}
	for i := range ways {
		for j, out := range outs { // the first few have each way out, and many ways
			list = append(list, out+strings.ReplaceAll(ways[(i+2*j)%len(ways)], "%", fmt.Sprintf("zqx('%d')", len(list))))
		}
	}
	return list
}

// probe notices what a text that became a script would do: call zqx, break the page's policy, open a dialog.
func (p *person) probe() (happened func() []string) {
	p.t.Helper()
	var mu sync.Mutex
	var list []string
	note := func(what string) {
		mu.Lock()
		defer mu.Unlock()
		list = append(list, what)
	}
	if err := chromedp.Listen(p.ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventBindingCalled:
			note(e.Name + " " + e.Payload)
		case *page.EventJavascriptDialogOpening:
			note("dialog " + e.Message)
			go func() {
				_, _ = chromedp.Call(p.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{})
			}()
		}
	}); err != nil {
		p.t.Fatal(err)
	}
	_, err := chromedp.Call(p.ctx, page.Enable, page.EnableParams{})
	for _, name := range []string{"zqx", "refused"} {
		if err == nil {
			_, err = chromedp.Call(p.ctx, runtime.AddBinding, runtime.AddBindingParams{Name: name})
		}
	}
	if err == nil {
		_, err = chromedp.Call(p.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
			Source: `addEventListener('securitypolicyviolation', e => refused(e.violatedDirective + ' ' + e.blockedURI))`})
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		found := append(list, p.complaints()...)
		list = nil
		return found
	}
}

// seesProbe proves that the probe sees what it is there for: scripts, refused scripts and dialogs on a page that takes every text as it is.
func (p *person) seesProbe(happened func() []string) {
	p.t.Helper()
	naive := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if r.FormValue("strict") != "" {
			w.Header().Set("Content-Security-Policy", "script-src 'self'")
		}
		fmt.Fprintf(w, `<!doctype html><title>naive</title><p>%s`, r.FormValue("text"))
	}))
	defer naive.Close()
	for text, want := range map[string]string{
		"?text=<script>zqx('7')</script>":          "zqx 7",
		"?text=<img src=x onerror=zqx('8')>":       "zqx 8",
		"?strict=1&text=<script>zqx('9')</script>": "refused script-src-elem",
		"?text=<script>alert('boo')</script>":      "dialog boo",
	} {
		p.open(naive.URL + "/" + strings.NewReplacer(" ", "%20", "<", "%3C", ">", "%3E", "'", "%27").Replace(text))
		var all []string
		until(p.t, "the probe to see "+want, func() bool {
			all = append(all, happened()...)
			return slices.ContainsFunc(all, func(s string) bool { return strings.HasPrefix(s, want) })
		})
	}
}

// TestB9ScriptsFromPhonesStayText lets phones and a carrier send scripts in every field of SIP, and looks at every page of calls and phones in
// a real browser: nothing runs, nothing is refused by the page's policy, no dialog opens.
func TestB9ScriptsFromPhonesStayText(t *testing.T) {
	t.Parallel()
	h := newHostilePhones(t)
	p := sit(t, &demo{Portal: h.server.URL})
	happened := p.probe()
	p.seesProbe(happened)
	p.open("/sign-in")
	happened()
	p.bring(h.system.Admin.Session)
	texts := scriptTexts()[:*scripts]
	pages := 0
	for n, batch := range slices.Collect(slices.Chunk(texts, hostileTexts)) {
		h.try(t, p, n, batch, func(path string, words ...string) {
			p.open(path)
			p.shows(words...)
			pages++
			if found := happened(); len(found) > 0 {
				t.Errorf("%q on %s: %q", batch, path, found)
			}
		})
	}
	t.Logf("%d scripts in %d fields of SIP, %d pages", len(texts), hostileFields, pages)
}

const (
	hostileTexts   = 10 // at a time, each dialled by a phone user of its own
	hostileDevices = 5  // of a phone user; each sends another script
	hostileFields  = 12 // that a script stands in at the same time: those of say, the dialled text, the reason of a refusal
	hostileLine    = "+61255500142"
)

// hostilePhones are a server, phones that call and are called, and a carrier, who all say what they should not.
type hostilePhones struct {
	system  *node.System
	server  *node.Node
	phones  *node.Phones
	rack    *handset.Rack
	carrier *handset.Rack
	callers []*handset.Phone // of a phone user each
	seen    int64            // calls that began later were not looked at
}

func newHostilePhones(t *testing.T) *hostilePhones {
	t.Helper()
	h := &hostilePhones{system: node.New(t, "sqlite:")}
	at := node.Free(t)
	h.phones = h.system.Phones(t, 300)
	if _, err := h.phones.Numbers.Assign(t.Context(), h.phones.Operator(), hostileLine, ""); err != nil {
		t.Fatal(err)
	}
	h.rack, h.carrier = handset.Open(t, "127.0.0.31", at), handset.Open(t, "127.0.0.32", at)
	network := "name=Network;host=" + h.carrier.Addr().String() + ";source=" + h.carrier.Addr().Addr().String()
	h.server = h.system.Start(t, node.PhoneFlags("one", at, "--carrier", network)...)
	for _, seat := range h.phones.Seats(t, hostileTexts, 1) {
		h.callers = append(h.callers, h.rack.Phone(seat.Devices[0]))
	}
	return h
}

// say puts a text into every header of a request where people or programs say something about themselves.
func say(text string) func(m *sip.Message) {
	return func(m *sip.Message) {
		for _, name := range []string{"From", "To", "Contact"} {
			if a, err := sip.ParseAddress(m.Get(name)); err == nil {
				a.Name = text
				m.Set(name, a.String())
			}
		}
		asserted := sip.Address{Name: text, URI: sip.URI{Scheme: "sip", User: text, Host: "evil.example"}}.String()
		m.Set("P-Asserted-Identity", asserted)
		m.Set("Remote-Party-ID", asserted)
		for _, name := range []string{"User-Agent", "Subject", "Organization", "X-Zqx"} {
			m.Set(name, text)
		}
		m.Body = []byte(strings.Replace(string(m.Body), "s=-\r\n", "s="+text+"\r\n", 1))
	}
}

// fromNobody is say for a carrier, whose callers are told by From.
func fromNobody(text string) func(m *sip.Message) {
	return func(m *sip.Message) {
		say(text)(m)
		m.Set("From", sip.Address{Name: text, URI: sip.URI{Scheme: "sip", User: text, Host: "evil.example"}}.String())
	}
}

// try lets phones sign in, call and refuse calls with the texts, and a carrier call; look is called with each page that shows what came of it,
// and with words that the page must show.
func (h *hostilePhones) try(t *testing.T, p *person, n int, texts []string, look func(path string, words ...string)) {
	t.Helper()
	for i, five := range slices.Collect(slices.Chunk(texts, hostileDevices)) {
		h.refuse(t, fmt.Sprint(3000+n*hostileTexts+i), h.callers[i*hostileDevices:], five, look)
	}
	look("/harbour/calls")
	h.dial(t, p, texts)
	for i, id := range h.ended(t, len(texts)) {
		look("/harbour/calls/"+id, texts[i])
	}
	var calls sync.WaitGroup
	for _, text := range texts {
		calls.Go(func() { _, _ = h.carrier.CallIn(t.Context(), hostileLine, fromNobody(text)) }) // it leads nowhere
	}
	calls.Wait()
	look("/harbour/calls/" + h.ended(t, 1)[0])
	for _, path := range []string{"/harbour/", "/harbour/phone-users", "/harbour/reports/all-calls", "/harbour/reports/inbound-calls", "/harbour/reports/all-calls?q=zqx"} {
		look(path)
	}
}

// refuse gives an extension phones that sign in and refuse a call with the texts, and the callers phones that sign in with them.
func (h *hostilePhones) refuse(t *testing.T, extension string, callers []*handset.Phone, texts []string, look func(path string, words ...string)) {
	t.Helper()
	ctx := t.Context()
	seat, err := h.phones.Seat(ctx, extension, len(texts))
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range texts {
		called := h.rack.Phone(seat.Devices[i])
		called.OnRing(func(leg *sip.Leg, _ int) { _ = leg.Refuse(486, text) })
		for _, phone := range []*handset.Phone{called, callers[i]} {
			phone.Edit(say(text))
			if status, err := phone.Register(ctx, 1); status != 200 {
				t.Fatalf("%q signs in: %d, %v", text, status, err)
			}
		}
	}
	look("/harbour/phone-users/"+seat.ID, texts...)
	if _, err := callers[0].Call(ctx, extension); err != handset.Refusal(486) {
		t.Fatalf("a call that all refuse: %v", err)
	}
	look("/harbour/calls/"+h.ended(t, 1)[0], texts...) // the programs and their reasons
}

// dial calls the texts, all at the same time and again and again, until the page that is open has shown them by itself.
func (h *hostilePhones) dial(t *testing.T, p *person, texts []string) {
	t.Helper()
	ctx, hangUp := context.WithCancel(t.Context())
	var calls sync.WaitGroup
	defer func() { hangUp(); calls.Wait() }()
	for i, text := range texts {
		calls.Go(func() {
			for ctx.Err() == nil {
				_, _ = h.callers[i].Call(ctx, text) // tells that there is no such number, and refuses
			}
		})
	}
	for _, text := range texts {
		p.shows(text)
	}
}

// ended waits until no call goes on, and returns the ID of one new call of each caller, in their order.
func (h *hostilePhones) ended(t *testing.T, callers int) (ids []string) {
	t.Helper()
	until(t, "calls to end", func() bool {
		var going int
		if err := h.system.DB.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM calls WHERE ended_at = 0`).Scan(&going); err != nil {
			t.Fatal(err)
		}
		ids = h.latest(t)
		return going == 0 && len(ids) == callers
	})
	h.seen = time.Now().UnixMilli()
	return ids
}

// latest returns the newest call of each caller that began since the last look.
func (h *hostilePhones) latest(t *testing.T) (ids []string) {
	t.Helper()
	rows, err := h.system.DB.QueryContext(t.Context(), `SELECT MAX(id), from_number FROM calls WHERE started_at > $1 GROUP BY from_number ORDER BY from_number`, h.seen)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, from string
		if err := rows.Scan(&id, &from); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

// shows waits until the page has texts in it, hidden or not.
func (p *person) shows(texts ...string) {
	p.t.Helper()
	quoted, _ := json.Marshal(append([]string{}, texts...))
	p.await("for "+string(quoted), `document.querySelector('main') && `+string(quoted)+`.every(text => document.body.textContent.includes(text))`)
}

// bring gives the browser a session.
func (p *person) bring(session string) {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, network.SetCookie, network.SetCookieParams{Name: "hubline", Value: session, URL: p.d.Portal}); err != nil {
		p.t.Fatal(err)
	}
}
