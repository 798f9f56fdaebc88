package account

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
)

// Welcome is what the page behind an invitation's link shows. Everything in it comes from the link's own invitation.
type Welcome struct {
	Invitation Invitation
	Account    Account
	Known      bool   // the address belongs to a person who can sign in: they do, instead of choosing a password
	Shown      string // stands for what the page shows; accepting fails if that changed meanwhile
}

// Welcome finds the invitation behind a link. Looking changes nothing, so that mail scanners may. A link that no longer works gives a
// fault that says what became of it.
func (r *Room) Welcome(ctx context.Context, token string) (w Welcome, err error) {
	defer fault.Wrap(&err, "account.Welcome")
	hash := ident.Hash(tokenInvitation, token)
	w, err = r.welcome(ctx, r.DB, hash)
	if fault.Is(err, fault.NotFound) {
		return w, r.deadLink(ctx, hash)
	}
	return w, err
}

func (r *Room) welcome(ctx context.Context, q db.Q, hash string) (w Welcome, err error) {
	var known int
	err = q.QueryRowContext(ctx, `
		SELECT `+invitationColumns+`, `+accountColumns+`, (SELECT COUNT(*) FROM people p WHERE p.email = i.email
		        AND (p.password IS NOT NULL OR EXISTS (SELECT 1 FROM linked_identities l WHERE l.person_id = p.id)
		        OR EXISTS (SELECT 1 FROM passkeys k WHERE k.person_id = p.id)))
		FROM invitations i JOIN accounts a ON a.id = i.account_id
		WHERE i.token_hash = $1 AND i.state = 'pending'`, hash).Scan(append(append(w.Invitation.fields(), w.Account.fields()...), &known)...)
	if errors.Is(err, sql.ErrNoRows) {
		return w, notFound()
	}
	if err != nil {
		return w, err
	}
	if !w.Account.Works() { // the link is not used up: it works again when the account does
		return w, fault.New(fault.Conflict, "invitation-account", "This invitation does not work now, as "+w.Account.Name+" is not open. Ask "+w.Invitation.InviterName)
	}
	w.Known = known > 0
	one := []Invitation{w.Invitation}
	if err := r.addOfferedGroups(ctx, q, w.Account.ID, one); err != nil {
		return w, err
	}
	w.Invitation = one[0]
	w.Shown = w.shown()
	if w.Invitation.Expired(r.now()) {
		day := time.UnixMilli(w.Invitation.ExpiresAt).In(w.Account.Location()).Format("2 January")
		return w, fault.New(fault.Conflict, invitationExpired, "This invitation ran out on "+day+". Ask "+w.Invitation.InviterName+" for a new one")
	}
	return w, nil
}

// invitationExpired is the code of the fault that a link which ran out answers with.
const invitationExpired = "invitation-expired"

func (w Welcome) shown() string {
	i := w.Invitation
	sum := sha256.Sum256(fmt.Appendf(nil, "%s|%s|%s|%s|%q|%d", w.Account.ID, w.Account.Name, i.Email, access(i.Offered(), i.Roles, i.Groups), groupIDs(i.Groups), i.generation))
	return hex.EncodeToString(sum[:12])
}

// deadLink says what became of a link that no invitation has any more.
func (r *Room) deadLink(ctx context.Context, hash string) error {
	var reason, inviter string
	err := r.DB.QueryRowContext(ctx, `
		SELECT d.reason, i.inviter_name FROM dead_links d JOIN invitations i ON i.account_id = d.account_id AND i.id = d.invitation_id
		WHERE d.token_hash = $1`, hash).Scan(&reason, &inviter)
	if errors.Is(err, sql.ErrNoRows) {
		return fault.New(fault.NotFound, "invitation-unknown", "This invitation link does not work. Open the link in the newest email again, or ask for a new invitation")
	}
	if err != nil {
		return err
	}
	words := map[string]string{
		"superseded":      "A newer email replaced this link. Open the link in the newest email",
		string(Cancelled): "This invitation was cancelled. Ask " + inviter + " if you still need it",
		string(Accepted):  "This invitation has already been used. Sign in",
		string(Declined):  "This invitation was declined. Ask " + inviter + " for a new one if that was a mistake",
		string(Voided):    voidedWords(inviter),
	}
	return fault.New(fault.Conflict, "invitation-"+reason, words[reason])
}

