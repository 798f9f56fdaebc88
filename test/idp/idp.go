// Package idp runs Glewlwyd, an identity provider that knows nothing of us and that the OpenID Foundation has certified, for tests: a
// process with a database, a web root and keys of its own, set up through its administration interface.
package idp

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"hubline/base/db"
)

// What the package of Debian brings along.
const (
	program = "glewlwyd"
	webRoot = "/usr/share/glewlwyd/webapp"
	schema  = "/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3"
	pages   = "/usr/share/glewlwyd/templates/config.json" // what the pages ask for first
	plugins = "/usr/lib/glewlwyd/"

	// host is this machine, and for browsers another site than 127.0.0.1: a provider is never the portal's own site.
	host = "127.0.0.2"
)

// Provider is a running Glewlwyd.
type Provider struct {
	Issuer string

	t     testing.TB
	base  string // of its pages and interfaces
	admin *http.Client
	keys  int
}

// Start runs a provider that ends with the test. It signs with RS256 until it gets a new key.
func Start(t testing.TB) *Provider {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatalf("%s is needed (Debian: apt-get install glewlwyd)", program)
	}
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "none"), 0o700))
	copyPages(t, filepath.Join(dir, "www"))
	fill(t, filepath.Join(dir, "idp.db"))
	p := &Provider{t: t}
	for !p.run(path, dir) { // until it gets a port that nobody took meanwhile
	}
	p.Issuer, p.admin = p.base+"/api/oidc", session(t)
	p.ask(p.admin, http.MethodPost, "/api/auth/", map[string]any{"username": "admin", "password": "password"}, nil)
	p.setUp()
	return p
}

// Host is the provider's address and port, for allow lists.
func (p *Provider) Host() string { return strings.TrimPrefix(p.base, "http://") }

// starting keeps two providers of one process from choosing the same port.
var starting sync.Mutex

// run starts the program on a port that is free now and says whether it came up there.
func (p *Provider) run(path, dir string) bool {
	t := p.t
	t.Helper()
	starting.Lock()
	defer starting.Unlock()
	// Not from the range that outgoing connections draw from: one of those would take the port away.
	port := 61000 + mathrand.IntN(4500)
	p.base = fmt.Sprintf("http://%s:%d", host, port)
	probe, err := net.Listen("tcp", p.Host())
	if err != nil {
		return false
	}
	probe.Close()
	file, said := filepath.Join(dir, "idp.conf"), filepath.Join(dir, "idp.log")
	must(t, os.WriteFile(file, []byte(p.configuration(dir, port)), 0o600))
	log, err := os.Create(said)
	must(t, err)
	defer log.Close()
	cmd := exec.Command(path, "--config-file", file)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	must(t, cmd.Start())
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // nothing of it is needed any more
		<-ended
		if t.Failed() {
			text, _ := os.ReadFile(said)
			t.Logf("%s said:\n%s", program, text)
		}
	})
	for deadline := time.Now().Add(time.Minute); ; {
		if answer, err := http.Get(p.base + "/config"); err == nil {
			answer.Body.Close()
			return true
		}
		pause := time.NewTimer(10 * time.Millisecond)
		select {
		case <-ended:
			text, _ := os.ReadFile(said)
			if strings.Contains(string(text), "Failed to bind") {
				return false
			}
			t.Fatalf("%s ended:\n%s", program, text)
		case <-pause.C:
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited a minute for %s", program)
		}
	}
}

func (p *Provider) configuration(dir string, port int) string {
	var b strings.Builder
	set := func(name string, value any) {
		if text, ok := value.(string); ok {
			value = fmt.Sprintf("%q", text)
		}
		fmt.Fprintf(&b, "%s = %v\n", name, value)
	}
	set("port", port)
	set("bind_address", host)
	set("external_url", p.base)
	set("login_url", "login.html")
	set("api_prefix", "api")
	set("static_files_path", filepath.Join(dir, "www"))
	set("log_mode", "console")
	set("log_level", "INFO")
	set("cookie_secure", 0)
	set("session_key", "idp_session")
	set("admin_scope", "g_admin")
	set("profile_scope", "g_profile")
	set("hash_algorithm", "SHA512")
	for setting, folder := range map[string]string{"user_module_path": "user", "client_module_path": "client", "user_auth_scheme_module_path": "scheme", "plugin_module_path": "plugin"} {
		set(setting, plugins+folder)
	}
	set("user_middleware_module_path", filepath.Join(dir, "none"))
	fmt.Fprintf(&b, "database = { type = \"sqlite3\" path = %q };\n", filepath.Join(dir, "idp.db"))
	b.WriteString("static_files_mime_types = (")
	for i, kind := range [][2]string{{".html", "text/html"}, {".css", "text/css"}, {".js", "application/javascript"}, {".json", "application/json"}} {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, " { extension = %q mime_type = %q compress = 0 }", kind[0], kind[1])
	}
	b.WriteString(" )\n")
	return b.String()
}

