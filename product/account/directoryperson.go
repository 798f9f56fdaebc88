package account

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
	"hubline/base/listing"
	"hubline/base/scim"
)

// DirectoryPerson is somebody whom the directory brought. All names are the directory's own: it learns none that it did not give.
type DirectoryPerson struct {
	ID          string // stays the same from the offer to the end of the membership
	UserName    string // unique in the account without regard to case
	ExternalID  string
	DisplayName string
	Formatted   string
	GivenName   string
	FamilyName  string
	Email       string // whom the invitation went to
	EmailGiven  bool   // false: the user name is the address
	Active      bool   // they may use the account, or could accept the invitation
	CreatedAt   int64
	ChangedAt   int64

	stopped      bool // by the directory
	invitationID string
	membershipID string // of a membership that was not removed
	offered      InvitationState
}

// MostDirectoryPeople is how many people a directory can bring into one account.
const MostDirectoryPeople = 50_000

// directoryActive is what Active says, in SQL.
const directoryActive = `(CASE WHEN m.id IS NOT NULL THEN CASE WHEN m.state = 'active' THEN 1 ELSE 0 END WHEN d.stopped = 0 AND COALESCE(i.state, '') = 'pending' THEN 1 ELSE 0 END)`

const directoryPersonColumns = `d.id, d.user_name, d.external_id, d.display_name, d.formatted, d.given_name, d.family_name, d.email, d.email_given, d.created_at, d.changed_at, d.stopped,
	d.invitation_id, COALESCE(m.id, ''), COALESCE(i.state, ''), ` + directoryActive

// fromDirectoryPeople takes the account and now. An invitation that ran out lets nobody in, and counts as none.
const fromDirectoryPeople = ` FROM directory_people d
	LEFT JOIN memberships m ON m.account_id = d.account_id AND m.id = d.membership_id AND m.state <> 'removed'
	LEFT JOIN invitations i ON i.account_id = d.account_id AND i.id = d.invitation_id AND (i.state <> 'pending' OR i.expires_at > $2)
	WHERE d.account_id = $1`

func (p *DirectoryPerson) fields() []any {
	return []any{&p.ID, &p.UserName, &p.ExternalID, &p.DisplayName, &p.Formatted, &p.GivenName, &p.FamilyName, &p.Email, (*flag)(&p.EmailGiven), &p.CreatedAt, &p.ChangedAt, (*flag)(&p.stopped),
		&p.invitationID, &p.membershipID, &p.offered, (*flag)(&p.Active)}
}

// label is the name that the account shows: the first of the directory's that could stand in a mail.
func (p DirectoryPerson) label() string {
	for _, text := range []string{p.DisplayName, p.Formatted, p.GivenName + " " + p.FamilyName} {
		if name, bad := checkName("displayName", "Name", text, 80); bad == nil && name != "" {
			return name
		}
	}
	return ""
}

func (p DirectoryPerson) told() string { return Invitation{Email: p.Email, Name: p.label()}.label() }

// check validates what the directory says of a person.
func (p *DirectoryPerson) check(a Account, s DirectorySync, before string) error {
	var faults []*fault.Fault
	for _, one := range []struct{ field, text string }{{"userName", p.UserName}, {"externalId", p.ExternalID}, {"displayName", p.DisplayName},
		{"name.formatted", p.Formatted}, {"name.givenName", p.GivenName}, {"name.familyName", p.FamilyName}} {
		if !utf8.ValidString(one.text) || utf8.RuneCountInString(one.text) > 250 || strings.ContainsFunc(one.text, unprintable) {
			faults = append(faults, fault.Field("directory-text", one.field, one.field+" must be text of at most 250 characters that can be shown"))
		}
	}
	if listing.Fold(p.UserName) == "" {
		faults = append(faults, fault.Field("directory-user-empty", "userName", "userName is needed"))
	}
	email, bad := signInAddress(p.Email)
	if bad != nil {
		faults = append(faults, fault.Field("directory-email", "emails", "A user needs an email address, as the primary one of emails or as userName"))
	} else if p.Email = email; email != before {
		faults = append(faults, s.reaches(a, email))
	}
	return fault.All(faults...)
}