// AcceptAs joins the actor's person to the account, if the invitation is for that person's own address. Asked again by the same person
// it answers the same.
func (r *Room) AcceptAs(ctx context.Context, actor Actor, token, shown string) (w Welcome, err error) {
	defer fault.Wrap(&err, "account.AcceptAs")
	if err := actor.isPerson(); err != nil {
		return w, err
	}
	if actor.Confined != "" {
		return w, actor.ownsWays()
	}
	hash := ident.Hash(tokenInvitation, token)
	err = r.joining(ctx, hash, func(ctx context.Context, q db.Q) error {
		person, err := r.personByID(ctx, q, actor.PersonID)
		if err != nil {
			return err
		}
		w, err = r.accept(ctx, q, hash, shown, person, actor.Address)
		return err
	})
	if f, ok := fault.Of(err); ok && f.Code == "invitation-accepted" {
		if before, joined, err := r.acceptedBefore(ctx, hash, actor.PersonID); err != nil || joined {
			return before, err
		}
	}
	return w, err
}

// acceptedBefore returns the invitation by whose link the person became a member, and still is one.
func (r *Room) acceptedBefore(ctx context.Context, hash, personID string) (w Welcome, joined bool, err error) {
	err = r.DB.QueryRowContext(ctx, `
		SELECT `+invitationColumns+`, `+accountColumns+`
		FROM dead_links d
		JOIN invitations i ON i.account_id = d.account_id AND i.id = d.invitation_id
		JOIN accounts a ON a.id = i.account_id
		JOIN memberships m ON m.account_id = i.account_id AND m.invitation_id = i.id
		WHERE d.token_hash = $1 AND d.reason = 'accepted' AND m.person_id = $2 AND m.state = 'active'`,
		hash, personID).Scan(append(w.Invitation.fields(), w.Account.fields()...)...)
	if errors.Is(err, sql.ErrNoRows) {
		return w, false, nil
	}
	w.Known = true
	return w, err == nil, err
}

// AcceptSigningIn is for somebody who has a password but is not signed in: one form signs them in and joins the account. Whoever has a second
// factor gets a half sign-in and joins when it is whole.
func (r *Room) AcceptSigningIn(ctx context.Context, token, shown, password string, b Browser) (in Entrance, w Welcome, err error) {
	defer fault.Wrap(&err, "account.AcceptSigningIn")
	if w, err = r.Welcome(ctx, token); err != nil {
		return in, w, err
	}
	if in, err = r.SignIn(ctx, w.Invitation.Email, password, b); err != nil {
		return in, w, err
	}
	if in.Half != "" {
		return in, w, nil
	}
	w, err = r.AcceptAs(ctx, Actor{Kind: Member, PersonID: in.Person.ID, Address: b.Address}, token, shown)
	return in, w, err
}

// AcceptNew makes the person, with the password they chose, joins the account and signs them in. The link proves the address.
func (r *Room) AcceptNew(ctx context.Context, token, shown, name, password string, b Browser) (in Entrance, w Welcome, err error) {
	defer fault.Wrap(&err, "account.AcceptNew")
	if w, err = r.Welcome(ctx, token); err != nil {
		return in, w, err
	}
	if w.Known {
		return in, w, fault.New(fault.Conflict, "person-known", "You already have a password. Sign in with it to accept")
	}
	clean, nameFault := checkName("name", "Name", name, 80)
	if nameFault == nil && clean == "" {
		nameFault = fault.Field("name-empty", "name", "Enter your name")
	}
	passwordFault, _ := fault.Of(CheckPassword(password, w.Invitation.Email, clean, w.Account.Name))
	if err := fault.All(nameFault, passwordFault); err != nil {
		return in, w, err
	}
	secret, err := r.hash.Hash(ctx, password)
	if err != nil {
		return in, w, err
	}
	defer r.logSignIn(ctx, ByPassword, "", "", b, &in, &err)
	hash := ident.Hash(tokenInvitation, token)
	err = r.joining(ctx, hash, func(ctx context.Context, q db.Q) error {
		person, err := r.newPerson(ctx, q, ident.New(), w.Invitation.Email, clean, secret)
		if err != nil {
			return err
		}
		if w, err = r.accept(ctx, q, hash, shown, person, b.Address); err != nil {
			return err
		}
		in, err = r.startSession(ctx, q, person, b, Proved(r.now(), ByPassword), "")
		return err
	})
	return in, w, err
}

