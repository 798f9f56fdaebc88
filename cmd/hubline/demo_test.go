package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hubline/base/mail/mailbox"
	"hubline/product/account"
	"hubline/product/phoneuser"
)

// demoRun is a demo that has said how to sign in.
type demoRun struct {
	about demoAbout
	out   *output
	stop  func() int
}

func startDemo(t *testing.T, dir string, args ...string) *demoRun {
	t.Helper()
	out, err, stop := start(t, append([]string{"demo", "--data", dir, "--http", "127.0.0.1:0", "--sip", "127.0.0.1:0"}, args...)...)
	d := &demoRun{out: out, stop: stop}
	eventually(t, "the demo", func() bool {
		if said := err.String(); strings.Contains(said, "hubline:") {
			t.Fatal(said)
		}
		return strings.Contains(out.String(), "Mailbox")
	})
	text, readErr := os.ReadFile(filepath.Join(dir, demoFile))
	if readErr != nil {
		t.Fatal(readErr)
	}
	if readErr = json.Unmarshal(text, &d.about); readErr != nil {
		t.Fatal(readErr)
	}
	return d
}

// seededDemo is a complete demo that has been stopped. Making one takes most of a second of processor time, so tests start
// copies of the same one.
var seededDemo = sync.OnceValues(func() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "hubline-demo-*"); err != nil {
		return dir, err
	}
	made.Store(&dir)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	out, said := &output{}, &output{}
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, []string{"demo", "--data", dir, "--http", "127.0.0.1:0", "--sip", "127.0.0.1:0"}, &streams{in: strings.NewReader(""), out: out, err: said})
	}()
	deadline := time.Now().Add(2 * patience)
	for !strings.Contains(out.String(), "Mailbox") && time.Now().Before(deadline) {
		select {
		case code := <-done:
			return dir, fmt.Errorf("exit %d: %s", code, said)
		case <-time.After(5 * time.Millisecond):
		}
	}
	cancel()
	if code := <-done; code != exitDone {
		return dir, fmt.Errorf("exit %d: %s", code, said)
	}
	return dir, nil
})

var made atomic.Pointer[string] // the folder of seededDemo, for TestMain to delete

// seeded returns the folder of a complete demo of the test's own.
func seeded(t *testing.T) string {
	t.Helper()
	from, err := seededDemo()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "demo")
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "hubline.key"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestDemoHoldsWhatTheContractSays(t *testing.T) {
	t.Parallel()
	dir := seeded(t)
	d := startDemo(t, dir)
	info, err := os.Stat(filepath.Join(dir, demoFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("demo.json: %v, %v", info.Mode(), err)
	}
	about := d.about
	for _, want := range []string{about.Portal, about.Mailbox, about.Accounts[0].HubUsers[0].Email, about.Accounts[0].HubUsers[0].Password} {
		if !strings.Contains(d.out.String(), want) {
			t.Errorf("the demo does not print %s", want)
		}
	}
	slugs, accountsOf := map[string]string{}, map[string]int{}
	for _, a := range about.Accounts {
		roles := ""
		for _, u := range a.HubUsers {
			roles += "[" + strings.Join(u.Roles, "+") + "]"
			accountsOf[u.Email]++
			if !strings.HasSuffix(u.Email, ".example") {
				t.Errorf("%s is not a made-up address", u.Email)
			}
			if u.Roles == nil {
				t.Errorf("%s: roles is null, not an empty list", u.Email)
			}
		}
		slugs[a.Slug] = roles
	}
	for _, want := range []string{"[admin+billing]", "[admin]", "[]", "[billing]"} {
		if !strings.Contains(slugs["harbour"], want) {
			t.Errorf("harbour lacks a hub user %s: %s", want, slugs["harbour"])
		}
	}
	if _, ok := slugs["northside"]; !ok {
		t.Error("there is no account northside")
	}
	if accountsOf["dev.patel@ledger.example"] != 2 {
		t.Error("nobody belongs to both accounts")
	}
	everybodySignsIn(t, dir, about)
	if addr, err := netip.ParseAddrPort(about.Carrier.SIP); err != nil || addr.Port() == 0 {
		t.Errorf("the carrier is at %q", about.Carrier.SIP)
	}
	if response, err := http.Get(about.Portal + "/_carrier.json"); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("the carrier's calls: %v, %v", response, err)
	} else {
		_ = response.Body.Close()
	}
	for _, a := range about.Accounts {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, about.API+"/accounts/"+a.Slug+"/hub-users", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+a.APIKey)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		var page struct{ Items []any }
		err = json.NewDecoder(response.Body).Decode(&page)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK || len(page.Items) < len(a.HubUsers) {
			t.Errorf("the API of %s: %s, %d items, %v", a.Slug, response.Status, len(page.Items), err)
		}
	}
	if code := d.stop(); code != exitDone {
		t.Errorf("exit %d", code)
	}
}

