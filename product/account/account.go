// Package account holds everybody who can sign in, the accounts they belong to, what they may do there, and the record of what
// they did. It knows no pages, no HTTP and no phones.
package account

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"hubline/base/change"
	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
	"hubline/base/job"
	"hubline/base/listing"
	"hubline/base/mail"
	"hubline/base/openid"
	"hubline/base/seal"
)

// Config is what a Room needs from the outside.
type Config struct {
	DB   *db.DB
	Jobs *job.Queue
	Keys *seal.Ring
	Mail interface {
		Send(context.Context, mail.Message) error
	}
	Log      *slog.Logger
	Now      func() time.Time // nil: time.Now
	BaseURL  string           // origin of every link, without a slash at the end; never taken from a request
	Provider mail.Provider    // who signs the mails

	OpenID    *openid.Client   // talks to sign-in providers; nil: nobody signs in with one
	Providers []SignInProvider // the installation's, in the order of their buttons

	CloseGrace        time.Duration // how long a closed account's data can be had back; 0: 30 days
	DailyInvitations  int           // for new accounts; 0: 200
	StaffSecondFactor bool          // provider staff reach the console only with a second factor
	RecipientWeekly   int           // invitations that one address may get in a week over all accounts; 0: 3
	HashWorkers       int           // passwords hashed at the same time; 0: one less than the processors, at least one
	HashMemory        int           // KiB that hashing a new password takes; 0: 19 MiB, the least there should be outside of tests
}

// Room is the room "account". Its verbs are safe for use by many goroutines.
type Room struct {
	Config

	// Visiting tells whether an admin of the account let the staff person in, until now and from now on. The room "support" knows; nil: nobody
	// is let in.
	Visiting func(ctx context.Context, q db.Q, accountID, staffID string) (v Visit, open bool, err error)

	hash *hasher
	uses uses
}

// New returns the room and registers its jobs.
func New(c Config) *Room {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.DailyInvitations == 0 {
		c.DailyInvitations = 200
	}
	if c.CloseGrace == 0 {
		c.CloseGrace = graceUsual
	}
	if c.RecipientWeekly == 0 {
		c.RecipientWeekly = 3
	}
	r := &Room{Config: c, hash: newHasher(c.Keys, c.HashWorkers, uint32(c.HashMemory))}
	r.registerJobs()
	return r
}

// Account is one customer of the provider.
type Account struct {
	ID        string
	Slug      string // first part of every address of its pages: /harbour/hub-users
	Number    string // what customers quote, and type to confirm final acts
	Name      string
	Policy    Policy
	CreatedAt int64
	// PhoneUserLimit is how many phone users the plan holds; the provider sets it.
	PhoneUserLimit int
	Version        int64

	State     State
	StateNote string // why it does not work, for its admins and the provider
	StateAt   int64  // when it came to its state; 0: when it was opened
	CloseAt   int64  // of a closing account: when its data is deleted
}

// firstPhoneUsers is how many phone users a new account's plan holds.
const firstPhoneUsers = 10

// Policy is what an account admin decides about signing in to the account.
type Policy struct {
	TimeZone         string  // IANA name; mails and pages show times in it
	InvitationHours  int     // life of an invitation, 1 to 720
	CheckMinutes     int     // how long a step-up check stays fresh, 0 (asked every time) to 120
	DailyInvitations int     // set by the provider
	SecondFactor     Demand  // whom the account asks for a second factor
	Methods          Methods // with which of SignInMethods people may have signed in
	SessionHours     int     // longest life of a session, 1 to SessionHoursMost; holders of a role: at most 24
	RememberDevices  bool    // a browser may stand for the second factor that was shown on it, for 30 days
}

// Location returns the account's time zone; an unknown name counts as UTC.
func (a Account) Location() *time.Location { return location(a.Policy.TimeZone) }

