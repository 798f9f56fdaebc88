package account

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
	"hubline/base/listing"
)

// Limits of invitations (security.md 2.2).
const (
	InviteMost      = 50 // addresses in one request
	resendsMost     = 5
	resendEvery     = time.Minute
	invitationLimit = 30 * 24 * time.Hour // no resend moves the end further from the beginning
	tokenInvitation = "hi"
)

// InvitationState is where an offer stands. An expired one is still pending, so that it can be sent again; Invitation.Expired tells.
type InvitationState string

// The states of an invitation. Only Pending has a link that works.
const (
	Pending   InvitationState = "pending"
	Accepted  InvitationState = "accepted"
	Declined  InvitationState = "declined"
	Cancelled InvitationState = "cancelled"
	Ended     InvitationState = "expired" // tidied away, too old to be sent again
	Voided    InvitationState = "voided"  // the inviter lost the right, or the person came in another way
	Replaced  InvitationState = "replaced"
)

// Delivery is how far the mail got.
type Delivery string

// The states of delivery.
const (
	Queued  Delivery = "queued"
	Sent    Delivery = "sent"
	Refused Delivery = "refused" // the receiving server said no for good
)

// Offer is one address to be invited.
type Offer struct {
	Email string
	Name  string // optional
}

// Invite is one act of inviting: one or several addresses with the same access.
type Invite struct {
	Offers  []Offer
	Roles   Roles
	Groups  []string // IDs of groups that they join when they accept
	Message string   // optional, plain text
	FormKey string   // the form's own key: sending the same form twice invites once
}

// Invitation is an offer from one account to one address.
type Invitation struct {
	ID           string
	AccountID    string
	Email        string
	Name         string
	Roles        Roles      // given directly
	Groups       []GroupRef // to join, by name; not in every list
	Message      string
	State        InvitationState
	Delivery     Delivery
	DeliveryNote string // why it was refused
	InviterKind  ActorKind
	InviterID    string // membership
	InviterName  string
	InviterEmail string
	Resends      int
	CreatedAt    int64
	SentAt       int64
	ExpiresAt    int64
	EndedAt      int64
	Version      int64
	generation   int64
}

// Expired reports whether the link has run out by the time in milliseconds.
func (i Invitation) Expired(now int64) bool {
	return i.State == Pending && (now >= i.ExpiresAt || ahead(i.SentAt, now))
}

// Resendable reports whether the invitation may be sent again: it is pending, and neither too old nor sent too often.
func (i Invitation) Resendable(now int64) bool {
	return i.State == Pending && i.Resends < resendsMost && now < i.CreatedAt+invitationLimit.Milliseconds()
}

const invitationColumns = `i.id, i.account_id, i.email, i.name, i.roles, i.message, i.state, i.delivery, i.delivery_note, i.inviter_kind, i.inviter_id,
	i.inviter_name, i.inviter_email, i.resends, i.created_at, i.sent_at, i.expires_at, i.ended_at, i.version, i.generation`

func (i *Invitation) fields() []any {
	return []any{&i.ID, &i.AccountID, &i.Email, &i.Name, (*rolesColumn)(&i.Roles), &i.Message, &i.State, &i.Delivery, &i.DeliveryNote,
		&i.InviterKind, &i.InviterID, &i.InviterName, &i.InviterEmail, &i.Resends, &i.CreatedAt, &i.SentAt, &i.ExpiresAt, &i.EndedAt, &i.Version, &i.generation}
}

// rolesColumn scans the roles column.
type rolesColumn Roles

// Scan implements sql.Scanner.
func (c *rolesColumn) Scan(v any) error {
	switch v := v.(type) {
	case string:
		*c = rolesColumn(rolesFromColumn(v))
	case []byte:
		*c = rolesColumn(rolesFromColumn(string(v)))
	default:
		return errors.New("roles are not text")
	}
	return nil
}

// ParseAddresses splits what people paste into a field for one or many addresses: separated by spaces, commas, semicolons or new
// lines, each perhaps as "Name <address>". Doubles are dropped.
func ParseAddresses(text string) []Offer {
	var offers []Offer
	seen := map[string]bool{}
	for line := range strings.FieldsFuncSeq(text, func(c rune) bool { return c == ',' || c == ';' || c == '\n' || c == '\r' }) {
		name, rest, named := strings.Cut(line, "<")
		if !named {
			name, rest = "", line
		}
		for _, address := range strings.Fields(strings.Trim(strings.TrimSpace(rest), "<>")) {
			if key := strings.ToLower(address); !seen[key] {
				seen[key] = true
				offers = append(offers, Offer{Email: strings.Trim(address, "<>"), Name: strings.Trim(strings.TrimSpace(name), `"`)})
			}
		}
	}
	return offers
}

