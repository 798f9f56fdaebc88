package account_test

import (
	"strings"
	"testing"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// add gives the account a provider of its own, which is the same process under another client.
func (e *elsewhere) add(admin *accounttest.User, client, domains string) account.SignInProvider {
	e.t.Helper()
	e.Client(client, "s3cret of "+client, e.ProviderRedirect(admin.Account.Slug))
	p, err := e.AddProvider(e.t.Context(), e.inside(admin), account.NewProvider{Name: "Harbour ID", Issuer: e.Issuer, ClientID: client, Secret: "s3cret of " + client, Domains: domains})
	must(e.t, err)
	return p
}

// at is a trip to an account's own provider.
func at(p account.SignInProvider, slug string, x trip) trip {
	x.Provider, x.Account, x.at = p.ID, slug, slug
	return x
}

func TestAccountsHaveProvidersOfTheirOwn(t *testing.T) {
	withProvider(t, func(t *testing.T, e *elsewhere) {
		ctx := t.Context()
		admin, other := e.Open("harbour"), e.Open("northside")
		in := account.NewProvider{Name: "Harbour ID", Issuer: e.Issuer, ClientID: "harbour", Secret: "x", Domains: "harbour.example"}
		plain := e.Join(admin, "jo@harbour.example")
		_, err := e.AddProvider(ctx, plain.Actor(), in)
		wantFault(t, err, "role-missing")
		_, err = e.AddProvider(ctx, admin.SignIn().Actor(), in)
		wantFault(t, err, "check-needed")
		p := e.add(admin, "harbour", "harbour.example, Example.COM")
		if p.Secret != "" || strings.Join(p.Domains, " ") != "harbour.example example.com" || !p.Enabled {
			t.Errorf("added %+v", p)
		}
		sealed := scan[string](t, e.Rig, `SELECT client_secret FROM sign_in_providers`)
		if strings.Contains(sealed, "s3cret") {
			t.Errorf("the store keeps the secret %q", sealed)
		}
		_, err = e.AddProvider(ctx, admin.Actor(), account.NewProvider{Name: "Twice", Issuer: e.Issuer, ClientID: "harbour", Secret: "y", Domains: "harbour.example"})
		wantFault(t, err, "provider-known")
		list, err := e.OwnProviders(ctx, admin.Actor())
		must(t, err)
		if len(list) != 1 || list[0].ID != p.ID || list[0].Secret != "" {
			t.Errorf("listed %+v", list)
		}
		for slug, want := range map[string]int{"": 1, "harbour": 2, "northside": 1, "nowhere": 1} {
			if offered, err := e.OfferedProviders(ctx, slug); err != nil || len(offered) != want || offered[len(offered)-1].Secret != "" {
				t.Errorf("at %q: %+v, %v", slug, offered, err)
			}
		}
		// Nobody reaches another account's.
		_, err = e.TestProvider(ctx, other.Actor(), p.ID)
		wantFault(t, err, "not-found")
		_, err = e.SwitchProvider(ctx, e.inside(other), p.ID, false)
		wantFault(t, err, "not-found")
		_, err = e.RemoveProvider(ctx, other.Actor(), p.ID)
		wantFault(t, err, "not-found")

		_, err = e.TestProvider(ctx, admin.Actor(), p.ID)
		must(t, err)
		e.Faults("other-issuer")
		_, err = e.TestProvider(ctx, admin.Actor(), p.ID)
		wantFault(t, err, "issuer-silent", e.Issuer)
		e.Faults()
		for what, change := range map[string]func() error{
			"switch": func() error { return second(e.SwitchProvider(ctx, admin.SignIn().Actor(), p.ID, false)) },
			"remove": func() error { return second(e.RemoveProvider(ctx, admin.SignIn().Actor(), p.ID)) },
		} {
			if err := change(); !isFault(err, "check-needed") {
				t.Errorf("%s without a check: %v", what, err)
			}
		}
		_, err = e.RemoveProvider(ctx, e.inside(admin), p.ID)
		must(t, err)
		var told []string
		for _, entry := range actions(t, e.Rig, admin) {
			if strings.HasPrefix(string(entry.Action), "sign-in-provider.") {
				told = append(told, entry.Sentence())
			}
		}
		if len(told) != 2 || !strings.Contains(told[0], "added the sign-in provider Harbour ID") || !strings.Contains(told[1], "removed") {
			t.Errorf("the log tells %q", told)
		}
	})
}

func TestBadProvidersAreRefused(t *testing.T) {
	withProvider(t, func(t *testing.T, e *elsewhere) {
		admin := e.Open("harbour")
		good := account.NewProvider{Name: "Harbour ID", Issuer: e.Issuer, ClientID: "harbour", Secret: "x", Domains: "harbour.example"}
		for code, change := range map[string]func(*account.NewProvider){
			"name-empty":       func(p *account.NewProvider) { p.Name = " " },
			"name-link":        func(p *account.NewProvider) { p.Name = "www.evil.example" },
			"issuer-empty":     func(p *account.NewProvider) { p.Issuer = "" },
			"issuer-form":      func(p *account.NewProvider) { p.Issuer = "https://169.254.169.254" },
			"issuer-tenant":    func(p *account.NewProvider) { p.Issuer = "https://login.microsoftonline.com/common/v2.0" },
			"issuer-silent":    func(p *account.NewProvider) { p.Issuer += "/nothing" },
			"credential-empty": func(p *account.NewProvider) { p.Secret = "" },
			"credential-form":  func(p *account.NewProvider) { p.ClientID = "a\x01" },
			"domains-empty":    func(p *account.NewProvider) { p.Domains = " , " },
			"domain-form":      func(p *account.NewProvider) { p.Domains = "harbour example@" },
			"domains-many":     func(p *account.NewProvider) { p.Domains = strings.Repeat("a.example ", 1) + manyDomains(30) },
		} {
			in := good
			change(&in)
			_, err := e.AddProvider(t.Context(), admin.Actor(), in)
			wantFault(t, err, code)
		}
	})
}

func manyDomains(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("d" + strings.Repeat("x", i) + ".example ")
	}
	return b.String()
}