func location(name string) *time.Location {
	if zone, known := zones.Load(name); known {
		return zone.(*time.Location)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	zones.Store(name, zone)
	return zone
}

// zones keeps what was read from the zone database, a *time.Location by name: parsing one takes longer than most queries.
var zones sync.Map

// NewAccount is what it takes to open an account: who the customer is and who administers it first.
type NewAccount struct {
	Name       string
	Slug       string // empty: made from the name
	Number     string // empty: the next free one
	TimeZone   string // empty: Australia/Sydney
	AdminEmail string
	AdminName  string
	AdminRoles Roles // empty: admin and billing
}

const accountColumns = `a.id, a.slug, a.number, a.name, a.time_zone, a.invitation_hours, a.check_minutes, a.daily_invitations, a.phone_user_limit,
	a.created_at, a.version, a.second_factor, a.sign_in_methods, a.session_hours, a.remember_devices,
	a.state, a.state_note, a.state_at, a.close_at`

func (a *Account) fields() []any {
	return []any{&a.ID, &a.Slug, &a.Number, &a.Name, &a.Policy.TimeZone, &a.Policy.InvitationHours, &a.Policy.CheckMinutes,
		&a.Policy.DailyInvitations, &a.PhoneUserLimit, &a.CreatedAt, &a.Version,
		&a.Policy.SecondFactor, &a.Policy.Methods, &a.Policy.SessionHours, (*flag)(&a.Policy.RememberDevices),
		&a.State, &a.StateNote, &a.StateAt, &a.CloseAt}
}

// reserved slugs are first path parts that the doors use themselves.
var reserved = []string{"api", "assets", "console", "dev", "email", "healthz", "invitations", "metrics", "password", "profile", "readyz",
	"scim", "sign-in", "sign-out", "sip", "phone", "help", "www", "static", "new", "accounts", "well-known", "check", "palette", "events", "terms"}

var slugForm = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// Open makes an account and sends its first admin's invitation, in one transaction. Only the provider's staff and the operator may.
func (r *Room) Open(ctx context.Context, actor Actor, in NewAccount) (_ Account, _ Invitation, err error) {
	defer fault.Wrap(&err, "account.Open(%q)", in.Slug)
	if !actor.Provider() {
		return Account{}, Invitation{}, notFound()
	}
	made, offer, err := in.check()
	if err != nil {
		return Account{}, Invitation{}, err
	}
	roles, err := firstRoles(in.AdminRoles)
	if err != nil {
		return Account{}, Invitation{}, err
	}
	var invitation Invitation
	wanted := made
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if made, err = r.insertAccount(ctx, q, wanted); err != nil {
			return err
		}
		inside, opened := actor.Inside(made), Entry{Action: AccountOpened, SubjectID: made.ID, SubjectName: made.Name, After: "account number " + made.Number}
		for _, log := range []Actor{inside, actor.Inside(Account{})} { // the account's, and the provider's own
			if err := r.Record(ctx, q, log, opened); err != nil {
				return err
			}
		}
		sent, err := r.offer(ctx, q, inside, Invite{Offers: []Offer{offer}, Roles: roles})
		if err == nil {
			invitation = sent[0]
		}
		return err
	})
	return made, invitation, err
}

// firstRoles are the roles of an account's first person, who has to be an admin.
func firstRoles(roles Roles) (Roles, error) {
	if len(roles) == 0 {
		return Roles{Admin, Billing}, nil
	}
	if !roles.Has(Admin) {
		return nil, fault.Field("first-admin", "admin_roles", "The first person of an account must be an admin. Add the role admin")
	}
	return ParseRoles(roles.Words())
}