// copyPages copies what people at the provider see: the program serves no symbolic links, and Debian's config.json leads nowhere.
func copyPages(t testing.TB, to string) {
	t.Helper()
	must(t, filepath.WalkDir(webRoot, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(webRoot, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return os.MkdirAll(filepath.Join(to, name), 0o700)
		}
		switch name {
		case "admin.js", "profile.js", "config.json":
			return nil
		}
		text, err := os.ReadFile(path)
		if os.IsNotExist(err) { // a part that only other pages need
			return nil
		}
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), text, 0o600)
	}))
	text, err := os.ReadFile(pages)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(to, "config.json"), text, 0o600))
}

// fill makes the provider's database, in which there is one administrator.
func fill(t testing.TB, path string) {
	t.Helper()
	statements, err := os.ReadFile(schema)
	must(t, err)
	d, err := db.Open(t.Context(), "sqlite:"+path)
	must(t, err)
	_, err = d.ExecContext(t.Context(), string(statements))
	must(t, err)
	must(t, d.Close())
}

// setUp gives the provider its OpenID part: code flow only, proof keys required, addresses in the ID token.
func (p *Provider) setUp() {
	p.t.Helper()
	var people map[string]any
	p.ask(p.admin, http.MethodGet, "/api/mod/user/database", nil, &people)
	format := people["parameters"].(map[string]any)["data-format"].(map[string]any)
	format["verified"] = map[string]any{"multiple": false, "read": true, "write": true}
	p.ask(p.admin, http.MethodPut, "/api/mod/user/database", people, nil)
	p.ask(p.admin, http.MethodPut, "/api/mod/user/database/reset/", nil, nil)

	parameters := map[string]any{"iss": p.Issuer, "jwt-type": "rsa", "jwt-key-size": "256", "jwks-private": p.newKey(), "jwks-show": true, "subject-type": "public",
		"access-token-duration": 300, "refresh-token-duration": 300, "code-duration": 300, "refresh-token-rolling": false, "allow-non-oidc": false,
		"pkce-allowed": true, "pkce-method-plain-allowed": false, "pkce-required": true, "oauth-as-iss-id": true, "allowed-scope": []string{"openid"},
		"email-claim": "mandatory", "name-claim": "mandatory", "scope-claim": "no", "address-claim": map[string]any{"type": "no"},
		"claims": []any{map[string]any{"name": "email_verified", "user-property": "verified", "type": "boolean", "boolean-value-true": "yes", "boolean-value-false": "no", "mandatory": true}}}
	for _, flow := range []string{"code", "token", "implicit", "none", "password", "client", "refresh", "device"} {
		parameters["auth-type-"+flow+"-enabled"] = flow == "code"
	}
	p.ask(p.admin, http.MethodPost, "/api/mod/plugin/", map[string]any{"module": "oidc", "name": "oidc", "display_name": "OpenID", "parameters": parameters, "order_rank": 0, "readonly": false}, nil)
}

// Client makes a client known to the provider, which believes it by that method only: client_secret_basic or client_secret_post.
func (p *Provider) Client(id, secret, method, redirect string) {
	p.t.Helper()
	p.ask(p.admin, http.MethodPost, "/api/client/", map[string]any{"client_id": id, "client_secret": secret, "confidential": true, "enabled": true, "name": id,
		"redirect_uri": []string{redirect}, "authorization_type": []string{"code"}, "token_endpoint_auth_method": []string{method}, "scope": []string{}}, nil)
}

// User is somebody whom the provider knows.
type User struct {
	Username, Password, Name, Email string
	Verified                        bool // whether the provider vouches for the address
}

// Add makes somebody known to the provider.
func (p *Provider) Add(u User) {
	p.t.Helper()
	p.ask(p.admin, http.MethodPost, "/api/user/", map[string]any{"username": u.Username, "password": u.Password, "name": u.Name, "email": u.Email,
		"verified": map[bool]string{true: "yes", false: "no"}[u.Verified], "scope": []string{"openid", "g_profile"}, "enabled": true}, nil)
}

