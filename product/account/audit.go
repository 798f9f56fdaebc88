package account

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
	"hubline/base/listing"
)

// Action is what an audit entry tells, in the form area.what.
type Action string

// The actions of this room.
const (
	AccountOpened        Action = "account.opened"
	AccountSuspended     Action = "account.suspended"
	AccountEnabled       Action = "account.enabled"
	AccountClosing       Action = "account.closing"
	AccountClosed        Action = "account.closed"
	AccountErased        Action = "account.erased"
	SettingsChanged      Action = "settings.changed"
	InvitationSent       Action = "invitation.sent"
	InvitationResent     Action = "invitation.resent"
	InvitationChanged    Action = "invitation.access-changed"
	InvitationCancelled  Action = "invitation.cancelled"
	InvitationAccepted   Action = "invitation.accepted"
	InvitationDeclined   Action = "invitation.declined"
	InvitationVoided     Action = "invitation.voided"
	HubUserAccessChanged Action = "hub-user.access-changed"
	HubUserRenamed       Action = "hub-user.renamed"
	HubUserDeactivated   Action = "hub-user.deactivated"
	HubUserSignedOut     Action = "hub-user.signed-out"
	HubUserReactivated   Action = "hub-user.reactivated"
	HubUserRemoved       Action = "hub-user.removed"
	HubUserEmailChanged  Action = "hub-user.email-changed"
	HubUsersImported     Action = "hub-user.imported"
	RecoveryStarted      Action = "hub-user.recovery-started"
	RecoveryStopped      Action = "hub-user.recovery-stopped"
	RecoveryDone         Action = "hub-user.recovered"
	AccessAsked          Action = "hub-user.access-asked"
	TermsPublished       Action = "terms.published"
	AccessReviewed       Action = "access-review.done"
	ReviewPolicySet      Action = "access-review.policy-set"
	GroupMade            Action = "group.made"
	GroupRenamed         Action = "group.renamed"
	GroupAccessChanged   Action = "group.access-changed"
	GroupJoined          Action = "group.joined"
	GroupLeft            Action = "group.left"
	GroupDeleted         Action = "group.deleted"
	GroupHandedOver      Action = "group.handed-over"
	GroupTakenBack       Action = "group.taken-back"
	APIKeyMade           Action = "api-key.made"
	APIKeyRevoked        Action = "api-key.revoked"
	ProviderAdded        Action = "sign-in-provider.added"
	ProviderSwitchedOn   Action = "sign-in-provider.switched-on"
	ProviderSwitchedOff  Action = "sign-in-provider.switched-off"
	ProviderRemoved      Action = "sign-in-provider.removed"
	DirectoryTurnedOn    Action = "directory.turned-on"
	DirectoryChanged     Action = "directory.changed"
	DirectoryTokenMade   Action = "directory.token-made"
	DirectoryTurnedOff   Action = "directory.turned-off"
	AuditKeepChanged     Action = "audit-log.keep-changed"
	// The directory's people: SubjectID is the directory person's.
	DirectoryPersonBrought Action = "directory.person-brought"
	DirectoryPersonChanged Action = "directory.person-changed"
	DirectoryPersonDropped Action = "directory.person-dropped"

	AuditTrimmed  Action = "audit-log.trimmed" // the subject's ID is the number of the last entry whose text went
	StaffAdded    Action = "staff.added"
	StaffLinkMade Action = "staff.link-made"
	StaffRemoved  Action = "staff.removed"
)