// check validates the form of a new account; what needs the store comes later.
func (in NewAccount) check() (Account, Offer, error) {
	a := Account{Slug: strings.TrimSpace(in.Slug), Number: strings.TrimSpace(in.Number)}
	name, nameFault := checkAccountName(in.Name)
	a.Name = name
	if a.Slug == "" {
		a.Slug = slugFrom(name)
	}
	zone, zoneFault := checkZone(cmpOr(in.TimeZone, "Australia/Sydney"))
	a.Policy = Policy{TimeZone: zone, InvitationHours: 7 * 24, CheckMinutes: 30,
		SecondFactor: OfNobody, Methods: MethodsOf(SignInMethods...), SessionHours: SessionHoursMost, RememberDevices: true}
	offer, offerFault := checkOffer(Offer{Email: in.AdminEmail, Name: in.AdminName}, "admin_email", "admin_name")
	var numberFault *fault.Fault
	if a.Number != "" && !regexp.MustCompile(`^[0-9]{4,10}$`).MatchString(a.Number) {
		numberFault = fault.Field("account-number-form", "number", "Account number must be 4 to 10 digits")
	}
	return a, offer, fault.All(nameFault, checkSlug(a.Slug, nameFault), numberFault, zoneFault, offerFault)
}

func checkSlug(slug string, nameFault *fault.Fault) *fault.Fault {
	switch {
	case slug == "" && nameFault != nil:
		return nil // the name's fault says it already
	case len(slug) < 2 || len(slug) > 40 || !slugForm.MatchString(slug):
		return fault.Field("slug-form", "slug", "Web address must be 2 to 40 small letters, digits and single dashes, starting with a letter")
	case slices.Contains(reserved, slug):
		return fault.Field("slug-reserved", "slug", "Hubline uses "+slug+" itself. Choose another web address")
	}
	return nil
}

