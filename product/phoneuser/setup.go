package phoneuser

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
	"hubline/product/account"
)

const (
	tokenSetUp     = "hp"
	tokenProvision = "hv"

	setUpLife     = 48 * time.Hour
	provisionLife = 15 * time.Minute
	linksADay     = 20 // for one phone user
)

// The kinds of links.
const (
	kindSetUp     = "set-up"
	kindProvision = "provision"
)

// Why a link is over; one that ran out is told by its time.
const (
	linkUsed     = "used"
	linkReplaced = "replaced"
	linkReset    = "reset"
	linkDeleted  = "deleted"
)

// The kinds of devices that a link can set up.
const (
	Phone       = "phone"        // a plain SIP phone, MD5; details are shown once
	PhoneSHA256 = "phone-sha256" // a plain SIP phone that knows SHA-256
	App         = "app"          // an app that fetches its details by itself, SHA-256
)

var deviceNames = map[string]string{Phone: "SIP phone", PhoneSHA256: "SIP phone", App: "Phone app"}

// SetUpPath and ProvisionPath are where the doors serve the two kinds of links; the token follows.
const (
	SetUpPath     = "/phone/set-up/"
	ProvisionPath = "/phone/provision/"
)

// SendDetails mails a new set-up link. Links sent before stop working in the same moment.
func (r *Room) SendDetails(ctx context.Context, actor account.Actor, id string) (u User, err error) {
	defer fault.Wrap(&err, "phoneuser.SendDetails")
	err = r.within(ctx, actor, account.SendPhoneDetails, func(ctx context.Context, q db.Q, actor account.Actor) error {
		if u, err = r.user(ctx, q, actor.Account.ID, id); err != nil {
			return err
		}
		if !u.AppEnabled {
			return fault.New(fault.Conflict, "app-off", "The phone app is off for "+u.DisplayName+". Turn it on first")
		}
		if u.Email == "" {
			return fault.Field("email-needed", "email", "Enter an email address so we can send the phone app sign-in details")
		}
		if err := r.sendLink(ctx, q, actor, &u, ""); err != nil {
			return err
		}
		return r.notice(ctx, q, u.AccountID)
	})
	return u, err
}

// sendLink replaces the phone user's set-up link and queues the mail that holds the new one.
//
// Nothing is sent for staff on a visit: a link yields a secret, and they could have it sent to themselves. An admin of the account sends it.
func (r *Room) sendLink(ctx context.Context, q db.Q, actor account.Actor, u *User, why string) error {
	if actor.Kind == account.Visitor {
		return nil
	}
	now := r.now()
	var lately int
	err := q.QueryRowContext(ctx, `SELECT COUNT(*) FROM set_up_links WHERE account_id = $1 AND phone_user_id = $2 AND kind = $3 AND created_at > $4`,
		u.AccountID, u.ID, kindSetUp, now-(24*time.Hour).Milliseconds()).Scan(&lately)
	if err != nil {
		return err
	}
	if lately >= linksADay {
		return &fault.Fault{Kind: fault.TooMany, Code: "details-limit", RetryAfter: time.Hour,
			Message: fmt.Sprintf("%s got %d set-up links in a day, the most there can be. Send the next one tomorrow", u.DisplayName, linksADay)}
	}
	if _, err := q.ExecContext(ctx, `UPDATE set_up_links SET ended = $4 WHERE account_id = $1 AND phone_user_id = $2 AND kind = $3 AND ended = ''`,
		u.AccountID, u.ID, kindSetUp, linkReplaced); err != nil {
		return err
	}
	token, err := r.makeLink(ctx, q, *u, kindSetUp, "", "", setUpLife)
	if err != nil {
		return err
	}
	u.DetailsSentAt, u.Delivery, u.DeliveryNote = now, Queued, ""
	if _, err := q.ExecContext(ctx, `UPDATE phone_users SET details_sent_at = $3, delivery = 'queued', delivery_note = '' WHERE account_id = $1 AND id = $2`,
		u.AccountID, u.ID, now); err != nil {
		return err
	}
	if err := r.Account.Record(ctx, q, actor, account.Entry{Action: account.SetUpLinkSent, SubjectID: u.ID, SubjectName: u.Label(), After: u.Email}); err != nil {
		return err
	}
	return r.Jobs.Add(ctx, q, detailsMail, detailsLetter{AccountID: u.AccountID, PhoneUserID: u.ID, Token: token, Why: why, By: actor.Signature(), ReplyTo: actor.Email})
}

