package account

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"strconv"

	"hubline/base/db"
	"hubline/base/fault"
)

// logSignIn writes one line about a way in that somebody tried: with what, from where, who it was or would have been, and how it ended. The
// log is the operator's and tells nobody whether an address is known: what was typed into a form goes through the key of the throttle, so
// that tries against one address can be counted together, and a password typed into the wrong field stays out of the log.
func (r *Room) logSignIn(ctx context.Context, with Method, tried, personID string, b Browser, in *Entrance, err *error) {
	f, refused := fault.Of(*err)
	if *err != nil && !refused {
		return // a fault of ours, which is logged where it is answered
	}
	line, level := "signed in", slog.LevelInfo
	switch {
	case refused:
		line, level = "sign-in refused", slog.LevelWarn
	case in.Session == "":
		line = "sign-in waits for the second factor"
	}
	if in.Person.ID != "" {
		personID = in.Person.ID
	}
	attrs := []slog.Attr{slog.String("event", "sign-in"), slog.String("with", string(with)), slog.String("person", personID), slog.String("from", b.Address)}
	if tried != "" {
		attrs = append(attrs, slog.String("tried", r.nameless(tried)))
	}
	if refused {
		attrs = append(attrs, slog.String("fault", f.Code))
	}
	r.Log.LogAttrs(ctx, level, line, attrs...)
}

// triesNoted is from how many wrong passwords on somebody is told of them. Fewer are their own slips.
const triesNoted = 5

// noteTries tells a person, among what happened to their sign-in, how many wrong passwords browsers that they never used have tried, unless
// it has told of those before. known says that the right one came from a browser of theirs, whose tries are counted apart.
func (r *Room) noteTries(ctx context.Context, q db.Q, p Person, known bool, b Browser) error {
	var tries int64
	err := q.QueryRowContext(ctx, `SELECT failures FROM throttles WHERE key = $1
		AND changed_at > (SELECT COALESCE(MAX(at), 0) FROM person_events WHERE person_id = $2 AND what = 'tries')`, r.tries(p.Email).key, p.ID).Scan(&tries)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if !known {
		tries-- // the right one was counted beforehand
	}
	if err != nil || tries < triesNoted {
		return err
	}
	return r.note(ctx, q, p.ID, "tries", strconv.FormatInt(tries, 10), b)
}
