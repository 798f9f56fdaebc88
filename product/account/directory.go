package account

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
)

const (
	tokenDirectory   = "hd"
	directoryName    = "Directory sync" // as the audit log, mails and lists of invitations name it
	directoryDefault = 180 * 24 * time.Hour
	directoryMost    = 366 * 24 * time.Hour
)

// DirectorySync is how an account lets its directory, such as Okta or Microsoft Entra, bring people and groups (SCIM 2.0). The zero one is off.
type DirectorySync struct {
	On         bool
	Domains    []string // it reaches addresses in these domains only
	Roles      Roles    // what it offers to people it brings: Standard or Billing, never Admin
	TokenAt    int64    // when its token was made
	ExpiresAt  int64
	LastUsedAt int64 // 0: not yet
	People     int   // whom it brought
	Version    int64
	ID         string // of this turning on; the log tells about it, and invitations name it as their inviter
}

// DirectorySettings is what an admin decides about the directory.
type DirectorySettings struct {
	Domains string // separated by commas, spaces or lines
	Roles   Roles
}

func (in DirectorySettings) check() (s DirectorySync, err error) {
	domains, domainFault := checkDomains(in.Domains)
	if domainFault != nil && domainFault.Code == "domains-empty" {
		domainFault = fault.Field("domains-empty", "domains", "Enter the domains of your people's addresses. The directory reaches nobody else")
	}
	roles, err := ParseRoles(in.Roles.Words())
	rolesFault, _ := fault.Of(err)
	if rolesFault != nil {
		rolesFault = fault.Field(rolesFault.Code, "access", rolesFault.Message)
	}
	if roles.Has(Admin) {
		rolesFault = fault.Field("directory-admin", "access", "A directory can't make everybody an admin. Give a group the role, and let the directory decide who is in that group")
	}
	return DirectorySync{Domains: domains, Roles: roles}, fault.All(domainFault, rolesFault)
}

func (s DirectorySync) describe() string {
	return strings.Join(s.Domains, ", ") + "; " + s.Roles.String()
}

const directoryColumns = `s.id, CASE WHEN s.token_hash IS NULL THEN 0 ELSE 1 END, s.domains, s.roles, s.token_at, s.expires_at, s.last_used_at, s.version`

func (s *DirectorySync) fields() []any {
	return []any{&s.ID, (*flag)(&s.On), (*domainList)(&s.Domains), (*rolesColumn)(&s.Roles), &s.TokenAt, &s.ExpiresAt, &s.LastUsedAt, &s.Version}
}

// Directory returns how the account's directory sync stands.
func (r *Room) Directory(ctx context.Context, actor Actor) (s DirectorySync, err error) {
	defer fault.Wrap(&err, "account.Directory")
	if err := actor.Require(ViewSettings); err != nil {
		return s, err
	}
	return r.directory(ctx, r.DB, actor.Account.ID)
}

func (r *Room) directory(ctx context.Context, q db.Q, accountID string) (s DirectorySync, err error) {
	err = q.QueryRowContext(ctx, `
		SELECT `+directoryColumns+`, (SELECT COUNT(*) FROM directory_people d WHERE d.account_id = s.account_id)
		FROM directory_syncs s WHERE s.account_id = $1`, accountID).Scan(append(s.fields(), &s.People)...)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return s, err
}

// changingDirectory runs one change of the directory sync by an admin. A key may not: what it turns on could outlive it.
func (r *Room) changingDirectory(ctx context.Context, actor Actor, check bool, change func(ctx context.Context, q db.Q, s *DirectorySync) (Entry, error)) (s DirectorySync, err error) {
	if err := actor.Require(ChangeSettings); err != nil {
		return s, err
	}
	if err := actor.isPerson(); err != nil {
		return s, err
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if err := r.Still(ctx, q, &actor, ChangeSettings); err != nil {
			return err
		}
		if s, err = r.directory(ctx, q, actor.Account.ID); err != nil {
			return err
		}
		if check {
			if err := r.requireCheck(ctx, q, actor, actor.Account.Policy.checkRule()); err != nil {
				return err
			}
		}
		told, err := change(ctx, q, &s)
		if err != nil {
			return err
		}
		told.SubjectID, told.SubjectName = s.ID, actor.Account.Name
		if err := r.Record(ctx, q, actor, told); err != nil {
			return err
		}
		return r.Notice(ctx, q, actor.Account.ID)
	})
	return s, err
}

