package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"hubline/product/account"
)

// AuditCheckpoint says what the log was at one moment, signed.
type AuditCheckpoint struct {
	Origin     string     `json:"origin" doc:"Name of the log, and of its key." example:"hub.example.com/audit/k3vq5zr2yb7m4xw6ct2ahsn5de"`
	Key        string     `json:"key" doc:"Public key that checks the signature, as a verifier key: name+id+key." example:"hub.example.com/audit/k3vq5zr2yb7m4xw6ct2ahsn5de+3d1c3a9e+AfWw4sC0F2yZk1nN0pQvVd8m2o5x7s9u1w3y5A7C9E1G"`
	Entries    int64      `json:"entries" doc:"Entries in the log that have their place." example:"1824"`
	Waiting    int64      `json:"waiting" doc:"Entries that get their place within seconds." example:"0"`
	Checkpoint string     `json:"checkpoint" doc:"The last checkpoint as a signed note (C2SP tlog-checkpoint); empty while nothing was signed." example:"hub.example.com/audit/k3vq5zr2yb7m4xw6ct2ahsn5de\n1824\n…"`
	Size       int64      `json:"size" doc:"Entries that the checkpoint covers." example:"1824"`
	SignedAt   *time.Time `json:"signed_at" doc:"When it was signed; null while nothing was." example:"2026-11-25T09:00:00Z"`
}

func (d *door) auditCheckpoint(ctx context.Context, actor account.Actor, _ *struct{ InAccount }) (*listing[AuditCheckpoint], error) {
	p, err := d.Account.AuditProof(ctx, actor)
	if err != nil {
		return nil, err
	}
	c := AuditCheckpoint{Origin: p.Origin, Key: p.Key, Entries: p.Size, Waiting: p.Waiting}
	if p.Last != nil {
		c.Checkpoint, c.Size, c.SignedAt = p.Last.Note, p.Last.Size, moment(p.Last.At)
	}
	return &listing[AuditCheckpoint]{c}, nil
}

func (d *door) signAudit(ctx context.Context, actor account.Actor, in *struct {
	InAccount
	Writing
}) (*listing[AuditCheckpoint], error) {
	if err := d.Account.SignAudit(ctx, actor); err != nil {
		return nil, err
	}
	return d.auditCheckpoint(ctx, actor, &struct{ InAccount }{in.InAccount})
}

// auditExport sends the log with its proof. An error before the first line is a problem like any other; after it, the connection is cut.
func (d *door) auditExport(_ context.Context, actor account.Actor, _ *struct{ InAccount }) (*stream, error) {
	return &stream{func(hc huma.Context) {
		r, w := humago.Unwrap(hc)
		lines := 0
		err := d.Account.ExportAudit(r.Context(), actor, func(line []byte) error {
			if lines++; lines == 1 {
				w.Header().Set("Content-Type", "application/jsonl")
				w.Header().Set("Content-Disposition", `attachment; filename="`+actor.Account.Slug+`-audit-log.jsonl"`)
			}
			_, err := w.Write(line)
			return err
		})
		if err != nil && lines == 0 {
			d.fail(w, r, err)
			return
		}
		if err != nil {
			if r.Context().Err() == nil {
				_ = d.problemOf(r.Context(), err) // for its log line
			}
			panic(http.ErrAbortHandler)
		}
	}}, nil
}
