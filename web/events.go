package web

import (
	"sync"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
)

const (
	streamsPerSession = 20
	streamBeat        = 25 * time.Second // shorter than the minute after which proxies give up on a quiet connection
)

// streams are the open event streams of this process.
type streams struct {
	mu      sync.Mutex
	count   map[string]int // by session
	closing chan struct{}
}

// Close ends all event streams, so that a server can stop without waiting for them. Requests go on being served.
func (p *Portal) Close() {
	p.streams.mu.Lock()
	defer p.streams.mu.Unlock()
	select {
	case <-p.streams.closing:
	default:
		close(p.streams.closing)
	}
}

// open counts a stream of a session; the function that it returns gives the place back.
func (s *streams) open(session string) (done func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count[session] >= streamsPerSession {
		return nil, false
	}
	s.count[session]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.count[session]--; s.count[session] == 0 {
			delete(s.count, session)
		}
	}, true
}

// events tells an open page what changed in its account, and ends with the right to be there.
func (p *Portal) events(r *Request) error {
	actor := r.Viewer.Actor
	done, ok := p.streams.open(actor.SessionID)
	if !ok {
		return fault.New(fault.TooMany, "too-many-pages", "You have many pages of this portal open. Close some to let this one follow changes")
	}
	defer done()
	notices, cancel := p.Changes.Subscribe(account.AccountTopic(actor.Account.ID), account.PersonTopic(actor.PersonID))
	defer cancel()
	stream, err := r.Stream()
	if err != nil {
		return nil // the reader is gone
	}
	p.follow(r, stream, notices)
	return nil
}

// follow ends when the viewer's rights, the page or the portal do. A failed write is a reader who went away.
func (p *Portal) follow(r *Request, stream *Stream, notices <-chan string) {
	actor := r.Viewer.Actor
	beat := time.NewTicker(streamBeat)
	defer beat.Stop()
	for {
		topic := ""
		select {
		case <-r.Context().Done():
			return
		case <-p.streams.closing:
			return
		case topic = <-notices:
		case <-beat.C: // sessions also end by time, which nobody notices
		}
		now, err := p.Account.Again(r.Context(), actor)
		switch {
		case fault.Is(err, fault.SignedOut):
			_ = stream.Send("ended", "signed-out")
			return
		case fault.Is(err, fault.NotFound):
			_ = stream.Send("ended", "access")
			return
		case err != nil:
			p.report(r, err)
			return
		case !now.Roles.Equal(actor.Roles):
			_ = stream.Send("ended", "access") // the page shows a menu that is no longer theirs
			return
		}
		if topic == "" {
			err = stream.Beat()
		} else if topic == account.AccountTopic(actor.Account.ID) {
			err = stream.Send("changed", "hub-users")
		}
		if err != nil {
			return
		}
	}
}

// newStreams is empty and open.
func newStreams() *streams { return &streams{count: map[string]int{}, closing: make(chan struct{})} }
