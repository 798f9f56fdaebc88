package phones

import (
	"context"
	_ "embed"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

//go:embed testdata/register.js
var registerScript string

var stopBrowser context.CancelFunc

// chromium is one browser for the whole test process.
var chromium = sync.OnceValues(func() (context.Context, error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.Flag("disable-background-networking", true), chromedp.NoFirstRun, chromedp.DisableGPU)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // root can't have Chromium's sandbox
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	stopBrowser = stop
	ctx, _ := chromedp.NewContext(allocator)
	return ctx, chromedp.Do(ctx)
})

func closeBrowser() {
	if stopBrowser != nil {
		stopBrowser()
	}
}

// registered is what the page's client saw.
type registered struct {
	First      string `json:"first"` // status lines
	Second     string `json:"second"`
	Challenges int    `json:"challenges"`
	Algorithm  string `json:"algorithm"`
	Realm      string `json:"realm"`
	Contact    string `json:"contact"`
}

// visit opens a page in a browser of its own and runs the client there.
func visit(t *testing.T, page, address string, as device) (registered, error) {
	t.Helper()
	parent, err := chromium()
	if err != nil {
		t.Fatalf("Chromium is needed (Debian: apt-get install chromium): %v", err)
	}
	tab, closeTab := chromedp.NewContext(parent, chromedp.WithNewBrowserContext())
	t.Cleanup(closeTab)
	must(t, chromedp.Do(tab)) // opens the tab without a deadline
	ctx, cancel := context.WithTimeout(tab, patience)
	defer cancel()
	arguments, err := json.Marshal(map[string]string{"address": address, "domain": as.Domain, "username": as.Username, "password": as.Password})
	must(t, err)
	must(t, chromedp.Do(ctx, chromedp.Navigate(page)))
	return chromedp.Run(ctx, chromedp.Evaluate[registered](registerScript+"register("+string(arguments)+")", chromedp.EvalAwaitPromise))
}

func TestABrowserRegistersOverAWebSocket(t *testing.T) {
	t.Parallel()
	d := start(t)
	as := d.Accounts[0].PhoneUsers[0].SHA256
	if as.Algorithm != "SHA-256" {
		t.Fatalf("the device for browsers has %q", as.Algorithm)
	}
	r, err := visit(t, d.Portal+"/healthz", d.WS, as)
	must(t, err)
	if r.First != "SIP/2.0 401 Unauthorized" || r.Challenges != 1 || r.Algorithm != "SHA-256" || r.Realm != d.Domain || r.Second != "SIP/2.0 200 OK" ||
		!strings.Contains(r.Contact, as.Username) || !strings.Contains(r.Contact, "expires=") {
		t.Errorf("the page saw %+v", r)
	}

	wrong := as
	wrong.Password = "wrong-" + as.Password[:8]
	if r, err = visit(t, d.Portal+"/healthz", d.WS, wrong); err != nil || r.Second != "SIP/2.0 401 Unauthorized" {
		t.Errorf("with a wrong password: %+v, %v", r, err)
	}
}

// A page of somebody else's that a person with a phone visits must not reach the phone system through the person's browser.
func TestPagesOfOtherSitesGetNoWebSocket(t *testing.T) {
	t.Parallel()
	d := start(t)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write([]byte("<!doctype html><title>Another site</title>"))
	}))
	t.Cleanup(other.Close)
	page := strings.Replace(other.URL, "127.0.0.1", "localhost", 1)
	r, err := visit(t, page, d.WS, d.Accounts[0].PhoneUsers[0].SHA256)
	if err == nil || !strings.Contains(err.Error(), "the connection was refused") {
		t.Errorf("another site's page saw %+v, %v", r, err)
	}
}
