package account_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/base/openid"
	"hubline/base/openid/providertest"
	"hubline/base/outward"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// elsewhere is a room whose people may sign in with a provider, which runs as a process of its own.
type elsewhere struct {
	*accounttest.Rig
	*providertest.Process
	t *testing.T
}

func withProvider(t *testing.T, fn func(t *testing.T, e *elsewhere)) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := providertest.Start(t)
		guard, err := outward.New(p.Host())
		must(t, err)
		r := accounttest.New(t, d, accounttest.With(func(c *account.Config) {
			c.OpenID = openid.New(guard, nil)
			c.Providers = []account.SignInProvider{{ID: "example", Name: "Example ID", Issuer: p.Issuer, ClientID: "hub", Secret: "s3cret", Enabled: true}}
		}))
		p.Client("hub", "s3cret", accounttest.BaseURL+"/sign-in/with/example/answer")
		fn(t, &elsewhere{r, p, t})
	})
}

// trip is one way to the provider and back.
type trip struct {
	account.Departure
	actor   account.Actor // who sets out
	back    account.Actor // who comes back; the same, unless a test says otherwise
	browser account.Browser
	at      string
	choose  string
	change  func(*account.ProviderAnswer)
}

func (e *elsewhere) travel(x trip) (account.Arrival, error) {
	e.t.Helper()
	if x.Provider == "" {
		x.Provider, x.at = "example", "example"
	}
	if x.browser.Address == "" {
		x.browser = browser("198.51.100.20")
	}
	going, err := e.GoToProvider(e.t.Context(), x.actor, x.Departure, x.browser)
	if err != nil {
		return account.Arrival{}, err
	}
	q := e.Choose(going.URL, x.choose).Query()
	answer := account.ProviderAnswer{At: x.at, State: q.Get("state"), Code: q.Get("code"), Issuer: q.Get("iss"), Error: q.Get("error"), Browser: going.Browser}
	if x.change != nil {
		x.change(&answer)
	}
	if x.back.PersonID == "" {
		x.back = x.actor
	}
	return e.ProviderAnswered(e.t.Context(), x.back, answer, x.browser)
}

// accept accepts an invitation as somebody at the provider.
func (e *elsewhere) accept(token, choose string) (account.Arrival, error) {
	e.t.Helper()
	w, err := e.Welcome(e.t.Context(), token)
	must(e.t, err)
	return e.travel(trip{Departure: account.Departure{Errand: account.ToAccept, Link: token, Shown: w.Shown}, choose: choose})
}

func (e *elsewhere) signIn(choose string) (account.Arrival, error) {
	e.t.Helper()
	return e.travel(trip{Departure: account.Departure{Errand: account.ToSignIn, Next: "/"}, choose: choose})
}

// checked is a person with a fresh step-up check.
func (e *elsewhere) checked(session string) account.Actor {
	e.t.Helper()
	ctx := e.t.Context()
	actor, err := e.SignedIn(ctx, session, accounttest.Address)
	must(e.t, err)
	return e.recheck(actor)
}

// recheck passes another step-up check in a session.
func (e *elsewhere) recheck(actor account.Actor) account.Actor {
	e.t.Helper()
	ctx := e.t.Context()
	e.Clock.Advance(time.Minute) // codes are not sent more often
	must(e.t, e.SendCode(ctx, actor, browser(accounttest.Address)))
	must(e.t, second(e.ConfirmCode(ctx, actor, e.Code(actor.Email))))
	actor, err := e.Again(ctx, actor)
	must(e.t, err)
	return actor
}

// fresh is checked for a person of the rig, who keeps the new session.
func (e *elsewhere) fresh(u *accounttest.User) account.Actor {
	e.t.Helper()
	e.Clock.Advance(time.Minute)
	actor, err := e.SignedIn(e.t.Context(), u.Check().Session(), accounttest.Address)
	must(e.t, err)
	return actor
}

// inside is an admin with a fresh check, in their account.
func (e *elsewhere) inside(u *accounttest.User) account.Actor {
	e.t.Helper()
	e.fresh(u)
	return u.Actor()
}

func (e *elsewhere) link(actor account.Actor, choose string) (account.Arrival, error) {
	e.t.Helper()
	return e.travel(trip{Departure: account.Departure{Errand: account.ToLink}, actor: actor, choose: choose})
}