// The actions of the rooms to the right, so that the log tells all of them in one voice.
const (
	PhoneUserAdded     Action = "phone-user.added"
	PhoneUserChanged   Action = "phone-user.changed"
	PhoneUserDeleted   Action = "phone-user.deleted"
	PhoneUsersImported Action = "phone-user.imported"
	PhoneUserLimitSet  Action = "phone-user.limit-set"
	SetUpLinkSent      Action = "device.link-sent"
	DeviceAdded        Action = "device.added"
	DeviceEnded        Action = "device.ended"
	DevicesReset       Action = "device.reset"
	DeviceElsewhere    Action = "device.called-elsewhere"
	NumberAssigned     Action = "number.assigned"
	NumberWithdrawn    Action = "number.withdrawn"
	NumberRenamed      Action = "number.renamed"
	NumberRouted       Action = "number.routed"
	CallEnded          Action = "call.ended"
	TicketOpened       Action = "ticket.opened"
	TicketAnswered     Action = "ticket.answered"
	TicketClosed       Action = "ticket.closed"
	PINUsed            Action = "visit.pin-used"
	VisitAsked         Action = "visit.asked"
	VisitAllowed       Action = "visit.allowed"
	VisitRefused       Action = "visit.refused"
	VisitEnded         Action = "visit.ended"
	VisitsGranted      Action = "visit.granted-ahead"
	VisitGrantEnded    Action = "visit.grant-ended"
	WebhookAdded       Action = "webhook.added"
	WebhookChanged     Action = "webhook.changed"
	WebhookRotated     Action = "webhook.secret-renewed"
	WebhookReplayed    Action = "webhook.failed-again"
	WebhookPaused      Action = "webhook.paused"
	WebhookResumed     Action = "webhook.resumed"
	WebhookDeleted     Action = "webhook.deleted"
	JobRetried         Action = "job.retried"
	JobDiscarded       Action = "job.discarded"
)

// Areas lists what the audit log can be filtered by: the part of an action before the dot, and its words.
var Areas = []struct{ Name, Words string }{
	{"hub-user", "Hub users"}, {"group", "Groups"}, {"access-review", "Access reviews"}, {"invitation", "Invitations"}, {"phone-user", "Phone users"}, {"device", "Devices"}, {"number", "Numbers"},
	{"call", "Calls"}, {"ticket", "Requests"}, {"visit", "Visits by staff"}, {"settings", "Settings"}, {"directory", "Directory sync"}, {"sign-in-provider", "Sign-in providers"}, {"api-key", "API keys"}, {"webhook", "Webhooks"}, {"audit-log", "Audit log"}, {"account", "Account"},
}

// AuditEntry is one line of the record: who did what to whom, when, from where, and what it was before and after.
type AuditEntry struct {
	ID          string
	At          int64
	ActorKind   ActorKind
	ActorID     string
	ActorName   string
	Address     string
	Action      Action
	SubjectID   string
	SubjectName string
	Before      string
	After       string
}

// Entry is what a verb knows of an AuditEntry; Record adds who, when and where.
type Entry struct {
	Action                 Action
	SubjectID, SubjectName string
	Before, After          string
}

// Record writes an audit entry in the transaction of the change that it tells. As no verb of the provider's staff changes anything without one,
// this is also where they are looked at again: who was removed a moment ago gets [fault.NotFound], and the change is undone with its entry.
func (r *Room) Record(ctx context.Context, q db.Q, actor Actor, e Entry) error {
	return r.RecordAll(ctx, q, actor, []Entry{e})
}

// RecordAll is Record for what one act did to many, in a handful of statements.
func (r *Room) RecordAll(ctx context.Context, q db.Q, actor Actor, list []Entry) error {
	if actor.Kind == Staff {
		still, err := exists(ctx, q, `SELECT 1 FROM people WHERE id = $1 AND staff = 1`, actor.PersonID)
		if err == nil && !still {
			err = notFound()
		}
		if err != nil {
			return err
		}
	}
	now := r.now()
	name := actor.Name
	if actor.Kind == Staff && actor.Account.ID != "" { // customers see the provider, the provider's own log the person
		name = "Provider staff"
	}
	for some := range slices.Chunk(list, most) {
		values, loose, ids := make([]string, len(some)), make([]string, len(some)), []any{actor.Account.ID}
		args := []any{actor.Account.ID, now, actor.Kind, actor.PersonID, name, actor.Address}
		for i, e := range some {
			n, id := len(args), ident.Ordered(now)
			values[i] = fmt.Sprintf("($1, $%d, $2, $3, $4, $5, $6, $%d, $%d, $%d, $%d, $%d, $%d)", n+1, n+2, n+3, n+4, n+5, n+6, n+7)
			args = append(args, id, e.Action, e.SubjectID, e.SubjectName, e.Before, e.After,
				listing.Fold(name+" "+e.SubjectName+" "+e.Before+" "+e.After))
			loose[i], ids = fmt.Sprintf("($1, $%d)", i+2), append(ids, id)
		}
		if _, err := q.ExecContext(ctx, `
			INSERT INTO audit_entries (account_id, id, at, actor_kind, actor_id, actor_name, address, action, subject_id, subject_name, before, after, search)
			VALUES `+strings.Join(values, ", "), args...); err != nil {
			return err
		}
		// Until each has its place in the tree.
		if _, err := q.ExecContext(ctx, `INSERT INTO audit_loose (account_id, entry_id) VALUES `+strings.Join(loose, ", "), ids...); err != nil {
			return err
		}
	}
	return nil
}

