package account

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
	"hubline/base/openid"
)

const (
	tokenState   = "po" // what the provider sends back with its answer
	tokenAttempt = "pb" // what the browser that set out keeps

	// DepartureLife is how long a browser may take to come back from a provider.
	DepartureLife = 10 * time.Minute
	keptMost      = 16 << 10 // bytes of a form; a longer one is not taken along
)

// Errand is why a browser goes to a provider.
type Errand string

// The errands.
const (
	ToSignIn Errand = "sign-in"
	ToLink   Errand = "link"
	ToAccept Errand = "accept"
)

// Departure is a browser on its way to a provider.
type Departure struct {
	Errand   Errand
	Account  string // slug, for one of the account's own providers
	Provider string // ID
	Next     string // where to go afterwards: a path of ours
	Kept     string // ToSignIn: what the door wants to get back, such as a form that was being sent
	Link     string // ToAccept: the invitation's token
	Shown    string // ToAccept: Welcome.Shown of the page
	Browser  string // token that an earlier departure left in this browser, or ""
}

// attempt is what is remembered of a departure until the browser comes back, once.
type attempt struct {
	Departure
	openid.Attempt
	AccountID string // whose provider it is
	PersonID  string // ToLink: who links
	SessionID string
	At        int64
}

// Going is what the door needs to send a browser to a provider.
type Going struct {
	Provider string // its name
	URL      string // at the provider
	Browser  string // token to leave in the browser: the answer counts only beside it
}

// GoToProvider begins a sign-in with a provider, the acceptance of an invitation, or a link to the actor's person. Only a link needs
// somebody who is signed in, with a fresh step-up check.
func (r *Room) GoToProvider(ctx context.Context, actor Actor, d Departure, b Browser) (going Going, err error) {
	defer fault.Wrap(&err, "account.GoToProvider(%q)", d.Provider)
	if len(d.Kept) > keptMost {
		d.Kept = ""
	}
	a := attempt{Departure: d, Attempt: openid.NewAttempt(), At: r.now()}
	hint := ""
	switch d.Errand {
	case ToAccept:
		w, err := r.Welcome(ctx, d.Link)
		if err != nil {
			return going, err
		}
		hint, a.Account = w.Invitation.Email, w.Account.Slug
	case ToLink:
		if _, err := r.providerAt(ctx, a.Account, d.Provider); err != nil { // before the check is used up
			return going, err
		}
		if err := r.mayAddWay(ctx, actor); err != nil {
			return going, err
		}
		a.PersonID, a.SessionID, hint = actor.PersonID, actor.SessionID, actor.Email
	}
	p, err := r.providerAt(ctx, a.Account, d.Provider)
	if err != nil {
		return going, err
	}
	a.AccountID = p.AccountID
	if err := r.spend(ctx, departures(b)); err != nil {
		return going, err
	}
	client, err := p.client(r)
	if err != nil {
		return going, err
	}
	state, hash := ident.Token(tokenState)
	if a.Browser = d.Browser; ident.Hash(tokenAttempt, a.Browser) == "" {
		a.Browser, _ = ident.Token(tokenAttempt)
	}
	going = Going{Provider: p.Name, Browser: a.Browser}
	if going.URL, err = r.OpenID.Begin(ctx, client, a.Attempt, state, p.redirect(r, a.Account), hint); err != nil {
		return going, r.providerFault(p, err)
	}
	memory, err := json.Marshal(a)
	if err != nil {
		return going, err
	}
	_, err = r.DB.ExecContext(ctx, `INSERT INTO provider_attempts (state_hash, memory, created_at, expires_at) VALUES ($1, $2, $3, $4)`,
		hash, r.Keys.Seal("provider attempt "+hash, memory), a.At, a.At+DepartureLife.Milliseconds())
	return going, err
}

// departures bounds how often one network sets out without arriving. Every departure is a row.
func departures(b Browser) limit {
	return limit{key: "provider-network:" + Network(b.Address), free: 100, most: 30 * time.Second, forget: 15 * time.Minute, shared: true}
}

// providerAt finds an enabled provider that the sign-in pages of the account with that slug offer.
func (r *Room) providerAt(ctx context.Context, slug, id string) (SignInProvider, error) {
	p, err := r.provider(ctx, r.DB, "", id)
	if !fault.Is(err, fault.NotFound) {
		return p, err
	}
	var accountID string
	err = r.DB.QueryRowContext(ctx, `SELECT a.id FROM accounts a WHERE a.slug = $1`, slug).Scan(&accountID)
	if errors.Is(err, sql.ErrNoRows) {
		return SignInProvider{}, providerGone()
	}
	if err != nil {
		return SignInProvider{}, err
	}
	return r.provider(ctx, r.DB, accountID, id)
}