// DirectoryPeople lists people whom the directory brought, oldest first, and how many fit the filter. start counts from 0; count is at most 200.
func (r *Room) DirectoryPeople(ctx context.Context, actor Actor, filter *scim.Filter, start, count int) (list []DirectoryPerson, total int, err error) {
	defer fault.Wrap(&err, "account.DirectoryPeople")
	if _, _, err := r.synced(ctx, r.DB, actor); err != nil {
		return nil, 0, err
	}
	where, args, err := filterSQL(filter, directoryPeopleColumns, []any{actor.Account.ID, r.now()})
	if err != nil {
		return nil, 0, err
	}
	if err := r.DB.QueryRowContext(ctx, `SELECT COUNT(*)`+fromDirectoryPeople+where, args...).Scan(&total); err != nil || count <= 0 {
		return nil, total, err
	}
	n := len(args)
	list, err = r.directoryPeople(ctx, r.DB, where+` ORDER BY d.created_at, d.id LIMIT $`+strconv.Itoa(n+1)+` OFFSET $`+strconv.Itoa(n+2), append(args, min(count, 200), start)...)
	return list, total, err
}

// directoryPeople reads people by what follows the account in WHERE; the account and now are the first arguments.
func (r *Room) directoryPeople(ctx context.Context, q db.Q, where string, args ...any) (list []DirectoryPerson, err error) {
	return db.Collect(ctx, q, (*DirectoryPerson).fields, `SELECT `+directoryPersonColumns+fromDirectoryPeople+where, args...)
}

// DirectoryPersonByID returns one of the people whom the directory brought.
func (r *Room) DirectoryPersonByID(ctx context.Context, actor Actor, id string) (p DirectoryPerson, err error) {
	defer fault.Wrap(&err, "account.DirectoryPersonByID")
	if _, _, err := r.synced(ctx, r.DB, actor); err != nil {
		return p, err
	}
	return r.directoryPerson(ctx, r.DB, actor.Account.ID, id)
}

func (r *Room) directoryPerson(ctx context.Context, q db.Q, accountID, id string) (p DirectoryPerson, err error) {
	err = q.QueryRowContext(ctx, `SELECT `+directoryPersonColumns+fromDirectoryPeople+` AND d.id = $3`, accountID, r.now(), id).Scan(p.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		err = notFound()
	}
	return p, err
}

// BringPerson takes somebody in on the directory's word: who has access already is found by their address, everybody else is invited and
// has to agree. Whether the address belongs to a person elsewhere makes no difference to be seen.
func (r *Room) BringPerson(ctx context.Context, actor Actor, in DirectoryPerson) (p DirectoryPerson, err error) {
	defer fault.Wrap(&err, "account.BringPerson")
	err = r.syncing(ctx, actor, func(ctx context.Context, q db.Q, actor Actor, s DirectorySync) error {
		p = in
		if err := p.check(actor.Account, s, ""); err != nil {
			return err
		}
		if err := r.directoryUnique(ctx, q, actor.Account.ID, p); err != nil {
			return err
		}
		if s, err := r.directory(ctx, q, actor.Account.ID); err != nil || s.People >= MostDirectoryPeople {
			return errors.Join(err, fault.New(fault.Conflict, "directory-full", "The directory has brought "+decimal(MostDirectoryPeople)+" people, the most there can be"))
		}
		now := r.now()
		p.ID, p.CreatedAt, p.ChangedAt, p.stopped, p.invitationID, p.membershipID = ident.New(), now, now, !in.Active, "", ""
		if _, err := q.ExecContext(ctx, `
			INSERT INTO directory_people (account_id, id, user_name, user_key, external_id, display_name, display_key, formatted, given_name, family_name, email,
				stopped, email_given, invitation_id, membership_id, created_at, changed_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, '', '', $14, $14)`,
			actor.Account.ID, p.ID, p.UserName, listing.Fold(p.UserName), p.ExternalID, p.DisplayName, listing.Fold(p.DisplayName), p.Formatted, p.GivenName, p.FamilyName, p.Email,
			bit(p.stopped), bit(p.EmailGiven), now); err != nil {
			return directoryTaken(err)
		}
		if err := r.Record(ctx, q, actor, Entry{Action: DirectoryPersonBrought, SubjectID: p.ID, SubjectName: p.told()}); err != nil {
			return err
		}
		if err := r.findOrOffer(ctx, q, actor, s, &p, in.Active); err != nil {
			return err
		}
		if p.membershipID != "" && !in.Active {
			if err := r.stopMember(ctx, q, actor, &p); err != nil {
				return err
			}
		}
		if err := r.saveDirectoryPerson(ctx, q, actor.Account.ID, p); err != nil {
			return err
		}
		p, err = r.directoryPerson(ctx, q, actor.Account.ID, p.ID)
		return err
	})
	return p, err
}

