// Package idempotent lets a program repeat a request without repeating what it did: the answer to the first request under a key is
// kept for a day and given again. It knows neither the protocol nor what a request is about.
package idempotent

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/seal"
)

const (
	keep     = 24 * time.Hour
	longest  = 30 * time.Second // how long a request may take
	patience = time.Minute      // after it, a request without an answer counts as broken off; more than longest plus what clocks differ
)

// Store keeps answers in the table idempotency_keys.
//
// A key is reserved before the request runs and gets its answer afterwards. If the process dies in between, nobody knows whether the
// request took effect: its work is a transaction of its own, which may or may not have been committed. Do then never runs the request
// again under that key but says so, until the key is forgotten after a day.
//
// Answers are sealed, as some show a secret that is stored nowhere else in clear.
type Store struct {
	DB   *db.DB
	Keys *seal.Ring
	Log  *slog.Logger     // nil: discarded
	Now  func() time.Time // nil: time.Now
}

// Answer is what a request was answered with. Body must be text.
type Answer struct {
	Status int // 0 is no answer
	Header map[string]string
	Body   []byte
}

// Do answers a request: by running it when the key is new in its scope, with the kept answer when the same request came before.
// run reports whether the request took effect or may have; if not, the key is forgotten and may be used again. run goes on when the
// client leaves, so that a repeat finds an answer; it has to end when its context does.
//
// Three faults are possible: the first request still runs, it broke off without an answer, or it was another request.
func (s *Store) Do(ctx context.Context, scope, key string, request []byte, run func(ctx context.Context) (a Answer, effect bool)) (a Answer, repeated bool, err error) {
	defer fault.Wrap(&err, "idempotent.Do")
	sum := sha256.Sum256(request)
	hash := hex.EncodeToString(sum[:])
	at, reserved, err := s.reserve(ctx, scope, key, hash)
	if err != nil {
		return a, false, err
	}
	if !reserved {
		a, err = s.kept(ctx, scope, key, hash)
		if !errors.Is(err, sql.ErrNoRows) {
			return a, true, err
		}
		// The first request ended without effect a moment ago.
		if at, reserved, err = s.reserve(ctx, scope, key, hash); err != nil || !reserved {
			return a, false, errors.Join(err, running())
		}
	}
	ctx = context.WithoutCancel(ctx)
	bounded, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	a, effect := run(bounded)
	if err := s.settle(ctx, scope, key, at, a, effect); err != nil {
		s.log().ErrorContext(ctx, "the answer to a request was not kept; a repeat will hear that it broke off", "error", err)
	}
	return a, false, nil
}

// reserve takes the key, unless a row younger than a day has it, and returns the time that marks the reservation.
func (s *Store) reserve(ctx context.Context, scope, key, hash string) (at int64, reserved bool, err error) {
	at = s.now().UnixMilli()
	result, err := s.DB.ExecContext(ctx, `
		INSERT INTO idempotency_keys (scope, key, request_hash, status, header, body, created_at) VALUES ($1, $2, $3, 0, '', '', $4)
		ON CONFLICT (scope, key) DO UPDATE SET request_hash = excluded.request_hash, status = 0, header = '', body = '', created_at = excluded.created_at
		WHERE idempotency_keys.created_at <= $5`, scope, key, hash, at, at-keep.Milliseconds())
	if err != nil {
		return at, false, err
	}
	n, err := result.RowsAffected()
	return at, n == 1, err
}

// kept returns the answer of an earlier request.
func (s *Store) kept(ctx context.Context, scope, key, hash string) (a Answer, err error) {
	var first, header, body string
	var at int64
	err = s.DB.QueryRowContext(ctx, `SELECT request_hash, status, header, body, created_at FROM idempotency_keys WHERE scope = $1 AND key = $2`, scope, key).
		Scan(&first, &a.Status, &header, &body, &at)
	if err != nil {
		return a, err
	}
	switch {
	case first != hash:
		return Answer{}, fault.Field("idempotency-reused", "Idempotency-Key", "This Idempotency-Key was used for another request. Use a new one for each new request")
	case a.Status == 0 && s.now().UnixMilli()-at < patience.Milliseconds():
		return Answer{}, running()
	case a.Status == 0:
		return Answer{}, fault.New(fault.Conflict, "idempotency-unfinished",
			"The first request with this Idempotency-Key broke off, and we do not know whether it took effect. Look at how things stand, then send what is missing with a new key")
	}
	if header != sealed { // kept by a version that did not seal; such rows are gone after a day
		a.Body = []byte(body)
		return a, json.Unmarshal([]byte(header), &a.Header)
	}
	plain, err := s.Keys.Open(sealContext(scope, key), body)
	if err != nil {
		return Answer{}, err
	}
	return a, json.Unmarshal(plain, &a)
}

// sealed stands where the header was when the whole answer is sealed in the body.
const sealed = "sealed"

// sealContext ties a sealed answer to its key, so that it opens in no other place.
func sealContext(scope, key string) string { return "idempotent answer\x00" + scope + "\x00" + key }

func running() error {
	return &fault.Fault{Kind: fault.Conflict, Code: "idempotency-running", RetryAfter: time.Second,
		Message: "The first request with this Idempotency-Key is still running. Wait a second, then send it again"}
}

// settle keeps the answer, or forgets the key of a request without effect. It touches only its own reservation.
func (s *Store) settle(ctx context.Context, scope, key string, at int64, a Answer, effect bool) error {
	if !effect {
		_, err := s.DB.ExecContext(ctx, `DELETE FROM idempotency_keys WHERE scope = $1 AND key = $2 AND created_at = $3 AND status = 0`, scope, key, at)
		return err
	}
	plain, err := json.Marshal(a)
	if err != nil {
		return err
	}
	_, err = s.DB.ExecContext(ctx, `
		UPDATE idempotency_keys SET status = $4, header = $5, body = $6 WHERE scope = $1 AND key = $2 AND created_at = $3 AND status = 0`,
		scope, key, at, a.Status, sealed, s.Keys.Seal(sealContext(scope, key), plain))
	return err
}

// Tidy deletes the answers that are older than a day. Do does not depend on it.
func (s *Store) Tidy(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "idempotent.Tidy")
	_, err = s.DB.ExecContext(ctx, `DELETE FROM idempotency_keys WHERE created_at <= $1`, s.now().Add(-keep).UnixMilli())
	return err
}

func (s *Store) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

func (s *Store) log() *slog.Logger {
	if s.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Log
}
