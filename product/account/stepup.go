package account

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"time"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
)

// A step-up check proves that whoever holds the session still holds the mailbox. Its code is six digits, works for ten minutes, five
// tries and once, and belongs to one session and one action.
const (
	codeLife   = 10 * time.Minute
	codeTries  = 5
	codeResend = 30 * time.Second
	onceLife   = 10 * time.Minute // how long a check waits for the one action it is good for, where the account asks every time
)

// CheckAction is what a step-up check is for. All changes of access share one, as an admin who may do one may do the others.
const CheckAction = "access"

// checkRule says how long a step-up check counts, and for how much.
type checkRule struct {
	life time.Duration
	once bool // for one change only
	own  bool // of the person's own ways in; otherwise of the account that the actor stands in
}

// ownCheck is the rule for everything that somebody signs in with: each change has a check of its own, whatever their accounts say.
var ownCheck = checkRule{life: onceLife, once: true, own: true}

// checkRule is what the account asks before access to it, or what keeps it safe, changes.
func (p Policy) checkRule() checkRule {
	if p.CheckMinutes == 0 {
		return checkRule{life: onceLife, once: true}
	}
	return checkRule{life: time.Duration(p.CheckMinutes) * time.Minute}
}

// fresh reports whether the session's last check counts under the rule. It has to have been passed with the strongest thing the person has:
// a code by email is none for those with a second factor. Among second factors there is no order, or whoever lost one could not replace it.
func (s session) fresh(now int64, has ways, rule checkRule) bool {
	if s.checked == 0 || ahead(s.checked, now) || s.checkedBy == ByEmailCode && has.second() {
		return false
	}
	return now-s.checked < rule.life.Milliseconds() && !(rule.once && s.checkUsed != 0)
}

// requireCheck refuses a change without a step-up check that counts under the rule, and uses the check up if it counts once.
// Keys were made by somebody who was checked; the provider has rules of its own for accounts.
func (r *Room) requireCheck(ctx context.Context, q db.Q, actor Actor, rule checkRule) error {
	if err := r.checkStands(ctx, q, actor, rule); err != nil || !rule.once {
		return err
	}
	_, err := q.ExecContext(ctx, `UPDATE sessions SET check_used = 1 WHERE id = $1`, actor.SessionID)
	return err
}

// checkStands is requireCheck for what comes before the change: it uses nothing up.
func (r *Room) checkStands(ctx context.Context, q db.Q, actor Actor, rule checkRule) error {
	if actor.Kind != Member && !rule.own {
		return nil
	}
	var s session
	var has ways
	err := q.QueryRowContext(ctx, `
		SELECT s.checked_at, s.check_used, s.checked_by, p.ways FROM sessions s JOIN people p ON p.id = s.person_id WHERE s.id = $1 AND s.person_id = $2`,
		actor.SessionID, actor.PersonID).Scan(&s.checked, &s.checkUsed, &s.checkedBy, &has)
	if errors.Is(err, sql.ErrNoRows) {
		return signedOut()
	}
	if err != nil || s.fresh(r.now(), has, rule) {
		return err
	}
	message := "Confirm it is you"
	if rule.own {
		message += " before you change how you sign in"
	}
	if !has.second() {
		message += ". We will email you a code"
	}
	return fault.New(fault.StepUp, "check-needed", message)
}

// SendCode mails a new code to the actor's person. An older code of the session stops working.
func (r *Room) SendCode(ctx context.Context, actor Actor, b Browser) (err error) {
	defer fault.Wrap(&err, "account.SendCode")
	if err := actor.mayConfirm(); err != nil {
		return err
	}
	if actor.ways.second() {
		return fault.New(fault.Conflict, "check-stronger", "You have a second factor. Confirm with that")
	}
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		return r.mailCode(ctx, q, codeFor{actor.SessionID, CheckAction}, actor.PersonID, actor.Email, b)
	})
}

// codeFor is what a mailed code is good for: one action of one session, or of one half sign-in.
type codeFor struct{ holder, action string }

func (r *Room) codeMAC(c codeFor, code string) string {
	return hex.EncodeToString(r.Keys.MAC("step-up", []byte(c.holder+"|"+c.action+"|"+code)))
}

// mailCode mails a new code, unless one was just sent. An older one of the same holder stops working.
func (r *Room) mailCode(ctx context.Context, q db.Q, c codeFor, personID, email string, b Browser) error {
	now := r.now()
	var created int64
	err := q.QueryRowContext(ctx, `SELECT created_at FROM step_up_codes WHERE session_id = $1`, c.holder).Scan(&created)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if wait := left(created, codeResend, now); wait > 0 {
		return &fault.Fault{Kind: fault.TooMany, Code: "code-just-sent", RetryAfter: wait,
			Message: "We just sent a code. Wait " + inWords(wait) + " before you ask for another"}
	}
	number, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return err
	}
	code := fmt.Sprintf("%06d", number)
	if _, err := q.ExecContext(ctx, `
		INSERT INTO step_up_codes (session_id, person_id, action, code_mac, tries, created_at, expires_at) VALUES ($1, $2, $3, $4, 0, $5, $6)
		ON CONFLICT (session_id) DO UPDATE SET action = excluded.action, code_mac = excluded.code_mac, tries = 0,
			created_at = excluded.created_at, expires_at = excluded.expires_at`,
		c.holder, personID, c.action, r.codeMAC(c, code), now, now+codeLife.Milliseconds()); err != nil {
		return err
	}
	zone, err := r.zoneOf(ctx, q, personID)
	if err != nil {
		return err
	}
	return r.Jobs.Add(ctx, q, codeMail, codeLetter{Email: email, Code: code, Action: c.action, At: now, Zone: zone, From: b.UserAgent, Address: b.Address})
}