// joining runs an acceptance. What stops the offer for good (its inviter lost the right, or the person is in already) is committed
// although the acceptance fails.
func (r *Room) joining(ctx context.Context, hash string, fn func(ctx context.Context, q db.Q) error) error {
	err := r.DB.Tx(ctx, fn)
	if f, ok := fault.Of(err); ok && f.Code == "invitation-voided" {
		voided := r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error { return r.voidLink(ctx, q, hash) })
		return errors.Join(err, voided)
	}
	if fault.Is(err, fault.NotFound) {
		return r.deadLink(ctx, hash)
	}
	return err
}

func (r *Room) voidLink(ctx context.Context, q db.Q, hash string) error {
	w, err := r.welcome(ctx, q, hash)
	if _, ended := fault.Of(err); ended {
		return nil // by somebody else, first
	}
	if err != nil {
		return err
	}
	if err := r.bury(ctx, q, w.Invitation, string(Voided)); err != nil {
		return err
	}
	if err := r.end(ctx, q, &w.Invitation, Voided); err != nil {
		return err
	}
	system := Actor{Kind: Operator, Name: "Hubline", Account: w.Account}
	if err := r.Record(ctx, q, system, Entry{Action: InvitationVoided, SubjectID: w.Invitation.ID, SubjectName: w.Invitation.label()}); err != nil {
		return err
	}
	return r.Notice(ctx, q, w.Account.ID)
}

// newPerson adds a person whose address a link has just proved. Without a secret they have no password.
func (r *Room) newPerson(ctx context.Context, q db.Q, id, email, name, secret string) (Person, error) {
	p := Person{ID: id, Email: email, Name: name, epoch: 1, password: secret}
	_, err := q.ExecContext(ctx, `
		INSERT INTO people (id, email, name, password, staff, theme, epoch, verified_at, created_at) VALUES ($1, $2, $3, NULLIF($4, ''), 0, '', 1, $5, $5)`,
		p.ID, p.Email, p.Name, secret, r.now())
	if db.IsUnique(err) {
		err = fault.New(fault.Conflict, "person-known", "You already have a password. Sign in with it to accept")
	}
	return p, err
}

// accept claims the invitation with one UPDATE that matches only an open one, and makes the membership in the same transaction.
func (r *Room) accept(ctx context.Context, q db.Q, hash, shown string, person Person, address string) (Welcome, error) {
	w, err := r.welcome(ctx, q, hash)
	if err != nil {
		return w, err
	}
	if person.Staff {
		return w, fault.New(fault.Forbidden, "staff-join", "Provider staff stand outside accounts. Accept with an address that is not used for the console")
	}
	if person.Email != w.Invitation.Email {
		return w, fault.New(fault.Forbidden, "invitation-other-address", "This invitation is for "+w.Invitation.Email+", and you are signed in as "+person.Email+". Sign out, then open the link again")
	}
	if shown != w.Shown {
		return w, fault.New(fault.Changed, "invitation-changed", "The invitation changed while you were reading. Look at it again, then accept")
	}
	if err := r.offerStands(ctx, q, w.Invitation, person); err != nil {
		return w, err
	}
	if err := r.bury(ctx, q, w.Invitation, string(Accepted)); err != nil {
		return w, err
	}
	now := r.now()
	result, err := q.ExecContext(ctx, `
		UPDATE invitations SET state = 'accepted', token_hash = NULL, ended_at = $2, version = version + 1
		WHERE token_hash = $1 AND state = 'pending' AND expires_at > $2`, hash, now)
	if err != nil {
		return w, err
	}
	n, err := result.RowsAffected()
	if err == nil && n != 1 { // it ran out since welcome looked
		if _, err = r.welcome(ctx, q, hash); err == nil {
			err = notFound()
		}
	}
	if err != nil {
		return w, err
	}
	return w, r.join(ctx, q, w, person, address)
}