// Product row A14: a new person accepts with a provider's identity, and signs in with it from then on.
func TestRowA14AcceptWithAProvider(t *testing.T) {
	withProvider(t, func(t *testing.T, e *elsewhere) {
		admin := e.Open("harbour")
		_, token := e.Invite(admin, "sam@work.example", account.Billing)

		_, err := e.accept(token, "sam@private.example")
		wantFault(t, err, "provider-other-address", "You chose sam@private.example", "invitation is for sam@work.example", admin.Name)
		_, err = e.accept(token, "") // cancelled there
		wantFault(t, err, "provider-cancelled", "Example ID")

		out, err := e.accept(token, "sam@work.example")
		must(t, err)
		if out.Welcome.Account.Slug != "harbour" || out.Errand != account.ToAccept || out.Entrance.Session == "" {
			t.Fatalf("arrived as %+v", out)
		}
		sam, err := e.Enter(t.Context(), out.Entrance.Session, "harbour", accounttest.Address)
		must(t, err)
		if sam.Email != "sam@work.example" || sam.Name != "sam" || !sam.Roles.Has(account.Billing) || !sam.SignedInWith(account.ByProvider) || sam.SignedInWith(account.ByPassword) {
			t.Errorf("entered as %+v", sam)
		}
		again, err := e.signIn("sam@work.example")
		must(t, err)
		if again.Entrance.Person.ID != sam.PersonID {
			t.Errorf("signed in as %+v", again.Entrance.Person)
		}
		_, err = e.travel(trip{Departure: account.Departure{Errand: account.ToAccept, Link: token}, choose: "sam@work.example"})
		wantFault(t, err, "invitation-accepted")

		// No password, until they choose one; then the provider is not their only way in.
		_, err = e.SignIn(t.Context(), "sam@work.example", "", browser("198.51.100.21"))
		wantFault(t, err, "password-empty")
		_, err = e.SignIn(t.Context(), "sam@work.example", accounttest.Password, browser("198.51.100.21"))
		wantFault(t, err, "sign-in-failed")
		actor, err := e.SignedIn(t.Context(), again.Entrance.Session, accounttest.Address)
		must(t, err)
		_, err = e.ChangePassword(t.Context(), actor, "", accounttest.Password, browser("198.51.100.21"))
		wantFault(t, err, "check-needed")
		in, err := e.ChangePassword(t.Context(), e.checked(again.Entrance.Session), "", accounttest.Password, browser("198.51.100.21"))
		must(t, err)
		_, err = e.SignIn(t.Context(), "sam@work.example", accounttest.Password, browser("198.51.100.21"))
		must(t, err)
		if _, err := e.signIn("sam@work.example"); err != nil {
			t.Errorf("with a password, the provider signs in no more: %v", err)
		}
		actor, err = e.SignedIn(t.Context(), in.Session, accounttest.Address)
		must(t, err)
		list, err := e.Identities(t.Context(), actor)
		must(t, err)
		if len(list) != 1 || list[0].Email != "sam@work.example" || list[0].Provider != "Example ID" {
			t.Fatalf("linked: %+v", list)
		}
		_, err = e.Unlink(t.Context(), actor, list[0].ID)
		wantFault(t, err, "check-needed")
		_, err = e.Unlink(t.Context(), e.checked(in.Session), list[0].ID)
		must(t, err)
		_, err = e.signIn("sam@work.example")
		wantFault(t, err, "provider-nobody")
	})
}

