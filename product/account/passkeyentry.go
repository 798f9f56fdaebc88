package account

import (
	"context"
	"time"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
)

// BeginPasskeySignIn asks a browser for any passkey of this portal. No address is asked for, so nothing tells known from unknown. held is
// the token that an earlier PasskeyAsk left in the browser, or "".
func (r *Room) BeginPasskeySignIn(_ context.Context, held string) (asked PasskeyAsk, err error) {
	defer fault.Wrap(&err, "account.BeginPasskeySignIn")
	c := challenge{Errand: passkeyToEnter}
	held = c.bind(held)
	asked, err = r.askToShow(c, holder{})
	asked.Browser = held
	return asked, err
}

// SignInWithPasskey starts a session for whoever holds the passkey. half is a sign-in that lacks the second factor, or "": then the passkey
// of the same person completes it.
func (r *Room) SignInWithPasskey(ctx context.Context, half string, answer PasskeyAnswer, b Browser) (in Entrance, err error) {
	defer fault.Wrap(&err, "account.SignInWithPasskey")
	defer r.logSignIn(ctx, ByPasskey, "", "", b, &in, &err)
	tries := passkeyTries(b)
	if err := r.spend(ctx, tries); err != nil {
		return in, err
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		c, err := r.asked(ctx, q, passkeyToEnter, "", answer)
		if err != nil {
			return err
		}
		id, err := r.shown(ctx, q, c, answer)
		if err != nil {
			return err
		}
		p, err := r.personByID(ctx, q, id)
		if err != nil {
			return err
		}
		if err := r.refund(ctx, q, tries); err != nil {
			return err
		}
		if half == "" {
			in, err = r.startSession(ctx, q, p, b, Proved(r.now(), ByPasskey), "")
			return err
		}
		_, began, err := r.openHalf(ctx, q, half)
		if err != nil {
			return err
		}
		if began.ID != p.ID {
			return wrongPasskey()
		}
		in, err = r.finish(ctx, q, half, ByPasskey, false, b)
		return err
	})
	return in, err
}

// passkeyTries bounds how often one network shows passkeys that do not count: each is a signature to check.
func passkeyTries(b Browser) limit {
	return limit{key: "passkey-network:" + Network(b.Address), free: 100, most: 30 * time.Second, forget: 15 * time.Minute, shared: true}
}

// ownPasskeyTries is passkeyTries for somebody who is signed in.
func ownPasskeyTries(actor Actor) limit {
	return limit{key: "passkey:" + actor.PersonID, free: 20, most: 5 * time.Minute, forget: 15 * time.Minute}
}

// BeginPasskeyCheck asks a browser for a passkey of the actor's own, for a step-up check.
func (r *Room) BeginPasskeyCheck(ctx context.Context, actor Actor) (asked PasskeyAsk, err error) {
	defer fault.Wrap(&err, "account.BeginPasskeyCheck")
	if err := actor.mayConfirm(); err != nil {
		return asked, err
	}
	p, err := r.personByID(ctx, r.DB, actor.PersonID)
	if err != nil {
		return asked, err
	}
	h, err := r.holder(ctx, r.DB, p)
	if err != nil {
		return asked, err
	}
	if len(h.keys) == 0 {
		return asked, fault.New(fault.Conflict, "passkey-none", "You have no passkey. Confirm another way")
	}
	return r.askToShow(challenge{Errand: passkeyToCheck, Session: actor.SessionID}, h)
}

// ConfirmWithPasskey passes a step-up check by a passkey of the actor's own. The session gets a new token, as its rights have just risen.
func (r *Room) ConfirmWithPasskey(ctx context.Context, actor Actor, answer PasskeyAnswer) (session string, err error) {
	defer fault.Wrap(&err, "account.ConfirmWithPasskey")
	if err := actor.mayConfirm(); err != nil {
		return "", err
	}
	tries := ownPasskeyTries(actor)
	if err := r.spend(ctx, tries); err != nil {
		return "", err
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		c, err := r.asked(ctx, q, passkeyToCheck, actor.SessionID, answer)
		if err != nil {
			return err
		}
		id, err := r.shown(ctx, q, c, answer)
		if err != nil {
			return err
		}
		if id != actor.PersonID {
			return wrongPasskey()
		}
		if err := r.refund(ctx, q, tries); err != nil {
			return err
		}
		session, err = r.checked(ctx, q, actor, ByPasskey)
		return err
	})
	return session, err
}