// useMailedCode counts a try and uses the code up if it is right. The verdict is apart from what went wrong with the store, because a
// wrong try has to be committed.
func (r *Room) useMailedCode(ctx context.Context, q db.Q, c codeFor, code string) (verdict, err error) {
	now := r.now()
	var mac string
	var tries int64
	err = q.QueryRowContext(ctx, `
		UPDATE step_up_codes SET tries = tries + 1 WHERE session_id = $1 AND action = $2 AND expires_at > $3 AND tries < $4 AND created_at <= $5
		RETURNING code_mac, tries`, c.holder, c.action, now, codeTries, now+clockSlack.Milliseconds()).Scan(&mac, &tries)
	if errors.Is(err, sql.ErrNoRows) {
		return fault.Field("code-ended", "code", "That code has run out. Send a new one"), nil
	}
	if err != nil {
		return nil, err
	}
	if !hmac.Equal([]byte(mac), []byte(r.codeMAC(c, code))) {
		return fault.Field("code-wrong", "code", wrongCode(codeTries-tries)), nil
	}
	_, err = q.ExecContext(ctx, `DELETE FROM step_up_codes WHERE session_id = $1`, c.holder)
	return nil, err
}

func (a Actor) mayConfirm() error {
	if a.Kind != Member && a.Kind != Staff {
		return fault.New(fault.Forbidden, "check-not-needed", "Only people who are signed in confirm with a code")
	}
	return nil
}

// CodePending reports whether a code was sent to this session that may still be typed in.
func (r *Room) CodePending(ctx context.Context, actor Actor) (bool, error) {
	return exists(ctx, r.DB, `SELECT 1 FROM step_up_codes WHERE session_id = $1 AND expires_at > $2 AND tries < $3 AND created_at <= $4`,
		actor.SessionID, r.now(), codeTries, r.now()+clockSlack.Milliseconds())
}

// ConfirmCode checks a typed code: of the authenticator app or a recovery code for those who have a second factor, else the one that was
// mailed. Spaces and dashes in it do not matter. Each wrong one is counted, in a transaction of its own. A
// right one gives the session a new token, as its rights have just risen; the old token stops working.
func (r *Room) ConfirmCode(ctx context.Context, actor Actor, typed string) (session string, err error) {
	defer fault.Wrap(&err, "account.ConfirmCode")
	if err := actor.mayConfirm(); err != nil {
		return "", err
	}
	if actor.ways.second() {
		return r.confirmSecond(ctx, actor, typed)
	}
	code := plainCode(typed)
	if code == "" {
		return "", fault.Field("code-empty", "code", "Enter the six-digit code from the email")
	}
	guesses := limit{key: "code:" + actor.PersonID, free: 100, most: time.Hour, forget: 24 * time.Hour}
	if err := r.spend(ctx, guesses); err != nil {
		return "", err
	}
	var verdict error
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		var err error
		if verdict, err = r.useMailedCode(ctx, q, codeFor{actor.SessionID, CheckAction}, code); err != nil || verdict != nil {
			return err
		}
		if err := r.refund(ctx, q, guesses); err != nil {
			return err
		}
		session, err = r.checked(ctx, q, actor, ByEmailCode)
		return err
	})
	if err == nil {
		err = verdict
	}
	if err != nil {
		return "", err
	}
	return session, nil
}

// confirmSecond is ConfirmCode for somebody with a second factor: no mailed code will do.
func (r *Room) confirmSecond(ctx context.Context, actor Actor, typed string) (session string, err error) {
	code, err := r.tryCode(ctx, actor.PersonID, typed)
	if err != nil {
		return "", err
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		by, err := r.useCode(ctx, q, actor.PersonID, code, Browser{Address: actor.Address})
		if err == nil {
			session, err = r.checked(ctx, q, actor, by)
		}
		return err
	})
	return session, err
}

// checked notes that the actor passed a step-up check by that method, and what it proved. The session gets a new token, as its rights have
// just risen.
func (r *Room) checked(ctx context.Context, q db.Q, actor Actor, by Method) (token string, err error) {
	var proofs string
	err = q.QueryRowContext(ctx, `SELECT proofs FROM sessions WHERE id = $1`, actor.SessionID).Scan(&proofs)
	if errors.Is(err, sql.ErrNoRows) {
		return "", signedOut() // while the code was typed
	}
	if err != nil {
		return "", err
	}
	now := r.now()
	token, hash := ident.Token(tokenSession)
	_, err = q.ExecContext(ctx, `UPDATE sessions SET checked_at = $2, check_used = 0, checked_by = $3, proofs = $4, token_hash = $5 WHERE id = $1`,
		actor.SessionID, now, by, proofsFromColumn(proofs).with(by, now).column(), hash)
	return token, err
}

func wrongCode(left int64) string {
	switch left {
	case 0:
		return "That code is not right. It can't be used any more. Send a new one"
	case 1:
		return "That code is not right. You have 1 try left"
	}
	return fmt.Sprintf("That code is not right. You have %d tries left", left)
}