// ProviderAnswer is what a browser brings back from a provider.
type ProviderAnswer struct {
	At      string // the provider's ID, or the slug of the account whose provider it is: from the path that the browser came back to
	State   string
	Code    string
	Issuer  string
	Error   string // RFC 6749 section 4.1.2.1, "" when there is none
	Browser string // the token that GoToProvider left
}

// Arrival is what came of it. Errand, Next and Link are known also beside most errors, so that the door can lead back.
type Arrival struct {
	Errand   Errand
	Next     string
	Kept     string
	Link     string   // ToAccept: the invitation's token
	Provider string   // its name
	Email    string   // ToLink: the address that is linked
	Entrance Entrance // unless it was ToLink
	Welcome  Welcome  // ToAccept
}

// ProviderAnswered finishes what GoToProvider began in the same browser, once: it asks the provider who came, reads anew whether the
// provider may sign people in, and does the errand.
func (r *Room) ProviderAnswered(ctx context.Context, actor Actor, in ProviderAnswer, b Browser) (out Arrival, err error) {
	defer fault.Wrap(&err, "account.ProviderAnswered(%q)", in.At)
	a, err := r.takeAttempt(ctx, in)
	if err != nil {
		return out, err
	}
	out = Arrival{Errand: a.Errand, Next: a.Next, Kept: a.Kept, Link: a.Link}
	if a.Errand != ToLink {
		defer r.logSignIn(ctx, ByProvider, "", "", b, &out.Entrance, &err)
	}
	p, err := r.provider(ctx, r.DB, a.AccountID, a.Departure.Provider)
	if err != nil {
		return out, err
	}
	out.Provider = p.Name
	if in.Error != "" || in.Code == "" {
		return out, fault.New(fault.Conflict, "provider-cancelled", "You did not finish at "+p.Name+". Try again, or use another way")
	}
	client, err := p.client(r)
	if err != nil {
		return out, err
	}
	who, err := r.OpenID.Finish(ctx, client, a.Attempt, p.redirect(r, a.Account), openid.Answer{Code: in.Code, Issuer: in.Issuer})
	if err != nil {
		return out, r.providerFault(p, err)
	}
	if err := p.admits(who); err != nil {
		return out, err
	}
	switch a.Errand {
	case ToLink:
		out.Email = shownEmail(who)
		err = r.link(ctx, actor, a, p, who)
	case ToAccept:
		out.Entrance, out.Welcome, err = r.acceptWith(ctx, a, p, who, b)
	default:
		out.Entrance, err = r.signInWith(ctx, p, who, b)
	}
	return out, err
}

// takeAttempt ends an attempt and returns what was remembered of it. An answer in another browser, at another provider's address, too
// late or a second time finds nothing.
func (r *Room) takeAttempt(ctx context.Context, in ProviderAnswer) (a attempt, err error) {
	unknown := fault.New(fault.Conflict, "provider-answer-unknown", "This sign-in has run out, was used, or began in another browser. Start again")
	hash := ident.Hash(tokenState, in.State)
	var memory string
	var created, expires int64
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		return q.QueryRowContext(ctx, `DELETE FROM provider_attempts WHERE state_hash = $1 RETURNING memory, created_at, expires_at`, hash).Scan(&memory, &created, &expires)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return a, unknown
	}
	if err != nil {
		return a, err
	}
	plain, err := r.Keys.Open("provider attempt "+hash, memory)
	if err == nil {
		err = json.Unmarshal(plain, &a)
	}
	if err != nil {
		return attempt{}, err
	}
	at := a.Departure.Provider
	if a.AccountID != "" {
		at = a.Account
	}
	if ident.Hash(tokenAttempt, in.Browser) == "" || a.Browser != in.Browser || at != in.At || r.now() >= expires || ahead(created, r.now()) {
		return attempt{}, unknown
	}
	return a, nil
}

// providerFault turns what went wrong with a provider into words for whoever signs in; the log has the cause.
func (r *Room) providerFault(p SignInProvider, err error) error {
	f := &fault.Fault{Kind: fault.Conflict, Err: err}
	switch {
	case errors.Is(err, openid.ErrRefused):
		f.Code, f.Message = "provider-refused", p.Name+" refused to sign you in here. Try again. If it happens again, tell whoever looks after the sign-in"
	case errors.Is(err, openid.ErrToken):
		f.Code, f.Message = "provider-token", "What "+p.Name+" sent does not hold, so nobody was signed in. Try again, or use another way"
	case errors.Is(err, openid.ErrUnreachable):
		f.Code, f.Message = "provider-unreachable", p.Name+" does not answer. Try again in a moment, or use another way"
	default:
		return err
	}
	r.Log.Warn("a sign-in provider failed", "provider", p.Name, "issuer", p.Issuer, "account", p.AccountID, "error", err)
	return f
}

