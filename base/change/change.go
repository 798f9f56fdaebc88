// Package change tells every node within a second that something was committed which may end what is open: a page
// stream, a socket, a registration. It carries topics only; whoever is told reads the store.
package change

import (
	"context"
	"log/slog"
	"time"

	"hubline/base/db"
)

// Post notes topics in the caller's transaction; subscribers on every node hear of them once it commits.
func Post(ctx context.Context, q db.Q, now time.Time, topics ...string) error { return nil }

// Feed polls the store for one process and tells its subscribers.
type Feed struct {
	Now  func() time.Time
	Poll time.Duration
}

// NewFeed makes a feed; it tells nothing before Run.
func NewFeed(d *db.DB, log *slog.Logger) *Feed { return &Feed{} }

// Run polls until ctx ends.
func (f *Feed) Run(ctx context.Context) { <-ctx.Done() }

// Subscribe returns a channel that carries each of the topics once for any number of notices not yet received.
func (f *Feed) Subscribe(topics ...string) (<-chan string, func()) {
	return make(chan string), func() {}
}