// What an account's own provider says counts in that account only: its admins decide what it says. Its people sign in there; they reach no
// other account, and no way in of theirs, with it.
func TestOwnProvidersLeadIntoTheirAccountOnly(t *testing.T) {
	withProvider(t, func(t *testing.T, e *elsewhere) {
		ctx := t.Context()
		admin, other := e.Open("harbour"), e.Open("northside")
		p := e.add(admin, "harbour", "harbour.example")
		_, token := e.Invite(admin, "sam@harbour.example", account.Admin)
		w, err := e.Welcome(ctx, token)
		must(t, err)
		out, err := e.travel(at(p, "harbour", trip{Departure: account.Departure{Errand: account.ToAccept, Link: token, Shown: w.Shown}, choose: "sam@harbour.example"}))
		must(t, err)
		sam, err := e.Enter(ctx, out.Entrance.Session, "harbour", accounttest.Address)
		must(t, err)
		if sam.Confined != admin.Account.ID {
			t.Errorf("confined to %q", sam.Confined)
		}
		// Sam joins another account with a sign-in of their own.
		_, second := e.Invite(other, "sam@harbour.example", account.Admin)
		w, err = e.Welcome(ctx, second)
		must(t, err)
		_, err = e.AcceptAs(ctx, sam, second, w.Shown)
		wantFault(t, err, "session-confined")
		_, err = e.travel(at(p, "northside", trip{Departure: account.Departure{Errand: account.ToAccept, Link: second, Shown: w.Shown}, choose: "sam@harbour.example"}))
		wantFault(t, err, "provider-unknown") // harbour's provider is not offered there
		must(t, e.AskReset(ctx, "sam@harbour.example", browser("203.0.113.8")))
		e.RunJobs()
		own, err := e.SetPassword(ctx, e.ResetToken("sam@harbour.example"), accounttest.Password, browser("203.0.113.8"))
		must(t, err)
		whole, err := e.SignedIn(ctx, own.Session, accounttest.Address)
		must(t, err)
		_, err = e.AcceptAs(ctx, whole, second, w.Shown)
		must(t, err)

		again, err := e.travel(at(p, "harbour", trip{Departure: account.Departure{Errand: account.ToSignIn}, choose: "sam@harbour.example"}))
		must(t, err)
		if _, err := e.Enter(ctx, again.Entrance.Session, "northside", accounttest.Address); !fault.Is(err, fault.NotFound) {
			t.Errorf("harbour's provider leads into northside: %v", err)
		}
		if _, err := e.Enter(ctx, own.Session, "northside", accounttest.Address); err != nil {
			t.Errorf("a sign-in of Sam's own does not: %v", err)
		}
		confined, err := e.SignedIn(ctx, again.Entrance.Session, accounttest.Address)
		must(t, err)
		if list, err := e.Belongings(ctx, confined); err != nil || len(list) != 1 || list[0].Slug != "harbour" {
			t.Errorf("belongs to %+v, %v", list, err)
		}
		_, err = e.ChangePassword(ctx, confined, accounttest.Password, "quince tram wattle 14", browser("203.0.113.8"))
		wantFault(t, err, "session-confined")
		wantFault(t, e.AskEmail(ctx, confined, "planted@elsewhere.example", browser("203.0.113.8")), "session-confined")
		_, err = e.link(confined, "planted@elsewhere.example")
		wantFault(t, err, "session-confined")
		list, err := e.Identities(ctx, confined)
		must(t, err)
		_, err = e.Unlink(ctx, confined, list[0].ID)
		wantFault(t, err, "session-confined")
		if linkable, err := e.LinkableProviders(ctx, confined); err != nil || len(linkable) != 0 {
			t.Errorf("can link %+v, %v", linkable, err)
		}
		if linkable, err := e.LinkableProviders(ctx, whole); err != nil || len(linkable) != 2 || linkable[1].Slug != "harbour" || linkable[1].Secret+linkable[0].Secret != "" {
			t.Errorf("can link %+v, %v", linkable, err)
		}
	})
}