// Invite makes the offers and queues their mails, all or none. It needs a fresh step-up check.
func (r *Room) Invite(ctx context.Context, actor Actor, in Invite) (sent []Invitation, err error) {
	defer fault.Wrap(&err, "account.Invite")
	if err := actor.mayInvite(in); err != nil {
		return nil, err
	}
	if in, err = in.check(); err != nil {
		return nil, err
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if err := r.Still(ctx, q, &actor, InviteHubUsers); err != nil {
			return err
		}
		if err := actor.mayInvite(in); err != nil {
			return err
		}
		before, err := r.sentByForm(ctx, q, actor, in.FormKey)
		if err != nil || len(before) > 0 {
			sent = before
			return err
		}
		if err := r.requireCheck(ctx, q, actor, actor.Account.Policy.checkRule()); err != nil {
			return err
		}
		sent, err = r.offer(ctx, q, actor, in)
		return err
	})
	return sent, err
}

// Review says what inviting would do, and refuses what Invite would refuse but for the step-up check. It changes nothing.
func (r *Room) Review(ctx context.Context, actor Actor, in Invite) (_ Invite, err error) {
	defer fault.Wrap(&err, "account.Review")
	if err := actor.mayInvite(in); err != nil {
		return in, err
	}
	checked, err := in.check()
	if err != nil {
		return in, err
	}
	if _, err := r.groupsNamed(ctx, r.DB, actor.Account.ID, in.Groups); err != nil {
		return checked, err
	}
	return checked, r.offerable(ctx, r.DB, actor, checked)
}

// mayInvite asks for the right to invite, and for the one to put people into groups where that is offered.
func (a Actor) mayInvite(in Invite) error {
	if err := a.Require(InviteHubUsers); err != nil || len(in.Groups) == 0 {
		return err
	}
	return a.Require(ChangeHubUsers)
}

// check cleans an Invite. Every address that is wrong gets its own fault.
func (in Invite) check() (Invite, error) {
	var faults []*fault.Fault
	if len(in.Offers) == 0 {
		faults = append(faults, fault.Field("email-empty", "email", "Enter an email address"))
	}
	if len(in.Offers) > InviteMost {
		faults = append(faults, fault.Field("too-many-addresses", "email", fmt.Sprintf("You can invite %d people at a time. There are %d addresses", InviteMost, len(in.Offers))))
	}
	clean := in
	clean.Offers = nil
	for _, offer := range in.Offers[:min(len(in.Offers), InviteMost)] {
		checked, bad := checkOffer(offer, "email", "name")
		faults = append(faults, bad)
		if !slices.ContainsFunc(clean.Offers, func(o Offer) bool { return o.Email == checked.Email }) {
			clean.Offers = append(clean.Offers, checked)
		}
	}
	roles, err := ParseRoles(in.Roles.Words())
	if bad, ok := fault.Of(err); ok {
		faults = append(faults, bad)
	}
	message, bad := checkMessage(in.Message)
	clean.Roles, clean.Message = roles, message
	return clean, fault.All(append(faults, bad)...)
}

// sentByForm returns what the same form made before.
func (r *Room) sentByForm(ctx context.Context, q db.Q, actor Actor, key string) ([]Invitation, error) {
	if key == "" {
		return nil, nil
	}
	rows, err := q.QueryContext(ctx, `
		SELECT `+invitationColumns+` FROM invitations i WHERE i.account_id = $1 AND i.created_at > $2 AND i.form_key = $3 AND i.inviter_id = $4`,
		actor.Account.ID, r.now()-(24*time.Hour).Milliseconds(), key, actor.MembershipID)
	if err != nil {
		return nil, err
	}
	list, err := scanInvitations(rows)
	if err != nil {
		return nil, err
	}
	return list, r.addOfferedGroups(ctx, q, actor.Account.ID, list)
}

func scanInvitations(rows *sql.Rows) ([]Invitation, error) {
	defer rows.Close()
	var list []Invitation
	for rows.Next() {
		var i Invitation
		if err := rows.Scan(i.fields()...); err != nil {
			return nil, err
		}
		list = append(list, i)
	}
	return list, rows.Err()
}

