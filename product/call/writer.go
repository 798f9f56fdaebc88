package call

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"hubline/base/change"
	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
	"hubline/product/account"
)

// One goroutine writes for all calls, because a commit costs the same for one call as for a hundred: it takes what is queued, waits Gather
// for more, and commits it together. Whoever needs to know that something is kept waits for its commit, which comes sooner and holds only
// the calls that somebody waits for: the others are cheaper together. While the store fails, the same batch is tried again and again, the
// queue fills, and in the end callers wait; nothing is dropped but what the store refuses for good.

// entry is what somebody tells the writer.
type entry struct {
	what   what
	record Record       // for began and finished
	answer answer       // for answered
	done   chan<- error // nil: nobody waits
}

type what int8

const (
	began what = iota
	answered
	finished
	flushed
)

// key names the call that the entry is about.
func (e *entry) key() key {
	if e.what == answered {
		return key{e.answer.accountID, e.answer.id}
	}
	return key{e.record.AccountID, e.record.ID}
}

// answer is what is known of a call the moment it is answered.
type answer struct {
	accountID, id       string
	point, answeredByID string
	at                  int64
}

// Begin records that a call goes on and returns its ID, which it makes unless the record has one from ident.Ordered and the time that the
// call started. It waits only while the queue is full.
func (r *Room) Begin(ctx context.Context, c Record) (id string, err error) {
	defer fault.Wrap(&err, "call.Begin")
	if c.StartedAt == 0 {
		c.StartedAt = r.Now().UnixMilli()
	}
	if c.ID == "" {
		c.ID = ident.Ordered(c.StartedAt)
	}
	if timeOf(c.ID) == 0 {
		return "", errID
	}
	c.Node, c.Status, c.EndedAt = r.Node, "", 0
	c.clean()
	return c.ID, r.put(ctx, entry{what: began, record: c})
}

// Answered records who answered, and returns when that is committed: from then on the call has a record whatever happens.
func (r *Room) Answered(ctx context.Context, accountID, id, point, answeredByID string, at int64) (err error) {
	defer fault.Wrap(&err, "call.Answered")
	done := make(chan error, 1)
	a := answer{accountID: accountID, id: id, point: fit(point), answeredByID: fit(answeredByID), at: at}
	if err := r.put(ctx, entry{what: answered, answer: a, done: done}); err != nil {
		return err
	}
	return r.wait(ctx, done)
}

// Finish records how a call ended: the whole record, with the ID that Begin returned. It waits only while the queue is full. A second
// Finish of the same call changes nothing.
func (r *Room) Finish(ctx context.Context, accountID string, c Record) (err error) {
	defer fault.Wrap(&err, "call.Finish")
	c.AccountID, c.Node = accountID, r.Node
	if c.EndedAt == 0 {
		c.EndedAt = r.Now().UnixMilli()
	}
	if timeOf(c.ID) == 0 {
		return errID
	}
	if c.Status == "" {
		return errors.New("a finished call needs a status")
	}
	c.clean()
	return r.put(ctx, entry{what: finished, record: c})
}

// Flush returns when everything told before it is committed.
func (r *Room) Flush(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "call.Flush")
	done := make(chan error, 1)
	if err := r.put(ctx, entry{what: flushed, done: done}); err != nil {
		return err
	}
	return r.wait(ctx, done)
}

var errID = errors.New("the ID of a call begins with the time that it started")

var errOver = fault.New(fault.Busy, "stopping", "The system is stopping. Try again in a moment")