// TurnOnDirectory lets a directory bring people and groups, and returns its token, which is shown once and stored hashed. Life 0 means 180
// days; at most 366. It needs a fresh step-up check.
func (r *Room) TurnOnDirectory(ctx context.Context, actor Actor, in DirectorySettings, life time.Duration) (s DirectorySync, secret string, err error) {
	defer fault.Wrap(&err, "account.TurnOnDirectory")
	wanted, err := in.check()
	if err != nil {
		return s, "", err
	}
	if life, err = directoryLife(life); err != nil {
		return s, "", err
	}
	s, err = r.changingDirectory(ctx, actor, true, func(ctx context.Context, q db.Q, s *DirectorySync) (Entry, error) {
		if s.On {
			return Entry{}, fault.New(fault.Conflict, "directory-on", "Directory sync is on already. Make a new token, or turn it off first")
		}
		var hash string
		secret, hash = ident.Token(tokenDirectory)
		s.ID, s.On, s.Domains, s.Roles, s.Version = ident.New(), true, wanted.Domains, wanted.Roles, s.Version+1
		s.TokenAt, s.ExpiresAt, s.LastUsedAt = r.now(), r.now()+life.Milliseconds(), 0
		_, err := q.ExecContext(ctx, `
			INSERT INTO directory_syncs (account_id, id, token_hash, domains, roles, token_at, expires_at, last_used_at, version) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8)
			ON CONFLICT (account_id) DO UPDATE SET id = excluded.id, token_hash = excluded.token_hash, domains = excluded.domains, roles = excluded.roles,
				token_at = excluded.token_at, expires_at = excluded.expires_at, last_used_at = 0, version = excluded.version`,
			actor.Account.ID, s.ID, hash, strings.Join(s.Domains, ","), s.Roles.column(), s.TokenAt, s.ExpiresAt, s.Version)
		return Entry{Action: DirectoryTurnedOn, After: s.describe()}, err
	})
	return s, secret, err
}

func directoryLife(life time.Duration) (time.Duration, error) {
	if life == 0 {
		life = directoryDefault
	}
	if life < 0 || life > directoryMost {
		return 0, fault.Field("key-life", "days", "A token works for at most 366 days")
	}
	return life, nil
}

// ChangeDirectory changes whom the directory reaches and what it offers. People who are there already stay as they are. It needs a fresh
// step-up check; a version other than the stored one is refused, 0 skips that.
func (r *Room) ChangeDirectory(ctx context.Context, actor Actor, in DirectorySettings, version int64) (_ DirectorySync, err error) {
	defer fault.Wrap(&err, "account.ChangeDirectory")
	wanted, err := in.check()
	if err != nil {
		return DirectorySync{}, err
	}
	return r.changingDirectory(ctx, actor, true, func(ctx context.Context, q db.Q, s *DirectorySync) (Entry, error) {
		if !s.On {
			return Entry{}, directoryOff()
		}
		if version != 0 && version != s.Version {
			return Entry{}, changedMeanwhile()
		}
		before := s.describe()
		s.Domains, s.Roles, s.Version = wanted.Domains, wanted.Roles, s.Version+1
		_, err := q.ExecContext(ctx, `UPDATE directory_syncs SET domains = $2, roles = $3, version = $4 WHERE account_id = $1`,
			actor.Account.ID, strings.Join(s.Domains, ","), s.Roles.column(), s.Version)
		return Entry{Action: DirectoryChanged, Before: before, After: s.describe()}, err
	})
}

// NewDirectoryToken makes a token that takes the place of the one there is, which stops working in the same moment. It needs a fresh
// step-up check.
func (r *Room) NewDirectoryToken(ctx context.Context, actor Actor, life time.Duration) (s DirectorySync, secret string, err error) {
	defer fault.Wrap(&err, "account.NewDirectoryToken")
	if life, err = directoryLife(life); err != nil {
		return s, "", err
	}
	s, err = r.changingDirectory(ctx, actor, true, func(ctx context.Context, q db.Q, s *DirectorySync) (Entry, error) {
		if !s.On {
			return Entry{}, directoryOff()
		}
		var hash string
		secret, hash = ident.Token(tokenDirectory)
		s.TokenAt, s.ExpiresAt, s.LastUsedAt, s.Version = r.now(), r.now()+life.Milliseconds(), 0, s.Version+1
		_, err := q.ExecContext(ctx, `UPDATE directory_syncs SET token_hash = $2, token_at = $3, expires_at = $4, last_used_at = 0, version = $5 WHERE account_id = $1`,
			actor.Account.ID, hash, s.TokenAt, s.ExpiresAt, s.Version)
		return Entry{Action: DirectoryTokenMade}, err
	})
	return s, secret, err
}

// TurnOffDirectory ends the token at once, and with it what the directory offered and nobody accepted yet. People who are in stay.
func (r *Room) TurnOffDirectory(ctx context.Context, actor Actor) (err error) {
	defer fault.Wrap(&err, "account.TurnOffDirectory")
	_, err = r.changingDirectory(ctx, actor, false, func(ctx context.Context, q db.Q, s *DirectorySync) (Entry, error) {
		if !s.On {
			return Entry{}, directoryOff()
		}
		s.On, s.Version = false, s.Version+1
		if _, err := q.ExecContext(ctx, `UPDATE directory_syncs SET token_hash = NULL, version = $2 WHERE account_id = $1`, actor.Account.ID, s.Version); err != nil {
			return Entry{}, err
		}
		// The directory may ask again for whom it asked, once it is turned on again.
		if _, err := q.ExecContext(ctx, `
			UPDATE directory_people SET stopped = 1 WHERE account_id = $1 AND membership_id = ''
				AND invitation_id IN (SELECT id FROM invitations WHERE account_id = $1 AND inviter_id = $2 AND state = 'pending')`, actor.Account.ID, s.ID); err != nil {
			return Entry{}, err
		}
		return Entry{Action: DirectoryTurnedOff, Before: s.describe()}, r.voidInvitationsOf(ctx, q, actor, s.ID)
	})
	return err
}

