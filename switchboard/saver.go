package switchboard

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"hubline/product/phoneuser"
)

// locationStore is what keeps bindings beyond this process; the room phoneuser, and a slow or broken store in tests.
type locationStore interface {
	SaveLocations(ctx context.Context, locations []phoneuser.Location) error
	RemoveLocations(ctx context.Context, locations []phoneuser.Location) error
}

const (
	gatherTime = 3 * time.Millisecond // how long the first of a batch waits for others
	lazyTime   = time.Second          // how long a refresh may stay unwritten
	saveLimit  = 10 * time.Second     // one commit
	mostLazy   = 4096                 // refreshes waiting before they are written early
)

// saver writes bindings in batches: what came together is one transaction, and everybody who waits hears of it at once.
type saver struct {
	store locationStore
	log   *slog.Logger

	writing sync.Mutex // one batch at a time, so that they arrive in their order

	mu   sync.Mutex
	next *batch
	wake chan struct{} // holds one when next is to be written now
}

// batch is what one transaction writes. done is closed when it is over, and err set before.
type batch struct {
	writes map[locationKey]write
	urgent bool
	done   chan struct{}
	err    error
}

type locationKey struct{ account, device, contact string }

type write struct {
	phoneuser.Location
	remove bool
}

func newSaver(store locationStore, log *slog.Logger) *saver {
	return &saver{store: store, log: log, next: newBatch(), wake: make(chan struct{}, 1)}
}

func newBatch() *batch {
	return &batch{writes: make(map[locationKey]write), done: make(chan struct{})}
}

// put adds to the next batch; the last word about a contact counts. An urgent batch is written at once.
func (s *saver) put(saves, removes []phoneuser.Location, urgent bool) *batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.next
	for _, l := range removes {
		b.writes[locationKey{l.AccountID, l.DeviceID, l.ContactKey}] = write{l, true}
	}
	for _, l := range saves {
		l.Comes = urgent || b.writes[locationKey{l.AccountID, l.DeviceID, l.ContactKey}].Comes
		b.writes[locationKey{l.AccountID, l.DeviceID, l.ContactKey}] = write{l, false}
	}
	if urgent || len(b.writes) >= mostLazy {
		b.urgent = true
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
	return b
}

// wait returns when the batch is committed, or why it is not.
func (b *batch) wait(ctx context.Context) error {
	select {
	case <-b.done:
		return b.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run writes batches until ctx ends, and what is left then.
func (s *saver) run(ctx context.Context) {
	lazy := time.NewTicker(lazyTime)
	defer lazy.Stop()
	for {
		select {
		case <-ctx.Done():
			s.flush(context.WithoutCancel(ctx))
			return
		case <-lazy.C:
		case <-s.wake:
			gather := time.NewTimer(gatherTime)
			select {
			case <-gather.C:
			case <-ctx.Done():
				gather.Stop()
			}
		}
		s.flush(context.WithoutCancel(ctx))
	}
}

// flush writes the next batch. Refreshes that could not be written wait for the one after it.
func (s *saver) flush(ctx context.Context) {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	b := s.next
	if len(b.writes) == 0 {
		s.mu.Unlock()
		return
	}
	s.next = newBatch()
	s.mu.Unlock()
	if b.err = s.write(ctx, b); b.err != nil {
		s.log.Error("bindings were not saved", "error", b.err, "bindings", len(b.writes))
		s.retry(b)
	}
	close(b.done)
}

func (s *saver) write(ctx context.Context, b *batch) error {
	ctx, cancel := context.WithTimeout(ctx, saveLimit)
	defer cancel()
	var saves, removes []phoneuser.Location
	for _, w := range b.writes {
		if w.remove {
			removes = append(removes, w.Location)
		} else {
			saves = append(saves, w.Location)
		}
	}
	if len(removes) > 0 {
		if err := s.store.RemoveLocations(ctx, removes); err != nil {
			return err
		}
	}
	if len(saves) > 0 {
		return s.store.SaveLocations(ctx, saves)
	}
	return nil
}

// retry puts the writes of a failed batch under those that came since. Those who waited were told that it failed, and a binding that is
// written nevertheless costs nothing but a call to a phone that is not there.
func (s *saver) retry(b *batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.next.writes) > mostLazy {
		return
	}
	newer := s.next.writes
	s.next.writes = b.writes
	maps.Copy(s.next.writes, newer)
}
