// Package providertest starts the OpenID provider of test/provider as a process of its own and goes through its pages like a browser. It
// is for tests.
package providertest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"hubline/base/openid/provider"
)

// Process is a running provider.
type Process struct {
	Issuer string
	t      testing.TB
	client *http.Client
}

var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "hubline-provider-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "provider")
	out, err := exec.Command("go", "build", "-o", path, "hubline/test/provider").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build test/provider: %w: %s", err, out)
	}
	return path, nil
})

// Remove deletes the program that Start built; for TestMain.
func Remove() {
	if path, err := binary(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path)) // nothing depends on it
	}
}

// Start starts a provider that ends with the test.
func Start(t testing.TB) *Process {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait() // it ends when its input does
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return process(t, strings.TrimSpace(line))
}

// Serve runs a provider inside the test's own process, for tests that only need one to be there.
func Serve(t testing.TB) *Process {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	p, err := provider.New(provider.Options{Issuer: "http://" + server.Listener.Addr().String(), Title: "Example ID", Control: true})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = p
	server.Start()
	t.Cleanup(server.Close)
	return process(t, p.Issuer)
}

func process(t testing.TB, issuer string) *Process {
	return &Process{Issuer: issuer, t: t,
		client: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// Host is the provider's address and port, for allow lists.
func (p *Process) Host() string { return strings.TrimPrefix(p.Issuer, "http://") }

// Client makes a client known to the provider.
func (p *Process) Client(id, secret, redirect string) {
	p.t.Helper()
	p.control(map[string]any{"client": provider.Client{ID: id, Secret: secret, Redirect: redirect}})
}

// Faults makes the provider misbehave in exactly these ways from now on; see package provider.
func (p *Process) Faults(names ...string) {
	p.t.Helper()
	p.control(map[string]any{"faults": names})
}

// Rotate gives the provider a new key.
func (p *Process) Rotate() {
	p.t.Helper()
	p.control(map[string]any{"rotate": true})
}

func (p *Process) control(what any) {
	p.t.Helper()
	body, err := json.Marshal(what)
	if err != nil {
		p.t.Fatal(err)
	}
	answer, err := p.client.Post(p.Issuer+"/control", "application/json", bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusNoContent {
		text, _ := io.ReadAll(answer.Body)
		p.t.Fatalf("control: %d %s", answer.StatusCode, text)
	}
}

// Seen returns what clients did so far.
func (p *Process) Seen() (seen provider.Seen) {
	p.t.Helper()
	answer, err := p.client.Get(p.Issuer + "/control")
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&seen); err != nil {
		p.t.Fatal(err)
	}
	return seen
}

// Choose opens the page that an authorisation request leads to, chooses the person with that address ("" cancels), and returns where the
// browser is sent back to.
func (p *Process) Choose(authorize, email string) *url.URL {
	p.t.Helper()
	u, err := url.Parse(authorize)
	if err != nil {
		p.t.Fatal(err)
	}
	page, err := p.client.Get(authorize)
	if err != nil {
		p.t.Fatal(err)
	}
	text, err := io.ReadAll(page.Body)
	_ = page.Body.Close()
	if err != nil || page.StatusCode != http.StatusOK {
		p.t.Fatalf("the provider's page: %d %v %s", page.StatusCode, err, text)
	}
	form := u.Query()
	form.Set("email", email)
	answer, err := p.client.PostForm(p.Issuer+"/authorize", form)
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	back, err := answer.Location()
	if err != nil {
		p.t.Fatal(err)
	}
	return back
}
