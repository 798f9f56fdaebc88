package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"hubline/base/change"
	"hubline/base/db"
	"hubline/base/job"
	"hubline/base/mail"
	"hubline/base/seal"
	"hubline/product/account"
)

// Limits of the HTTP server. Event streams extend their own write deadline.
const (
	readHeaderLimit = 10 * time.Second
	readLimit       = 60 * time.Second
	writeLimit      = 60 * time.Second
	idleLimit       = 2 * time.Minute
	headerBytes     = 64 << 10
	drainLimit      = 20 * time.Second // after SIGTERM: requests, then jobs
)

// sender is what takes mails: a mail server, or nothing at all.
type sender interface {
	Send(context.Context, mail.Message) error
}

// system is everything that runs in one process: ground, rooms and doors, wired together.
type system struct {
	cfg   *Config
	log   *slog.Logger
	store *db.DB
	ring  *seal.Ring
	jobs  *job.Queue
	feed  *change.Feed
	rooms
	phoneSystem
	metrics *metrics
	tracing *tracing
	hosts   []string // names that the portal answers to besides the base URL's
	dev     bool     // the portal shows its component page
	handler http.Handler
	onStop  func() // ends what would hold a stop up: open event streams

	stopping atomic.Bool
}

// assemble opens the store and wires what works on it. The caller closes the store. The configuration is settled.
func assemble(ctx context.Context, cfg *Config, migrate bool, log *slog.Logger, send sender) (_ *system, err error) {
	s := &system{cfg: cfg, log: log}
	if s.ring, err = cfg.ring(); err != nil {
		return nil, err
	}
	if s.store, err = cfg.open(ctx); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.store.Close())
		}
	}()
	if migrate {
		err = db.Migrate(ctx, s.store)
	} else {
		err = db.Check(ctx, s.store)
	}
	if err != nil {
		return nil, err
	}
	s.jobs = job.New(s.store, s.ring, log)
	s.feed = change.NewFeed(s.store, log)
	if err := s.furnish(ctx, log, send); err != nil {
		return nil, err
	}
	if err := s.wirePhones(); err != nil {
		return nil, err
	}
	s.metrics = newMetrics(s.store, s.jobs)
	s.metrics.registry.MustRegister(&telephony{s.board, s.media}, &auditMetrics{s.room, cfg.AuditCheckpoints})
	if s.tracing, err = newTracing(ctx, cfg.OTLPEndpoint); err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	return s, nil
}

// room is what the room account needs from the configuration.
func (s *Site) room(d *db.DB, jobs *job.Queue, ring *seal.Ring, log *slog.Logger, send sender) account.Config {
	return account.Config{DB: d, Jobs: jobs, Keys: ring, Mail: send, Log: log, BaseURL: s.BaseURL, StaffSecondFactor: s.StaffSecondFactor == "on", CloseGrace: time.Duration(s.CloseDays) * 24 * time.Hour,
		Provider: mail.Provider{Name: s.Provider, Phone: s.SupportPhone, Support: s.SupportEmail}}
}

// run serves until ctx ends, then stops cleanly: it takes no new requests, lets those under way and the jobs finish, and
// closes the store last. ready is called once requests are answered.
func (s *system) run(ctx context.Context, listener, metricsListener net.Listener, ready func()) error {
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	var workers sync.WaitGroup
	workers.Go(func() { s.feed.Run(work) })
	workers.Go(func() { s.room.Run(work) })
	workers.Go(func() { s.phones.Run(work) })
	if s.cfg.AuditCheckpoints != "" {
		workers.Go(func() { (&checkpointFile{path: s.cfg.AuditCheckpoints, room: s.room, log: s.log}).run(work) })
	}
	workers.Go(func() { s.numbers.Run(work) })
	workers.Go(func() { s.calls.Run(work) })
	workers.Go(func() { s.hooks.Run(work) })
	workers.Go(func() { s.board.Run(work) })
	workers.Go(func() {
		if err := s.jobs.Run(work); err != nil && work.Err() == nil {
			s.log.Error("jobs stopped", "error", err)
		}
	})

	server := s.server(s.handler)
	server.RegisterOnShutdown(s.onStop)
	failed := make(chan error, 2)
	go func() { failed <- server.Serve(listener) }()
	var watching *http.Server
	if metricsListener != nil {
		watching = s.server(s.metrics.handler())
		go func() { failed <- watching.Serve(metricsListener) }()
	}
	ready()
	go debug.FreeOSMemory() // what parsing templates took is of no use any more

	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	s.stopping.Store(true)
	s.log.Info("stopping")
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainLimit)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.closePhones(drain) }()
	if e := server.Shutdown(drain); e != nil {
		s.log.Warn("requests were cut off", "error", e, "after", drainLimit)
		err = errors.Join(err, server.Close())
	}
	err = errors.Join(err, <-ended)
	stopWork()
	workers.Wait()
	if watching != nil {
		err = errors.Join(err, watching.Close())
	}
	err = errors.Join(err, s.tracing.stop(drain), s.store.Close())
	s.log.Info("stopped")
	return err
}

func (s *system) server(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderLimit,
		ReadTimeout:       readLimit,
		WriteTimeout:      writeLimit,
		IdleTimeout:       idleLimit,
		MaxHeaderBytes:    headerBytes,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), // what scanners and broken clients cause
	}
}

// listen opens an address, with TLS when a certificate is given.
func listen(ctx context.Context, address, cert, key, flag string) (net.Listener, error) {
	var c net.ListenConfig
	l, err := c.Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is in use by another program; stop that one or choose another address with %s (port 0 takes a free one)", address, flag)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	if cert == "" {
		return l, nil
	}
	files := &certificate{certFile: cert, keyFile: key}
	if err := files.load(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return tls.NewListener(l, &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: files.get,
	}), nil
}

// certificate holds a certificate from files and reads them again when they have been renewed.
type certificate struct {
	certFile, keyFile string

	mu     sync.Mutex
	now    *tls.Certificate
	looked time.Time
}

// certificateAge is how long a certificate in memory is used before its files are looked at again.
const certificateAge = time.Minute

func (c *certificate) load() error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("--tls-cert, --tls-key: %w", err)
	}
	c.now, c.looked = &pair, time.Now()
	return nil
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) > certificateAge {
		if c.load() != nil { // half written: keep the one in use and look again later
			c.looked = time.Now()
		}
	}
	return c.now, nil
}