// Abuse case A22: an identity with the address of somebody who is here joins, signs in and accepts nothing by itself.
// Abuse case A29: neither does it pre-hijack: an identity is known by issuer and subject, and is linked from a full sign-in only.
func TestA22A29AddressesLinkNobody(t *testing.T) {
	withProvider(t, func(t *testing.T, e *elsewhere) {
		admin := e.Open("harbour")
		jo := e.Join(admin, "jo@harbour.example")
		_, err := e.signIn(jo.Email)
		wantFault(t, err, "provider-nobody", "link it under Security")

		other := e.Open("northside")
		_, token := e.Invite(other, jo.Email)
		_, err = e.accept(token, jo.Email)
		wantFault(t, err, "person-known", "Sign in another way")
		if w, err := e.Welcome(t.Context(), token); err != nil || !w.Known {
			t.Errorf("the invitation: %+v, %v", w, err)
		}

		// Linked from a full sign-in it is Jo, whatever address it has.
		out, err := e.link(e.fresh(jo), "joanna@private.example")
		must(t, err)
		if out.Errand != account.ToLink || out.Email != "joanna@private.example" {
			t.Errorf("linked %+v", out)
		}
		signed, err := e.signIn("joanna@private.example")
		must(t, err)
		if signed.Entrance.Person.Email != jo.Email {
			t.Errorf("signed in as %s", signed.Entrance.Person.Email)
		}
		if _, err := e.signIn(jo.Email); err == nil {
			t.Error("the provider's account with Jo's address signs in, which nobody linked")
		}
		accepted, err := e.accept(token, "joanna@private.example")
		must(t, err)
		if accepted.Entrance.Person.Email != jo.Email || accepted.Welcome.Account.Slug != "northside" {
			t.Errorf("accepted as %+v", accepted)
		}
		// It is one person's only.
		pat := e.Join(admin, "pat@harbour.example")
		_, err = e.link(e.fresh(pat), "joanna@private.example")
		wantFault(t, err, "identity-taken")
	})
}

// Abuse case A30: an address that the provider does not call verified, with the JSON value true, proves nothing.
func TestA30UnverifiedAddressAcceptsNothing(t *testing.T) {
	withProvider(t, func(t *testing.T, e *elsewhere) {
		_, token := e.Invite(e.Open("harbour"), "sam@work.example")
		for _, lie := range []string{"unverified", "verified-as-text", "verified-as-number", "verified-elsewhere"} {
			e.Faults(lie)
			_, err := e.accept(token, "sam@work.example")
			wantFault(t, err, "provider-email-unverified", "has not verified the address sam@work.example")
		}
		e.Faults("no-email")
		_, err := e.accept(token, "sam@work.example")
		wantFault(t, err, "provider-no-email")
		if n := scan[int](t, e.Rig, `SELECT COUNT(*) FROM people WHERE email = 'sam@work.example'`); n != 0 {
			t.Errorf("%d people were made", n)
		}
	})
}

// Abuse case A31: what proves a link belongs to one person, session, browser and identity, and needs a fresh check.
func TestA31ProofsBelongToWhoSetOut(t *testing.T) {
	withProvider(t, func(t *testing.T, e *elsewhere) {
		admin := e.Open("harbour")
		jo, pat := e.Join(admin, "jo@harbour.example"), e.Join(admin, "pat@harbour.example")
		_, err := e.link(jo.Actor(), "jo@elsewhere.example")
		wantFault(t, err, "check-needed")
		first := e.fresh(jo)
		_, err = e.link(first, "jo@elsewhere.example")
		must(t, err)
		_, err = e.link(first, "jo@again.example") // the check was for one link
		wantFault(t, err, "check-needed")
		linked := func() int { return scan[int](t, e.Rig, `SELECT COUNT(*) FROM linked_identities`) }

		for name, x := range map[string]trip{
			"somebody else comes back":     {back: pat.Actor()},
			"another session comes back":   {back: jo.SignIn().Actor()},
			"another browser comes back":   {change: func(a *account.ProviderAnswer) { a.Browser = "pb_" + strings.Repeat("A", 43) }},
			"a browser without the cookie": {change: func(a *account.ProviderAnswer) { a.Browser = "" }},
			"another provider's address":   {change: func(a *account.ProviderAnswer) { a.At = "google" }},
			"an account's address":         {change: func(a *account.ProviderAnswer) { a.At = "harbour" }},
			"another state":                {change: func(a *account.ProviderAnswer) { a.State = "po_" + strings.Repeat("A", 43) }},
			"too late":                     {change: func(*account.ProviderAnswer) { e.Clock.Advance(account.DepartureLife) }},
		} {
			x.Departure, x.actor, x.choose = account.Departure{Errand: account.ToLink}, e.fresh(jo.SignIn()), "planted@elsewhere.example"
			_, err := e.travel(x)
			wantFault(t, err, "provider-answer-unknown")
			if linked() != 1 {
				t.Fatalf("%s: it was linked", name)
			}
		}
		// The mail names what was linked, and to what.
		e.RunJobs()
		if subjects := strings.Join(e.Mails.Subjects(jo.Email), "; "); !strings.Contains(subjects, "Example ID can now sign you in") {
			t.Errorf("mails: %s", subjects)
		}
		for _, m := range e.Mails.To(jo.Email) {
			if strings.HasPrefix(m.Subject, "Example ID") && !strings.Contains(m.Text, "jo@elsewhere.example") {
				t.Errorf("the mail does not name the identity: %s", m.Text)
			}
		}
	})
}