// directoryUnique refuses a user name and an address that another of the directory's people has.
func (r *Room) directoryUnique(ctx context.Context, q db.Q, accountID string, p DirectoryPerson) error {
	taken, err := exists(ctx, q, `SELECT 1 FROM directory_people WHERE account_id = $1 AND id <> $2 AND (user_key = $3 OR email = $4)`,
		accountID, p.ID, listing.Fold(p.UserName), p.Email)
	if err == nil && taken {
		err = directoryUserTaken()
	}
	return err
}

func directoryUserTaken() error {
	return fault.New(fault.Conflict, "directory-user-taken", "Another user has this userName or this email address")
}

// directoryTaken is the same for two requests at the same moment, of which the store lets one through.
func directoryTaken(err error) error {
	if db.IsUnique(err) {
		return directoryUserTaken()
	}
	return err
}

// findOrOffer ties a person of the directory to the membership or the open invitation of their address; without either, it offers one.
func (r *Room) findOrOffer(ctx context.Context, q db.Q, actor Actor, s DirectorySync, p *DirectoryPerson, offer bool) error {
	a := actor.Account.ID
	err := q.QueryRowContext(ctx, `
		SELECT m.id FROM memberships m WHERE m.account_id = $1 AND m.email = $2 AND m.state <> 'removed'
			AND NOT EXISTS (SELECT 1 FROM directory_people d WHERE d.account_id = m.account_id AND d.membership_id = m.id)`, a, p.Email).Scan(&p.membershipID)
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	err = q.QueryRowContext(ctx, `SELECT id FROM invitations WHERE account_id = $1 AND email = $2 AND state = 'pending' AND expires_at > $3`, a, p.Email, r.now()).Scan(&p.invitationID)
	if err == nil && !offer {
		return r.stopOffer(ctx, q, actor, *p)
	}
	if !errors.Is(err, sql.ErrNoRows) || !offer {
		if errors.Is(err, sql.ErrNoRows) {
			err = nil
		}
		return err
	}
	sent, err := r.offer(ctx, q, actor, Invite{Offers: []Offer{{Email: p.Email, Name: p.label()}}, Roles: s.Roles})
	if err == nil {
		p.invitationID = sent[0].ID
	}
	return err
}

// stopOffer cancels the person's open invitation, if there is one.
func (r *Room) stopOffer(ctx context.Context, q db.Q, actor Actor, p DirectoryPerson) error {
	i, err := r.invitation(ctx, q, actor.Account.ID, p.invitationID)
	if fault.Is(err, fault.NotFound) || err == nil && i.State != Pending {
		return nil
	}
	if err != nil {
		return err
	}
	return r.cancelOffer(ctx, q, actor, &i)
}

// stopMember deactivates the membership. The account keeps an active admin.
func (r *Room) stopMember(ctx context.Context, q db.Q, actor Actor, p *DirectoryPerson) error {
	return r.turnMember(ctx, q, actor, p, Deactivated)
}

func (r *Room) turnMember(ctx context.Context, q db.Q, actor Actor, p *DirectoryPerson, state HubUserState) error {
	before, err := r.hubUser(ctx, q, actor.Account.ID, p.membershipID)
	if err != nil || before.State == state {
		return err
	}
	after := before
	after.State, after.Version = state, before.Version+1
	if err := r.accessMayChange(ctx, q, actor, before, after); err != nil {
		return err
	}
	p.stopped = state == Deactivated
	return r.saveHubUser(ctx, q, actor, before, after)
}