// A phone user whose places people filled with devices of their own is listed without the demo's.
func TestDemoLeavesOutDevicesThatHaveNoPlace(t *testing.T) {
	t.Parallel()
	dir := seeded(t)
	path := filepath.Join(dir, demoFile)
	text, err := os.ReadFile(path)
	check(t, err)
	var about demoAbout
	check(t, json.Unmarshal(text, &about))
	full := &about.Accounts[0].PhoneUsers[0]
	full.SIP, full.SIPSHA256 = nil, nil // the demo forgets its two devices, and makes new ones if there is room
	text, err = json.Marshal(about)
	check(t, err)
	check(t, os.WriteFile(path, text, 0o600))
	n := numbers{operator: operator{Ground: Ground{Data: dir}, Site: Site{HTTP: "127.0.0.1:0", BaseURL: about.Portal}}, Account: about.Accounts[0].Slug, Country: "AU"}
	c, err := n.open(t.Context())
	check(t, err)
	u, err := c.phones.ByExtension(t.Context(), c.actor.Account.ID, full.Extension)
	check(t, err)
	for range phoneuser.DevicesMost - 2 {
		_, err := c.phones.Provide(t.Context(), c.actor, u.ID, phoneuser.Phone)
		check(t, err)
	}
	check(t, c.Close())
	d := startDemo(t, dir)
	defer d.stop()
	if now := d.about.Accounts[0].PhoneUsers; now[0].SIP != nil || now[0].SIPSHA256 != nil || now[1].SIP == nil {
		t.Errorf("listed with %v and %v, the next with %v", now[0].SIP, now[0].SIPSHA256, now[1].SIP)
	}
	text, err = os.ReadFile(path)
	check(t, err)
	if strings.Contains(string(text), `"username": ""`) {
		t.Error("demo.json has a device without a name")
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// everybodySignsIn opens the demo's store beside the running demo and signs everybody in through the room.
func everybodySignsIn(t *testing.T, dir string, about demoAbout) {
	t.Helper()
	o := operator{Ground: Ground{Data: dir}, Site: Site{HTTP: "127.0.0.1:0", BaseURL: about.Portal}}
	room, closer, err := o.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	browser := account.Browser{Address: "203.0.113.7", UserAgent: "test"}
	if _, err := room.SignIn(t.Context(), about.Staff.Email, about.Staff.Password, browser); err != nil {
		t.Errorf("staff: %v", err)
	}
	for _, a := range about.Accounts {
		for _, u := range a.HubUsers {
			in, err := room.SignIn(t.Context(), u.Email, u.Password, browser)
			if err != nil {
				t.Errorf("%s: %v", u.Email, err)
				continue
			}
			actor, err := room.Enter(t.Context(), in.Session, a.Slug, browser.Address)
			if err != nil || strings.Join(actor.Roles.Words(), "+") != strings.Join(u.Roles, "+") {
				t.Errorf("%s in %s: roles %v, %v", u.Email, a.Slug, actor.Roles, err)
			}
		}
		key, err := room.UseKey(t.Context(), a.APIKey, a.Slug, browser.Address)
		if err != nil || !key.Can(account.InviteHubUsers) || len(key.Scopes) != len(account.Scopes()) {
			t.Errorf("the API key of %s: %v, %v", a.Slug, key.Scopes, err)
		}
	}
}

func TestDemoMailboxAndPages(t *testing.T) {
	t.Parallel()
	d := startDemo(t, seeded(t))
	mails := func() (list []mailbox.Mail) {
		t.Helper()
		if err := json.Unmarshal([]byte(body(t, http.MethodGet, d.about.Mailbox+".json")), &list); err != nil {
			t.Fatal(err)
		}
		return list
	}
	if list := mails(); len(list) != 1 || list[0].To != "jo.baptiste@harbourdental.example" || invitationLink(list[0]) == "" {
		t.Errorf("the mailbox begins with %v, want the one waiting invitation", list)
	} else if page := body(t, http.MethodGet, d.about.Portal+"/invitations/"+invitationLink(list[0])); !strings.Contains(page, "Harbour Dental Group") {
		t.Errorf("the invitation's page: %.300s", page)
	}
	if page := body(t, http.MethodGet, d.about.Mailbox); !strings.Contains(page, "jo.baptiste@harbourdental.example") {
		t.Errorf("the mailbox's page: %.300s", page)
	}
	body(t, http.MethodDelete, d.about.Mailbox+".json")
	if list := mails(); len(list) != 0 {
		t.Errorf("after DELETE the mailbox holds %v", list)
	}
	_, port, err := net.SplitHostPort(strings.TrimPrefix(d.about.Portal, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	for _, base := range []string{d.about.Portal, "http://localhost:" + port} {
		if page := body(t, http.MethodGet, base+"/sign-in"); !strings.Contains(page, "<form") {
			t.Errorf("%s/sign-in: %.300s", base, page)
		}
	}
	for _, form := range []url.Values{ // the address, a wrong password, the right one
		{"email": {d.about.Staff.Email}},
		{"email": {d.about.Staff.Email}, "password": {"wrong horse battery staple"}},
		{"email": {d.about.Staff.Email}, "password": {d.about.Staff.Password}},
	} {
		client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		response, err := client.PostForm(d.about.Portal+"/sign-in", form)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
	}
	text := body(t, http.MethodGet, d.about.Metrics)
	for _, want := range []string{`hubline_sign_ins_total{result="done"} 1`, `hubline_sign_ins_total{result="refused"} 1`, `method="POST",route="/sign-in",status="303"`} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
}

func body(t *testing.T, method, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode >= http.StatusBadRequest {
		t.Errorf("%s %s: %s", method, url, response.Status)
	}
	return string(text)
}

func TestDemoCarriesOn(t *testing.T) {
	t.Parallel()
	dir := seeded(t)
	first := startDemo(t, dir)
	if code := first.stop(); code != exitDone {
		t.Fatalf("exit %d", code)
	}
	second := startDemo(t, dir)
	if a, b := first.about.Accounts[0], second.about.Accounts[0]; a.APIKey != b.APIKey || a.HubUsers[0].Password != b.HubUsers[0].Password {
		t.Errorf("the second start has other secrets: %+v, %+v", a, b)
	}
	everybodySignsIn(t, dir, second.about)
	second.stop()
	if err := os.Remove(filepath.Join(dir, demoFile)); err != nil { // then the key's secret is lost, and a new one is made
		t.Fatal(err)
	}
	third := startDemo(t, dir)
	everybodySignsIn(t, dir, third.about)
	third.stop()
	fresh := startDemo(t, dir, "--fresh")
	if first.about.Accounts[0].HubUsers[0].Password == fresh.about.Accounts[0].HubUsers[0].Password {
		t.Error("a fresh demo has the passwords of the old one")
	}
	everybodySignsIn(t, dir, fresh.about)
}

func TestDemoBeginsAnewAfterACutFirstStart(t *testing.T) {
	t.Parallel()
	dir := seeded(t)
	if err := os.Remove(filepath.Join(dir, demoMarker)); err != nil {
		t.Fatal(err)
	}
	again := startDemo(t, dir)
	everybodySignsIn(t, dir, again.about)
}

func TestFreshDeletesOnlyWhatADemoMakes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "letter.txt"), "mine")
	c := demoCommand{Data: dir, Fresh: true}
	if err := c.folder(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "letter.txt")); err != nil {
		t.Error("a file that is not the demo's is gone")
	}
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	base, hosts := origins(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080})
	if base != "http://127.0.0.1:8080" || strings.Join(hosts, " ") != "localhost:8080" {
		t.Errorf("%s, %v", base, hosts)
	}
	base, hosts = origins(&net.TCPAddr{IP: net.IPv6unspecified, Port: 8080})
	if base != "http://127.0.0.1:8080" || len(hosts) < 3 {
		t.Errorf("%s, %v", base, hosts)
	}
	if base, _ = origins(&net.TCPAddr{IP: net.IPv6loopback, Port: 8080}); base != "http://[::1]:8080" {
		t.Error(base)
	}
}