func (r *Room) put(ctx context.Context, e entry) error {
	select {
	case <-r.over:
		return errOver
	default:
	}
	select {
	case r.queue <- e:
		return nil
	case <-r.over:
		return errOver
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *Room) wait(ctx context.Context, done <-chan error) error {
	select {
	case err := <-done:
		return err
	case <-r.over:
		select {
		case err := <-done: // committed by the last batch
			return err
		default:
			return errOver
		}
	case <-ctx.Done():
		return ctx.Err()
	}
}

const (
	farewell   = 5 * time.Second // for what is queued when Run is told to end
	firstPause = 50 * time.Millisecond
	mostPause  = 2 * time.Second
	aliveEvery = 5 * time.Second
	// afterTries is how often a batch fails as a whole before its entries are tried one by one.
	afterTries = 3
)

// Run writes until ctx ends, then what is queued, for at most five seconds.
func (r *Room) Run(ctx context.Context) {
	defer close(r.over)
	w := &writer{Room: r, due: time.NewTimer(r.Gather), running: true, untold: make(map[string]bool)}
	defer w.due.Stop()
	alive := time.NewTicker(aliveEvery)
	defer alive.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
			defer cancel()
			w.rest(last)
			return
		case e := <-r.queue:
			w.take(e)
			if e.done != nil {
				if e.what == answered {
					w.gather(ctx)
				}
				w.hurry()
				w.commit(ctx)
				w.hurried = time.Now()
			} else if len(w.waiting) >= mostBatch {
				w.all()
				w.commit(ctx)
			}
		case <-w.due.C:
			w.running = false
			w.all()
			w.commit(ctx)
		case <-alive.C:
			w.alive(ctx)
		}
	}
}

// writer belongs to Run.
type writer struct {
	*Room
	waiting []entry         // for their commit, in the order in which they came
	due     *time.Timer     // runs while something waits
	running bool            // due does
	hurried time.Time       // when somebody who waited was told last
	batch   []entry         // what is committed now
	hasty   bool            // batch holds only what somebody waits for; its notices can wait
	untold  map[string]bool // topics of what is committed and was not told of yet
	live    int             // calls begun and not finished, more or less
}

func (w *writer) take(e entry) {
	if w.waiting = append(w.waiting, e); !w.running {
		w.due.Reset(w.Gather)
		w.running = true
	}
}

// all puts everything that waits into the batch.
func (w *writer) all() {
	w.batch, w.hasty = append(w.batch[:0], w.waiting...), false
	w.leave(w.waiting[:0])
}

func (w *writer) leave(waiting []entry) {
	clear(w.waiting[len(waiting):]) // what records hold is free
	w.waiting = waiting
}

// hurry puts the calls into the batch that somebody waits for, with all that is known of them. Pages that show them hear of it with the next
// batch of everything, which due brings.
func (w *writer) hurry() {
	wanted := make(map[key]bool)
	for _, e := range w.waiting {
		switch {
		case e.what == flushed:
			w.all()
			return
		case e.done != nil:
			wanted[e.key()] = true
		}
	}
	w.batch, w.hasty = w.batch[:0], true
	later := w.waiting[:0]
	for _, e := range w.waiting {
		if wanted[e.key()] {
			w.batch = append(w.batch, e)
		} else {
			later = append(later, e)
		}
	}
	w.leave(later)
}

// answerShare is the part of Gather that an answer waits for others. It does not wait when there was none for half as long: then there will
// hardly be another.
const answerShare = 20