// makeWay replaces what was declined, stopped or ran out for the same address. The old link then leads to the new one.
func (r *Room) makeWay(ctx context.Context, q db.Q, next Invitation) error {
	if _, err := q.ExecContext(ctx, `
		INSERT INTO dead_links (token_hash, account_id, invitation_id, reason, ended_at)
		SELECT token_hash, account_id, id, 'superseded', $3 FROM invitations WHERE account_id = $1 AND email = $2 AND state = 'pending' AND token_hash IS NOT NULL
		ON CONFLICT (token_hash) DO NOTHING`,
		next.AccountID, next.Email, next.CreatedAt); err != nil {
		return err
	}
	_, err := q.ExecContext(ctx, `
		UPDATE invitations SET state = 'replaced', token_hash = NULL, ended_at = $3, version = version + 1
		WHERE account_id = $1 AND email = $2 AND state IN ('pending', 'declined', 'voided')`, next.AccountID, next.Email, next.CreatedAt)
	return err
}

func (i Invitation) label() string {
	if i.Name == "" {
		return i.Email
	}
	return i.Name + " (" + i.Email + ")"
}

func searchText(name, email string) string { return listing.Fold(name + " " + email) }

// InvitationByID returns one invitation of the actor's account.
func (r *Room) InvitationByID(ctx context.Context, actor Actor, id string) (i Invitation, err error) {
	defer fault.Wrap(&err, "account.InvitationByID")
	if err := actor.Require(ViewHubUsers); err != nil {
		return i, err
	}
	return r.invitation(ctx, r.DB, actor.Account.ID, id)
}

func (r *Room) invitation(ctx context.Context, q db.Q, accountID, id string) (i Invitation, err error) {
	err = q.QueryRowContext(ctx, `SELECT `+invitationColumns+` FROM invitations i WHERE i.account_id = $1 AND i.id = $2`, accountID, id).Scan(i.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		err = notFound()
	}
	if err != nil {
		return i, err
	}
	one := []Invitation{i}
	err = r.addOfferedGroups(ctx, q, accountID, one)
	return one[0], err
}

// changePending runs one change of a pending invitation: rights, version and state are checked in its transaction.
func (r *Room) changePending(ctx context.Context, actor Actor, id string, version int64, change func(ctx context.Context, q db.Q, i *Invitation) error) (i Invitation, err error) {
	if err := actor.Require(InviteHubUsers); err != nil {
		return i, err
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if err := r.Still(ctx, q, &actor, InviteHubUsers); err != nil {
			return err
		}
		if i, err = r.invitation(ctx, q, actor.Account.ID, id); err != nil {
			return err
		}
		if version != 0 && version != i.Version {
			return changedMeanwhile()
		}
		if err := change(ctx, q, &i); err != nil {
			return err
		}
		return r.Notice(ctx, q, actor.Account.ID)
	})
	return i, err
}

func (i Invitation) over() error {
	words := map[InvitationState]string{Accepted: "has been accepted. Change their access in the list of hub users", Declined: "was declined. Invite them again if they agree",
		Cancelled: "was cancelled. Invite them again", Ended: "ran out. Invite them again", Voided: "stopped, as its inviter is no longer an admin. Invite them again",
		Replaced: "was replaced by a newer one"}
	return fault.New(fault.Conflict, "invitation-"+string(i.State), "The invitation to "+i.Email+" "+words[i.State])
}