func directoryOff() error {
	return fault.New(fault.Conflict, "directory-off", "Directory sync is off. Turn it on first")
}

// UseDirectory returns the actor behind a directory's token. What is wrong, superseded, expired or turned off is signed out, all alike. The
// actor holds no permission of the table of rights: all it can do are the verbs about directory people and groups.
func (r *Room) UseDirectory(ctx context.Context, token, address string) (actor Actor, err error) {
	defer fault.Wrap(&err, "account.UseDirectory")
	hash := ident.Hash(tokenDirectory, token)
	actor, s, err := r.directoryActor(ctx, r.DB, `s.token_hash = $1`, hash)
	if err != nil {
		return Actor{}, err
	}
	if now := r.now(); now-s.LastUsedAt > seenEvery.Milliseconds() {
		if _, err := r.DB.ExecContext(ctx, `UPDATE directory_syncs SET last_used_at = $3 WHERE account_id = $1 AND token_hash = $2`, actor.Account.ID, hash, now); err != nil {
			return Actor{}, err
		}
	}
	actor.token, actor.Address = hash, address
	return actor, nil
}

func (r *Room) directoryActor(ctx context.Context, q db.Q, condition string, args ...any) (actor Actor, s DirectorySync, err error) {
	var a Account
	err = q.QueryRowContext(ctx, `SELECT `+accountColumns+`, `+directoryColumns+` FROM directory_syncs s JOIN accounts a ON a.id = s.account_id WHERE `+condition, args...).
		Scan(append(a.fields(), s.fields()...)...)
	now := r.now()
	if errors.Is(err, sql.ErrNoRows) || err == nil && (now >= s.ExpiresAt || ahead(s.TokenAt, now)) {
		return actor, s, fault.New(fault.SignedOut, "directory-unknown", "Send a working token as Authorization: Bearer …. This one is wrong, replaced, expired or turned off")
	}
	if err != nil {
		return actor, s, err
	}
	if err := r.stopped(a); err != nil {
		return actor, s, err
	}
	return Actor{Kind: Directory, Account: a, Name: directoryName, MembershipID: s.ID, KeyID: s.ID}, s, nil
}

// synced reads the sync behind a directory's actor anew: whatever the actor says, it reaches the account whose token it has, while that works.
func (r *Room) synced(ctx context.Context, q db.Q, actor Actor) (Actor, DirectorySync, error) {
	if actor.Kind != Directory {
		return Actor{}, DirectorySync{}, notFound()
	}
	now, s, err := r.directoryActor(ctx, q, `s.account_id = $1 AND s.id = $2 AND s.token_hash = $3`, actor.Account.ID, actor.MembershipID, actor.token)
	now.token, now.Address = actor.token, actor.Address
	return now, s, err
}

// syncing runs one change by the directory, if its token still works in that transaction.
func (r *Room) syncing(ctx context.Context, actor Actor, change func(ctx context.Context, q db.Q, actor Actor, s DirectorySync) error) error {
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		now, s, err := r.synced(ctx, q, actor)
		if err != nil {
			return err
		}
		return change(ctx, q, now, s)
	})
}

// reaches refuses addresses outside of the directory's domains.
func (s DirectorySync) reaches(a Account, email string) *fault.Fault {
	if _, domain, _ := strings.Cut(email, "@"); !slices.Contains(s.Domains, domain) {
		return fault.Field("directory-domain", "emails", email+" is in no domain that this directory reaches: "+strings.Join(s.Domains, ", ")+". An admin of "+a.Name+" can add domains in the portal")
	}
	return nil
}

// directoryStands refuses an offer of a directory that was turned off since.
func (r *Room) directoryStands(ctx context.Context, q db.Q, i Invitation) error {
	on, err := exists(ctx, q, `SELECT 1 FROM directory_syncs WHERE account_id = $1 AND id = $2 AND token_hash IS NOT NULL`, i.AccountID, i.InviterID)
	if err == nil && !on {
		err = fault.New(fault.Conflict, "invitation-voided", voidedWords(directoryName))
	}
	return err
}

// voidedWords says why an invitation stopped.
func voidedWords(inviter string) string {
	if inviter == directoryName {
		return "This invitation no longer works, as the account's directory sync was turned off. Ask the account for a new one"
	}
	return "This invitation no longer works, as " + inviter + " is not an admin any more. Ask the account for a new one"
}
