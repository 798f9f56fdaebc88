package openid_test

import (
	"errors"
	"net/http"
	"net/url"
	"os"
	"testing"
	"time"

	"hubline/base/openid"
	"hubline/base/openid/providertest"
	"hubline/base/outward"
)

func TestMain(m *testing.M) {
	code := m.Run()
	providertest.Remove()
	os.Exit(code)
}

const redirect = "https://hub.example/sign-in/answer"

type rig struct {
	*providertest.Process
	t      *testing.T
	client *openid.Client
	us     openid.Provider
}

func start(t *testing.T) *rig {
	t.Helper()
	p := providertest.Start(t)
	p.Client("hub", "s3cret & more", redirect)
	guard, err := outward.New(p.Host())
	if err != nil {
		t.Fatal(err)
	}
	return &rig{p, t, openid.New(guard, nil), openid.Provider{Issuer: p.Issuer, ClientID: "hub", ClientSecret: "s3cret & more"}}
}

// begin goes to the provider and comes back with its answer.
func (r *rig) begin(a openid.Attempt) (openid.Answer, error) {
	r.t.Helper()
	address, err := r.client.Begin(r.t.Context(), r.us, a, "state-1", redirect, "jo@harbour.example")
	if err != nil {
		return openid.Answer{}, err
	}
	back := r.Choose(address, "jo@harbour.example")
	if back.Query().Get("state") != "state-1" {
		r.t.Errorf("came back to %s", back)
	}
	return openid.Answer{Code: back.Query().Get("code"), Issuer: back.Query().Get("iss")}, nil
}

func (r *rig) signIn() (openid.Identity, error) {
	r.t.Helper()
	a := openid.NewAttempt()
	answer, err := r.begin(a)
	if err != nil {
		return openid.Identity{}, err
	}
	return r.client.Finish(r.t.Context(), r.us, a, redirect, answer)
}

func TestSignInWithAProvider(t *testing.T) {
	t.Parallel()
	r := start(t)
	if err := r.client.Probe(t.Context(), r.Issuer); err != nil {
		t.Fatal(err)
	}
	first, err := r.signIn()
	if err != nil {
		t.Fatal(err)
	}
	if first.Issuer != r.Issuer || len(first.Subject) < 10 || first.Email != "jo@harbour.example" || !first.EmailVerified || first.Name != "jo" {
		t.Errorf("got %+v", first)
	}
	if seen := r.Seen(); seen.Authorize != 1 || seen.Challenge != 1 || seen.Verified != 1 {
		t.Errorf("the provider saw no proof key: %+v", seen)
	}
	r.Rotate() // twice, as the second must not be taken for the first
	r.Rotate()
	if second, err := r.signIn(); err != nil || second != first {
		t.Errorf("after new keys: %+v, %v", second, err)
	}
	r.Client("plain", "plain", redirect)
	for _, way := range []string{"post-only", "basic-only", "undecoded", "client-post", "client-basic"} { // the last three announce both
		for _, us := range []openid.Provider{r.us, {Issuer: r.Issuer, ClientID: "plain", ClientSecret: "plain"}} {
			r.Faults(way)
			r.client, r.us = openid.New(mustGuard(t, r.Host()), nil), us
			if who, err := r.signIn(); err != nil || who != first {
				t.Errorf("%s as %s: %+v, %v", way, us.ClientID, who, err)
			}
		}
	}
}

func mustGuard(t *testing.T, allow ...string) *outward.Guard {
	t.Helper()
	guard, err := outward.New(allow...)
	if err != nil {
		t.Fatal(err)
	}
	return guard
}

// Abuse case A33: audience, client, redirect, nonce, issuer, signature or time of a token do not hold.
func TestA33TokensThatDoNotHold(t *testing.T) {
	t.Parallel()
	r := start(t)
	for _, fault := range []string{"audience", "audiences", "azp", "nonce", "no-nonce", "issuer", "expired", "future", "no-subject", "alg-none", "alg-hs256", "other-key", "other-answer-issuer"} {
		r.Faults(fault)
		if who, err := r.signIn(); !errors.Is(err, openid.ErrToken) {
			t.Errorf("%s: %+v, %v, wanted ErrToken", fault, who, err)
		}
		r.Faults(fault, "claims-all-algorithms")
		r.client = openid.New(mustGuard(t, r.Host()), nil)
		if who, err := r.signIn(); !errors.Is(err, openid.ErrToken) {
			t.Errorf("%s of a provider that announces every algorithm: %+v, %v, wanted ErrToken", fault, who, err)
		}
	}
	for _, fault := range []string{"other-issuer", "inner-keys", "plain-challenge"} {
		r.Faults(fault)
		client := openid.New(mustGuard(t, r.Host()), nil)
		if _, err := client.Begin(t.Context(), r.us, openid.NewAttempt(), "s", redirect, ""); !errors.Is(err, openid.ErrUnreachable) {
			t.Errorf("%s: %v, wanted ErrUnreachable", fault, err)
		}
	}
	for _, fault := range []string{"redirected-token", "huge"} {
		r.Faults(fault)
		if _, err := r.signIn(); !errors.Is(err, openid.ErrRefused) && !errors.Is(err, openid.ErrUnreachable) {
			t.Errorf("%s: %v, wanted a refusal", fault, err)
		}
	}
	r.Faults()
	if _, err := r.signIn(); err != nil {
		t.Errorf("without faults: %v", err)
	}
}