// Abuse case A33: an answer counts once, and only what the provider signed for this sign-in.
func TestA33AnswersCountOnce(t *testing.T) {
	withProvider(t, func(t *testing.T, e *elsewhere) {
		admin := e.Open("harbour")
		_, err := e.link(e.fresh(admin), "priya@elsewhere.example")
		must(t, err)
		going, err := e.GoToProvider(t.Context(), account.Actor{}, account.Departure{Errand: account.ToSignIn, Provider: "example"}, browser("198.51.100.20"))
		must(t, err)
		q := e.Choose(going.URL, "priya@elsewhere.example").Query()
		answer := account.ProviderAnswer{At: "example", State: q.Get("state"), Code: q.Get("code"), Issuer: q.Get("iss"), Browser: going.Browser}
		_, err = e.ProviderAnswered(t.Context(), account.Actor{}, answer, browser("198.51.100.20"))
		must(t, err)
		_, err = e.ProviderAnswered(t.Context(), account.Actor{}, answer, browser("198.51.100.20"))
		wantFault(t, err, "provider-answer-unknown")

		for fault, code := range map[string]string{"audience": "provider-token", "nonce": "provider-token", "issuer": "provider-token", "expired": "provider-token",
			"alg-none": "provider-token", "alg-hs256": "provider-token", "other-key": "provider-token", "other-answer-issuer": "provider-token", "redirected-token": "provider-refused"} {
			e.Faults(fault)
			out, err := e.signIn("priya@elsewhere.example")
			wantFault(t, err, code)
			if out.Entrance.Session != "" {
				t.Errorf("%s: somebody is signed in", fault)
			}
		}
		e.Faults()
		if _, err := e.signIn("priya@elsewhere.example"); err != nil {
			t.Error(err)
		}
	})
}

// Abuse case A34: signing in with a provider gives nobody back what was taken away.
func TestA34ProvidersReinstateNobody(t *testing.T) {
	withProvider(t, func(t *testing.T, e *elsewhere) {
		admin := e.Open("harbour")
		jo := e.Join(admin, "jo@harbour.example", account.Billing)
		id := jo.ID()
		_, err := e.link(e.fresh(jo), "jo@elsewhere.example")
		must(t, err)
		for _, state := range []account.HubUserState{account.Deactivated, account.Removed} {
			if state == account.Deactivated {
				_, err = e.ChangeHubUser(t.Context(), e.inside(admin), id, account.Change{State: &state}, 0)
			} else {
				_, err = e.RemoveHubUser(t.Context(), e.inside(admin), id, 0)
			}
			must(t, err)
			before := scan[string](t, e.Rig, `SELECT state || roles || CAST(version AS TEXT) FROM memberships WHERE id = $1`, id)
			out, err := e.signIn("jo@elsewhere.example")
			must(t, err)
			if _, err := e.Enter(t.Context(), out.Entrance.Session, "harbour", accounttest.Address); err == nil {
				t.Errorf("%s, Jo is back", state)
			}
			if after := scan[string](t, e.Rig, `SELECT state || roles || CAST(version AS TEXT) FROM memberships WHERE id = $1`, id); after != before {
				t.Errorf("the membership was %s and is %s", before, after)
			}
		}
	})
}

