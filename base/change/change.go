// Package change tells every node within a second that something was committed which may end what is open: a page
// stream, a socket, a registration. It carries topics only; whoever is told reads the store.
package change

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"hubline/base/db"
	"hubline/base/fault"
)

const (
	// kept is how long notices stay: longer than any transaction lasts and any two clocks differ.
	kept = 10 * time.Minute
	// overlap is what each look reads again, for transactions that were committed after their notice's time.
	overlap   = 10 * time.Second
	tidyEvery = time.Minute
	// patience bounds one look, so that a connection which died unnoticed does not stop the feed.
	patience = 5 * time.Second
)

// Post notes topics in the caller's transaction; subscribers on every node hear of them once it has committed.
func Post(ctx context.Context, q db.Q, now time.Time, topics ...string) (err error) {
	defer fault.Wrap(&err, "change.Post")
	if len(topics) == 0 {
		return nil
	}
	values := make([]string, len(topics))
	args := make([]any, 0, 1+2*len(topics))
	args = append(args, now.UnixMilli())
	for i, topic := range topics {
		values[i] = fmt.Sprintf("($%d, $1, $%d)", 2*i+2, 2*i+3)
		args = append(args, strings.ToLower(rand.Text()), topic)
	}
	_, err = q.ExecContext(ctx, `INSERT INTO changes (id, at, topic) VALUES `+strings.Join(values, ", "), args...)
	return err
}

// Feed reads the notices of all nodes for the subscribers in this process. Change its exported fields before Run.
type Feed struct {
	Now   func() time.Time
	Poll  time.Duration // pause between two looks at the store
	Sweep time.Duration // pause between two looks at everything kept, for what comes later than overlap

	db  *db.DB
	log *slog.Logger

	mu     sync.Mutex
	topics map[string]map[*subscriber]bool
	// prefixes are the subscribers by prefix.
	prefixes map[*subscriber]bool

	// What follows belongs to Run.
	seen  map[string]int64 // notices passed on, by ID, with their time
	read  time.Time        // the last look that succeeded
	swept time.Time
	tidy  time.Time
}

// NewFeed makes a feed; it tells nothing before Run.
func NewFeed(d *db.DB, log *slog.Logger) *Feed {
	return &Feed{
		Now: time.Now, Poll: 250 * time.Millisecond, Sweep: 5 * time.Second,
		db: d, log: log,
		topics: make(map[string]map[*subscriber]bool), prefixes: make(map[*subscriber]bool),
		seen: make(map[string]int64),
	}
}

// Run looks for notices until ctx ends.
func (f *Feed) Run(ctx context.Context) {
	tick := time.NewTicker(f.Poll)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := f.look(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			f.log.Error("changes are not noticed: the store does not answer", "error", err)
		}
		failing = err != nil
	}
}

// look passes on the notices that came since the last look.
func (f *Feed) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	now := f.Now()
	if now.Sub(f.tidy) >= tidyEvery {
		if err := f.forget(ctx, now); err != nil {
			return err
		}
	}
	if !f.wanted() {
		f.read = now // a later subscriber reads the store itself
		return nil
	}
	from, sweep := f.read.Add(-overlap), now.Sub(f.swept) >= f.Sweep || now.Before(f.swept)
	if sweep {
		from = now.Add(-kept)
	}
	fresh, err := f.since(ctx, from)
	if err != nil {
		return err
	}
	if !f.read.IsZero() && now.Sub(f.read) > kept/2 {
		// The store was away for so long that notices may have come and gone; everything may have changed.
		fresh = f.subscribed()
	}
	if f.read = now; sweep {
		f.swept = now
	}
	f.tell(fresh)
	return nil
}

// since reads the topics of notices that were not passed on yet.
func (f *Feed) since(ctx context.Context, from time.Time) ([]string, error) {
	rows, err := f.db.QueryContext(ctx, `SELECT id, at, topic FROM changes WHERE at >= $1`, from.UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("look for changes: %w", err)
	}
	defer rows.Close()
	var fresh []string
	for rows.Next() {
		var id, topic string
		var at int64
		if err := rows.Scan(&id, &at, &topic); err != nil {
			return nil, fmt.Errorf("look for changes: %w", err)
		}
		if _, known := f.seen[id]; !known {
			f.seen[id] = at
			fresh = append(fresh, topic)
		}
	}
	return fresh, rows.Err()
}

// forget deletes old notices here and in the store.
func (f *Feed) forget(ctx context.Context, now time.Time) error {
	old := now.Add(-kept).UnixMilli()
	if _, err := f.db.ExecContext(ctx, `DELETE FROM changes WHERE at < $1`, old); err != nil {
		return fmt.Errorf("delete old changes: %w", err)
	}
	for id, at := range f.seen {
		if at < old {
			delete(f.seen, id)
		}
	}
	f.tidy = now
	return nil
}
