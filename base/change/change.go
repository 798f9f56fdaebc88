// Package change tells every node within a second that something was committed which may end what is open: a page
// stream, a socket, a registration. It carries topics only; whoever is told reads the store.
package change

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"maps"
	"math"
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
	seconds map[int64]*second // what was passed on, by the second of its notices' time
	read    time.Time         // the last look that succeeded
	swept   time.Time
	tidy    time.Time
}

// second is what was passed on of a second: how many notices, and which. The latter is forgotten once it is older than overlap; should one
// more come then, all of that second are passed on again. So neither a look nor the memory grows with all that is kept.
type second struct {
	told int
	ids  map[string]bool // nil when forgotten
}

// NewFeed makes a feed; it tells nothing before Run.
func NewFeed(d *db.DB, log *slog.Logger) *Feed {
	return &Feed{
		Now: time.Now, Poll: 250 * time.Millisecond, Sweep: 5 * time.Second,
		db: d, log: log,
		topics: make(map[string]map[*subscriber]bool), prefixes: make(map[*subscriber]bool),
		seconds: make(map[int64]*second),
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
		f.thin(now)
	}
	f.tell(fresh)
	return nil
}

// since reads the topics of notices that were not passed on yet. Counting a second's notices costs the store a tenth of reading them.
func (f *Feed) since(ctx context.Context, from time.Time) (fresh []string, err error) {
	defer fault.Wrap(&err, "look for changes")
	type count struct {
		second int64
		n      int
	}
	counts, err := db.Collect(ctx, f.db, func(c *count) []any { return []any{&c.second, &c.n} }, `
		SELECT at / 1000, COUNT(*) FROM changes WHERE at >= $1 GROUP BY at / 1000`, from.Unix()*1000)
	if err != nil {
		return nil, err
	}
	more := map[int64]*second{} // the seconds that have more than was passed on, as they will be
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	for _, c := range counts {
		if was := f.seconds[c.second]; was == nil || c.n > was.told {
			more[c.second] = &second{ids: map[string]bool{}}
			first, last = min(first, c.second), max(last, c.second)
		}
	}
	if len(more) == 0 {
		return nil, nil
	}
	type notice struct {
		id, topic string
		at        int64
	}
	notices, err := db.Collect(ctx, f.db, func(n *notice) []any { return []any{&n.id, &n.at, &n.topic} }, `
		SELECT id, at, topic FROM changes WHERE at >= $1 AND at < $2`, first*1000, (last+1)*1000)
	if err != nil {
		return nil, err
	}
	for _, n := range notices {
		is := more[n.at/1000]
		if is == nil {
			continue
		}
		is.ids[n.id], is.told = true, is.told+1
		if was := f.seconds[n.at/1000]; was == nil || !was.ids[n.id] {
			fresh = append(fresh, n.topic)
		}
	}
	maps.Copy(f.seconds, more)
	return fresh, nil
}

// forget deletes old notices in the store.
func (f *Feed) forget(ctx context.Context, now time.Time) error {
	old := now.Add(-kept).UnixMilli()
	if _, err := f.db.ExecContext(ctx, `DELETE FROM changes WHERE at < $1`, old); err != nil {
		return fmt.Errorf("delete old changes: %w", err)
	}
	f.tidy = now
	return nil
}

// thin forgets what was passed on long ago.
func (f *Feed) thin(now time.Time) {
	for at, second := range f.seconds {
		switch {
		case at < now.Add(-kept).Unix()-1:
			delete(f.seconds, at)
		case at < now.Add(-2*overlap).Unix():
			second.ids = nil
		}
	}
}
