package phoneuser

import (
	"context"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
	"hubline/product/account"
)

// DevicesMost is how many devices a phone user can have at the same time.
const DevicesMost = 5

// The digest algorithms of devices, as RFC 8760 names them.
const (
	MD5    = "MD5"
	SHA256 = "SHA-256"
)

// Marks that user names begin with, so that the algorithm can be told from any name, known or not.
const (
	markMD5    = "m"
	markSHA256 = "s"
	nameLength = 20 // random letters and digits after the mark: 100 bits
)

// Device is one phone or app that signs in for a phone user, with a credential of its own.
type Device struct {
	ID        string
	Name      string // what it was set up as: "Phone app", "SIP phone"
	Username  string
	Algorithm string
	SeenAt    int64 // last registration, to about a minute; 0: not yet
	Address   string
	UserAgent string
	Online    bool // can be reached now
	CreatedAt int64
}

// AlgorithmOf tells the digest algorithm of the device with that user name from its mark alone. Any text has one.
func AlgorithmOf(username string) string {
	if strings.HasPrefix(username, markSHA256) {
		return SHA256
	}
	return MD5
}

// ha1 is H(username:realm:password) in small hexadecimal digits (RFC 7616 section 3.4.2).
func ha1(algorithm, username, realm, password string) string {
	text := []byte(username + ":" + realm + ":" + password)
	if algorithm == SHA256 {
		sum := sha256.Sum256(text)
		return hex.EncodeToString(sum[:])
	}
	sum := md5.Sum(text)
	return hex.EncodeToString(sum[:])
}

// sealed binds a stored digest to its user name, so that it opens in no other row.
func sealed(username string) string { return "device ha1 " + username }

// Devices lists the living devices of a phone user, the oldest first.
func (r *Room) Devices(ctx context.Context, actor account.Actor, id string) (list []Device, err error) {
	defer fault.Wrap(&err, "phoneuser.Devices")
	if err := actor.Require(account.ViewPhoneUsers); err != nil {
		return nil, err
	}
	if _, err := r.user(ctx, r.DB, actor.Account.ID, id); err != nil {
		return nil, err
	}
	return r.devices(ctx, r.DB, actor.Account.ID, id)
}

func (r *Room) devices(ctx context.Context, q db.Q, accountID, phoneUserID string) (list []Device, err error) {
	return db.Collect(ctx, q, func(d *Device) []any {
		return []any{&d.ID, &d.Name, &d.Username, &d.Algorithm, &d.SeenAt, &d.Address, &d.UserAgent, &d.CreatedAt, (*flag)(&d.Online)}
	}, `
		SELECT d.id, d.name, d.username, d.algorithm, d.seen_at, d.address, d.user_agent, d.created_at,
			(SELECT CASE WHEN COUNT(*) > 0 THEN 1 ELSE 0 END FROM locations l WHERE l.account_id = d.account_id AND l.device_id = d.id AND l.expires_at > $3)
		FROM devices d WHERE d.account_id = $1 AND d.phone_user_id = $2 AND d.ended_at = 0 ORDER BY d.created_at, d.id`, accountID, phoneUserID, r.now())
}

// EndDevice ends one device: its credential works no more, and what it has open ends within a second.
func (r *Room) EndDevice(ctx context.Context, actor account.Actor, id, deviceID string) (err error) {
	defer fault.Wrap(&err, "phoneuser.EndDevice")
	err = r.within(ctx, actor, account.ChangePhoneUsers, func(ctx context.Context, q db.Q, actor account.Actor) error {
		u, err := r.user(ctx, q, actor.Account.ID, id)
		if err != nil {
			return err
		}
		var name string
		err = q.QueryRowContext(ctx, `
			UPDATE devices SET ended_at = $4, ha1 = '' WHERE account_id = $1 AND phone_user_id = $2 AND id = $3 AND ended_at = 0 RETURNING name`,
			u.AccountID, u.ID, deviceID, r.now()).Scan(&name)
		if errors.Is(err, sql.ErrNoRows) {
			return notFound()
		}
		if err != nil {
			return err
		}
		for _, query := range []string{
			`DELETE FROM locations WHERE account_id = $1 AND device_id = $2`,
			`UPDATE set_up_links SET ended = 'reset', document = '' WHERE account_id = $1 AND device_id = $2 AND ended = ''`,
		} {
			if _, err := q.ExecContext(ctx, query, u.AccountID, deviceID); err != nil {
				return err
			}
		}
		if err := r.Account.Record(ctx, q, actor, account.Entry{Action: account.DeviceEnded, SubjectID: u.ID, SubjectName: name + " of " + u.Label()}); err != nil {
			return err
		}
		return r.notice(ctx, q, u.AccountID, DeviceTopic(deviceID), userTopic(u.ID))
	})
	r.cache.drop(DeviceTopic(deviceID))
	return err
}

