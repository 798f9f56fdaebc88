// Package number holds the phone numbers of the installation: which account has them, what they are called and where their calls lead.
// It knows no carrier and no call; what a number is and how it is written it asks the numbering plan.
package number

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"hubline/base/change"
	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/listing"
	"hubline/base/seal"
	"hubline/base/tel"
	"hubline/product/account"
	"hubline/product/phoneuser"
)

// Config is what a Room needs from the outside.
type Config struct {
	DB      *db.DB
	Keys    *seal.Ring
	Account *account.Room
	Phones  *phoneuser.Room
	Feed    *change.Feed // nil: Run has nothing to hear, and what is kept in memory is read anew every second
	Plan    tel.Plan
	Log     *slog.Logger     // nil: discarded
	Now     func() time.Time // nil: time.Now
}

// Room is the room "number". Its verbs are safe for use by many goroutines.
type Room struct {
	Config
	routes *change.Memory[Route] // by number
}

// New returns the room. Run keeps its memory of numbers right.
func New(c Config) *Room {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Room{Config: c, routes: change.NewMemory[Route](routesMost, c.Now)}
}

// Number is a phone number of an account. It leads to a phone user, or nowhere yet.
type Number struct {
	AccountID   string
	Number      string // E.164
	Kind        tel.Kind
	ServiceName string

	PhoneUserID   string // where calls lead; "" is nowhere
	PhoneUserName string
	Extension     string

	AssignedAt int64
	Version    int64
}

// Leads tells where calls lead: "Mary Chen, extension 101", "" for nowhere.
func (n Number) Leads() string {
	if n.PhoneUserID == "" {
		return ""
	}
	return phoneuser.User{Settings: phoneuser.Settings{DisplayName: n.PhoneUserName, Extension: n.Extension}}.Label()
}

const (
	columns = `n.account_id, n.number, n.kind, n.service_name, n.phone_user_id, COALESCE(p.display_name, ''), COALESCE(p.extension, ''), n.assigned_at, n.version`
	from    = ` FROM numbers n LEFT JOIN phone_users p ON p.account_id = n.account_id AND p.id = n.phone_user_id AND p.deleted_at = 0 `
)

func (n *Number) fields() []any {
	return []any{&n.AccountID, &n.Number, &n.Kind, &n.ServiceName, &n.PhoneUserID, &n.PhoneUserName, &n.Extension, &n.AssignedAt, &n.Version}
}

const serviceNameMost = 60 // characters

func checkServiceName(text string) (string, *fault.Fault) {
	name := strings.Join(strings.Fields(text), " ")
	switch {
	case name == "":
		return name, fault.Field("service-name-empty", "service_name", "Enter a service name")
	case !utf8.ValidString(text) || strings.ContainsFunc(name, func(c rune) bool { return !unicode.IsGraphic(c) && c != '\u200d' }):
		return name, fault.Field("service-name-characters", "service_name", "Service name has a character that can't be shown. Type it again without it")
	case utf8.RuneCountInString(name) > serviceNameMost:
		return name, fault.Field("service-name-long", "service_name", "Service name must be "+strconv.Itoa(serviceNameMost)+" characters or fewer")
	}
	return name, nil
}

// Assign gives a number, typed in any form, to the account that the provider's actor stands in. An empty service name stands for the
// number as people write it. The kind is the plan's; a number abroad may be called, and is never caller ID.
func (r *Room) Assign(ctx context.Context, actor account.Actor, typed, serviceName string) (n Number, err error) {
	defer fault.Wrap(&err, "number.Assign")
	if !actor.Provider() {
		return n, notFound()
	}
	e164, kind, numberFault := r.assignable(typed)
	if strings.TrimSpace(serviceName) == "" {
		serviceName = cmpOr(r.Plan.National(e164), "-") // without a number its own fault counts
	}
	name, nameFault := checkServiceName(serviceName)
	if err := fault.All(numberFault, nameFault); err != nil {
		return n, err
	}
	err = r.within(ctx, actor, account.ChangeNumbers, func(ctx context.Context, q db.Q, actor account.Actor) error {
		if err := r.free(ctx, q, actor.Account.ID, e164); err != nil {
			return err
		}
		n = Number{AccountID: actor.Account.ID, Number: e164, Kind: kind, ServiceName: name, AssignedAt: r.Now().UnixMilli(), Version: 1}
		if _, err := q.ExecContext(ctx, `
			INSERT INTO numbers (account_id, number, kind, service_name, phone_user_id, search, sort_name, assigned_at, version)
			VALUES ($1, $2, $3, $4, '', $5, $6, $7, 1)`,
			n.AccountID, n.Number, n.Kind, n.ServiceName, r.search(n), listing.Fold(n.ServiceName), n.AssignedAt); err != nil {
			return err
		}
		return r.record(ctx, q, actor, n, account.NumberAssigned, "", n.ServiceName)
	})
	return n, err
}