// sentences tell what happened as people do: "Priya Nair removed Jo Baptiste from hub users".
var sentences = map[Action]string{
	AccountOpened:        "{who} opened the account {what}",
	AccountSuspended:     "{who} suspended {what}",
	AccountEnabled:       "{who} enabled {what} again",
	AccountClosing:       "{who} began to close {what}",
	AccountClosed:        "{who} closed {what} for good",
	AccountErased:        "{who} deleted the data of {what}",
	SettingsChanged:      "{who} changed the account's settings",
	InvitationSent:       "{who} invited {what}",
	InvitationResent:     "{who} sent the invitation to {what} again",
	InvitationChanged:    "{who} changed the access in the invitation to {what}",
	InvitationCancelled:  "{who} cancelled the invitation to {what}",
	InvitationAccepted:   "{what} accepted the invitation",
	InvitationDeclined:   "{what} declined the invitation",
	InvitationVoided:     "The invitation to {what} stopped, as its inviter is no longer an admin",
	HubUserAccessChanged: "{who} changed the access of {what}",
	HubUserRenamed:       "{who} renamed {before} to {what}",
	HubUserDeactivated:   "{who} deactivated {what}",
	HubUserSignedOut:     "{who} signed {what} out everywhere",
	HubUserReactivated:   "{who} reactivated {what}",
	HubUserRemoved:       "{who} removed {what} from hub users",
	HubUserEmailChanged:  "{who} changed the address of their sign-in",
	HubUsersImported:     "{who} invited people by a list of {what}",
	RecoveryStarted:      "{who} started a recovery of {what}, who lost their second factor",
	RecoveryStopped:      "{who} stopped the recovery of {what}",
	RecoveryDone:         "{what} came back without their second factor, by a recovery",
	AccessAsked:          "{who} asked for access: {after}",
	TermsPublished:       "{who} published {what} of the terms",
	AccessReviewed:       "{who} finished a review of access: {after}",
	ReviewPolicySet:      "{who} changed how often access is reviewed from {before} to {after}",
	GroupMade:            "{who} made the group {what}",
	GroupRenamed:         "{who} renamed the group {before} to {what}",
	GroupAccessChanged:   "{who} changed what the group {what} gives",
	GroupJoined:          "{who} added {what} to the group {after}",
	GroupLeft:            "{who} took {what} out of the group {before}",
	GroupDeleted:         "{who} deleted the group {what}",
	GroupHandedOver:      "{who} let the directory decide who is in the group {what}",
	GroupTakenBack:       "{who} ended that the directory decides who is in the group {what}",
	APIKeyMade:           "{who} made the API key {what}",
	APIKeyRevoked:        "{who} revoked the API key {what}",
	ProviderAdded:        "{who} added the sign-in provider {what}",
	ProviderSwitchedOn:   "{who} switched the sign-in provider {what} on",
	ProviderSwitchedOff:  "{who} switched the sign-in provider {what} off",
	ProviderRemoved:      "{who} removed the sign-in provider {what}",
	DirectoryTurnedOn:    "{who} turned directory sync on for {after}",
	DirectoryChanged:     "{who} changed directory sync from {before} to {after}",
	DirectoryTokenMade:   "{who} made a new token for directory sync",
	DirectoryTurnedOff:   "{who} turned directory sync off",

	DirectoryPersonBrought: "{who} brought {what}",
	DirectoryPersonChanged: "{who} changed what the directory calls {what}",
	DirectoryPersonDropped: "{who} dropped {what}",

	AuditKeepChanged:   "{who} changed how long the audit log is kept",
	AuditTrimmed:       "{who} dropped the text of {what}",
	StaffAdded:         "{who} made {what} provider staff",
	StaffLinkMade:      "{who} made a new password link for {what}",
	StaffRemoved:       "{who} removed {what} from provider staff",
	PhoneUserAdded:     "{who} added the phone user {what}",
	PhoneUserChanged:   "{who} changed the phone user {what}",
	PhoneUserDeleted:   "{who} deleted the phone user {what}",
	PhoneUsersImported: "{who} imported {what}",
	PhoneUserLimitSet:  "{who} changed the plan from {before} to {after} phone users",
	SetUpLinkSent:      "{who} sent set-up details to {what}",
	DeviceAdded:        "{what} was set up",
	DeviceEnded:        "{who} ended the device {what}",
	DevicesReset:       "{who} reset the phones of {what}",
	DeviceElsewhere:    "A call with the password of {what} was refused, as it came from where that phone is not signed in: {after}",
	NumberAssigned:     "{who} assigned {what}",
	NumberWithdrawn:    "{who} withdrew {what}",
	NumberRenamed:      "{who} renamed {what} from {before} to {after}",
	NumberRouted:       "{who} changed where {what} leads",
	CallEnded:          "{who} ended the call {what}",
	TicketOpened:       "{who} opened the request {what}",
	TicketAnswered:     "{who} answered the request {what}",
	TicketClosed:       "{who} closed the request {what}",
	PINUsed:            "{who} checked the support PIN of {what}",
	VisitAsked:         "{what} asked to see the account",
	VisitAllowed:       "{who} let {what} see the account",
	VisitRefused:       "{who} did not let {what} see the account",
	VisitEnded:         "{who} ended the visit of {what}",
	VisitsGranted:      "{who} lets the provider's staff in ahead of time",
	VisitGrantEnded:    "{who} no longer lets the provider's staff in ahead of time",
	WebhookAdded:       "{who} added the webhook {what}",
	WebhookChanged:     "{who} changed the webhook {what}",
	WebhookRotated:     "{who} renewed the secret of the webhook {what}",
	WebhookReplayed:    "{who} sent what had failed again to the webhook {what}: {after}",
	WebhookPaused:      "{who} paused the webhook {what}",
	WebhookResumed:     "{who} resumed the webhook {what}",
	WebhookDeleted:     "{who} deleted the webhook {what}",
	JobRetried:         "{who} tried the job {what} again",
	JobDiscarded:       "{who} discarded the job {what}",
}

