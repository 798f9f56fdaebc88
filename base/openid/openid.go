// Package openid signs people in with other services: the relying party of OpenID Connect Core 1.0, with the authorization code flow and
// PKCE. It says who a provider vouched for. It does not know people of ours, and keeps nothing but what providers publish.
package openid

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"hubline/base/outward"
)

// What went wrong, as far as it makes a difference to whoever set the provider up. The rest of the text is for the log.
var (
	ErrUnreachable = errors.New("openid: the provider does not answer as OpenID Connect asks")
	ErrRefused     = errors.New("openid: the provider refuses this client")
	ErrToken       = errors.New("openid: the provider's token does not hold")
)

// errClient is ErrRefused where the provider does not believe who we are.
var errClient = fmt.Errorf("%w: client ID and secret", ErrRefused)

const (
	keptFor     = time.Hour // how long what a provider publishes about itself is used; its keys are read again when one is unknown
	mostKept    = 1000      // providers
	clockSlack  = 5 * time.Minute
	subjectMost = 255 // OpenID Connect Core 1.0 section 2
)

// algorithms are the signatures that are believed, whatever a provider announces: none that needs no key, and none that needs our own.
var algorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// Provider is what a client has to know to sign people in: the issuer, and what that one calls us.
type Provider struct {
	Issuer       string // exactly as the provider spells it
	ClientID     string
	ClientSecret string
}

// Identity is who a provider vouched for. Issuer and Subject together name them for ever; nothing else does.
type Identity struct {
	Issuer  string
	Subject string
	Email   string // as the provider writes it; "" when it tells none
	// EmailVerified is true only when the provider said so with the JSON value true, or a tenant of Microsoft Entra ID that it owns the domain.
	EmailVerified bool
	Name          string
}

// Attempt is what one sign-in has to remember until the browser comes back. Verifier and Nonce never leave the server but as hashes and
// inside what the provider signs.
type Attempt struct {
	Nonce    string
	Verifier string // RFC 7636 section 4.1
}

// NewAttempt draws the secrets of one sign-in.
func NewAttempt() Attempt {
	secret := func() string {
		raw := make([]byte, 32)
		rand.Read(raw)
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	return Attempt{Nonce: secret(), Verifier: secret()}
}

// Client talks to providers. It is safe for concurrent use.
type Client struct {
	guard *outward.Guard
	http  *http.Client
	now   func() time.Time

	mu   sync.Mutex
	kept map[string]*metadata // by issuer
}

// New returns a client whose requests go through the guard. now nil is time.Now.
func New(guard *outward.Guard, now func() time.Time) *Client {
	if now == nil {
		now = time.Now
	}
	return &Client{guard: guard, http: guard.Client(outward.Limits{Time: 10 * time.Second, Body: 1 << 20}), now: now, kept: map[string]*metadata{}}
}

// metadata is what a provider publishes about itself (OpenID Connect Discovery 1.0 section 3).
type metadata struct {
	read      time.Time
	keys      *oidc.RemoteKeySet
	authorize *url.URL
	Token     string   `json:"token_endpoint"`
	Authorize string   `json:"authorization_endpoint"`
	Keys      string   `json:"jwks_uri"`
	Methods   []string `json:"token_endpoint_auth_methods_supported"`
	Responses []string `json:"response_types_supported"`
	Challenge []string `json:"code_challenge_methods_supported"`
	TellsIss  bool     `json:"authorization_response_iss_parameter_supported"` // RFC 9207
}

// CheckIssuer says whether a text can be an issuer: an https address that may be asked, without query (Discovery 1.0 section 3).
func (c *Client) CheckIssuer(issuer string) error {
	u, err := c.guard.URL(issuer)
	if err == nil && (u.RawQuery != "" || u.ForceQuery) {
		err = outward.ErrURL
	}
	return err
}

// Probe reads anew what the provider publishes about itself and its keys, so that whoever sets it up hears at once what is wrong.
// Whether client ID and secret are right shows only at a sign-in.
func (c *Client) Probe(ctx context.Context, issuer string) error {
	m, err := c.discover(ctx, issuer)
	if err != nil {
		return err
	}
	c.keep(issuer, m)
	return c.fetchKeys(ctx, m)
}

func (c *Client) fetchKeys(ctx context.Context, m *metadata) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, m.Keys, nil)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer answer.Body.Close()
	var set struct{ Keys []json.RawMessage }
	body, err := io.ReadAll(answer.Body)
	if err == nil {
		err = json.Unmarshal(body, &set)
	}
	if err != nil || answer.StatusCode != http.StatusOK || len(set.Keys) == 0 {
		return fmt.Errorf("%w: no keys at %s, status %d: %v", ErrUnreachable, m.Keys, answer.StatusCode, err)
	}
	return nil
}

