package idempotent_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/base/fault"
	"hubline/base/idempotent"
	"hubline/base/seal"
)

// clock is a time that tests turn.
type clock struct{ ms atomic.Int64 }

func (c *clock) now() time.Time       { return time.UnixMilli(c.ms.Load()) }
func (c *clock) turn(d time.Duration) { c.ms.Add(d.Milliseconds()) }

func open(t *testing.T, d *db.DB) (*idempotent.Store, *clock) {
	t.Helper()
	c := &clock{}
	c.ms.Store(time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC).UnixMilli())
	return &idempotent.Store{DB: d, Keys: seal.New(make([]byte, seal.KeySize)), Now: c.now}, c
}

var made = idempotent.Answer{Status: 201, Header: map[string]string{"Location": "/things/1", "ETag": `"1"`}, Body: []byte(`{"id":"1"}`)}

func answer(a idempotent.Answer) func(context.Context) (idempotent.Answer, bool) {
	return func(context.Context) (idempotent.Answer, bool) { return a, true }
}

func never(t *testing.T) func(context.Context) (idempotent.Answer, bool) {
	return func(context.Context) (idempotent.Answer, bool) {
		t.Error("the request ran again")
		return idempotent.Answer{}, true
	}
}

func code(err error) string {
	if f, ok := fault.Of(err); ok {
		return f.Code
	}
	return fmt.Sprint(err)
}

func TestARepeatGetsTheFirstAnswer(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, c := open(t, d)
		ctx := t.Context()
		if got, repeated, err := s.Do(ctx, "k POST /things", "a", []byte("x"), answer(made)); err != nil || repeated || !reflect.DeepEqual(got, made) {
			t.Fatalf("first: %+v %v %v", got, repeated, err)
		}
		c.turn(23 * time.Hour)
		if got, repeated, err := s.Do(ctx, "k POST /things", "a", []byte("x"), never(t)); err != nil || !repeated || !reflect.DeepEqual(got, made) {
			t.Errorf("repeat: %+v %v %v", got, repeated, err)
		}
		if _, _, err := s.Do(ctx, "k POST /things", "a", []byte("y"), never(t)); code(err) != "idempotency-reused" || !fault.Is(err, fault.Invalid) {
			t.Errorf("another request under the key: %v", err)
		}
		ran := false
		other := func(context.Context) (idempotent.Answer, bool) { ran = true; return made, true }
		if _, _, err := s.Do(ctx, "other POST /things", "a", []byte("y"), other); err != nil || !ran {
			t.Errorf("the same key in another scope: ran %v, %v", ran, err)
		}
	})
}

// Threat S22: an answer may hold a secret that is shown once, so the store keeps none of it in clear; and what an earlier version kept is
// given again all the same.
func TestS22AnswersAreSealed(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, _ := open(t, d)
		secret := idempotent.Answer{Status: 201, Header: map[string]string{"Location": "/things/1"}, Body: []byte(`{"secret":"whsec_topsecret"}`)}
		if _, _, err := s.Do(t.Context(), "s", "a", []byte("x"), answer(secret)); err != nil {
			t.Fatal(err)
		}
		var header, body string
		row := d.QueryRowContext(t.Context(), `SELECT header, body FROM idempotency_keys WHERE scope = 's' AND key = 'a'`)
		if err := row.Scan(&header, &body); err != nil || body == "" || strings.Contains(header+body, "topsecret") || strings.Contains(header+body, "things") {
			t.Errorf("kept is %q %q, %v", header, body, err)
		}
		if _, err := d.ExecContext(t.Context(), `UPDATE idempotency_keys SET key = 'b' WHERE scope = 's' AND key = 'a'`); err != nil {
			t.Fatal(err)
		}
		if got, _, err := s.Do(t.Context(), "s", "b", []byte("x"), never(t)); !errors.Is(err, seal.ErrOpen) {
			t.Errorf("under another key it opens: %+v, %v", got, err)
		}
		if _, err := d.ExecContext(t.Context(), `UPDATE idempotency_keys SET header = '{"ETag":"1"}', body = 'old' WHERE scope = 's'`); err != nil {
			t.Fatal(err)
		}
		if got, repeated, err := s.Do(t.Context(), "s", "b", []byte("x"), never(t)); err != nil || !repeated || string(got.Body) != "old" || got.Header["ETag"] != "1" {
			t.Errorf("of an earlier version: %+v %v %v", got, repeated, err)
		}
	})
}

