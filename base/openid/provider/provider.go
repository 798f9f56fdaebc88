// Package provider is a small OpenID provider for the demo and for tests: it believes whoever says who they are, and can be told to
// misbehave. It knows nothing of the portal, and shares no code with the client it is there to try.
package provider

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options say what a provider is.
type Options struct {
	Issuer  string // its address, perhaps with a path; without a slash at the end
	Title   string // what its page is headed with
	Clients []Client
	People  []Person // whom its page offers; others may type an address
	Control bool     // serves /control, where tests switch faults and add clients
}

// Client is a program that may send people here.
type Client struct {
	ID       string `json:"id"`
	Secret   string `json:"secret"`
	Redirect string `json:"redirect"` // the only address that people are sent back to
}

// Person is somebody whom the provider knows.
type Person struct {
	Email  string
	Name   string
	Claims map[string]any // what ID tokens say of them besides, and instead; nil leaves a claim out
}

const (
	codeLife  = time.Minute
	tokenLife = 5 * time.Minute
)

// Provider answers browsers and clients. It is safe for concurrent use.
type Provider struct {
	Options
	prefix string // path of the issuer
	mux    *http.ServeMux

	mu      sync.Mutex
	key     *rsa.PrivateKey
	kid     string
	codes   map[string]*grant
	control control
	seen    Seen
}

// grant is what a code stands for.
type grant struct {
	client, redirect, nonce, challenge string
	person                             Person
	until                              time.Time
	used                               bool
}

// Seen counts what clients did.
type Seen struct {
	Authorize int `json:"authorize"` // pages shown
	Challenge int `json:"challenge"` // of them with a challenge by S256
	Token     int `json:"token"`     // exchanges asked for
	Verified  int `json:"verified"`  // exchanges whose verifier fitted
	Keys      int `json:"keys"`      // times the keys were read
}

// New returns a provider with a key of its own.
func New(o Options) (*Provider, error) {
	issuer, err := url.Parse(o.Issuer)
	if err != nil {
		return nil, err
	}
	p := &Provider{Options: o, prefix: issuer.Path, mux: http.NewServeMux(), codes: map[string]*grant{}}
	if err := p.rotate(); err != nil {
		return nil, err
	}
	p.mux.HandleFunc("GET "+p.prefix+"/.well-known/openid-configuration", p.describe)
	p.mux.HandleFunc("GET "+p.prefix+"/keys", p.keys)
	p.mux.HandleFunc("GET "+p.prefix+"/authorize", p.ask)
	p.mux.HandleFunc("POST "+p.prefix+"/authorize", p.choose)
	p.mux.HandleFunc("POST "+p.prefix+"/token", p.token)
	p.mux.HandleFunc("GET "+p.prefix+"/style.css", style)
	if o.Control {
		p.mux.HandleFunc("POST "+p.prefix+"/control", p.setControl)
		p.mux.HandleFunc("GET "+p.prefix+"/control", p.getControl)
	}
	return p, nil
}

// ServeHTTP implements http.Handler.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.mux.ServeHTTP(w, r) }

// rotate makes a new key. The one before is forgotten.
func (p *Provider) rotate() error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.key, p.kid = key, rand.Text()[:8]
	return nil
}

func (p *Provider) client(id string) (Client, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.Clients, func(c Client) bool { return c.ID == id })
	if i < 0 {
		return Client{}, false
	}
	return p.Clients[i], true
}

