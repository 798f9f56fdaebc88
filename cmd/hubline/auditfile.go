package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hubline/base/db"
	"hubline/product/account"
)

const (
	copyEvery  = time.Minute
	copyAtOnce = 500

	// oldCheckpoint is how long the last checkpoint may be ago: one is signed every hour, and copied a few minutes later.
	oldCheckpoint = 2 * time.Hour
)

// checkpointFile appends every checkpoint of every audit log to a file outside of the store. Each node that has such a file keeps it
// complete by itself, wherever the checkpoints were signed; after a stop it goes on behind its last line.
type checkpointFile struct {
	path string
	room *account.Room
	log  *slog.Logger

	last   string // ID of the last checkpoint in the file
	opened bool
}

func (c *checkpointFile) run(ctx context.Context) {
	tick := time.NewTicker(copyEvery)
	defer tick.Stop()
	for {
		if err := c.copy(ctx); err != nil && ctx.Err() == nil {
			c.log.Error("checkpoints of the audit logs were not copied", "file", c.path, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// copy appends what came since the last time, each time at the end of the file as it is then.
func (c *checkpointFile) copy(ctx context.Context) error {
	if !c.opened {
		if err := c.resume(); err != nil {
			return err
		}
	}
	for {
		list, err := c.room.CheckpointsAfter(ctx, c.last, copyAtOnce)
		if err != nil || len(list) == 0 {
			return err
		}
		var lines bytes.Buffer
		for _, point := range list {
			lines.Write(point.Line())
		}
		if err := appendTo(c.path, lines.Bytes()); err != nil {
			return err
		}
		c.last = list[len(list)-1].ID
	}
}

// resume finds the last checkpoint in the file, and ends a line that was cut off.
func (c *checkpointFile) resume() error {
	text, err := os.ReadFile(c.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if c.last, err = lastCheckpoint(text); err != nil {
		return fmt.Errorf("%s: %w", c.path, err)
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		if err := appendTo(c.path, []byte("\n")); err != nil {
			return err
		}
	}
	c.opened = true
	return nil
}

func lastCheckpoint(text []byte) (string, error) {
	_, last, err := account.ReadCheckpoints(bytes.NewReader(text))
	return last, err
}

// appendTo opens the file anew each time, so that it can be moved away or put on a mount that comes and goes.
func appendTo(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// auditMetrics tells how the audit logs' trees and checkpoints stand.
type auditMetrics struct {
	room *account.Room
	path string // of the checkpoint file, "" for none
}

var (
	auditWaiting = prometheus.NewDesc("hubline_audit_waiting", "Entries of audit logs that wait for their place in the tree.", nil, nil)
	auditWaits   = prometheus.NewDesc("hubline_audit_waiting_seconds", "Age of the oldest of them.", nil, nil)
	auditSigned  = prometheus.NewDesc("hubline_audit_checkpoint_age_seconds", "Time since the last checkpoint was signed; one is every hour.", nil, nil)
	auditCopied  = prometheus.NewDesc("hubline_audit_file_age_seconds", "Time since the file of --audit-checkpoints was written.", nil, nil)
)

// Describe implements prometheus.Collector.
func (a *auditMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{auditWaiting, auditWaits, auditSigned, auditCopied} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (a *auditMetrics) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64) { ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v) }
	ctx, cancel := context.WithTimeout(context.Background(), scrapeLimit)
	defer cancel()
	state, err := a.room.AuditState(ctx)
	if err != nil {
		return // hubline_store_up tells
	}
	gauge(auditWaiting, float64(state.Waiting))
	gauge(auditWaits, ageOf(state.Since).Seconds())
	if state.Signed > 0 {
		gauge(auditSigned, ageOf(state.Signed).Seconds())
	}
	if info, err := os.Stat(a.path); a.path != "" && err == nil {
		gauge(auditCopied, time.Since(info.ModTime()).Seconds())
	}
}

// ageOf is the time since a moment of the store, 0 for none.
func ageOf(ms int64) time.Duration {
	if ms == 0 {
		return 0
	}
	return time.Since(time.UnixMilli(ms))
}

// audit tells of audit logs that are no longer signed, or whose checkpoints stay in the store alone.
func (c *doctorCommand) audit(ctx context.Context, d *db.DB) []finding {
	room, err := c.reader(d)
	if err != nil {
		return nil // the finding about the key says it
	}
	state, err := room.AuditState(ctx)
	switch running := "Is hubline serve running?"; {
	case err != nil:
		return []finding{{broken, "audit", err.Error(), ""}}
	case state.Waiting > 0 && ageOf(state.Since) > oldJob:
		return []finding{{worth, "audit", fmt.Sprintf("%d entries of audit logs wait for their place since %s", state.Waiting, utc(state.Since)), running}}
	case state.Signed == 0:
		return []finding{{healthy, "audit", "nothing has been signed yet", ""}}
	case ageOf(state.Signed) > oldCheckpoint:
		return []finding{{worth, "audit", "the last checkpoint of the audit logs was signed at " + utc(state.Signed), running}}
	}
	signed := "the last checkpoint was signed at " + utc(state.Signed)
	if c.AuditCheckpoints == "" {
		return []finding{{healthy, "audit", signed + "; checkpoints are kept in the store only", "With --audit-checkpoints a copy is kept outside"}}
	}
	info, err := os.Stat(c.AuditCheckpoints)
	switch {
	case err != nil:
		return []finding{{worth, "audit", err.Error(), "hubline serve makes the file of --audit-checkpoints; let it write there"}}
	case time.Since(info.ModTime()) > oldCheckpoint:
		return []finding{{worth, "audit", c.AuditCheckpoints + " was last written at " + utc(info.ModTime().UnixMilli()), "Can Hubline write to it?"}}
	}
	return []finding{{healthy, "audit", signed + "; copies go to " + c.AuditCheckpoints, ""}}
}

func utc(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04 UTC") }
