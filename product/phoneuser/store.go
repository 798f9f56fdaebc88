package phoneuser

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
	"hubline/base/listing"
	"hubline/product/account"
)

// Add makes a phone user. With the app on, a set-up link is mailed at once. The same form sent twice, told by its key, makes one phone
// user; the empty key is no key. A plan that is full refuses with the code phone-user-limit.
func (r *Room) Add(ctx context.Context, actor account.Actor, in Settings, formKey string) (u User, err error) {
	defer fault.Wrap(&err, "phoneuser.Add")
	err = r.within(ctx, actor, account.ChangePhoneUsers, func(ctx context.Context, q db.Q, actor account.Actor) error {
		var known bool
		if u, known, err = r.byForm(ctx, q, actor, formKey); err != nil || known {
			return err
		}
		u, err = r.add(ctx, q, actor, in, formKey, true)
		return err
	})
	return u, err
}

// byForm returns what the same form made before.
func (r *Room) byForm(ctx context.Context, q db.Q, actor account.Actor, formKey string) (u User, known bool, err error) {
	if formKey == "" {
		return u, false, nil
	}
	err = q.QueryRowContext(ctx, `SELECT `+userColumns+` FROM phone_users p WHERE p.account_id = $1 AND p.made_by = $2 AND p.form_key = $3`,
		actor.Account.ID, actor.MembershipID, formKey).Scan(u.fields()...)
	return u, err == nil, ignoreNoRows(err)
}

// add is Add inside a transaction that has read the actor's rights and account; send says whether the person gets a link now.
func (r *Room) add(ctx context.Context, q db.Q, actor account.Actor, in Settings, formKey string, send bool) (u User, err error) {
	if err := r.seatLeft(ctx, q, actor.Account); err != nil {
		return u, err
	}
	extension, bad := r.checkExtension(in.Extension)
	if bad == nil {
		if bad, err = r.free(ctx, q, actor.Account.ID, extension); err != nil {
			return u, err
		}
	}
	clean, faults, err := r.check(in, Settings{}, r.owner(ctx, q, actor.Account.ID))
	if err != nil {
		return u, err
	}
	if err := fault.All(append([]*fault.Fault{bad}, faults...)...); err != nil {
		return u, err
	}
	clean.Extension = extension
	now := r.now()
	u = User{ID: ident.New(), AccountID: actor.Account.ID, Settings: clean, CreatedAt: now, UpdatedAt: now, Version: 1}
	if _, err := q.ExecContext(ctx, `
		INSERT INTO phone_users (account_id, id, extension, display_name, email, local_prefix, caller_id, hide_caller_id, sms_number, app_enabled,
			search, sort_name, sort_extension, details_sent_at, delivery, delivery_note, made_by, form_key, created_at, updated_at, deleted_at, version)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 0, '', '', $14, $15, $16, $16, 0, 1)`,
		u.AccountID, u.ID, u.Extension, u.DisplayName, u.Email, u.LocalPrefix, u.CallerID, bit(u.HideCallerID), u.SMSNumber, bit(u.AppEnabled),
		r.search(u), listing.Fold(u.DisplayName), number(u.Extension), actor.MembershipID, formKey, now); err != nil {
		return u, err
	}
	if err := r.Account.Record(ctx, q, actor, account.Entry{Action: account.PhoneUserAdded, SubjectID: u.ID, SubjectName: u.Label()}); err != nil {
		return u, err
	}
	if send && u.AppEnabled {
		if err := r.sendLink(ctx, q, actor, &u, ""); err != nil {
			return u, err
		}
	}
	return u, r.notice(ctx, q, u.AccountID)
}

// seatLeft refuses when the plan is full. The account was read in the same transaction.
func (r *Room) seatLeft(ctx context.Context, q db.Q, a account.Account) error {
	used, err := r.used(ctx, q, a.ID)
	if err != nil || used < a.PhoneUserLimit {
		return err
	}
	return fault.New(fault.Conflict, "phone-user-limit", fmt.Sprintf("You are using %d of %d phone users. Ask for more or delete one", used, a.PhoneUserLimit))
}

