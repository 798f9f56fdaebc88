package support

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/product/account"
)

// PINLife is how long a support PIN works.
const PINLife = 15 * time.Minute

// Caller is who showed a support PIN, and what they may ask the provider for.
type Caller struct {
	account.HubUser
	Account account.Account
	MayAsk  []string // sentences
}

// MakePIN gives the actor's person six digits that they tell support on the telephone, good for 15 minutes and once. It replaces an earlier one.
func (r *Room) MakePIN(ctx context.Context, actor account.Actor) (pin string, until int64, err error) {
	defer fault.Wrap(&err, "support.MakePIN")
	if err := actor.Require(account.ShowPIN); err != nil {
		return "", 0, err
	}
	if actor.Kind != account.Member {
		return "", 0, fault.New(fault.Forbidden, "person-needed", "Only people who are signed in can do that")
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if err := r.Account.Still(ctx, q, &actor, account.ShowPIN); err != nil {
			return err
		}
		now := r.now()
		if _, err := q.ExecContext(ctx, `DELETE FROM support_pins WHERE expires_at <= $1 OR account_id = $2 AND membership_id = $3`, now, actor.Account.ID, actor.MembershipID); err != nil {
			return err
		}
		var mac string
		if pin, mac, err = r.freePIN(ctx, q); err != nil {
			return err
		}
		until = now + PINLife.Milliseconds()
		_, err := q.ExecContext(ctx, `INSERT INTO support_pins (account_id, membership_id, code_mac, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)`,
			actor.Account.ID, actor.MembershipID, mac, now, until)
		return err
	})
	return pin, until, err
}

// freePIN draws digits that nobody shows right now.
func (r *Room) freePIN(ctx context.Context, q db.Q) (pin, mac string, err error) {
	for range 100 {
		n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
		if err != nil {
			return "", "", err
		}
		pin = fmt.Sprintf("%06d", n)
		mac = r.pinMAC(pin)
		var taken int
		if err := q.QueryRowContext(ctx, `SELECT COUNT(*) FROM support_pins WHERE code_mac = $1`, mac).Scan(&taken); err != nil {
			return "", "", err
		}
		if taken == 0 {
			return pin, mac, nil
		}
	}
	return "", "", fault.New(fault.Busy, "busy", "Too many PINs are shown right now. Try again in a minute")
}

func (r *Room) pinMAC(pin string) string {
	return hex.EncodeToString(r.Keys.MAC("support-pin", []byte(pin)))
}

// UsePIN tells the provider's staff who shows a PIN, in which account, and what they may ask for. It uses the PIN up. A wrong one, one that ran
// out and one of somebody who lost access are answered alike, and whoever tries too many is slowed.
func (r *Room) UsePIN(ctx context.Context, actor account.Actor, typed string) (c Caller, err error) {
	defer fault.Wrap(&err, "support.UsePIN")
	if !actor.Provider() || actor.Kind != account.Staff {
		return c, notFound()
	}
	pin := strings.NewReplacer(" ", "", "-", "", "\u00a0", "").Replace(strings.TrimSpace(typed))
	if len(pin) != 6 || strings.Trim(pin, "0123456789") != "" {
		return c, fault.Field("pin-form", "pin", "Enter the six digits that the caller reads out")
	}
	if err := r.Account.Guess(ctx, "pin:"+actor.PersonID); err != nil {
		return c, err
	}
	var found bool
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		var membership string
		found, c = false, Caller{}
		err := q.QueryRowContext(ctx, `DELETE FROM support_pins WHERE code_mac = $1 AND expires_at > $2 RETURNING account_id, membership_id`, r.pinMAC(pin), r.now()).
			Scan(&c.Account.ID, &membership)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		found, err = r.caller(ctx, q, actor, membership, &c)
		if err != nil || !found {
			return err
		}
		return r.Account.GuessedRight(ctx, q, "pin:"+actor.PersonID)
	})
	if err == nil && !found {
		err = fault.Field("pin-wrong", "pin", "That PIN is not right, was used, or ran out. Ask the caller for a new one")
	}
	return c, err
}

// caller reads who showed a PIN, as they are now, and writes down in both logs that it was used.
func (r *Room) caller(ctx context.Context, q db.Q, actor account.Actor, membershipID string, c *Caller) (bool, error) {
	a, u, err := r.Account.Member(ctx, q, c.Account.ID, membershipID)
	if fault.Is(err, fault.NotFound) || err == nil && (u.State != account.Active || !a.Works()) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	c.Account, c.HubUser, c.MayAsk = a, u, mayAsk(u.Roles)
	entry := account.Entry{Action: account.PINUsed, SubjectID: u.ID, SubjectName: u.Label(), After: u.Roles.String()}
	if err := r.Account.Record(ctx, q, actor.Inside(a), entry); err != nil {
		return false, err
	}
	entry.After = a.Name + ": " + entry.After
	return true, r.Account.Record(ctx, q, actor.Inside(account.Account{}), entry)
}

// mayAsk says in words what somebody with these roles may ask the provider for (product.md 3.2 and 3.4).
func mayAsk(roles account.Roles) (list []string) {
	if roles.Allows(account.AskForChanges) {
		list = append(list, "Changes of phone users, numbers, services and the plan, and cancelling. Adding people or changing access is for the account's admins in the portal.")
	}
	if roles.Allows(account.AskInvoiceDetails) {
		list = append(list, "Invoice details: name, address and recipients of invoices, and questions about a bill.")
	}
	if len(list) == 0 {
		return []string{"Nothing that changes the account or its bill. Help with using the portal and phones only."}
	}
	return list
}