// signInWith starts a session for the person whom the identity is linked to. It writes nothing about memberships.
func (r *Room) signInWith(ctx context.Context, p SignInProvider, who openid.Identity, b Browser) (in Entrance, err error) {
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if _, err := r.provider(ctx, q, p.AccountID, p.ID); err != nil {
			return err
		}
		person, err := r.linkedPerson(ctx, q, who)
		if err != nil {
			return err
		}
		belongs := p.AccountID == ""
		if person.ID != "" && !belongs {
			if belongs, err = exists(ctx, q, `SELECT 1 FROM memberships WHERE account_id = $1 AND person_id = $2 AND state = 'active'`, p.AccountID, person.ID); err != nil {
				return err
			}
		}
		if person.ID == "" || !belongs || person.Staff && p.AccountID != "" {
			return fault.New(fault.Forbidden, "provider-nobody", "Nobody signs in here with that "+p.Name+" account yet. Sign in another way, then link it under Security")
		}
		in, err = r.enterWith(ctx, q, p, person, b)
		return err
	})
	return in, err
}

// linkedPerson returns the person whom the identity is linked to, or none, and notes that it was used.
func (r *Room) linkedPerson(ctx context.Context, q db.Q, who openid.Identity) (p Person, err error) {
	var id string
	err = q.QueryRowContext(ctx, `UPDATE linked_identities SET used_at = $3 WHERE issuer = $1 AND subject = $2 RETURNING person_id`,
		who.Issuer, who.Subject, r.now()).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return p, nil
	}
	if err != nil {
		return p, err
	}
	return r.personByID(ctx, q, id)
}

// enterWith starts a session that rests on the provider. An account's own provider leads into that account only.
func (r *Room) enterWith(ctx context.Context, q db.Q, p SignInProvider, person Person, b Browser) (Entrance, error) {
	if err := r.refund(ctx, q, departures(b)); err != nil {
		return Entrance{}, err
	}
	return r.startSession(ctx, q, person, b, Proved(r.now(), ByProvider), p.AccountID)
}

// acceptWith accepts an invitation as whom the provider vouches for: the person the identity is linked to or, where nobody has the
// invited address, a new one. A person who is here already is never joined to an identity because of an address.
func (r *Room) acceptWith(ctx context.Context, a attempt, p SignInProvider, who openid.Identity, b Browser) (in Entrance, w Welcome, err error) {
	if w, err = r.Welcome(ctx, a.Link); err != nil {
		return in, w, err
	}
	hash := ident.Hash(tokenInvitation, a.Link)
	err = r.joining(ctx, hash, func(ctx context.Context, q db.Q) error {
		if _, err := r.provider(ctx, q, p.AccountID, p.ID); err != nil {
			return err
		}
		person, err := r.linkedPerson(ctx, q, who)
		switch {
		case err != nil:
			return err
		case person.ID != "" && person.Email != w.Invitation.Email:
			return otherAddress(w, person.Email)
		case person.ID == "":
			if person, err = r.newFromProvider(ctx, q, w, p, who); err != nil {
				return err
			}
		}
		if in, err = r.enterWith(ctx, q, p, person, b); err != nil || in.Half != "" { // they join when the sign-in is whole
			return err
		}
		w, err = r.accept(ctx, q, hash, a.Shown, person, b.Address)
		return err
	})
	return in, w, err
}

func otherAddress(w Welcome, chosen string) error {
	return fault.New(fault.Forbidden, "provider-other-address", "You chose "+chosen+", but this invitation is for "+w.Invitation.Email+". Choose that account, or ask "+w.Invitation.InviterName+" to invite this one")
}

// newFromProvider makes the person whom the invitation is for, with the identity as their only way in. The link and the provider both
// prove the address.
func (r *Room) newFromProvider(ctx context.Context, q db.Q, w Welcome, p SignInProvider, who openid.Identity) (Person, error) {
	email, err := verifiedEmail(p, who)
	if err != nil {
		return Person{}, err
	}
	if email != w.Invitation.Email {
		return Person{}, otherAddress(w, email)
	}
	known, err := exists(ctx, q, `SELECT 1 FROM people WHERE email = $1`, email)
	if err != nil {
		return Person{}, err
	}
	if known {
		return Person{}, fault.New(fault.Conflict, "person-known", "You can sign in here already, but not with this "+p.Name+" account. Sign in another way to accept, then link it under Security")
	}
	person, err := r.newPerson(ctx, q, ident.New(), email, personName(w, who), "")
	if err != nil {
		return person, err
	}
	return person, r.insertIdentity(ctx, q, person, p, who)
}

// personName is what the inviter or the provider calls somebody, or else the first part of their address.
func personName(w Welcome, who openid.Identity) string {
	for _, name := range []string{w.Invitation.Name, who.Name} {
		if clean, bad := checkName("name", "Name", name, 80); bad == nil && clean != "" {
			return clean
		}
	}
	for i, c := range w.Invitation.Email {
		if c == '@' {
			return cut(w.Invitation.Email[:i], 80)
		}
	}
	return ""
}