// assignable reads a number that an account can have.
func (r *Room) assignable(typed string) (e164 string, kind tel.Kind, bad *fault.Fault) {
	if strings.TrimSpace(typed) == "" {
		return "", kind, fault.Field("phone-number-empty", "number", "Enter a phone number")
	}
	e164, ok := r.Plan.Parse(typed)
	if !ok {
		return "", kind, fault.Field("phone-number-form", "number", "Enter a whole phone number, such as 02 5550 0142 or +61 2 5550 0142")
	}
	switch kind = r.Plan.Kind(e164); kind {
	case tel.Local, tel.Mobile, tel.N1300, tel.N1800, tel.N13, tel.International:
		return e164, kind, nil
	}
	return "", kind, fault.Field("phone-number-kind", "number", r.Plan.National(e164)+" is a premium number. Accounts can't have those")
}

// free refuses a number that somebody has.
func (r *Room) free(ctx context.Context, q db.Q, accountID, e164 string) error {
	var holder, name string
	err := q.QueryRowContext(ctx, `SELECT a.id, a.name FROM numbers n JOIN accounts a ON a.id = n.account_id WHERE n.number = $1`, e164).Scan(&holder, &name)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	case holder == accountID:
		return fault.Field("phone-number-assigned", "number", r.Plan.National(e164)+" is on this account already")
	}
	return fault.Field("phone-number-taken", "number", r.Plan.National(e164)+" belongs to "+name+". Withdraw it there first")
}

// Withdraw takes a number from the account that the provider's actor stands in. Calls to it lead nowhere from now on, and it is
// nobody's caller ID or SMS number any more; calls that go on are not ended.
func (r *Room) Withdraw(ctx context.Context, actor account.Actor, e164 string) (err error) {
	defer fault.Wrap(&err, "number.Withdraw")
	if !actor.Provider() {
		return notFound()
	}
	return r.within(ctx, actor, account.ChangeNumbers, func(ctx context.Context, q db.Q, actor account.Actor) error {
		n, err := r.byNumber(ctx, q, actor.Account.ID, e164)
		if err != nil {
			return err
		}
		if _, err := q.ExecContext(ctx, `DELETE FROM numbers WHERE account_id = $1 AND number = $2`, n.AccountID, n.Number); err != nil {
			return err
		}
		if err := r.Phones.DropNumber(ctx, q, n.AccountID, n.Number); err != nil {
			return err
		}
		return r.record(ctx, q, actor, n, account.NumberWithdrawn, n.ServiceName, "")
	})
}

// Change is a partial change of a number; nil fields stay as they are.
type Change struct {
	ServiceName *string
	PhoneUserID *string // whom calls ring; "" leads nowhere
}

// Rename changes the service name, all that a Standard user may change of a number. Calls keep the name they were made under. A version
// other than the stored one is refused; 0 skips that check.
func (r *Room) Rename(ctx context.Context, actor account.Actor, e164, serviceName string, version int64) (n Number, err error) {
	return r.Change(ctx, actor, e164, Change{ServiceName: &serviceName}, version)
}

// Lead sets the phone user whom calls to the number ring; "" leads nowhere. The next call obeys it. A version other than the stored
// one is refused; 0 skips that check.
func (r *Room) Lead(ctx context.Context, actor account.Actor, e164, phoneUserID string, version int64) (n Number, err error) {
	return r.Change(ctx, actor, e164, Change{PhoneUserID: &phoneUserID}, version)
}

// Change is Rename and Lead in one transaction: all of it happens, or nothing.
func (r *Room) Change(ctx context.Context, actor account.Actor, e164 string, c Change, version int64) (n Number, err error) {
	defer fault.Wrap(&err, "number.Change")
	permission := account.RenameNumbers
	if c.PhoneUserID != nil {
		permission = account.ChangeNumbers
	}
	err = r.change(ctx, actor, permission, e164, version, func(ctx context.Context, q db.Q, actor account.Actor, now *Number) error {
		if c.ServiceName != nil {
			if err := may(actor, account.RenameNumbers); err != nil {
				return err
			}
			if err := r.rename(ctx, q, actor, *c.ServiceName, now); err != nil {
				return err
			}
		}
		if c.PhoneUserID == nil || now.PhoneUserID == *c.PhoneUserID {
			return nil
		}
		return r.lead(ctx, q, actor, *c.PhoneUserID, now)
	}, &n)
	return n, err
}

func (r *Room) rename(ctx context.Context, q db.Q, actor account.Actor, serviceName string, now *Number) error {
	name, bad := checkServiceName(serviceName)
	if bad != nil {
		return bad
	}
	before := now.ServiceName
	if before == name {
		return nil
	}
	now.ServiceName = name
	now.Version++
	if _, err := q.ExecContext(ctx, `
		UPDATE numbers SET service_name = $3, search = $4, sort_name = $5, version = $6 WHERE account_id = $1 AND number = $2`,
		now.AccountID, now.Number, name, r.search(*now), listing.Fold(name), now.Version); err != nil {
		return err
	}
	return r.record(ctx, q, actor, *now, account.NumberRenamed, before, name)
}