// makeLink stores a link by its hash and returns its token. document is sealed already.
func (r *Room) makeLink(ctx context.Context, q db.Q, u User, kind, deviceID, document string, life time.Duration) (token string, err error) {
	purpose := tokenSetUp
	if kind == kindProvision {
		purpose = tokenProvision
	}
	token, hash := ident.Token(purpose)
	now := r.now()
	if document != "" {
		document = r.Keys.Seal(provisionContext(hash), []byte(document))
	}
	_, err = q.ExecContext(ctx, `
		INSERT INTO set_up_links (token_hash, account_id, phone_user_id, kind, device_id, document, created_at, expires_at, used_at, ended)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, '')`, hash, u.AccountID, u.ID, kind, deviceID, document, now, now+life.Milliseconds())
	return token, err
}

func provisionContext(hash string) string { return "phone provisioning " + hash }

// endLinks ends every link of a phone user, and forgets what apps have not fetched.
func (r *Room) endLinks(ctx context.Context, q db.Q, u User, why string) error {
	_, err := q.ExecContext(ctx, `UPDATE set_up_links SET ended = $3, document = '' WHERE account_id = $1 AND phone_user_id = $2 AND ended = ''`, u.AccountID, u.ID, why)
	return err
}

// SetUp is what the page behind a set-up link shows before anything happens: no secret, and nothing changes, as mail scanners follow links.
type SetUp struct {
	AccountName string
	Extension   string
	DisplayName string
	CallerID    string // E.164, or empty
	ExpiresAt   int64
	Zone        *time.Location // the account's
}

// link is a set-up link with whom it is for.
type link struct {
	user      User
	account   string
	zone      string
	ended     string
	createdAt int64
	expiresAt int64
}

// SetUp reads a set-up link. A link that is over is a fault that says what became of it.
func (r *Room) SetUp(ctx context.Context, token string) (s SetUp, err error) {
	defer fault.Wrap(&err, "phoneuser.SetUp")
	l, err := r.link(ctx, r.DB, token)
	if err != nil {
		return s, err
	}
	return SetUp{AccountName: l.account, Extension: l.user.Extension, DisplayName: l.user.DisplayName, CallerID: l.user.CallerID,
		ExpiresAt: l.expiresAt, Zone: l.location()}, nil
}

func (l link) location() *time.Location {
	return account.Account{Policy: account.Policy{TimeZone: l.zone}}.Location()
}

// link returns a set-up link that works.
func (r *Room) link(ctx context.Context, q db.Q, token string) (l link, err error) {
	err = q.QueryRowContext(ctx, `
		SELECT `+userColumns+`, a.name, a.time_zone, s.ended, s.created_at, s.expires_at FROM set_up_links s
		JOIN phone_users p ON p.account_id = s.account_id AND p.id = s.phone_user_id
		JOIN accounts a ON a.id = s.account_id
		WHERE s.token_hash = $1 AND s.kind = $2`, ident.Hash(tokenSetUp, token), kindSetUp).
		Scan(append(l.user.fields(), &l.account, &l.zone, &l.ended, &l.createdAt, &l.expiresAt)...)
	if errors.Is(err, sql.ErrNoRows) {
		return l, fault.New(fault.NotFound, "set-up-unknown", "We do not know this link. Open the newest mail about your phone, or ask an admin for a new link")
	}
	if err != nil {
		return l, err
	}
	return l, r.over(l)
}

// over says why a link does not work, or nothing.
func (r *Room) over(l link) error {
	ask := "Ask an admin of " + l.account
	switch {
	case l.user.DeletedAt != 0:
		return fault.New(fault.Conflict, "set-up-deleted", "Extension "+l.user.Extension+" is no longer yours. "+ask+" if you need a phone")
	case l.ended == linkUsed:
		return fault.New(fault.Conflict, "set-up-used", "This link has been used. "+ask+" for a new one to set up another device")
	case l.ended != "":
		return fault.New(fault.Conflict, "set-up-replaced", "This link was replaced by a newer one. Open the newest mail about your phone")
	case r.now() >= l.expiresAt || l.createdAt-r.now() > clockSlack.Milliseconds():
		return fault.New(fault.Conflict, "set-up-expired", "This link ran out on "+account.Moment(l.expiresAt, l.location())+". "+ask+" for a new one")
	case !l.user.AppEnabled:
		return fault.New(fault.Conflict, "set-up-app-off", "The phone app is turned off for you. "+ask+" to turn it on, then open this link again")
	}
	return nil
}

// clockSlack is how far the clocks of nodes may differ.
const clockSlack = time.Minute

// Details are what a phone needs to sign in. They are shown once; only a sealed digest of the password is kept.
type Details struct {
	DeviceID     string
	Username     string
	Password     string // empty for an app, which fetches its own
	Domain       string
	Algorithm    string
	Server       string // host or host:port
	Transport    string // udp, tcp or tls
	Extension    string
	DisplayName  string
	AccountName  string
	ProvisionURL string // for an app: works once, for 15 minutes
}