func (r *Room) used(ctx context.Context, q db.Q, accountID string) (n int, err error) {
	err = q.QueryRowContext(ctx, `SELECT COUNT(*) FROM phone_users WHERE account_id = $1 AND deleted_at = 0`, accountID).Scan(&n)
	return n, err
}

// Count returns how many phone users the account has and how many its plan holds.
func (r *Room) Count(ctx context.Context, actor account.Actor) (used, limit int, err error) {
	defer fault.Wrap(&err, "phoneuser.Count")
	if inside := actor.Provider() && actor.Account.ID != ""; !inside { // the provider looks at the plan of the account it stands in
		if err := actor.Require(account.ViewPhoneUsers); err != nil {
			return 0, 0, err
		}
	}
	err = r.DB.QueryRowContext(ctx, `
		SELECT (SELECT COUNT(*) FROM phone_users WHERE account_id = $1 AND deleted_at = 0), phone_user_limit FROM accounts WHERE id = $1`,
		actor.Account.ID).Scan(&used, &limit)
	return used, limit, err
}

// search is what a list's search looks through: everything that is shown, folded, and numbers in the forms people type.
func (r *Room) search(u User) string {
	words := []string{u.Extension, u.DisplayName, u.Email}
	for _, e164 := range []string{u.CallerID, u.SMSNumber} {
		if e164 != "" {
			words = append(words, r.Plan.Search(e164))
		}
	}
	return listing.Fold(strings.Join(words, " "))
}

func number(extension string) int64 {
	n, _ := strconv.ParseInt(extension, 10, 64) // its form was checked
	return n
}

// ByID returns one phone user of the actor's account, with what their phones do right now.
func (r *Room) ByID(ctx context.Context, actor account.Actor, id string) (u User, err error) {
	defer fault.Wrap(&err, "phoneuser.ByID")
	if err := actor.Require(account.ViewPhoneUsers); err != nil {
		return u, err
	}
	u, err = r.user(ctx, r.DB, actor.Account.ID, id)
	return r.present(u), err
}

func (r *Room) present(u User) User {
	if r.Presence != nil {
		u.RightNow = r.Presence.State(u.AccountID, u.ID)
	}
	return u
}

// user reads a living phone user.
func (r *Room) user(ctx context.Context, q db.Q, accountID, id string) (u User, err error) {
	err = q.QueryRowContext(ctx, `SELECT `+userColumns+` FROM phone_users p WHERE p.account_id = $1 AND p.id = $2 AND p.deleted_at = 0`, accountID, id).Scan(u.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		err = notFound()
	}
	return u, err
}

// Change changes a phone user. A version other than the stored one is refused; 0 skips that check. Turning the app off ends what is signed
// in, within a second on every node; turning it on for somebody without a device, or giving another email address, mails a set-up link.
func (r *Room) Change(ctx context.Context, actor account.Actor, id string, c Change, version int64) (u User, err error) {
	defer fault.Wrap(&err, "phoneuser.Change")
	err = r.within(ctx, actor, account.ChangePhoneUsers, func(ctx context.Context, q db.Q, actor account.Actor) error {
		if u, err = r.versioned(ctx, q, actor, id, version); err != nil {
			return err
		}
		u, err = r.change(ctx, q, actor, u, u.Settings.with(c), true)
		return err
	})
	r.cache.drop(userTopic(id))
	return r.present(u), err
}

func (r *Room) versioned(ctx context.Context, q db.Q, actor account.Actor, id string, version int64) (User, error) {
	u, err := r.user(ctx, q, actor.Account.ID, id)
	if err == nil && version != 0 && version != u.Version {
		err = changedMeanwhile()
	}
	return u, err
}