// Sentence tells the entry in words.
func (e AuditEntry) Sentence() string {
	words, known := sentences[e.Action]
	if !known {
		words = "{who}: " + string(e.Action) + " {what}"
	}
	return fillIn(words, map[string]string{"who": e.ActorName, "what": e.SubjectName, "before": e.Before, "after": e.After})
}

// fillIn puts values into the places of a sentence. What a value holds is never read as a place.
func fillIn(words string, values map[string]string) string {
	var b strings.Builder
	for rest := words; ; {
		text, place, found := strings.Cut(rest, "{")
		b.WriteString(text)
		if !found {
			return b.String()
		}
		place, rest, _ = strings.Cut(place, "}")
		b.WriteString(values[place])
	}
}

// AuditFilter chooses entries. The zero value chooses all, newest first. Limit 0 means 50; at most 500.
type AuditFilter struct {
	Area      string // of Areas, "" for all
	ActorID   string // a person's ID, "" for all
	SubjectID string // whom or what it happened to, "" for all
	Since     time.Time
	Until     time.Time // exclusive
	Search    string
	After     string // cursor
	Limit     int
	Provider  bool // the provider's own log, staff only
}

// AuditLog lists entries of the actor's account, newest first, and the cursor of the next page or "".
func (r *Room) AuditLog(ctx context.Context, actor Actor, f AuditFilter) (list []AuditEntry, next string, err error) {
	defer fault.Wrap(&err, "account.AuditLog")
	if err := mayReadAudit(actor); err != nil {
		return nil, "", err
	}
	if f, err = f.check(); err != nil {
		return nil, "", err
	}
	mark := "audit " + actor.Account.ID
	at, err := listing.Read(r.Keys, mark, f.After)
	if err != nil {
		return nil, "", err
	}
	query, args := f.query(actor.Account.ID, at)
	list, err = db.Collect(ctx, r.DB, (*AuditEntry).fields, query, args...)
	if err != nil {
		return nil, "", err
	}
	if len(list) > f.Limit {
		list = list[:f.Limit]
		next = listing.Write(r.Keys, mark, listing.Cursor{ID: list[f.Limit-1].ID})
	}
	return list, next, nil
}