func (r *Room) saveDirectoryPerson(ctx context.Context, q db.Q, accountID string, p DirectoryPerson) error {
	_, err := q.ExecContext(ctx, `
		UPDATE directory_people SET user_name = $3, user_key = $4, external_id = $5, display_name = $6, display_key = $7, formatted = $8, given_name = $9, family_name = $10,
			email = $11, stopped = $12, invitation_id = $13, membership_id = $14, changed_at = $15, email_given = $16 WHERE account_id = $1 AND id = $2`,
		accountID, p.ID, p.UserName, listing.Fold(p.UserName), p.ExternalID, p.DisplayName, listing.Fold(p.DisplayName), p.Formatted, p.GivenName, p.FamilyName,
		p.Email, bit(p.stopped), p.invitationID, p.membershipID, p.ChangedAt, bit(p.EmailGiven))
	return directoryTaken(err)
}

// ChangeDirectoryPerson changes what the directory says of somebody. Active false deactivates their membership of this account or cancels
// their invitation; true takes back what the directory itself did, never what an admin or the person decided. The address of somebody who
// is in can become only one that is theirs already: nobody's sign-in moves on a directory's word.
func (r *Room) ChangeDirectoryPerson(ctx context.Context, actor Actor, id string, change func(*DirectoryPerson) error) (p DirectoryPerson, err error) {
	defer fault.Wrap(&err, "account.ChangeDirectoryPerson")
	err = r.syncing(ctx, actor, func(ctx context.Context, q db.Q, actor Actor, s DirectorySync) error {
		before, err := r.directoryPerson(ctx, q, actor.Account.ID, id)
		if err != nil {
			return err
		}
		p = before
		if err := change(&p); err != nil {
			return err
		}
		if err := p.check(actor.Account, s, before.Email); err != nil {
			return err
		}
		if noted := p.Active || p.stopped || p.membershipID != ""; p == before && noted {
			return nil
		}
		if err := r.directoryUnique(ctx, q, actor.Account.ID, p); err != nil {
			return err
		}
		wanted := p.Active
		p.ChangedAt = r.now()
		if err := r.moveDirectoryPerson(ctx, q, actor, s, before, &p); err != nil {
			return err
		}
		if err := r.turnDirectoryPerson(ctx, q, actor, s, &p, before.Active, wanted); err != nil {
			return err
		}
		if err := r.renameMember(ctx, q, actor, before, p); err != nil {
			return err
		}
		if err := r.saveDirectoryPerson(ctx, q, actor.Account.ID, p); err != nil {
			return err
		}
		if before.UserName != p.UserName || before.ExternalID != p.ExternalID || before.Email != p.Email {
			if err := r.Record(ctx, q, actor, Entry{Action: DirectoryPersonChanged, SubjectID: p.ID, SubjectName: p.told(), Before: before.UserName, After: p.UserName}); err != nil {
				return err
			}
		}
		p, err = r.directoryPerson(ctx, q, actor.Account.ID, id)
		return err
	})
	return p, err
}

// moveDirectoryPerson is a change of address: an open invitation goes to the new one, a member stays who they are.
func (r *Room) moveDirectoryPerson(ctx context.Context, q db.Q, actor Actor, s DirectorySync, before DirectoryPerson, p *DirectoryPerson) error {
	if p.Email == before.Email {
		return nil
	}
	if p.membershipID == "" {
		if err := r.stopOffer(ctx, q, actor, before); err != nil {
			return err
		}
		p.invitationID = ""
		return r.findOrOffer(ctx, q, actor, s, p, before.Active && p.Active)
	}
	u, err := r.hubUser(ctx, q, actor.Account.ID, p.membershipID)
	if err == nil && u.Email != p.Email {
		err = scim.Unchangeable("emails", "This person signs in with the address "+before.Email+", which only they can change. Delete the user and create another for a new address")
	}
	return err
}

// turnDirectoryPerson makes active what the directory wants, as far as it may.
func (r *Room) turnDirectoryPerson(ctx context.Context, q db.Q, actor Actor, s DirectorySync, p *DirectoryPerson, was, wanted bool) error {
	member := p.membershipID != ""
	switch {
	case wanted && !was && p.stopped && member:
		return r.turnMember(ctx, q, actor, p, Active)
	case wanted && !was && p.stopped:
		p.stopped, p.invitationID = false, ""
		return r.findOrOffer(ctx, q, actor, s, p, true)
	case !wanted && was && member:
		return r.stopMember(ctx, q, actor, p)
	case !wanted && !member:
		p.stopped = true
		return r.stopOffer(ctx, q, actor, *p)
	}
	return nil
}

