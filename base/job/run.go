package job

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

var (
	errLost = errors.New("the lease is lost; another node may run this job")
	errDied = errors.New("the process ended in the middle of the last try")
	errStop = errors.New("the process stops")
)

// Run works until ctx ends and then lets running jobs finish within Grace. What is still running after that is told
// to stop; its lease runs out and another node takes it.
func (q *Queue) Run(ctx context.Context) error {
	jobs, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(errStop)
	r := &runner{q: q, jobs: jobs, busy: make(map[string]int), freed: make(chan struct{}, 1)}
	tick := time.NewTicker(q.Poll)
	defer tick.Stop()
	failing := false
	for ctx.Err() == nil {
		err := r.round(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			q.log.Error("jobs stand still: the store does not answer", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-r.freed:
		}
	}
	return r.drain(stop)
}

// A runner is one Run: what this process is working on.
type runner struct {
	q       *Queue
	jobs    context.Context // of all handlers; outlives the context of Run by Grace
	freed   chan struct{}   // a worker is free again
	running sync.WaitGroup

	mu      sync.Mutex
	busy    map[string]int // running jobs by kind
	total   int
	turn    int  // which kind may choose first
	planned bool // the rows of periodic work are there
}

// round starts what is due, as far as workers are free. It is bounded, so that a connection which died unnoticed does
// not stop the queue.
func (r *runner) round(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.q.Lease)
	defer cancel()
	if err := r.periodic(ctx); err != nil {
		return err
	}
	for {
		lost, err := r.claimSome(ctx)
		if err != nil || !lost {
			return err
		}
		// Another node was quicker, so there may be more than this look has shown.
	}
}

// drain waits for running handlers, first kindly.
func (r *runner) drain(stop context.CancelCauseFunc) error {
	done := make(chan struct{})
	go func() { r.running.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-time.After(r.q.Grace):
	}
	stop(errStop)
	select {
	case <-done:
		return nil
	case <-time.After(time.Second):
		return errors.New("job: a handler did not stop; its job runs again when the lease ends")
	}
}

// A claim is a job that this process may work on until another claim replaces its token.
type claim struct {
	kind     string
	id       string
	args     string
	attempts int // tries including this one
	token    string
	until    time.Time
}

// claimSome looks once for due jobs and starts as many as there are free workers. lost reports that another node
// took one of them first.
func (r *runner) claimSome(ctx context.Context) (lost bool, err error) {
	free := r.free()
	if free == 0 || len(r.q.names) == 0 {
		return false, nil
	}
	due, err := r.q.due(ctx, free)
	if err != nil {
		return false, err
	}
	for _, next := range r.order(due) {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if !r.take(next.kind) {
			continue
		}
		c, ok, err := r.claim(next)
		if err != nil || !ok {
			r.release(next.kind)
			if err != nil {
				return false, err
			}
			lost = true
			continue
		}
		r.running.Go(func() {
			defer r.release(c.kind)
			r.work(c)
		})
	}
	return lost, nil
}

// claim does not end with Run's context: a claim that the store has taken and we have not would block the job for a lease.
func (r *runner) claim(j row) (claim, bool, error) {
	ctx, cancel := context.WithTimeout(r.jobs, r.q.Lease/2)
	defer cancel()
	return r.q.claim(ctx, j)
}

func (r *runner) free() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.q.Workers - r.total
}

// take reserves a worker. One kind alone never gets the last one, so that a slow mail server does not hold up the rest.
func (r *runner) take(kind string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	most := r.q.Workers
	if len(r.q.kinds) > 1 && most > 1 {
		most--
	}
	if r.total >= r.q.Workers || r.busy[kind] >= most {
		return false
	}
	r.total++
	r.busy[kind]++
	return true
}

func (r *runner) release(kind string) {
	r.mu.Lock()
	r.total--
	r.busy[kind]--
	r.mu.Unlock()
	select {
	case r.freed <- struct{}{}:
	default:
	}
}

// order lets the kinds choose in turn, and another kind choose first each time.
func (r *runner) order(due map[string][]row) []row {
	names := r.q.names
	var rows []row
	for depth := 0; ; depth++ {
		before := len(rows)
		for i := range names {
			if of := due[names[(r.turn+i)%len(names)]]; depth < len(of) {
				rows = append(rows, of[depth])
			}
		}
		if len(rows) == before {
			r.turn++
			return rows
		}
	}
}