// PasskeyFits reports whether a new person can accept the invitation with a passkey: the account lets its people sign in with one.
func (w Welcome) PasskeyFits() bool { return !w.Known && w.Account.Policy.Methods.Has(ByPasskey) }

// BeginPasskeyAccept asks the browser of somebody new for a passkey, to accept the invitation of that link with. held is as in
// BeginPasskeySignIn.
func (r *Room) BeginPasskeyAccept(ctx context.Context, token, held string) (asked PasskeyAsk, err error) {
	defer fault.Wrap(&err, "account.BeginPasskeyAccept")
	w, err := r.Welcome(ctx, token)
	if err != nil {
		return asked, err
	}
	if !w.PasskeyFits() {
		return asked, fault.New(fault.Conflict, "passkey-unfit", "This invitation can't be accepted with a new passkey. Accept it another way")
	}
	c := challenge{Errand: passkeyToAccept, Link: ident.Hash(tokenInvitation, token)}
	held = c.bind(held)
	asked, err = r.askToMake(c, holder{id: ident.New(), email: w.Invitation.Email, name: w.Invitation.Name})
	asked.Browser = held
	return asked, err
}

// AcceptNewWithPasskey makes the person, with the passkey they made and no password, joins the account and signs them in. The link proves the
// address. Recovery codes come with the passkey, in the Entrance: who loses it chooses a password by mail, and shows one of them.
func (r *Room) AcceptNewWithPasskey(ctx context.Context, token, shown, name string, answer PasskeyAnswer, b Browser) (in Entrance, w Welcome, err error) {
	defer fault.Wrap(&err, "account.AcceptNewWithPasskey")
	if w, err = r.Welcome(ctx, token); err != nil {
		return in, w, err
	}
	if !w.PasskeyFits() {
		return in, w, fault.New(fault.Conflict, "passkey-unfit", "This invitation can't be accepted with a new passkey. Accept it another way")
	}
	clean, bad := checkName("name", "Name", name, 80)
	if bad == nil && clean == "" {
		bad = fault.Field("name-empty", "name", "Enter your name")
	}
	if bad != nil {
		return in, w, bad
	}
	tries := passkeyTries(b)
	if err := r.spend(ctx, tries); err != nil {
		return in, w, err
	}
	defer r.logSignIn(ctx, ByPasskey, "", "", b, &in, &err)
	hash := ident.Hash(tokenInvitation, token)
	err = r.joining(ctx, hash, func(ctx context.Context, q db.Q) error {
		c, err := r.asked(ctx, q, passkeyToAccept, "", answer)
		if err != nil {
			return err
		}
		if c.Link != hash {
			return wrongPasskey()
		}
		person, err := r.newPerson(ctx, q, c.Person, w.Invitation.Email, clean, "")
		if err != nil {
			return err
		}
		label := Describe(b.UserAgent)
		if err := r.made(ctx, q, c, label, answer); err != nil {
			return err
		}
		if err := r.refund(ctx, q, tries); err != nil {
			return err
		}
		if person.ways, err = r.setWays(ctx, q, person.ID); err != nil {
			return err
		}
		if w, err = r.accept(ctx, q, hash, shown, person, b.Address); err != nil {
			return err
		}
		if err := r.tellOwn(ctx, q, person.ID, "passkey-on", label, b); err != nil {
			return err
		}
		if in, err = r.startSession(ctx, q, person, b, Proved(r.now(), ByPasskey), ""); err != nil {
			return err
		}
		in.Codes, err = r.makeCodes(ctx, q, person.ID)
		return err
	})
	if err != nil {
		in.Codes = nil
	}
	return in, w, err
}