// Abuse case A30: an account's provider vouches for addresses in the domains that it may, verified ones only.
func TestA30ProvidersAreBoundToDomains(t *testing.T) {
	withProvider(t, func(t *testing.T, e *elsewhere) {
		admin := e.Open("harbour")
		p := e.add(admin, "harbour", "harbour.example")
		jo := e.Join(admin, "jo@harbour.example")
		own := func(errand account.Errand, actor account.Actor, choose string) error {
			_, err := e.travel(at(p, "harbour", trip{Departure: account.Departure{Errand: errand}, actor: actor, choose: choose}))
			return err
		}
		wantFault(t, own(account.ToLink, e.fresh(jo), "jo@northside.example"), "provider-domain", "harbour.example", "jo@northside.example")
		e.Faults("verified-as-text")
		wantFault(t, own(account.ToLink, e.fresh(jo), "jo@harbour.example"), "provider-email-unverified")
		e.Faults()
		must(t, own(account.ToLink, e.fresh(jo), "jo@harbour.example"))
		must(t, own(account.ToSignIn, account.Actor{}, "jo@harbour.example"))
		e.Faults("unverified")
		wantFault(t, own(account.ToSignIn, account.Actor{}, "jo@harbour.example"), "provider-email-unverified")
	})
}

// Abuse case A32: a provider that was switched off while the browser was there signs nobody in, and its sessions end.
func TestA32SwitchedOffProvidersSignNobodyIn(t *testing.T) {
	withProvider(t, func(t *testing.T, e *elsewhere) {
		ctx := t.Context()
		admin := e.Open("harbour")
		p := e.add(admin, "harbour", "harbour.example")
		jo := e.Join(admin, "jo@harbour.example")
		link := at(p, "harbour", trip{Departure: account.Departure{Errand: account.ToLink}, actor: e.fresh(jo), choose: "jo@harbour.example"})
		_, err := e.travel(link)
		must(t, err)
		signIn := at(p, "harbour", trip{Departure: account.Departure{Errand: account.ToSignIn}, choose: "jo@harbour.example"})
		before, err := e.travel(signIn)
		must(t, err)
		switchOff := func(*account.ProviderAnswer) {
			_, err := e.SwitchProvider(ctx, e.inside(admin), p.ID, false)
			must(t, err)
		}
		signIn.change = switchOff
		_, err = e.travel(signIn)
		wantFault(t, err, "provider-unknown")
		if _, err := e.SignedIn(ctx, before.Entrance.Session, accounttest.Address); !fault.Is(err, fault.SignedOut) {
			t.Errorf("a session that rests on it goes on: %v", err)
		}
		if _, err := e.Enter(ctx, admin.Session(), "harbour", accounttest.Address); err != nil {
			t.Errorf("the admin's own session ended: %v", err)
		}
		signIn.change = nil
		_, err = e.travel(signIn)
		wantFault(t, err, "provider-unknown")
		_, err = e.SwitchProvider(ctx, e.inside(admin), p.ID, true)
		must(t, err)
		_, err = e.travel(signIn)
		must(t, err)
		signIn.change = func(*account.ProviderAnswer) {
			_, err := e.RemoveProvider(ctx, e.inside(admin), p.ID)
			must(t, err)
		}
		_, err = e.travel(signIn)
		wantFault(t, err, "provider-unknown")
		// Somebody who has left the account does not come back through its provider.
		q := e.add(admin, "harbour-again", "harbour.example")
		_, err = e.RemoveHubUser(ctx, e.inside(admin), jo.SignIn().ID(), 0)
		must(t, err)
		_, err = e.travel(at(q, "harbour", trip{Departure: account.Departure{Errand: account.ToSignIn}, choose: "jo@harbour.example"}))
		wantFault(t, err, "provider-nobody")
	})
}