func (f AuditFilter) check() (AuditFilter, error) {
	known := func(area struct{ Name, Words string }) bool { return area.Name == f.Area }
	if f.Area != "" && !slices.ContainsFunc(Areas, known) {
		return f, fault.Field("area-unknown", "area", "Choose an area from the list, or leave it empty for all")
	}
	f.Limit = listing.PageSize(f.Limit)
	return f, nil
}

// query builds the log's SQL from fixed parts, with only the conditions that are asked for, so that each can use its index.
func (f AuditFilter) query(accountID string, at listing.Cursor) (string, []any) {
	where, args := "account_id = $1", []any{accountID}
	and := func(set bool, condition string, value any) {
		if set {
			args = append(args, value)
			where += fmt.Sprintf(" AND "+condition, len(args))
		}
	}
	and(at.ID != "", "id < $%d", at.ID)
	and(!f.Since.IsZero(), "at >= $%d", f.Since.UnixMilli())
	and(!f.Until.IsZero(), "at < $%d", f.Until.UnixMilli())
	and(f.Area != "", "action LIKE $%d", f.Area+".%")
	and(f.ActorID != "", "actor_id = $%d", f.ActorID)
	and(f.SubjectID != "", "subject_id = $%d", f.SubjectID)
	and(f.Search != "", `search LIKE $%d ESCAPE '\'`, listing.Contains(f.Search))
	args = append(args, f.Limit+1)
	return fmt.Sprintf(`
		SELECT id, at, actor_kind, actor_id, actor_name, address, action, subject_id, subject_name, before, after FROM audit_entries
		WHERE %s ORDER BY id DESC LIMIT $%d`, where, len(args)), args
}

// EachAuditEntry calls fn with every entry that the filter chooses, newest first, without holding more than a few hundred.
func (r *Room) EachAuditEntry(ctx context.Context, actor Actor, f AuditFilter, fn func(AuditEntry) error) error {
	for f.Limit, f.After = 500, ""; ; {
		list, next, err := r.AuditLog(ctx, actor, f)
		if err != nil {
			return err
		}
		for _, e := range list {
			if err := fn(e); err != nil {
				return err
			}
		}
		if f.After = next; next == "" {
			return nil
		}
	}
}

// AuditActors lists the people whose acts the log can be filtered by: the account's admins, former ones too, by name, at most 200.
func (r *Room) AuditActors(ctx context.Context, actor Actor) (list []HubUser, err error) {
	defer fault.Wrap(&err, "account.AuditActors")
	if err := mayReadAudit(actor); err != nil {
		return nil, err
	}
	// Every state and both sets are named, so that the index finds the few admins among many members.
	return db.Collect(ctx, r.DB, func(u *HubUser) []any { return []any{&u.PersonID, &u.Name, &u.Email} }, `
		SELECT person_id, MAX(name), MAX(email) FROM (
			SELECT m.person_id, m.name, m.email, m.search FROM memberships m
			WHERE m.account_id = $1 AND m.state IN ('active', 'deactivated', 'removed') AND m.roles IN ('admin', 'admin,billing')
			UNION
			SELECT m.person_id, m.name, m.email, m.search FROM audit_entries e JOIN memberships m ON m.account_id = e.account_id AND m.id = e.subject_id
			WHERE e.account_id = $1 AND e.action = $2 AND e.before LIKE 'Admin%') AS admins
		GROUP BY person_id ORDER BY MAX(search), person_id LIMIT 200`, actor.Account.ID, HubUserAccessChanged)
}

func mayReadAudit(actor Actor) error {
	if actor.Provider() {
		return nil
	}
	return actor.Require(ViewAuditLog)
}