// renameMember gives a member the name that the directory now has for them, in this account only.
func (r *Room) renameMember(ctx context.Context, q db.Q, actor Actor, before, p DirectoryPerson) error {
	name := p.label()
	if p.membershipID == "" || name == "" || name == before.label() {
		return nil
	}
	was, err := r.hubUser(ctx, q, actor.Account.ID, p.membershipID)
	if err != nil || was.Name == name {
		return err
	}
	is := was
	is.Name, is.Version = name, was.Version+1
	return r.saveHubUser(ctx, q, actor, was, is)
}

// DropDirectoryPerson removes the membership, or cancels the invitation, of somebody whom the directory brought, and forgets them.
func (r *Room) DropDirectoryPerson(ctx context.Context, actor Actor, id string) (err error) {
	defer fault.Wrap(&err, "account.DropDirectoryPerson")
	return r.syncing(ctx, actor, func(ctx context.Context, q db.Q, actor Actor, _ DirectorySync) error {
		a := actor.Account.ID
		p, err := r.directoryPerson(ctx, q, a, id)
		if err != nil {
			return err
		}
		if err := r.stopOffer(ctx, q, actor, p); err != nil {
			return err
		}
		if p.membershipID != "" {
			before, err := r.hubUser(ctx, q, a, p.membershipID)
			if err != nil {
				return err
			}
			if err := r.mayGo(ctx, q, actor, before); err != nil {
				return err
			}
			after := before
			after.State, after.Version = Removed, before.Version+1
			if err := r.saveHubUser(ctx, q, actor, before, after); err != nil {
				return err
			}
		}
		for _, query := range []string{`DELETE FROM directory_members WHERE account_id = $1 AND user_id = $2`, `DELETE FROM directory_people WHERE account_id = $1 AND id = $2`} {
			if _, err := q.ExecContext(ctx, query, a, p.ID); err != nil {
				return err
			}
		}
		if err := r.Record(ctx, q, actor, Entry{Action: DirectoryPersonDropped, SubjectID: p.ID, SubjectName: p.told()}); err != nil {
			return err
		}
		return r.Notice(ctx, q, a)
	})
}

// joinDirectory ties a new membership to the person of the directory that has its address, and puts it into the groups that the directory
// chose for them.
func (r *Room) joinDirectory(ctx context.Context, q db.Q, a Account, membershipID, email string) error {
	var id string
	err := q.QueryRowContext(ctx, `
		UPDATE directory_people SET membership_id = $3, stopped = 0, changed_at = $4 WHERE account_id = $1 AND email = $2
			AND NOT EXISTS (SELECT 1 FROM memberships m WHERE m.account_id = $1 AND m.id = directory_people.membership_id AND m.state <> 'removed' AND m.id <> $3) RETURNING id`,
		a.ID, email, membershipID, r.now()).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	before, err := r.hubUser(ctx, q, a.ID, membershipID)
	if err != nil {
		return err
	}
	result, err := q.ExecContext(ctx, `
		INSERT INTO group_members (account_id, group_id, membership_id, added_at)
		SELECT dm.account_id, dm.group_id, $3, $4 FROM directory_members dm JOIN people_groups g ON g.account_id = dm.account_id AND g.id = dm.group_id AND g.directory <> ''
		WHERE dm.account_id = $1 AND dm.user_id = $2 ON CONFLICT (account_id, group_id, membership_id) DO NOTHING`, a.ID, id, membershipID, r.now())
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return err
	}
	if _, err := q.ExecContext(ctx, `UPDATE people_groups SET version = version + 1 WHERE account_id = $1 AND id IN (SELECT group_id FROM group_members WHERE account_id = $1 AND membership_id = $2)`,
		a.ID, membershipID); err != nil {
		return err
	}
	return r.regrant(ctx, q, Actor{Kind: Directory, Account: a, Name: directoryName}, []HubUser{before})
}