// Abuse case A33: a code that was used, stolen from another sign-in, meant for another address, or for another client.
func TestA33CodesThatDoNotHold(t *testing.T) {
	t.Parallel()
	r := start(t)
	ctx, a := t.Context(), openid.NewAttempt()
	answer, err := r.begin(a)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(name string, p openid.Provider, a openid.Attempt, redirect string, answer openid.Answer) {
		t.Helper()
		if who, err := r.client.Finish(ctx, p, a, redirect, answer); !errors.Is(err, openid.ErrRefused) {
			t.Errorf("%s: %+v, %v, wanted ErrRefused", name, who, err)
		}
	}
	refused("the verifier of another sign-in", r.us, openid.NewAttempt(), redirect, answer)
	refused("another address", r.us, a, redirect+"/", answer)
	refused("a wrong secret", openid.Provider{Issuer: r.us.Issuer, ClientID: "hub", ClientSecret: "x"}, a, redirect, answer)
	r.Client("other", "s", redirect)
	refused("another client", openid.Provider{Issuer: r.us.Issuer, ClientID: "other", ClientSecret: "s"}, a, redirect, answer)
	if _, err := r.client.Finish(ctx, r.us, a, redirect, answer); err != nil {
		t.Fatal(err)
	}
	refused("a code that was used", r.us, a, redirect, answer)

	// A provider that ignores the proof key hands out the token to whoever stole the code; its nonce still belongs to another sign-in.
	victim := openid.NewAttempt()
	if answer, err = r.begin(victim); err != nil {
		t.Fatal(err)
	}
	r.Faults("ignore-challenge")
	if who, err := r.client.Finish(ctx, r.us, openid.NewAttempt(), redirect, answer); !errors.Is(err, openid.ErrToken) {
		t.Errorf("a stolen code at a provider that ignores the proof key: %+v, %v, wanted ErrToken", who, err)
	}
}

// Abuse case A30: only the JSON value true says that an address is verified.
func TestA30OnlyTrueIsVerified(t *testing.T) {
	t.Parallel()
	r := start(t)
	for _, fault := range []string{"unverified", "verified-as-text", "verified-as-number", "verified-elsewhere", "no-email"} {
		r.Faults(fault)
		if who, err := r.signIn(); err != nil || who.EmailVerified {
			t.Errorf("%s: %+v, %v, wanted an address that is not verified", fault, who, err)
		}
	}
}

func TestIssuersThatAreNone(t *testing.T) {
	t.Parallel()
	client := openid.New(mustGuard(t), nil)
	for _, issuer := range []string{"", "accounts.google.com", "http://id.example", "https://id.example/?a=b", "https://id.example/?", "https://id.example#x", "https://10.0.0.1",
		"https://localhost.", "https://2130706433/", "https://a@id.example"} {
		err := client.CheckIssuer(issuer)
		if issuer == "https://localhost." { // a name: what it leads to shows when it is asked
			err = client.Probe(t.Context(), issuer)
		}
		if err == nil {
			t.Errorf("%q counts as an issuer", issuer)
		}
	}
	if err := client.CheckIssuer("https://login.example/realms/harbour"); err != nil {
		t.Error(err)
	}
}

// What a provider published is used for a while, then read again.
func TestProvidersAreReadAgain(t *testing.T) {
	t.Parallel()
	r := start(t)
	now := time.Now()
	r.client = openid.New(mustGuard(t, r.Host()), func() time.Time { return now })
	if _, err := r.client.Begin(t.Context(), r.us, openid.NewAttempt(), "s", redirect, ""); err != nil {
		t.Fatal(err)
	}
	r.Faults("other-issuer")
	if _, err := r.client.Begin(t.Context(), r.us, openid.NewAttempt(), "s", redirect, ""); err != nil {
		t.Errorf("it was read again at once: %v", err)
	}
	now = now.Add(2 * time.Hour)
	if _, err := r.client.Begin(t.Context(), r.us, openid.NewAttempt(), "s", redirect, ""); !errors.Is(err, openid.ErrUnreachable) {
		t.Errorf("two hours later: %v, wanted ErrUnreachable", err)
	}
}

func TestProviderRefusesOtherAddresses(t *testing.T) {
	t.Parallel()
	r := start(t)
	address, err := r.client.Begin(t.Context(), r.us, openid.NewAttempt(), "s", "https://evil.example/", "")
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusBadRequest {
		t.Errorf("it answered %d", answer.StatusCode)
	}
	u, _ := url.Parse(address)
	if u.Query().Get("login_hint") != "" {
		t.Errorf("a hint that nobody gave: %s", address)
	}
}