// offerStands checks again what was true when the offer was made.
func (r *Room) offerStands(ctx context.Context, q db.Q, i Invitation, person Person) error {
	member, err := exists(ctx, q, `SELECT 1 FROM memberships WHERE account_id = $1 AND person_id = $2 AND state <> 'removed'`, i.AccountID, person.ID)
	if err != nil {
		return err
	}
	if member {
		return fault.New(fault.Conflict, "invitation-voided", "You already have access to this account. Sign in")
	}
	if i.InviterKind == Directory {
		return r.directoryStands(ctx, q, i)
	}
	if i.InviterKind != Member && i.InviterKind != Key {
		return nil
	}
	admin, err := exists(ctx, q, `SELECT 1 FROM memberships WHERE account_id = $1 AND id = $2 AND state = 'active' AND roles IN ('admin', 'admin,billing')`, i.AccountID, i.InviterID)
	if err == nil && !admin {
		err = fault.New(fault.Conflict, "invitation-voided", voidedWords(i.InviterName))
	}
	return err
}

// join inserts the membership with what belongs to it: the audit entry, the notice to open pages and the mail to the inviter.
func (r *Room) join(ctx context.Context, q db.Q, w Welcome, person Person, address string) error {
	now := r.now()
	name := cmpOr(person.Name, w.Invitation.Name)
	id := ident.New()
	if _, err := q.ExecContext(ctx, `
		INSERT INTO memberships (account_id, id, person_id, email, name, search, roles, own_roles, state, invitation_id, invited_at, accepted_at, last_signed_in_at, version, second_factor)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'active', $9, $10, $11, $11, 1, $12)`,
		w.Account.ID, id, person.ID, person.Email, name, searchText(name, person.Email), w.Invitation.Offered().column(), w.Invitation.Roles.column(), w.Invitation.ID, w.Invitation.SentAt, now,
		bit(person.ways.second())); err != nil {
		return err
	}
	if err := r.counted(ctx, q, w.Account.ID, "", Active); err != nil {
		return err
	}
	actor := Actor{Kind: Member, Account: w.Account, PersonID: person.ID, Name: name, Address: address}
	if err := r.joinOffered(ctx, q, w.Account.ID, id, w.Invitation.Groups); err != nil {
		return err
	}
	if err := r.Record(ctx, q, actor, Entry{Action: InvitationAccepted, SubjectID: id, SubjectName: name, After: w.Invitation.Access()}); err != nil {
		return err
	}
	if w.Invitation.InviterEmail != "" {
		if err := r.Jobs.Add(ctx, q, letterMail, letterArgs{Kind: "accepted", To: w.Invitation.InviterEmail, Account: w.Account.Name, Slug: w.Account.Slug,
			Zone: w.Account.Policy.TimeZone, Name: name, Email: person.Email, Roles: w.Invitation.Offered().Words(), At: now}); err != nil {
			return err
		}
	}
	if err := r.joinDirectory(ctx, q, w.Account, id, person.Email); err != nil {
		return err
	}
	return r.Notice(ctx, q, w.Account.ID, person.ID)
}

// Decline ends an invitation for whoever holds its link and types the invited address, which a mail scanner can't.
func (r *Room) Decline(ctx context.Context, token, typed string) (w Welcome, err error) {
	defer fault.Wrap(&err, "account.Decline")
	hash := ident.Hash(tokenInvitation, token)
	email, _ := signInAddress(typed)
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if w, err = r.welcome(ctx, q, hash); err != nil {
			return err
		}
		if email != w.Invitation.Email {
			return fault.Field("decline-address", "email", "Enter the address that was invited, to show that you read this")
		}
		if err := r.bury(ctx, q, w.Invitation, string(Declined)); err != nil {
			return err
		}
		if err := r.end(ctx, q, &w.Invitation, Declined); err != nil {
			return err
		}
		invited := Actor{Kind: Member, Account: w.Account, Name: w.Invitation.label()}
		if err := r.Record(ctx, q, invited, Entry{Action: InvitationDeclined, SubjectID: w.Invitation.ID, SubjectName: w.Invitation.label()}); err != nil {
			return err
		}
		return r.Notice(ctx, q, w.Account.ID)
	})
	if fault.Is(err, fault.NotFound) {
		err = r.deadLink(ctx, hash)
	}
	return w, err
}