// LogValue implements slog.LogValuer: details in a log show nobody's secret.
func (d Details) LogValue() slog.Value { return slog.StringValue(d.String()) }

// String shows whose details they are, and no secret.
func (d Details) String() string { return "details of " + d.Username }

// GoString implements fmt.GoStringer.
func (d Details) GoString() string { return d.String() }

// TakeDetails uses a set-up link up and yields one device of the kind Phone, PhoneSHA256 or App. Of two who open the link at the same
// time, one gets it. The phone user is told by mail that a device was set up.
func (r *Room) TakeDetails(ctx context.Context, token, kind, userAgent, address string) (d Details, err error) {
	defer fault.Wrap(&err, "phoneuser.TakeDetails")
	if deviceNames[kind] == "" {
		return d, fault.Field("device-kind", "kind", "Choose the app or a SIP phone")
	}
	err = r.tx(ctx, func(ctx context.Context, q db.Q) error {
		l, err := r.link(ctx, q, token)
		if err != nil {
			return err
		}
		var claimed string
		err = q.QueryRowContext(ctx, `
			UPDATE set_up_links SET used_at = $3, ended = $4 WHERE token_hash = $1 AND kind = $2 AND ended = '' AND expires_at > $3 RETURNING phone_user_id`,
			ident.Hash(tokenSetUp, token), kindSetUp, r.now(), linkUsed).Scan(&claimed)
		if errors.Is(err, sql.ErrNoRows) {
			l.ended = linkUsed
			return r.over(l)
		}
		if err != nil {
			return err
		}
		if d, err = r.equip(ctx, q, l, kind, userAgent, address); err != nil || l.user.Email == "" {
			return err
		}
		return r.Jobs.Add(ctx, q, deviceMail, deviceLetter{AccountID: l.user.AccountID, PhoneUserID: l.user.ID, Device: deviceNames[kind],
			At: r.now(), From: userAgent, Address: address})
	})
	return d, err
}

// equip makes a device and what its owner needs to sign in with it.
func (r *Room) equip(ctx context.Context, q db.Q, l link, kind, userAgent, address string) (d Details, err error) {
	device, password, err := r.makeDevice(ctx, q, l.user, kind, userAgent, address)
	if err != nil {
		return d, err
	}
	d = Details{DeviceID: device.ID, Username: device.Username, Password: password, Domain: r.Domain, Algorithm: device.Algorithm, Server: r.Server,
		Transport: r.Transport, Extension: l.user.Extension, DisplayName: l.user.DisplayName, AccountName: l.account}
	if kind != App {
		return d, nil
	}
	document, err := provisioning(d)
	if err != nil {
		return d, err
	}
	token, err := r.makeLink(ctx, q, l.user, kindProvision, device.ID, document, provisionLife)
	d.Password, d.ProvisionURL = "", r.BaseURL+ProvisionPath+token
	return d, err
}

// Provide makes a device without a link and returns its details. Only the operator of the server may, for demos: admins never see them.
func (r *Room) Provide(ctx context.Context, actor account.Actor, phoneUserID, kind string) (d Details, err error) {
	defer fault.Wrap(&err, "phoneuser.Provide")
	if actor.Kind != account.Operator || deviceNames[kind] == "" {
		return d, notFound()
	}
	err = r.tx(ctx, func(ctx context.Context, q db.Q) error {
		u, err := r.user(ctx, q, actor.Account.ID, phoneUserID)
		if err != nil {
			return err
		}
		d, err = r.equip(ctx, q, link{user: u, account: actor.Account.Name}, kind, "", actor.Address)
		return err
	})
	return d, err
}

// Provision returns the document behind a provisioning link, once. Every link that has nothing to give is not found.
func (r *Room) Provision(ctx context.Context, token string) (document []byte, err error) {
	defer fault.Wrap(&err, "phoneuser.Provision")
	hash := ident.Hash(tokenProvision, token)
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		var stored string
		err := q.QueryRowContext(ctx, `SELECT document FROM set_up_links WHERE token_hash = $1 AND kind = $2 AND ended = '' AND expires_at > $3`,
			hash, kindProvision, r.now()).Scan(&stored)
		if errors.Is(err, sql.ErrNoRows) {
			return notFound()
		}
		if err != nil {
			return err
		}
		if document, err = r.Keys.Open(provisionContext(hash), stored); err != nil {
			return err
		}
		result, err := q.ExecContext(ctx, `UPDATE set_up_links SET used_at = $2, ended = $3, document = '' WHERE token_hash = $1 AND ended = ''`, hash, r.now(), linkUsed)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n != 1 {
			return cmpErr(err, notFound())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return document, nil
}

func cmpErr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}