// Abuse case A40: another service's word is no password, as it may come out of the same mailbox; an account's own provider, whose admins decide
// what it says, proves nothing at all for a recovery.
func TestA40ProvidersProveTooLittleForARecovery(t *testing.T) {
	withProvider(t, func(t *testing.T, e *elsewhere) {
		c := t.Context()
		admin := e.Open("harbour")
		p := e.add(admin, "harbour", "harbour.example")
		jo := e.Join(admin, "jo@harbour.example")
		member := jo.ID()
		_, err := e.link(e.fresh(jo), "jo@elsewhere.example")
		must(t, err)
		_, err = e.travel(at(p, "harbour", trip{Departure: account.Departure{Errand: account.ToLink, Account: "harbour", Provider: p.ID}, actor: e.fresh(jo), choose: "jo@harbour.example"}))
		must(t, err)
		e.fresh(jo)
		jo.Enrol()
		must(t, second(e.StartRecovery(c, e.inside(admin), member)))
		half := func(x trip) string {
			t.Helper()
			out, err := e.travel(x)
			must(t, err)
			if out.Entrance.Half == "" {
				t.Fatal("a provider alone signs them in")
			}
			return out.Entrance.Half
		}
		everybodys := trip{Departure: account.Departure{Errand: account.ToSignIn}, choose: "jo@elsewhere.example"}
		own := at(p, "harbour", trip{Departure: account.Departure{Errand: account.ToSignIn}, choose: "jo@harbour.example"})
		wantFault(t, e.SendRecoveryCode(c, half(everybodys), browser("192.0.2.9")), "recovery-provider")
		wantFault(t, e.SendRecoveryCode(c, half(own), browser("192.0.2.9")), "recovery-none")
		must(t, second(e.StartRecoveryOf(c, account.Operate(), scan[string](t, e.Rig, `SELECT id FROM people WHERE email = 'jo@harbour.example'`))))
		wantFault(t, e.SendRecoveryCode(c, half(everybodys), browser("192.0.2.9")), "recovery-early")
		e.Clock.Advance(24 * time.Hour)
		wantFault(t, e.SendRecoveryCode(c, half(own), browser("192.0.2.9")), "recovery-none")
		must(t, second(recovered(t, e.Rig, jo.Email, half(everybodys))))
	})
}