// work runs one claimed job and writes down how it ended.
func (r *runner) work(c claim) {
	k := r.q.kinds[c.kind]
	args, err := r.q.ring.Open(sealContext(c.kind, c.id), c.args)
	switch {
	case err != nil:
		err = fmt.Errorf("open args: %w", err)
	case c.attempts > k.attempts:
		err = Permanent(errDied)
	default:
		err = r.hold(c.until, renewJob(r.q, c), func(ctx context.Context) error {
			return k.run(context.WithValue(ctx, idKey{}, c.id), args)
		})
	}
	if errors.Is(err, errLost) {
		r.q.log.Warn("job given up", "job", c.id, "kind", c.kind, "error", err)
		return
	}
	r.settle(c, args, err)
}

// settle deletes a finished job, gives a failed one another time, or makes it a dead letter. When the store does not
// take it, the lease ends and the job runs again.
func (r *runner) settle(c claim, args []byte, err error) {
	q, k := r.q, r.q.kinds[c.kind]
	ctx := context.WithoutCancel(r.jobs)
	log := q.log.With("job", c.id, "kind", c.kind, "attempt", c.attempts)
	var ok bool
	var storeErr error
	switch {
	case err == nil:
		ok, storeErr = persist(ctx, func(ctx context.Context) (bool, error) { return q.finish(ctx, c) })
	case r.jobs.Err() != nil && !isPermanent(err):
		ok, storeErr = persist(ctx, func(ctx context.Context) (bool, error) { return q.putBack(ctx, c) })
	case isPermanent(err) || c.attempts >= k.attempts:
		log.Error("job is dead", "error", text(err))
		if k.onDead != nil && args != nil {
			_ = q.guard(func() error { k.onDead(ctx, args, err); return nil }) // which logs the panic; the job is dead anyway
		}
		ok, storeErr = persist(ctx, func(ctx context.Context) (bool, error) { return q.bury(ctx, c, text(err)) })
	default:
		pause := q.Backoff(c.attempts)
		log.Warn("job failed and will be tried again", "error", text(err), "in", pause)
		ok, storeErr = persist(ctx, func(ctx context.Context) (bool, error) { return q.retryIn(ctx, c, pause, text(err)) })
	}
	switch {
	case storeErr != nil:
		log.Error("job's end could not be written down; it will run again", "error", storeErr)
	case !ok:
		log.Warn("job lost its lease while it ran; it may run a second time")
	}
}

// persist gives a statement three chances: losing it would mean to do the whole job again.
func persist(ctx context.Context, write func(context.Context) (bool, error)) (ok bool, err error) {
	for try := range 3 {
		if try > 0 {
			time.Sleep(time.Duration(try) * 100 * time.Millisecond)
		}
		once, cancel := context.WithTimeout(ctx, 10*time.Second)
		ok, err = write(once)
		cancel()
		if err == nil {
			return ok, nil
		}
	}
	return false, err
}

// hold calls fn and renews the lease until it returns. fn's context ends when the lease is lost.
func (r *runner) hold(until time.Time, renew func(ctx context.Context, until time.Time) (bool, error), fn func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(r.jobs)
	var keeper sync.WaitGroup
	keeper.Go(func() { r.keep(ctx, cancel, until, renew) })
	err := r.q.guard(func() error { return fn(ctx) })
	if err != nil && context.Cause(ctx) == errLost {
		err = fmt.Errorf("%w: %w", errLost, err)
	}
	cancel(nil)
	keeper.Wait()
	return err
}

// keep renews a lease three times in its length. A store that does not answer costs the lease only when its time is over.
func (r *runner) keep(ctx context.Context, lose context.CancelCauseFunc, until time.Time, renew func(context.Context, time.Time) (bool, error)) {
	tick := time.NewTicker(r.q.Lease / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		next := r.q.Now().Add(r.q.Lease)
		once, cancel := context.WithDeadline(ctx, time.Now().Add(r.q.Lease/3))
		ok, err := renew(once, next)
		cancel()
		switch {
		case err == nil && ok:
			until = next
		case err == nil || !r.q.Now().Before(until):
			lose(errLost)
			return
		}
	}
}

// guard turns a panic into an error; the stack goes to the log.
func (q *Queue) guard(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			q.log.Error("a job panicked", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return fn()
}

// maxText bounds what a dead letter keeps of its error, in bytes.
const maxText = 500

// text is an error as one line that both engines store.
func text(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	line = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, line)
	if len(line) > maxText {
		line = line[:maxText]
	}
	return strings.ToValidUTF8(line, "")
}