// Resend mails a new link and extends the invitation. The old link stops working in the same moment.
func (r *Room) Resend(ctx context.Context, actor Actor, id string, version int64) (_ Invitation, err error) {
	defer fault.Wrap(&err, "account.Resend")
	return r.changePending(ctx, actor, id, version, func(ctx context.Context, q db.Q, i *Invitation) error {
		now := r.now()
		if i.State != Pending {
			return i.over()
		}
		if wait := left(i.SentAt, resendEvery, now); wait > 0 {
			return &fault.Fault{Kind: fault.TooMany, Code: "resend-soon", RetryAfter: wait,
				Message: "We sent this invitation a moment ago. Wait " + inWords(wait) + ", then resend it"}
		}
		if !i.Resendable(now) {
			return fault.New(fault.Conflict, "resend-limit", "This invitation was sent as often, or as long ago, as it can be. Cancel it, then invite "+i.Email+" again")
		}
		life := time.Duration(actor.Account.Policy.InvitationHours) * time.Hour
		token, hash := ident.Token(tokenInvitation)
		if err := r.bury(ctx, q, *i, "superseded"); err != nil {
			return err
		}
		i.ExpiresAt = min(now+life.Milliseconds(), i.CreatedAt+invitationLimit.Milliseconds())
		i.generation, i.Resends, i.SentAt, i.Delivery, i.DeliveryNote, i.Version = i.generation+1, i.Resends+1, now, Queued, "", i.Version+1
		if _, err := q.ExecContext(ctx, `
			UPDATE invitations SET token_hash = $3, generation = $4, resends = $5, sent_at = $6, expires_at = $7, delivery = 'queued', delivery_note = '', version = $8
			WHERE account_id = $1 AND id = $2 AND state = 'pending'`, i.AccountID, i.ID, hash, i.generation, i.Resends, i.SentAt, i.ExpiresAt, i.Version); err != nil {
			return err
		}
		if err := r.Record(ctx, q, actor, Entry{Action: InvitationResent, SubjectID: i.ID, SubjectName: i.label()}); err != nil {
			return err
		}
		return r.mailInvitation(ctx, q, *i, token)
	})
}

// Cancel ends a pending invitation, or takes one that was declined or stopped off the list. Its link then says that it was cancelled.
func (r *Room) Cancel(ctx context.Context, actor Actor, id string, version int64) (_ Invitation, err error) {
	defer fault.Wrap(&err, "account.Cancel")
	return r.changePending(ctx, actor, id, version, func(ctx context.Context, q db.Q, i *Invitation) error {
		if i.State != Pending && i.State != Declined && i.State != Voided {
			return i.over()
		}
		return r.cancelOffer(ctx, q, actor, i)
	})
}

func (r *Room) cancelOffer(ctx context.Context, q db.Q, actor Actor, i *Invitation) error {
	if err := r.bury(ctx, q, *i, string(Cancelled)); err != nil {
		return err
	}
	if err := r.end(ctx, q, i, Cancelled); err != nil {
		return err
	}
	return r.Record(ctx, q, actor, Entry{Action: InvitationCancelled, SubjectID: i.ID, SubjectName: i.label()})
}

// bury notes why the invitation's present link stops working. It must come before the link's hash is erased. Somebody else who ends the
// same offer at the same time may have noted it first: then PostgreSQL asks the transaction to run again.
func (r *Room) bury(ctx context.Context, q db.Q, i Invitation, reason string) error {
	_, err := q.ExecContext(ctx, `
		INSERT INTO dead_links (token_hash, account_id, invitation_id, reason, ended_at)
		SELECT token_hash, account_id, id, $3, $4 FROM invitations WHERE account_id = $1 AND id = $2 AND token_hash IS NOT NULL
		ON CONFLICT (token_hash) DO NOTHING`,
		i.AccountID, i.ID, reason, r.now())
	return err
}

// end moves an invitation to a state without a link.
func (r *Room) end(ctx context.Context, q db.Q, i *Invitation, state InvitationState) error {
	i.State, i.EndedAt, i.Version = state, r.now(), i.Version+1
	_, err := q.ExecContext(ctx, `
		UPDATE invitations SET state = $3, token_hash = NULL, ended_at = $4, version = $5 WHERE account_id = $1 AND id = $2`,
		i.AccountID, i.ID, i.State, i.EndedAt, i.Version)
	return err
}

// voidInvitationsOf stops what an admin offered who may no longer offer it.
func (r *Room) voidInvitationsOf(ctx context.Context, q db.Q, actor Actor, membershipID string) error {
	rows, err := q.QueryContext(ctx, `SELECT `+invitationColumns+` FROM invitations i WHERE i.account_id = $1 AND i.inviter_id = $2 AND i.state = 'pending'`,
		actor.Account.ID, membershipID)
	if err != nil {
		return err
	}
	open, err := scanInvitations(rows)
	if err != nil {
		return err
	}
	return r.void(ctx, q, actor, open)
}

func (r *Room) void(ctx context.Context, q db.Q, actor Actor, open []Invitation) error {
	for _, i := range open {
		if err := r.bury(ctx, q, i, string(Voided)); err != nil {
			return err
		}
		if err := r.end(ctx, q, &i, Voided); err != nil {
			return err
		}
		if err := r.Record(ctx, q, actor, Entry{Action: InvitationVoided, SubjectID: i.ID, SubjectName: i.label()}); err != nil {
			return err
		}
	}
	return nil
}