// Abuse case A51: what somebody planted before does not survive a link or a new password.
func TestA51WhatWasPlantedEnds(t *testing.T) {
	withProvider(t, func(t *testing.T, e *elsewhere) {
		admin := e.Open("harbour")
		jo := e.Join(admin, "jo@harbour.example")
		planted := jo.SignIn().Session()
		must(t, e.AskReset(t.Context(), jo.Email, browser("203.0.113.5")))
		e.RunJobs()
		link := e.ResetToken(jo.Email)
		own := e.fresh(jo.SignIn())
		_, err := e.link(own, "jo@elsewhere.example")
		must(t, err)
		if _, err := e.SignedIn(t.Context(), planted, accounttest.Address); err == nil {
			t.Error("a session from before the link lives on")
		}
		if _, err := e.PasswordLink(t.Context(), link); err == nil {
			t.Error("a link for a new password from before lives on")
		}
		// A new password by mail takes away identities with another address, which somebody else may have linked.
		e.Clock.Advance(time.Hour)
		must(t, e.AskReset(t.Context(), jo.Email, browser("203.0.113.6")))
		e.RunJobs()
		_, err = e.SetPassword(t.Context(), e.ResetToken(jo.Email), "quince tram wattle 14", browser("203.0.113.6"))
		must(t, err)
		_, err = e.signIn("jo@elsewhere.example")
		wantFault(t, err, "provider-nobody")
		if ways := scan[string](t, e.Rig, `SELECT ways FROM people WHERE email = $1`, jo.Email); ways != "" {
			t.Errorf("ways in: %q", ways)
		}
	})
}

func TestLastWayInStays(t *testing.T) {
	withProvider(t, func(t *testing.T, e *elsewhere) {
		_, token := e.Invite(e.Open("harbour"), "sam@work.example")
		out, err := e.accept(token, "sam@work.example")
		must(t, err)
		sam := e.checked(out.Entrance.Session)
		list, err := e.Identities(t.Context(), sam)
		must(t, err)
		_, err = e.Unlink(t.Context(), sam, list[0].ID)
		wantFault(t, err, "last-way-in", "Choose a password first")
		if ways := scan[string](t, e.Rig, `SELECT ways FROM people WHERE email = 'sam@work.example'`); ways != "provider" {
			t.Errorf("ways in: %q", ways)
		}
		_, err = e.link(sam, "sam@private.example") // a refusal used nothing up
		must(t, err)
		_, err = e.Unlink(t.Context(), e.recheck(sam), list[0].ID)
		must(t, err)
		_, err = e.Unlink(t.Context(), e.recheck(sam), list[0].ID)
		wantFault(t, err, "not-found")
	})
}

// One network can fill neither the store nor a provider.
func TestDeparturesAreCounted(t *testing.T) {
	withProvider(t, func(t *testing.T, e *elsewhere) {
		var err error
		for range 120 {
			if _, err = e.GoToProvider(t.Context(), account.Actor{}, account.Departure{Errand: account.ToSignIn, Provider: "example"}, browser("203.0.113.77")); err != nil {
				break
			}
		}
		wantFault(t, err, "too-many-tries")
		e.Clock.Advance(2 * time.Hour)
		e.RunJobs()
		if n := scan[int](t, e.Rig, `SELECT COUNT(*) FROM provider_attempts`); n != 0 {
			t.Errorf("%d attempts are kept after they ran out", n)
		}
		_, err = e.GoToProvider(t.Context(), account.Actor{}, account.Departure{Errand: account.ToSignIn, Provider: "nobody"}, browser("203.0.113.78"))
		wantFault(t, err, "provider-unknown")
		if text := scan[string](t, e.Rig, `SELECT COALESCE(MAX(memory), '') FROM provider_attempts`); strings.Contains(text, url.QueryEscape("example")) {
			t.Errorf("an attempt can be read: %s", text)
		}
	})
}

// Whoever set out to link may do so still when the provider has answered: not a session that rests on an account's own provider, and no program.
func TestALinkIsMadeByWhoOwnsTheirWays(t *testing.T) {
	withProvider(t, func(t *testing.T, e *elsewhere) {
		admin := e.Open("harbour")
		for _, code := range []string{"session-confined", "person-needed"} {
			actor := e.fresh(admin)
			back := actor
			if back.Confined = admin.Account.ID; code == "person-needed" {
				back.Kind = account.Key
			}
			_, err := e.travel(trip{Departure: account.Departure{Errand: account.ToLink}, actor: actor, back: back, choose: "planted@elsewhere.example"})
			wantFault(t, err, code)
		}
		if list, err := e.Identities(t.Context(), e.fresh(admin)); err != nil || len(list) != 0 {
			t.Errorf("linked are %+v, %v", list, err)
		}
	})
}