func (r *Room) lead(ctx context.Context, q db.Q, actor account.Actor, phoneUserID string, now *Number) error {
	before := now.Leads()
	now.PhoneUserID, now.PhoneUserName, now.Extension = phoneUserID, "", ""
	if phoneUserID != "" {
		err := q.QueryRowContext(ctx, `SELECT display_name, extension FROM phone_users WHERE account_id = $1 AND id = $2 AND deleted_at = 0`,
			now.AccountID, phoneUserID).Scan(&now.PhoneUserName, &now.Extension)
		if errors.Is(err, sql.ErrNoRows) {
			return fault.Field("phone-user-unknown", "phone_user_id", "Choose one of the account's phone users")
		}
		if err != nil {
			return err
		}
	}
	return r.point(ctx, q, actor, before, now)
}

// point stores where a number leads.
func (r *Room) point(ctx context.Context, q db.Q, actor account.Actor, before string, now *Number) error {
	now.Version++
	if _, err := q.ExecContext(ctx, `UPDATE numbers SET phone_user_id = $3, version = $4 WHERE account_id = $1 AND number = $2`,
		now.AccountID, now.Number, now.PhoneUserID, now.Version); err != nil {
		return err
	}
	return r.record(ctx, q, actor, *now, account.NumberRouted, cmpOr(before, "Nowhere"), cmpOr(now.Leads(), "Nowhere"))
}

// change runs a change of one number of the account and sets out to what it became.
func (r *Room) change(ctx context.Context, actor account.Actor, p account.Permission, e164 string, version int64,
	fn func(ctx context.Context, q db.Q, actor account.Actor, now *Number) error, out *Number) error {
	return r.within(ctx, actor, p, func(ctx context.Context, q db.Q, actor account.Actor) error {
		now, err := r.byNumber(ctx, q, actor.Account.ID, e164)
		if err != nil {
			return err
		}
		if version != 0 && version != now.Version {
			return changedMeanwhile()
		}
		if err := fn(ctx, q, actor, &now); err != nil {
			return err
		}
		*out = now
		return nil
	})
}

// within runs a change in one transaction that reads the actor's rights again. The provider may do everything in the account it stands in.
func (r *Room) within(ctx context.Context, actor account.Actor, p account.Permission, fn func(ctx context.Context, q db.Q, actor account.Actor) error) error {
	if err := may(actor, p); err != nil {
		return err
	}
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		actor := actor
		err := r.Account.Still(ctx, q, &actor, p)
		if fault.Is(err, fault.Forbidden) && actor.Provider() { // the account is there, and roles are not the provider's
			err = nil
		}
		if err != nil {
			return err
		}
		return fn(ctx, q, actor)
	})
}

// may refuses actors without the right, and the provider outside every account.
func may(actor account.Actor, p account.Permission) error {
	if !actor.Provider() {
		return actor.Require(p)
	}
	if actor.Account.ID == "" {
		return notFound()
	}
	return nil
}

// record writes what happened to a number into the audit log and tells open pages and phones.
func (r *Room) record(ctx context.Context, q db.Q, actor account.Actor, n Number, action account.Action, before, after string) error {
	if err := r.Account.Record(ctx, q, actor, account.Entry{Action: action, SubjectID: n.Number, SubjectName: r.Plan.National(n.Number),
		Before: before, After: after}); err != nil {
		return err
	}
	if err := r.Account.Notice(ctx, q, n.AccountID); err != nil {
		return err
	}
	r.DB.Afterwards(ctx, func() { r.routes.Drop(n.Number) })
	return change.Post(ctx, q, r.Now(), account.PhoneTopic(n.AccountID), numberPrefix+n.Number)
}

// search is what the list is searched in: the number in every form, and the service name.
func (r *Room) search(n Number) string {
	return r.Plan.Search(n.Number) + " " + listing.Fold(n.ServiceName)
}

func (r *Room) byNumber(ctx context.Context, q db.Q, accountID, e164 string) (n Number, err error) {
	err = q.QueryRowContext(ctx, `SELECT `+columns+from+`WHERE n.account_id = $1 AND n.number = $2`, accountID, e164).Scan(n.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		return n, notFound()
	}
	return n, err
}

func notFound() error {
	return fault.New(fault.NotFound, "not-found", "We could not find that. Check the address")
}

func changedMeanwhile() error {
	return fault.New(fault.Changed, "changed-meanwhile", "Somebody changed this since you opened it. Look at it again, then make your change")
}

func cmpOr(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