// endDevices ends all devices of a phone user and returns the topics that tell of it.
func (r *Room) endDevices(ctx context.Context, q db.Q, u User) ([]string, error) {
	topics, err := r.silence(ctx, q, u)
	if err != nil {
		return nil, err
	}
	_, err = q.ExecContext(ctx, `UPDATE devices SET ended_at = $3, ha1 = '' WHERE account_id = $1 AND phone_user_id = $2 AND ended_at = 0`, u.AccountID, u.ID, r.now())
	return topics, err
}

// Reset ends every device of a phone user within a second, and mails a new set-up link if the app is on and there is an address.
func (r *Room) Reset(ctx context.Context, actor account.Actor, id string) (u User, err error) {
	defer fault.Wrap(&err, "phoneuser.Reset")
	err = r.within(ctx, actor, account.SendPhoneDetails, func(ctx context.Context, q db.Q, actor account.Actor) error {
		if u, err = r.user(ctx, q, actor.Account.ID, id); err != nil {
			return err
		}
		topics, err := r.endDevices(ctx, q, u)
		if err != nil {
			return err
		}
		ended := strconv.Itoa(u.Devices) + " devices ended"
		if err := r.endLinks(ctx, q, u, linkReset); err != nil {
			return err
		}
		u.Devices = 0
		if err := r.Account.Record(ctx, q, actor, account.Entry{Action: account.DevicesReset, SubjectID: u.ID, SubjectName: u.Label(), After: ended}); err != nil {
			return err
		}
		if u.AppEnabled && u.Email != "" {
			if err := r.sendLink(ctx, q, actor, &u, afterReset); err != nil {
				return err
			}
		}
		return r.notice(ctx, q, u.AccountID, topics...)
	})
	r.cache.drop(userTopic(id))
	return u, err
}

// makeDevice makes a device with a new credential and returns its password, which nobody can read again.
func (r *Room) makeDevice(ctx context.Context, q db.Q, u User, kind, userAgent, address string) (d Device, password string, err error) {
	if u.Devices >= DevicesMost {
		return d, "", fault.New(fault.Conflict, "device-limit",
			"You have "+strconv.Itoa(DevicesMost)+" devices, the most there can be. Ask an admin to end one, then open this link again")
	}
	d = Device{ID: ident.New(), Name: deviceNames[kind], Algorithm: SHA256, CreatedAt: r.now()}
	mark := markSHA256
	if kind == Phone {
		d.Algorithm, mark = MD5, markMD5
	}
	d.Username, password = mark+strings.ToLower(rand.Text())[:nameLength], strings.ToLower(rand.Text())
	_, err = q.ExecContext(ctx, `
		INSERT INTO devices (account_id, phone_user_id, id, username, name, algorithm, ha1, seen_at, address, user_agent, created_at, ended_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 0, '', '', $8, 0)`, u.AccountID, u.ID, d.ID, d.Username, d.Name, d.Algorithm,
		r.Keys.Seal(sealed(d.Username), []byte(ha1(d.Algorithm, d.Username, r.Domain, password))), d.CreatedAt)
	if err != nil {
		return d, "", err
	}
	by := account.Actor{Kind: phoneUserActor, Name: u.DisplayName, Account: account.Account{ID: u.AccountID}, Address: address}
	err = r.Account.Record(ctx, q, by, account.Entry{Action: account.DeviceAdded, SubjectID: u.ID, SubjectName: d.Name + " of " + u.Label(), After: account.Describe(userAgent)})
	if err != nil {
		return d, "", err
	}
	return d, password, r.notice(ctx, q, u.AccountID, userTopic(u.ID))
}

// NoteElsewhere notes in the audit log that somebody called with a device's credential from where the device is not signed in: what a
// stolen one looks like. The address is without port.
func (r *Room) NoteElsewhere(ctx context.Context, c Credential, address string) (err error) {
	defer fault.Wrap(&err, "phoneuser.NoteElsewhere")
	u := User{Settings: Settings{Extension: c.Extension, DisplayName: c.DisplayName}}
	by := account.Actor{Kind: phoneUserActor, Name: c.DisplayName, Account: account.Account{ID: c.AccountID}, Address: address}
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		return r.Account.Record(ctx, q, by, account.Entry{Action: account.DeviceElsewhere, SubjectID: c.PhoneUserID, SubjectName: u.Label(), After: address})
	})
}

// phoneUserActor marks in the audit log what a person did with the link that was mailed to them, and what was done with their credentials.
const phoneUserActor account.ActorKind = "phone-user"
