package account

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/hex"
	"strings"

	"hubline/base/db"
	"hubline/base/fault"
)

// Recovery codes stand for a second factor that is not at hand: ten at a time, 80 random bits each, each good once.
const (
	recoveryCodes  = 10
	recoveryBytes  = 10
	recoveryLength = 16 // characters
)

func (r *Room) recoveryMAC(personID, code string) string {
	return hex.EncodeToString(r.Keys.MAC("recovery code", []byte(personID+"|"+code)))
}

// makeCodes gives the person new recovery codes; those they had stop working.
func (r *Room) makeCodes(ctx context.Context, q db.Q, personID string) ([]string, error) {
	if _, err := q.ExecContext(ctx, `DELETE FROM recovery_codes WHERE person_id = $1`, personID); err != nil {
		return nil, err
	}
	var codes []string
	for range recoveryCodes {
		raw := make([]byte, recoveryBytes)
		rand.Read(raw)
		code := base32.StdEncoding.EncodeToString(raw)
		if _, err := q.ExecContext(ctx, `INSERT INTO recovery_codes (person_id, code_mac, created_at, used_at) VALUES ($1, $2, $3, 0)`,
			personID, r.recoveryMAC(personID, code), r.now()); err != nil {
			return nil, err
		}
		codes = append(codes, strings.ToLower(code[:4]+"-"+code[4:8]+"-"+code[8:12]+"-"+code[12:]))
	}
	return codes, nil
}

// NewRecoveryCodes replaces the actor's own recovery codes and returns the new ones, which nobody can look up again. It needs a fresh
// step-up check.
func (r *Room) NewRecoveryCodes(ctx context.Context, actor Actor, b Browser) (codes []string, err error) {
	defer fault.Wrap(&err, "account.NewRecoveryCodes")
	if err := actor.ownsWays(); err != nil {
		return nil, err
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if err := r.requireCheck(ctx, q, actor, ownCheck); err != nil {
			return err
		}
		p, err := r.personByID(ctx, q, actor.PersonID)
		if err != nil {
			return err
		}
		if !p.ways.second() {
			return fault.New(fault.Conflict, "no-second-factor", "Recovery codes stand for a second factor. Set one up first")
		}
		if codes, err = r.makeCodes(ctx, q, p.ID); err != nil {
			return err
		}
		return r.tellOwn(ctx, q, p.ID, "codes-made", "", b)
	})
	return codes, err
}

// useRecoveryCode accepts a recovery code, once, and tells the person that one is gone.
func (r *Room) useRecoveryCode(ctx context.Context, q db.Q, personID, code string, b Browser) error {
	wrong := fault.Field("recovery-wrong", "code", "That code is not right, or was used. Enter a six-digit code from your app, or another recovery code")
	if len(code) != recoveryLength {
		return wrong
	}
	result, err := q.ExecContext(ctx, `UPDATE recovery_codes SET used_at = $3 WHERE person_id = $1 AND code_mac = $2 AND used_at = 0`,
		personID, r.recoveryMAC(personID, code), r.now())
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return errorOr(err, wrong)
	}
	var left int64
	if err := q.QueryRowContext(ctx, `SELECT COUNT(*) FROM recovery_codes WHERE person_id = $1 AND used_at = 0`, personID).Scan(&left); err != nil {
		return err
	}
	return r.tellOwn(ctx, q, personID, "code-used", decimal(left), b)
}

func errorOr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}