// describe is OpenID Connect Discovery 1.0 section 4.
func (p *Provider) describe(w http.ResponseWriter, _ *http.Request) {
	about := map[string]any{"issuer": p.Issuer, "authorization_endpoint": p.Issuer + "/authorize", "token_endpoint": p.Issuer + "/token",
		"jwks_uri": p.Issuer + "/keys", "response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"}, "code_challenge_methods_supported": []string{"S256"},
		"token_endpoint_auth_methods_supported":          []string{"client_secret_basic", "client_secret_post"},
		"authorization_response_iss_parameter_supported": true}
	for fault, change := range map[string][2]any{
		"other-issuer": {"issuer", p.Issuer + "/other"}, "inner-keys": {"jwks_uri", "https://169.254.169.254/keys"},
		"post-only": {"token_endpoint_auth_methods_supported", []string{"client_secret_post"}}, "plain-challenge": {"code_challenge_methods_supported", []string{"plain"}},
		"basic-only":            {"token_endpoint_auth_methods_supported", []string{"client_secret_basic"}},
		"claims-all-algorithms": {"id_token_signing_alg_values_supported", []string{"none", "HS256", "RS256"}},
	} {
		if p.fault(fault) {
			about[change[0].(string)] = change[1]
		}
	}
	answer(w, http.StatusOK, about)
}

func (p *Provider) keys(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen.Keys++
	encode := base64.RawURLEncoding.EncodeToString
	answer(w, http.StatusOK, map[string]any{"keys": []map[string]string{{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": p.kid,
		"n": encode(p.key.N.Bytes()), "e": encode(big.NewInt(int64(p.key.E)).Bytes())}}})
}

// grantOf reads an authorisation request. What is wrong with client or address is told here, never to that address (RFC 6749 section 4.1.2.1).
func (p *Provider) grantOf(r *http.Request) (*grant, error) {
	c, known := p.client(r.FormValue("client_id"))
	switch {
	case !known:
		return nil, errors.New("this client is not known here")
	case r.FormValue("redirect_uri") != c.Redirect:
		return nil, errors.New("this client may not send people back to that address")
	case r.FormValue("response_type") != "code" || !slices.Contains(strings.Fields(r.FormValue("scope")), "openid"):
		return nil, errors.New("only the code flow with the scope openid works here")
	case r.FormValue("code_challenge_method") != "S256" || len(r.FormValue("code_challenge")) != 43:
		return nil, errors.New("a challenge by S256 is asked for")
	}
	return &grant{client: c.ID, redirect: c.Redirect, nonce: r.FormValue("nonce"), challenge: r.FormValue("code_challenge"), until: time.Now().Add(codeLife)}, nil
}