func (c *Client) metadata(ctx context.Context, issuer string) (*metadata, error) {
	c.mu.Lock()
	m := c.kept[issuer]
	c.mu.Unlock()
	if m != nil && c.now().Sub(m.read).Abs() < keptFor {
		return m, nil
	}
	m, err := c.discover(ctx, issuer)
	if err != nil {
		return nil, err
	}
	c.keep(issuer, m)
	return m, nil
}

func (c *Client) keep(issuer string, m *metadata) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.kept) >= mostKept {
		clear(c.kept)
	}
	c.kept[issuer] = m
}

// discover reads the provider's description of itself. Each address in it has to pass the guard, as the provider chose it.
func (c *Client) discover(ctx context.Context, issuer string) (*metadata, error) {
	if err := c.CheckIssuer(issuer); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, c.http), issuer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	m := &metadata{read: c.now()}
	if err := provider.Claims(m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	for _, address := range []string{m.Authorize, m.Token, m.Keys} {
		if _, err := c.guard.URL(address); err != nil {
			return nil, fmt.Errorf("%w: the address %q: %w", ErrUnreachable, address, err)
		}
	}
	if m.authorize, err = url.Parse(m.Authorize); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	if len(m.Responses) > 0 && !slices.Contains(m.Responses, "code") {
		return nil, fmt.Errorf("%w: it does not offer the code flow", ErrUnreachable)
	}
	// A provider that knows challenges but not by hash would be asked to send the verifier around.
	if len(m.Challenge) > 0 && !slices.Contains(m.Challenge, "S256") {
		return nil, fmt.Errorf("%w: it does not take challenges by S256", ErrUnreachable)
	}
	m.keys = oidc.NewRemoteKeySet(oidc.ClientContext(context.WithoutCancel(ctx), c.http), m.Keys)
	return m, nil
}

// Begin returns the address at the provider that the browser has to go to. state comes back with the code; hint is the address that
// the person is expected to choose, or "".
func (c *Client) Begin(ctx context.Context, p Provider, a Attempt, state, redirect, hint string) (string, error) {
	m, err := c.metadata(ctx, p.Issuer)
	if err != nil {
		return "", err
	}
	challenge := sha256.Sum256([]byte(a.Verifier))
	u := *m.authorize
	q := u.Query()
	for name, value := range map[string]string{"response_type": "code", "client_id": p.ClientID, "redirect_uri": redirect, "scope": "openid email profile",
		"state": state, "nonce": a.Nonce, "code_challenge": base64.RawURLEncoding.EncodeToString(challenge[:]), "code_challenge_method": "S256", "login_hint": hint} {
		if value != "" {
			q.Set(name, value)
		}
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// Answer is what the browser brings back from the provider (RFC 6749 section 4.1.2).
type Answer struct {
	Code   string
	Issuer string // RFC 9207; "" from providers that do not tell
}

// Finish exchanges the code for an ID token and checks that.
func (c *Client) Finish(ctx context.Context, p Provider, a Attempt, redirect string, answer Answer) (Identity, error) {
	m, err := c.metadata(ctx, p.Issuer)
	if err != nil {
		return Identity{}, err
	}
	if answer.Issuer != p.Issuer && (answer.Issuer != "" || m.TellsIss) {
		return Identity{}, fmt.Errorf("%w: the answer is from %q", ErrToken, answer.Issuer)
	}
	token, err := c.exchange(ctx, m, p, a, redirect, answer.Code)
	if err != nil {
		return Identity{}, err
	}
	return c.verify(ctx, m, p, a, token)
}

// methods are the ways to say who we are that the provider may take, the likeliest first (OpenID Connect Core 1.0 section 9). A header is
// what a provider takes that announces nothing. Where the encoding of RFC 6749 section 2.3.1 makes a difference the form comes first, because
// some do not decode the header.
func (m *metadata) methods(p Provider) []string {
	const basic, post = "client_secret_basic", "client_secret_post"
	plain := url.QueryEscape(p.ClientID) == p.ClientID && url.QueryEscape(p.ClientSecret) == p.ClientSecret
	switch header, form := slices.Contains(m.Methods, basic), slices.Contains(m.Methods, post); {
	case header && form && plain:
		return []string{basic, post}
	case header && form:
		return []string{post, basic}
	case form:
		return []string{post}
	case header || len(m.Methods) == 0:
		return []string{basic}
	}
	return []string{post}
}

// exchange posts the code to the provider (RFC 6749 section 4.1.3, RFC 7636 section 4.5) and returns the ID token. What a provider announces
// holds for clients of all sorts, so where it refuses this one it is asked in the next way.
func (c *Client) exchange(ctx context.Context, m *metadata, p Provider, a Attempt, redirect, code string) (token string, err error) {
	for _, method := range m.methods(p) {
		form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirect}, "code_verifier": {a.Verifier}}
		if token, err = c.redeem(ctx, m, p, form, method == "client_secret_basic"); !errors.Is(err, errClient) {
			return token, err
		}
	}
	return token, err
}