// change saves what becomes of a phone user; send says whether a link may go out with it.
func (r *Room) change(ctx context.Context, q db.Q, actor account.Actor, before User, to Settings, send bool) (u User, err error) {
	var fixed *fault.Fault
	if to.Extension = strings.TrimSpace(to.Extension); to.Extension != before.Extension {
		fixed = fault.Field("extension-fixed", "extension", "Extension "+before.Extension+" is fixed once set. Add a phone user to get another one")
	}
	clean, faults, err := r.check(to, before.Settings, r.owner(ctx, q, before.AccountID))
	if err != nil {
		return before, err
	}
	if err := fault.All(append([]*fault.Fault{fixed}, faults...)...); err != nil {
		return before, err
	}
	if clean == before.Settings {
		return before, nil
	}
	u = before
	u.Settings, u.UpdatedAt, u.Version = clean, r.now(), before.Version+1
	if err := r.save(ctx, q, u); err != nil {
		return before, err
	}
	was, is := r.differences(before.Settings, u.Settings)
	if err := r.Account.Record(ctx, q, actor, account.Entry{Action: account.PhoneUserChanged, SubjectID: u.ID, SubjectName: u.Label(), Before: was, After: is}); err != nil {
		return before, err
	}
	topics := []string{userTopic(u.ID)}
	if before.AppEnabled && !u.AppEnabled {
		silenced, err := r.silence(ctx, q, u)
		if err != nil {
			return before, err
		}
		topics = append(topics, silenced...)
	}
	first := !before.AppEnabled && u.Devices == 0
	if send && u.AppEnabled && (first || u.Email != before.Email) {
		if err := r.sendLink(ctx, q, actor, &u, ""); err != nil {
			return before, err
		}
	}
	return u, r.notice(ctx, q, u.AccountID, topics...)
}

func (r *Room) save(ctx context.Context, q db.Q, u User) error {
	_, err := q.ExecContext(ctx, `
		UPDATE phone_users SET display_name = $3, email = $4, local_prefix = $5, caller_id = $6, hide_caller_id = $7, sms_number = $8, app_enabled = $9,
			search = $10, sort_name = $11, updated_at = $12, version = $13
		WHERE account_id = $1 AND id = $2`,
		u.AccountID, u.ID, u.DisplayName, u.Email, u.LocalPrefix, u.CallerID, bit(u.HideCallerID), u.SMSNumber, bit(u.AppEnabled),
		r.search(u), listing.Fold(u.DisplayName), u.UpdatedAt, u.Version)
	return err
}