func TestAKeyIsForgottenAfterADay(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, c := open(t, d)
		for _, tidy := range []bool{false, true} {
			if _, _, err := s.Do(t.Context(), "s", "a", []byte("x"), answer(made)); err != nil {
				t.Fatal(err)
			}
			c.turn(24 * time.Hour)
			if tidy {
				if err := s.Tidy(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			later := idempotent.Answer{Status: 204, Header: map[string]string{}, Body: []byte{}}
			if got, repeated, err := s.Do(t.Context(), "s", "a", []byte("y"), answer(later)); err != nil || repeated || got.Status != 204 {
				t.Errorf("tidied %v: %+v %v %v", tidy, got, repeated, err)
			}
			c.turn(24 * time.Hour)
		}
		if err := s.Tidy(t.Context()); err != nil {
			t.Fatal(err)
		}
		var rows int
		if err := d.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM idempotency_keys`).Scan(&rows); err != nil || rows != 0 {
			t.Errorf("%d rows after Tidy, %v", rows, err)
		}
	})
}

// A process that dies between the change and its answer leaves a reservation. Nothing may run it again.
func TestABrokenOffRequestIsNeverRunAgain(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, c := open(t, d)
		func() {
			defer func() { _ = recover() }()
			_, _, _ = s.Do(t.Context(), "s", "a", []byte("x"), func(context.Context) (idempotent.Answer, bool) { panic("killed") })
		}()
		_, _, err := s.Do(t.Context(), "s", "a", []byte("x"), never(t))
		f, ok := fault.Of(err)
		if !ok || f.Code != "idempotency-running" || f.Kind != fault.Conflict || f.RetryAfter <= 0 {
			t.Errorf("at once: %v", err)
		}
		for _, later := range []time.Duration{time.Minute, 22 * time.Hour} {
			c.turn(later)
			if _, _, err := s.Do(t.Context(), "s", "a", []byte("x"), never(t)); code(err) != "idempotency-unfinished" || !fault.Is(err, fault.Conflict) {
				t.Errorf("later: %v", err)
			}
		}
	})
}

func TestARequestWithoutEffectFreesItsKey(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, _ := open(t, d)
		refused := idempotent.Answer{Status: 422, Body: []byte("{}")}
		got, _, err := s.Do(t.Context(), "s", "a", []byte("x"), func(context.Context) (idempotent.Answer, bool) { return refused, false })
		if err != nil || got.Status != 422 {
			t.Fatalf("%+v %v", got, err)
		}
		if got, repeated, err := s.Do(t.Context(), "s", "a", []byte("corrected"), answer(made)); err != nil || repeated || got.Status != 201 {
			t.Errorf("%+v %v %v", got, repeated, err)
		}
	})
}

func TestARequestOutlivesItsClient(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, _ := open(t, d)
		ctx, leave := context.WithCancel(t.Context())
		_, _, err := s.Do(ctx, "s", "a", []byte("x"), func(run context.Context) (idempotent.Answer, bool) {
			leave()
			if _, bounded := run.Deadline(); !bounded || run.Err() != nil {
				t.Errorf("the request's context: bounded %v, %v", bounded, run.Err())
			}
			return made, true
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, repeated, err := s.Do(t.Context(), "s", "a", []byte("x"), never(t)); err != nil || !repeated || got.Status != 201 {
			t.Errorf("%+v %v %v", got, repeated, err)
		}
	})
}

func TestOneOfManyAtTheSameTimeRuns(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, _ := open(t, d)
		for round := range 10 {
			var ran, repeats, waits atomic.Int64
			var all sync.WaitGroup
			for range 16 {
				all.Go(func() {
					_, repeated, err := s.Do(t.Context(), "s", fmt.Sprint(round), []byte("x"), func(context.Context) (idempotent.Answer, bool) {
						ran.Add(1)
						return made, true
					})
					switch {
					case err == nil && repeated:
						repeats.Add(1)
					case code(err) == "idempotency-running":
						waits.Add(1)
					case err != nil && !errors.Is(err, context.Canceled):
						t.Errorf("%v", err)
					}
				})
			}
			all.Wait()
			if ran.Load() != 1 || ran.Load()+repeats.Load()+waits.Load() != 16 {
				t.Fatalf("ran %d times, %d repeats, %d told to wait", ran.Load(), repeats.Load(), waits.Load())
			}
		}
	})
}