func (c *Client) redeem(ctx context.Context, m *metadata, p Provider, form url.Values, basic bool) (string, error) {
	if !basic {
		form.Set("client_id", p.ClientID)
		form.Set("client_secret", p.ClientSecret)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, m.Token, strings.NewReader(form.Encode()))
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Accept", "application/json")
	if basic { // each part form-encoded, section 2.3.1
		request.SetBasicAuth(url.QueryEscape(p.ClientID), url.QueryEscape(p.ClientSecret))
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	var said struct {
		IDToken string `json:"id_token"`
		Error   string `json:"error"`
	}
	if err := json.Unmarshal(body, &said); err != nil && answer.StatusCode == http.StatusOK {
		return "", fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	switch {
	case answer.StatusCode == http.StatusUnauthorized, answer.StatusCode != http.StatusOK && (said.Error == "invalid_client" || said.Error == "unauthorized_client"):
		return "", fmt.Errorf("%w: status %d, %.100q", errClient, answer.StatusCode, said.Error)
	case answer.StatusCode != http.StatusOK:
		return "", fmt.Errorf("%w: status %d, %.100q", ErrRefused, answer.StatusCode, said.Error)
	case said.IDToken == "":
		return "", fmt.Errorf("%w: there is no ID token", ErrToken)
	}
	return said.IDToken, nil
}

// verify checks an ID token (OpenID Connect Core 1.0 section 3.1.3.7): go-oidc the signature, issuer, audience and end, we the rest.
func (c *Client) verify(ctx context.Context, m *metadata, p Provider, a Attempt, raw string) (Identity, error) {
	verifier := oidc.NewVerifier(p.Issuer, m.keys, &oidc.Config{ClientID: p.ClientID, SupportedSigningAlgs: algorithms, Now: c.now})
	token, err := verifier.Verify(ctx, raw)
	if err != nil {
		return Identity{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	claims := map[string]json.RawMessage{} // not a struct: that would take "Email_Verified" for "email_verified"
	if err := token.Claims(&claims); err != nil {
		return Identity{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	azp, told := text(claims, "azp")
	switch {
	case subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(a.Nonce)) != 1:
		return Identity{}, fmt.Errorf("%w: it belongs to another sign-in", ErrToken)
	case told && azp != p.ClientID, !told && len(token.Audience) != 1:
		return Identity{}, fmt.Errorf("%w: it was made for %q", ErrToken, azp)
	case token.IssuedAt.After(c.now().Add(clockSlack)):
		return Identity{}, fmt.Errorf("%w: it is from the future", ErrToken)
	case token.Subject == "" || len(token.Subject) > subjectMost:
		return Identity{}, fmt.Errorf("%w: it names nobody", ErrToken)
	}
	who := Identity{Issuer: p.Issuer, Subject: token.Subject, EmailVerified: vouched(p.Issuer, claims)}
	who.Email, _ = text(claims, "email")
	who.Name, _ = text(claims, "name")
	return who, nil
}

// text returns a claim that is a JSON string.
func text(claims map[string]json.RawMessage, name string) (value string, told bool) {
	raw, told := claims[name]
	if json.Unmarshal(raw, &value) != nil {
		value = ""
	}
	return value, told
}
