package openid

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"hubline/base/openid/provider"
	"hubline/base/outward"
)

const (
	harbourTenant = "https://login.microsoftonline.com/5f0c1f6e-2f35-4d53-9a5e-8a3a3d1f2b10/v2.0"
	otherTenant   = "https://login.microsoftonline.com/7a1d2c3b-0000-4111-8222-93a4b5c6d7e8/v2.0"
)

// signInAt signs jo@harbour.example in at an issuer of that name, which says claims of her, and leaves email_verified out as Entra does.
func signInAt(t *testing.T, issuer string, claims map[string]any) Identity {
	t.Helper()
	const redirect = "https://hub.example/answer"
	said := map[string]any{"email_verified": nil}
	for name, value := range claims {
		said[name] = value
	}
	p, err := provider.New(provider.Options{Issuer: issuer, Clients: []provider.Client{{ID: "hub", Secret: "s", Redirect: redirect}},
		People: []provider.Person{{Email: "jo@harbour.example", Name: "Jo", Claims: said}}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(p)
	defer server.Close()
	client := New(&outward.Guard{}, nil)
	client.http = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // whatever the issuer is called, it is the server of this test
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", server.Listener.Addr().String())
		},
	}}
	defer client.http.CloseIdleConnections()
	us, a := Provider{Issuer: issuer, ClientID: "hub", ClientSecret: "s"}, NewAttempt()
	address, err := client.Begin(t.Context(), us, a, "state", redirect, "")
	if err != nil {
		t.Fatal(err)
	}
	chosen, err := client.http.Post(address+"&email=jo%40harbour.example", "application/x-www-form-urlencoded", strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	chosen.Body.Close()
	back, err := url.Parse(chosen.Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	who, err := client.Finish(t.Context(), us, a, redirect, Answer{Code: back.Query().Get("code"), Issuer: back.Query().Get("iss")})
	if err != nil {
		t.Fatal(err)
	}
	if who.Issuer != issuer || who.Email != "jo@harbour.example" {
		t.Errorf("signed in %+v", who)
	}
	return who
}

// Abuse case A30: a tenant of Entra counts for addresses in domains that it has proved to own, of people of its own. The same words from
// any other issuer count for nothing.
func TestA30EntraVouchesForItsOwnDomains(t *testing.T) {
	t.Parallel()
	home, guest := "https://sts.windows.net/5f0c1f6e-2f35-4d53-9a5e-8a3a3d1f2b10/", "https://sts.windows.net/7a1d2c3b-0000-4111-8222-93a4b5c6d7e8/"
	for _, c := range []struct {
		name, issuer string
		claims       map[string]any
		want         bool
	}{
		{"true", harbourTenant, map[string]any{"xms_edov": true}, true},
		{"a number", harbourTenant, map[string]any{"xms_edov": 1}, true},
		{"a number as text", harbourTenant, map[string]any{"xms_edov": "1"}, true},
		{"true as text", harbourTenant, map[string]any{"xms_edov": "true"}, true},
		{"told where its people are", harbourTenant, map[string]any{"xms_edov": true, "idp": home}, true},
		{"told who it is", harbourTenant, map[string]any{"xms_edov": true, "idp": harbourTenant}, true},

		{"not told", harbourTenant, nil, false},
		{"false", harbourTenant, map[string]any{"xms_edov": false}, false},
		{"zero", harbourTenant, map[string]any{"xms_edov": 0}, false},
		{"zero as text", harbourTenant, map[string]any{"xms_edov": "0"}, false},
		{"empty", harbourTenant, map[string]any{"xms_edov": ""}, false},
		{"another number", harbourTenant, map[string]any{"xms_edov": 2}, false},
		{"a list", harbourTenant, map[string]any{"xms_edov": []bool{true}}, false},
		{"another spelling", harbourTenant, map[string]any{"XMS_EDOV": true}, false},
		{"verified as text", harbourTenant, map[string]any{"email_verified": "true"}, false},
		{"a guest from another tenant", harbourTenant, map[string]any{"xms_edov": true, "idp": guest}, false},
		{"a guest with a private account", harbourTenant, map[string]any{"xms_edov": true, "idp": "live.com"}, false},
		{"a guest from a place that is no text", harbourTenant, map[string]any{"xms_edov": true, "idp": 1}, false},

		{"everybody's private accounts", "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0", map[string]any{"xms_edov": true}, false},
		{"common", "https://login.microsoftonline.com/common/v2.0", map[string]any{"xms_edov": true}, false},
		{"organizations", "https://login.microsoftonline.com/organizations/v2.0", map[string]any{"xms_edov": true}, false},
		{"consumers", "https://login.microsoftonline.com/consumers/v2.0", map[string]any{"xms_edov": true}, false},
		{"the older issuer", home[:len(home)-1], map[string]any{"xms_edov": true}, false},
		{"a host that begins like it", "https://login.microsoftonline.com.evil.example/5f0c1f6e-2f35-4d53-9a5e-8a3a3d1f2b10/v2.0", map[string]any{"xms_edov": true}, false},
		{"a host that ends like it", "https://evil-login.microsoftonline.com/5f0c1f6e-2f35-4d53-9a5e-8a3a3d1f2b10/v2.0", map[string]any{"xms_edov": true}, false},
		{"a path that goes on", harbourTenant + "/v2.0", map[string]any{"xms_edov": true}, false},
		{"any other", "https://id.example.com", map[string]any{"xms_edov": true}, false},
		{"any other, which verifies", "https://id.example.com", map[string]any{"email_verified": true}, true},
		{"another tenant about its own", otherTenant, map[string]any{"xms_edov": true, "idp": guest}, true},
		{"another tenant about this one's", otherTenant, map[string]any{"xms_edov": true, "idp": home}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if who := signInAt(t, c.issuer, c.claims); who.EmailVerified != c.want {
				t.Errorf("%s with %v: verified is %v, wanted %v", c.issuer, c.claims, who.EmailVerified, c.want)
			}
		})
	}
}

func TestSharedEntraIsToldApart(t *testing.T) {
	t.Parallel()
	for issuer, want := range map[string][2]bool{ // one organisation's, or shared
		harbourTenant: {true, false}, "https://id.example.com": {false, false}, strings.ToUpper(harbourTenant): {false, true},
		"https://login.microsoftonline.com/common/v2.0": {false, true}, "https://login.microsoftonline.com/harbour.onmicrosoft.com/v2.0": {false, true},
		"https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0": {false, true}, harbourTenant + "/": {false, true},
	} {
		if IsEntra(issuer) != want[0] || SharedEntra(issuer) != want[1] {
			t.Errorf("%s: %v and %v, wanted %v", issuer, IsEntra(issuer), SharedEntra(issuer), want)
		}
	}
}