// gather takes entries for a moment, until there are enough for one commit. While a commit lasts the next one queues up by itself.
func (w *writer) gather(ctx context.Context) {
	patience := w.Gather / answerShare
	if time.Since(w.hurried) > patience/2 {
		patience = 0
	}
	enough := time.NewTimer(patience)
	defer enough.Stop()
	for len(w.waiting) < mostBatch {
		select {
		case e := <-w.queue:
			w.take(e)
		case <-enough.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// rest writes what waits and what is still queued.
func (w *writer) rest(ctx context.Context) {
	for ctx.Err() == nil {
		for len(w.waiting) < mostBatch {
			select {
			case e := <-w.queue:
				w.take(e)
				continue
			default:
			}
			break
		}
		if len(w.waiting)+len(w.untold) == 0 {
			return
		}
		w.all()
		w.commit(ctx)
	}
}

// commit writes the batch, again until it succeeds or ctx ends.
func (w *writer) commit(ctx context.Context) {
	pause := firstPause
	for try := 1; ; try++ {
		err := w.write(ctx, w.batch)
		if err == nil {
			w.tell(w.batch, nil)
			return
		}
		if ctx.Err() != nil {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
			defer cancel()
			w.tell(w.batch, w.write(ctx, w.batch))
			return
		}
		w.Log.Error("calls are not recorded: the store does not take them", "entries", len(w.batch), "try", try, "error", err)
		if try >= afterTries && w.DB.Ping(ctx) == nil {
			w.oneByOne(ctx)
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, mostPause)
	}
}

// oneByOne finds the entry that the store refuses, so that it does not keep all others from being recorded.
func (w *writer) oneByOne(ctx context.Context) {
	for i := range w.batch {
		err := w.insist(ctx, w.batch[i:i+1])
		if err != nil {
			e := w.batch[i]
			w.Log.Error("a call is not recorded", "account", e.record.AccountID+e.answer.accountID, "call", e.record.ID+e.answer.id, "error", err)
		}
		w.tell(w.batch[i:i+1], err)
	}
}

// insist writes one entry until it succeeds, ctx ends, or a store that answers has refused it three times.
func (w *writer) insist(ctx context.Context, batch []entry) (err error) {
	for refused := 0; refused < afterTries && ctx.Err() == nil; {
		if err = w.write(ctx, batch); err == nil {
			return nil
		}
		if !fault.Is(err, fault.Busy) && w.DB.Ping(ctx) == nil {
			refused++
		}
		select {
		case <-ctx.Done():
		case <-time.After(firstPause):
		}
	}
	return err
}

func (w *writer) tell(batch []entry, err error) {
	for _, e := range batch {
		switch e.what {
		case began:
			w.live++
		case finished:
			w.live = max(0, w.live-1)
		}
		if e.done != nil {
			e.done <- err
		}
	}
}

// alive notes that this process runs calls.
func (w *writer) alive(ctx context.Context) {
	if w.live == 0 {
		return
	}
	if _, err := w.DB.ExecContext(ctx, `
		INSERT INTO call_nodes (node, seen_at) VALUES ($1, $2) ON CONFLICT (node) DO UPDATE SET seen_at = excluded.seen_at`,
		w.Node, w.Now().UnixMilli()); err != nil && ctx.Err() == nil {
		w.Log.Error("the store does not note that calls go on", "error", err)
	}
}

// key names a call.
type key struct{ accountID, id string }

// state is what a batch makes of one call.
type state struct {
	record Record
	whole  bool // record is everything, else only the answer is known
	answer answer
}

// fold makes one state of all that a batch tells about a call, in the order in which calls were told of.
func fold(batch []entry) []*state {
	states, order := make(map[key]*state, len(batch)), make([]*state, 0, len(batch))
	at := func(k key) *state {
		s := states[k]
		if s == nil {
			s = &state{}
			states[k], order = s, append(order, s)
		}
		return s
	}
	for _, e := range batch {
		switch e.what {
		case began, finished:
			s := at(key{e.record.AccountID, e.record.ID})
			if s.whole && !s.record.Live() {
				continue // it has ended, and stays so
			}
			s.record, s.whole = e.record, true
		case answered:
			s := at(key{e.answer.accountID, e.answer.id})
			if s.answer = e.answer; s.whole && s.record.Live() {
				s.record.answer(e.answer)
			}
		}
	}
	return order
}

func (c *Record) answer(a answer) {
	c.AnsweringPoint, c.AnsweredByID, c.AnsweredAt, c.RingMS = a.point, a.answeredByID, a.at, max(0, a.at-c.StartedAt)
}

// write commits entries together, and with them the notices of all that was written since the last.
func (w *writer) write(ctx context.Context, batch []entry) error {
	var whole []Record
	var answers []answer
	for _, s := range fold(batch) {
		if s.whole {
			whole = append(whole, s.record)
			w.untold[account.PhoneTopic(s.record.AccountID)] = true
		} else {
			answers = append(answers, s.answer)
			w.untold[account.PhoneTopic(s.answer.accountID)] = true
		}
	}
	var topics []string
	if !w.hasty {
		topics = slices.Sorted(maps.Keys(w.untold))
	}
	if len(whole)+len(answers)+len(topics) == 0 {
		return nil
	}
	err := w.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if err := w.save(ctx, q, whole); err != nil {
			return err
		}
		for _, a := range answers {
			if _, err := q.ExecContext(ctx, `
				UPDATE calls SET answering_point = $3, answered_by_id = $4, answered_at = $5,
					ring_ms = CASE WHEN $5 > started_at THEN $5 - started_at ELSE 0 END
				WHERE account_id = $1 AND id = $2 AND ended_at = 0`, a.accountID, a.id, a.point, a.answeredByID, a.at); err != nil {
				return err
			}
		}
		return change.Post(ctx, q, w.Now(), topics...)
	})
	if err == nil && !w.hasty {
		clear(w.untold)
	}
	return err
}