// slugFrom proposes a web address: "Harbour Dental Group" gives "harbour-dental-group".
func slugFrom(name string) string {
	words := strings.FieldsFunc(listing.Fold(name), func(c rune) bool { return !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9') })
	slug := strings.TrimLeft(strings.Join(words, "-"), "0123456789-")
	if len(slug) > 40 {
		slug = strings.TrimRight(slug[:40], "-")
	}
	return slug
}

func (r *Room) insertAccount(ctx context.Context, q db.Q, a Account) (Account, error) {
	a.ID, a.CreatedAt, a.Version, a.State = ident.New(), r.now(), 1, Working
	a.Policy.DailyInvitations, a.PhoneUserLimit = r.DailyInvitations, firstPhoneUsers
	if a.Number == "" {
		var highest sql.NullInt64
		err := q.QueryRowContext(ctx, `SELECT MAX(CAST(number AS BIGINT)) FROM accounts`).Scan(&highest)
		if err != nil {
			return a, err
		}
		a.Number = decimal(max(10000, highest.Int64) + 1)
	}
	for column, value := range map[string]string{"slug": a.Slug, "number": a.Number} {
		taken, err := exists(ctx, q, `SELECT 1 FROM accounts WHERE `+column+` = $1`, value)
		if err != nil {
			return a, err
		}
		if taken {
			return a, fault.Field(column+"-taken", column, "Another account uses "+value+". Choose another "+map[string]string{"slug": "web address", "number": "number"}[column])
		}
	}
	_, err := q.ExecContext(ctx, `
		INSERT INTO accounts (id, slug, number, name, search, time_zone, invitation_hours, check_minutes, daily_invitations, phone_user_limit, created_at, version,
			second_factor, sign_in_methods, session_hours, remember_devices)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`,
		a.ID, a.Slug, a.Number, a.Name, a.search(), a.Policy.TimeZone, a.Policy.InvitationHours, a.Policy.CheckMinutes,
		a.Policy.DailyInvitations, a.PhoneUserLimit, a.CreatedAt, a.Version, a.Policy.SecondFactor, a.Policy.Methods,
		a.Policy.SessionHours, bit(a.Policy.RememberDevices))
	return a, err
}

func (a Account) search() string { return listing.Fold(a.Name + " " + a.Number + " " + a.Slug) }

// Accounts lists accounts by name for the provider, at most limit after the cursor. Limit 0 means 50; at most 500.
func (r *Room) Accounts(ctx context.Context, actor Actor, search, after string, limit int) (_ []Account, next string, err error) {
	defer fault.Wrap(&err, "account.Accounts")
	if !actor.Provider() {
		return nil, "", notFound()
	}
	at, err := listing.Read(r.Keys, "accounts", after)
	if err != nil {
		return nil, "", err
	}
	limit = listing.PageSize(limit)
	rows, err := r.DB.QueryContext(ctx, `
		SELECT `+accountColumns+`, a.search FROM accounts a
		WHERE (a.search, a.id) > ($1, $2) AND a.search LIKE $3 ESCAPE '\'
		ORDER BY a.search, a.id LIMIT $4`, at.Text, at.ID, listing.Contains(search), limit+1)
	if err != nil {
		return nil, "", err
	}
	defer rows.Close()
	var list []Account
	var keys []string
	for rows.Next() {
		var a Account
		var key string
		if err := rows.Scan(append(a.fields(), &key)...); err != nil {
			return nil, "", err
		}
		list, keys = append(list, a), append(keys, key)
	}
	if len(list) > limit {
		list = list[:limit]
		next = listing.Write(r.Keys, "accounts", listing.Cursor{Text: keys[limit-1], ID: list[limit-1].ID})
	}
	return list, next, rows.Err()
}

// pageSize is how many rows a list gives for a limit asked for: 0 means 50; at most 500.
// BySlug returns an account to the provider. Members reach theirs through Enter.
func (r *Room) BySlug(ctx context.Context, actor Actor, slug string) (a Account, err error) {
	defer fault.Wrap(&err, "account.BySlug(%q)", slug)
	if !actor.Provider() {
		return a, notFound()
	}
	err = r.DB.QueryRowContext(ctx, `SELECT `+accountColumns+` FROM accounts a WHERE a.slug = $1`, slug).Scan(a.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		return a, notFound()
	}
	return a, err
}

// Inside returns the actor as it stands inside the account: how provider staff and the operator name the account a verb is for.
// Everybody else stays in the account they entered.
func (a Actor) Inside(account Account) Actor {
	if a.Provider() {
		a.Account = account
	}
	return a
}

func notFound() error {
	return fault.New(fault.NotFound, "not-found", "We could not find that. Check the address")
}

func changedMeanwhile() error {
	return fault.New(fault.Changed, "changed-meanwhile", "Somebody changed this since you opened it. Look at it again, then make your change")
}

func (r *Room) now() int64 { return r.Now().UnixMilli() }

// clockSlack is how far the clocks of nodes may differ.
const clockSlack = time.Minute

// ahead reports whether a moment was written by a clock that ran ahead. What was made then is over, or it would live too long.
func ahead(at, now int64) bool { return at-now > clockSlack.Milliseconds() }

// Notice tells open pages, sockets and calls of the account, and of the person if one is named, that something changed.
func (r *Room) Notice(ctx context.Context, q db.Q, accountID string, personIDs ...string) error {
	topics := []string{AccountTopic(accountID)}
	for _, id := range personIDs {
		topics = append(topics, PersonTopic(id))
	}
	return change.Post(ctx, q, r.Now(), topics...)
}

// AccountTopic and PersonTopic name what the change feed tells about: an account's people, and one person's sessions and rights.
func AccountTopic(accountID string) string { return "account:" + accountID }

// PhoneTopic names changes to an account's phone users, devices, numbers and calls.
func PhoneTopic(accountID string) string { return "phones:" + accountID }

// PersonTopic is the topic of one person's sessions and rights.
func PersonTopic(personID string) string { return "person:" + personID }

func exists(ctx context.Context, q db.Q, query string, args ...any) (bool, error) {
	var one int
	err := q.QueryRowContext(ctx, query, args...).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// Network returns the part of an address that one attacker is likely to hold: the address itself for IPv4, its /64 for IPv6.
func Network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return "unknown"
	}
	if ip = ip.Unmap(); ip.Is4() {
		return ip.String()
	}
	net, _ := ip.Prefix(64)
	return net.String()
}

// noticePeople is Notice without an account.
func (r *Room) noticePeople(ctx context.Context, q db.Q, personIDs ...string) error {
	topics := make([]string, len(personIDs))
	for i, id := range personIDs {
		topics[i] = PersonTopic(id)
	}
	return change.Post(ctx, q, r.Now(), topics...)
}