// differences tells in words what changed: "Local prefix 02" became "Local prefix 03".
func (r *Room) differences(before, after Settings) (was, is string) {
	var old, young []string
	differ := func(label, from, to string) {
		if from != to {
			old, young = append(old, label+" "+orNone(from)), append(young, label+" "+orNone(to))
		}
	}
	differ("display name", before.DisplayName, after.DisplayName)
	differ("email", before.Email, after.Email)
	differ("local prefix", before.LocalPrefix, after.LocalPrefix)
	differ("caller ID", r.Plan.National(before.CallerID), r.Plan.National(after.CallerID))
	differ("hide caller ID", onOff(before.HideCallerID), onOff(after.HideCallerID))
	differ("SMS number", r.Plan.National(before.SMSNumber), r.Plan.National(after.SMSNumber))
	differ("phone app", onOff(before.AppEnabled), onOff(after.AppEnabled))
	return strings.Join(old, ", "), strings.Join(young, ", ")
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// silence forgets where the phone user's devices are, and returns the topics that end what they have open.
func (r *Room) silence(ctx context.Context, q db.Q, u User) ([]string, error) {
	devices, err := r.devices(ctx, q, u.AccountID, u.ID)
	if err != nil {
		return nil, err
	}
	if _, err := q.ExecContext(ctx, `DELETE FROM locations WHERE account_id = $1 AND phone_user_id = $2`, u.AccountID, u.ID); err != nil {
		return nil, err
	}
	topics := []string{userTopic(u.ID)}
	for _, d := range devices {
		topics = append(topics, DeviceTopic(d.ID))
	}
	return topics, nil
}

// Use is what a phone user is in use for: what deleting them would end.
type Use struct {
	User    User
	Numbers []string // E.164; they ring nobody afterwards
	Online  int      // devices that are signed in
}

// Uses says what deleting the phone user would affect. It changes nothing.
func (r *Room) Uses(ctx context.Context, actor account.Actor, id string) (use Use, err error) {
	defer fault.Wrap(&err, "phoneuser.Uses")
	if err := actor.Require(account.ViewPhoneUsers); err != nil {
		return use, err
	}
	if use.User, err = r.user(ctx, r.DB, actor.Account.ID, id); err != nil {
		return use, err
	}
	use.User = r.present(use.User)
	if r.LeadsTo != nil {
		if use.Numbers, err = r.LeadsTo(ctx, r.DB, actor.Account.ID, id); err != nil {
			return use, err
		}
	}
	err = r.DB.QueryRowContext(ctx, `SELECT COUNT(DISTINCT device_id) FROM locations WHERE account_id = $1 AND phone_user_id = $2 AND expires_at > $3`,
		actor.Account.ID, id, r.now()).Scan(&use.Online)
	return use, err
}

// Delete ends a phone user: their extension is free at once, their devices stop within a second, numbers that led to them lead nowhere.
// Calls keep their name. A version other than the stored one is refused; 0 skips that check.
func (r *Room) Delete(ctx context.Context, actor account.Actor, id string, version int64) (u User, err error) {
	defer fault.Wrap(&err, "phoneuser.Delete")
	err = r.within(ctx, actor, account.ChangePhoneUsers, func(ctx context.Context, q db.Q, actor account.Actor) error {
		if u, err = r.versioned(ctx, q, actor, id, version); err != nil {
			return err
		}
		topics, err := r.endDevices(ctx, q, u)
		if err != nil {
			return err
		}
		if err := r.endLinks(ctx, q, u, linkDeleted); err != nil {
			return err
		}
		now := r.now()
		u.DeletedAt, u.UpdatedAt, u.Version, u.Devices = now, now, u.Version+1, 0
		if _, err := q.ExecContext(ctx, `
			UPDATE phone_users SET deleted_at = $3, updated_at = $3, version = $4 WHERE account_id = $1 AND id = $2`, u.AccountID, u.ID, now, u.Version); err != nil {
			return err
		}
		if r.OnDelete != nil {
			if err := r.OnDelete(ctx, q, actor, u.ID); err != nil {
				return err
			}
		}
		if err := r.Account.Record(ctx, q, actor, account.Entry{Action: account.PhoneUserDeleted, SubjectID: u.ID, SubjectName: u.Label()}); err != nil {
			return err
		}
		return r.notice(ctx, q, u.AccountID, topics...)
	})
	r.cache.drop(userTopic(id))
	return u, err
}

// DropNumber takes a number that the account loses away from everybody who shows it or texts with it, in the caller's transaction.
func (r *Room) DropNumber(ctx context.Context, q db.Q, accountID, e164 string) (err error) {
	defer fault.Wrap(&err, "phoneuser.DropNumber")
	rows, err := q.QueryContext(ctx, `
		SELECT `+userColumns+` FROM phone_users p WHERE p.account_id = $1 AND p.deleted_at = 0 AND p.caller_id = $2 AND p.caller_id <> ''
		UNION
		SELECT `+userColumns+` FROM phone_users p WHERE p.account_id = $1 AND p.deleted_at = 0 AND p.sms_number = $2 AND p.sms_number <> ''`, accountID, e164)
	if err != nil {
		return err
	}
	users, err := scanUsers(rows)
	if err != nil {
		return err
	}
	topics := make([]string, 0, len(users))
	for _, u := range users {
		topics = append(topics, userTopic(u.ID))
		if u.CallerID == e164 {
			u.CallerID = ""
		}
		if u.SMSNumber == e164 {
			u.SMSNumber = ""
		}
		u.UpdatedAt, u.Version = r.now(), u.Version+1
		if err := r.save(ctx, q, u); err != nil {
			return err
		}
	}
	return r.notice(ctx, q, accountID, topics...)
}

func scanUsers(rows *sql.Rows) ([]User, error) {
	defer rows.Close()
	var list []User
	for rows.Next() {
		var u User
		if err := rows.Scan(u.fields()...); err != nil {
			return nil, err
		}
		list = append(list, u)
	}
	return list, rows.Err()
}