// choose sends the browser back with a code for whom the person said they are.
func (p *Provider) choose(w http.ResponseWriter, r *http.Request) {
	g, err := p.grantOf(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	q := url.Values{"state": {r.FormValue("state")}, "iss": {p.Issuer}}
	if p.fault("other-answer-issuer") {
		q.Set("iss", p.Issuer+"/other")
	}
	if email := strings.TrimSpace(r.FormValue("email")); email != "" {
		code := rand.Text()
		g.person = p.person(email)
		p.mu.Lock()
		p.codes[code] = g
		p.mu.Unlock()
		q.Set("code", code)
	} else {
		q.Set("error", "access_denied")
	}
	http.Redirect(w, r, g.redirect+"?"+q.Encode(), http.StatusSeeOther)
}

func (p *Provider) person(email string) Person {
	i := slices.IndexFunc(p.People, func(one Person) bool { return strings.EqualFold(one.Email, email) })
	if i < 0 {
		name, _, _ := strings.Cut(email, "@")
		return Person{Email: email, Name: name}
	}
	return p.People[i]
}

// refusesWay says whether a client may not say who it is in that way, whatever is announced.
func (p *Provider) refusesWay(basic bool) bool {
	if basic {
		return p.fault("post-only") || p.fault("client-post")
	}
	return p.fault("basic-only") || p.fault("client-basic")
}

// token exchanges a code for an ID token (RFC 6749 section 4.1.3).
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	id, secret, basic := r.BasicAuth()
	if basic && !p.fault("undecoded") {
		id, _ = url.QueryUnescape(id)
		secret, _ = url.QueryUnescape(secret)
	} else if !basic {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	c, known := p.client(id)
	if !known || subtle.ConstantTimeCompare([]byte(secret), []byte(c.Secret)) != 1 || p.refusesWay(basic) {
		answer(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return
	}
	if p.fault("redirected-token") {
		http.Redirect(w, r, p.Issuer+"/elsewhere", http.StatusTemporaryRedirect)
		return
	}
	g, ok := p.redeem(r.PostFormValue("code"), id, r.PostFormValue("redirect_uri"), r.PostFormValue("code_verifier"))
	if !ok {
		answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
		return
	}
	body := map[string]any{"token_type": "Bearer", "access_token": rand.Text(), "expires_in": int(tokenLife.Seconds()), "id_token": p.sign(g)}
	if p.fault("huge") {
		body["padding"] = strings.Repeat("x", 2<<20)
	}
	answer(w, http.StatusOK, body)
}

// redeem takes a code that was not used before, for the client and the address it was made for.
func (p *Provider) redeem(code, client, redirect, verifier string) (*grant, bool) {
	ignored := p.fault("ignore-challenge")
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen.Token++
	g := p.codes[code]
	if g == nil || g.used || g.client != client || g.redirect != redirect || time.Now().After(g.until) {
		return nil, false
	}
	sum := sha256.Sum256([]byte(verifier))
	if fits := base64.RawURLEncoding.EncodeToString(sum[:]) == g.challenge; fits {
		p.seen.Verified++
	} else if !ignored {
		return nil, false
	}
	g.used = true
	return g, true
}

// sign makes the ID token, with whatever faults are on.
func (p *Provider) sign(g *grant) string {
	sum := sha256.Sum256([]byte(strings.ToLower(g.person.Email)))
	now := time.Now()
	claims := map[string]any{"iss": p.Issuer, "sub": base64.RawURLEncoding.EncodeToString(sum[:16]), "aud": g.client, "nonce": g.nonce,
		"iat": now.Unix(), "exp": now.Add(tokenLife).Unix(), "email": g.person.Email, "email_verified": true, "name": g.person.Name}
	change(claims, g.person.Claims)
	for fault, changes := range map[string]map[string]any{
		"audience": {"aud": "somebody-else"}, "audiences": {"aud": []string{g.client, "somebody-else"}}, "azp": {"azp": "somebody-else"},
		"nonce": {"nonce": "another"}, "no-nonce": {"nonce": nil}, "issuer": {"iss": "https://issuer.example"}, "unverified": {"email_verified": false},
		"verified-as-text": {"email_verified": "true"}, "verified-as-number": {"email_verified": 1}, "verified-elsewhere": {"email_verified": nil, "Email_Verified": true},
		"no-email": {"email": nil, "email_verified": nil}, "expired": {"iat": now.Add(-time.Hour).Unix(), "exp": now.Add(-time.Minute).Unix()},
		"future": {"iat": now.Add(time.Hour).Unix(), "exp": now.Add(2 * time.Hour).Unix()}, "no-subject": {"sub": ""},
	} {
		if p.fault(fault) {
			change(claims, changes)
		}
	}
	return p.signed(claims)
}

func change(claims, changes map[string]any) {
	for name, value := range changes {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
}

// signed is JWS compact serialisation (RFC 7515 section 3.1).
func (p *Provider) signed(claims map[string]any) string {
	p.mu.Lock()
	key, kid := p.key, p.kid
	p.mu.Unlock()
	alg := "RS256"
	switch {
	case p.fault("alg-none"):
		alg = "none"
	case p.fault("alg-hs256"):
		alg = "HS256"
	case p.fault("other-key"):
		key, _ = rsa.GenerateKey(rand.Reader, 2048)
	}
	part := func(v any) string {
		text, _ := json.Marshal(v) // maps of texts and numbers
		return base64.RawURLEncoding.EncodeToString(text)
	}
	input := part(map[string]string{"alg": alg, "typ": "JWT", "kid": kid}) + "." + part(claims)
	var signature []byte
	switch alg {
	case "RS256":
		sum := sha256.Sum256([]byte(input))
		signature, _ = rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	case "HS256": // with the public key as the secret, which everybody has
		mac := hmac.New(sha256.New, x509.MarshalPKCS1PublicKey(&key.PublicKey))
		mac.Write([]byte(input))
		signature = mac.Sum(nil)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // to a client that may be gone
}
