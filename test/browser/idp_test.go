package browser

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"hubline/test/idp"
	"hubline/test/node"
)

const (
	idpName   = "Harbour ID" // as the admin calls it
	idpSecret = "s3cret & more"
)

// withIDP runs the server beside a provider that is a program of others, and an admin who connects the two.
func withIDP(t *testing.T) (*demo, *idp.Provider, *person) {
	t.Helper()
	provider := idp.Start(t)
	system := node.New(t, "sqlite:")
	mailbox := httptest.NewServer(system.Mails.Handler())
	t.Cleanup(mailbox.Close)
	d := &demo{Portal: system.Start(t, "--outward-allow", provider.Host()).URL, Mailbox: mailbox.URL + "/_mail"}
	admin := login{Email: system.Admin.Email, Password: system.Admin.Password}
	redirect := d.Portal + "/sign-in/at/" + node.Slug + "/answer"
	provider.Client("hubline", idpSecret, "client_secret_post", redirect)
	provider.Client("other", "0ther", "client_secret_basic", redirect)

	priya := sit(t, d)
	priya.signIn(admin)
	priya.open("/harbour/settings/sign-in")
	priya.choose("Add provider")
	priya.choose("Email me a code")
	priya.types("Code from the email", priya.code(admin.Email))
	priya.choose("Confirm")
	priya.sees(redirect)
	priya.types("Name", idpName)
	priya.types("Issuer", provider.Issuer)
	priya.types("Client ID", "hubline")
	priya.types("Client secret", idpSecret)
	priya.types("Email domains", "harbour.example")
	priya.choose("Add provider")
	priya.sees(idpName + " is added")
	priya.checks()
	return d, provider, priya
}

// proves signs in on the provider's page and goes on from there.
func (p *person) proves(u idp.User) {
	p.t.Helper()
	p.types("Login", u.Username)
	p.types("Password", u.Password)
	p.press("OK")
	p.sees("Hello " + u.Name)
	p.goesOn()
}

// goesOn presses Continue on the provider's page until it leads away: its script draws the page again with every answer that it gets.
func (p *person) goesOn() {
	p.t.Helper()
	eval[bool](p, `window.before = true`)
	p.await("for the page behind Continue", `(() => {
		const button = [...document.querySelectorAll('button')].find(b => b.textContent.trim() === 'Continue' && !b.disabled);
		if (window.before && button && !(Date.now() - window.pressed < 2000)) {
			window.pressed = Date.now();
			button.click();
		}
		return !window.before;
	})()`)
}

// setsOut presses the provider's button on the page without going there, and returns where it leads.
func (p *person) setsOut() string {
	p.t.Helper()
	words, _ := json.Marshal("Continue with " + idpName)
	return eval[string](p, `(async () => {
		const form = [...document.querySelectorAll('button')].find(b => b.textContent.includes(`+string(words)+`)).form;
		const answer = await fetch(form.action, {method: 'POST', body: new URLSearchParams(new FormData(form))});
		return answer.headers.get('Refresh').split('url=')[1];
	})()`)
}

// TestSignInWithAnotherProvider: an admin connects a provider, and a colleague comes in with it, before and after it has new keys.
func TestSignInWithAnotherProvider(t *testing.T) {
	t.Parallel()
	d, provider, priya := withIDP(t)
	jo := idp.User{Username: "jo", Password: "correct horse battery", Name: "Jo Newman", Email: "jo@harbour.example", Verified: true}
	sam := idp.User{Username: "sam", Password: "correct horse battery", Name: "Sam Osei", Email: "sam@harbour.example"}
	provider.Add(jo)
	provider.Agree("hubline", jo)
	provider.Add(sam)
	priya.open("/harbour/hub-users/invite")
	priya.types("Email addresses", jo.Email+", "+sam.Email)
	priya.choose("Review")
	priya.choose("Send 2 invitations")

	colleague := sit(t, d)
	colleague.open(d.mail(t, jo.Email, "invited you").link(t, "/invitations/"))
	colleague.choose("Continue with " + idpName)
	colleague.proves(jo)
	colleague.sees("Welcome to Harbour Dental Group")
	colleague.sees(jo.Name)
	colleague.open("/accounts")
	colleague.choose("Sign out")

	provider.Rotate() // from RS256 to ES256
	colleague.open("/sign-in?next=/harbour/")
	colleague.choose("Continue with " + idpName)
	colleague.sees("Hello " + jo.Name) // the provider still knows them
	colleague.goesOn()
	colleague.sees("Harbour Dental Group, account")

	// The provider does not vouch for this address.
	colleague = sit(t, d)
	colleague.open(d.mail(t, sam.Email, "invited you").link(t, "/invitations/"))
	colleague.open(provider.Approve(colleague.setsOut(), sam))
	colleague.sees("has not verified")

	provider.Disable(jo)
	colleague.open("/sign-in?next=/harbour/")
	colleague.choose("Continue with " + idpName)
	colleague.types("Login", jo.Username)
	colleague.types("Password", jo.Password)
	colleague.press("OK")
	colleague.sees("Authentication error")
	colleague.open("/harbour/")
	colleague.sees("Sign in")
}

// Abuse case A33, beside a provider of others: codes that another client of the provider got, and a secret that is no longer right, sign nobody in.
func TestA33CodesOfAnotherClient(t *testing.T) {
	t.Parallel()
	d, provider, _ := withIDP(t)
	jo := idp.User{Username: "jo", Password: "correct horse battery", Name: "Jo Newman", Email: "jo@harbour.example", Verified: true}
	provider.Add(jo)
	colleague := sit(t, d)
	for _, change := range []func(address string) string{
		func(address string) string {
			return strings.Replace(address, "client_id=hubline", "client_id=other", 1)
		},
		func(address string) string { provider.ClientSecret("hubline", "another"); return address },
	} {
		colleague.open("/sign-in?next=/harbour/")
		colleague.open(provider.Approve(change(colleague.setsOut()), jo))
		colleague.sees(idpName + " refused to sign you in here")
		colleague.checks()
	}
}