// Disable makes the provider refuse somebody's password from now on.
func (p *Provider) Disable(u User) {
	p.t.Helper()
	p.change("/api/user/"+u.Username, "enabled", false)
}

// ClientSecret gives a client another secret.
func (p *Provider) ClientSecret(id, secret string) {
	p.t.Helper()
	p.change("/api/client/"+id, "client_secret", secret)
}

// change sets a property of something that the provider keeps.
func (p *Provider) change(path, property string, value any) {
	p.t.Helper()
	var known map[string]any
	p.ask(p.admin, http.MethodGet, path, nil, &known)
	known[property] = value
	p.ask(p.admin, http.MethodPut, path, known, nil)
}

// Rotate takes away the key that the provider signs with and gives it another one, of the other kind.
func (p *Provider) Rotate() {
	p.t.Helper()
	var plugin map[string]any
	p.ask(p.admin, http.MethodGet, "/api/mod/plugin/oidc", nil, &plugin)
	plugin["parameters"].(map[string]any)["jwks-private"] = p.newKey()
	p.ask(p.admin, http.MethodPut, "/api/mod/plugin/oidc", plugin, nil)
	p.ask(p.admin, http.MethodPut, "/api/mod/plugin/oidc/reset/", nil, nil)
}

// Approve does by HTTP what somebody does on the provider's pages: signs in, agrees, and is sent back. It returns where to. The address is
// that of an authorisation request.
func (p *Provider) Approve(address string, u User) string {
	p.t.Helper()
	asked, err := url.Parse(address)
	must(p.t, err)
	who := p.Agree(asked.Query().Get("client_id"), u)
	answer, err := who.Get(address + "&g_continue")
	must(p.t, err)
	defer answer.Body.Close()
	back, err := answer.Location()
	must(p.t, err)
	return back.String()
}

// Agree lets a client know who the user is, as they would on their first way through it, and returns the session in which they did.
func (p *Provider) Agree(client string, u User) *http.Client {
	p.t.Helper()
	who := session(p.t)
	p.ask(who, http.MethodPost, "/api/auth/", map[string]any{"username": u.Username, "password": u.Password}, nil)
	p.ask(who, http.MethodPut, "/api/auth/grant/"+client, map[string]any{"scope": "openid"}, nil)
	return who
}

// newKey draws a private key as a JSON Web Key Set, RSA and elliptic in turns.
func (p *Provider) newKey() string {
	p.t.Helper()
	text := func(n *big.Int) string { return base64.RawURLEncoding.EncodeToString(n.Bytes()) }
	p.keys++
	key := map[string]any{"kid": fmt.Sprint("key-", p.keys), "use": "sig"}
	if p.keys%2 == 1 {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		must(p.t, err)
		key["kty"], key["alg"], key["n"], key["e"], key["d"] = "RSA", "RS256", text(k.N), text(big.NewInt(int64(k.E))), text(k.D)
		key["p"], key["q"], key["dp"], key["dq"], key["qi"] = text(k.Primes[0]), text(k.Primes[1]), text(k.Precomputed.Dp), text(k.Precomputed.Dq), text(k.Precomputed.Qinv)
	} else {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(p.t, err)
		private, err := k.Bytes()
		must(p.t, err)
		public, err := k.PublicKey.Bytes() // 4, x, y
		must(p.t, err)
		raw := base64.RawURLEncoding.EncodeToString
		key["kty"], key["alg"], key["crv"], key["x"], key["y"], key["d"] = "EC", "ES256", "P-256", raw(public[1:33]), raw(public[33:]), raw(private)
	}
	set, err := json.Marshal(map[string]any{"keys": []any{key}})
	must(p.t, err)
	return string(set)
}

// session is a browser of sorts: it keeps cookies and does not follow redirects.
func session(t testing.TB) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	must(t, err)
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// ask sends a request to the provider's interface and reads the answer, which has to be 200, into out.
func (p *Provider) ask(who *http.Client, method, path string, in, out any) {
	p.t.Helper()
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		must(p.t, err)
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(p.t.Context(), method, p.base+path, body)
	must(p.t, err)
	request.Header.Set("Content-Type", "application/json")
	answer, err := who.Do(request)
	must(p.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	must(p.t, err)
	if answer.StatusCode != http.StatusOK {
		p.t.Fatalf("%s %s: %d %s", method, path, answer.StatusCode, text)
	}
	if out != nil {
		must(p.t, json.Unmarshal(text, out))
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
