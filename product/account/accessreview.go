package account

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
)

// ReviewMost is how many hub users are decided about at a time; whoever is left comes next.
const ReviewMost = 500

// UnusedAfter is how long somebody has not signed in before a review marks their access as unused.
const UnusedAfter = 90 * 24 * time.Hour

// Verdict is what a review decides about one hub user.
type Verdict string

// The verdicts.
const (
	Keep       Verdict = "keep"
	ChangeTo   Verdict = "change" // to other roles given directly
	RemoveFrom Verdict = "remove"
)

// AccessReview is one look at everybody's access.
type AccessReview struct {
	ID      string
	BegunAt int64
	DoneAt  int64 // 0: not everybody was decided about
	DoneBy  string
	Kept    int
	Changed int
	Removed int
}

// Decided is how many hub users the review has decided about.
func (v AccessReview) Decided() int { return v.Kept + v.Changed + v.Removed }

// Unused reports whether the hub user has not signed in for UnusedAfter.
func (u HubUser) Unused(now int64) bool { return now-u.LastSignedInAt > UnusedAfter.Milliseconds() }

// Decision is what somebody decided about a hub user whom they saw in that version.
type Decision struct {
	ID      string
	Version int64
	Verdict Verdict
	Roles   Roles // given directly, for ChangeTo
}

// Refusal is a decision that was not carried out, and why; the others were.
type Refusal struct {
	ID  string
	Why *fault.Fault
}

// Decide carries out and records decisions of a review, at most ReviewMost, in one transaction. Somebody who changed since they were seen,
// or whose change the rules forbid, is refused alone and stays to be decided about. The review is done when nobody is left. When all are
// refused nothing is written, no review begins, and v is empty. It needs a fresh step-up check when access changes.
func (r *Room) Decide(ctx context.Context, actor Actor, list []Decision) (v AccessReview, refused []Refusal, err error) {
	defer fault.Wrap(&err, "account.Decide")
	if err := actor.Require(ChangeHubUsers); err != nil {
		return v, nil, err
	}
	if err := checkDecisions(list); err != nil {
		return v, nil, err
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		refused = nil
		if err := r.Still(ctx, q, &actor, ChangeHubUsers); err != nil {
			return err
		}
		if slices.ContainsFunc(list, func(d Decision) bool { return d.Verdict != Keep }) {
			if err := r.requireCheck(ctx, q, actor, actor.Account.Policy.checkRule()); err != nil {
				return err
			}
		}
		if err := r.allKnown(ctx, q, actor.Account.ID, list); err != nil {
			return err
		}
		if v, err = r.theReview(ctx, q, actor.Account.ID); err != nil {
			return err
		}
		if refused, err = r.carryOut(ctx, q, actor, v.ID, list); err != nil {
			return err
		}
		if len(refused) == len(list) {
			return errNoneDecided
		}
		return r.closeReview(ctx, q, actor, &v)
	})
	if errors.Is(err, errNoneDecided) {
		return AccessReview{}, refused, nil
	}
	return v, refused, err
}

// errNoneDecided takes back the review that decisions would have begun.
var errNoneDecided = errors.New("every decision was refused")

func checkDecisions(list []Decision) error {
	if len(list) == 0 || len(list) > ReviewMost {
		return fault.New(fault.Conflict, "review-size", fmt.Sprintf("Decide about 1 to %d people at a time", ReviewMost))
	}
	seen := map[string]bool{}
	for _, d := range list {
		if seen[d.ID] || !slices.Contains([]Verdict{Keep, ChangeTo, RemoveFrom}, d.Verdict) {
			return fault.Field("review-decision", d.ID, "Choose for everybody whether they keep their access, get another or are removed")
		}
		if _, err := ParseRoles(d.Roles.Words()); err != nil {
			return err
		}
		seen[d.ID] = true
	}
	return nil
}

// allKnown refuses IDs that never were of the account.
func (r *Room) allKnown(ctx context.Context, q db.Q, accountID string, list []Decision) error {
	args := []any{accountID}
	for _, d := range list {
		args = append(args, d.ID)
	}
	var known int
	err := q.QueryRowContext(ctx, `SELECT COUNT(*) FROM memberships WHERE account_id = $1 AND id IN (`+db.In(2, len(list))+`)`, args...).Scan(&known)
	if err == nil && known != len(list) {
		err = notFound()
	}
	return err
}

// theReview returns the open review, or begins one.
func (r *Room) theReview(ctx context.Context, q db.Q, accountID string) (v AccessReview, err error) {
	if v, err = r.openReview(ctx, q, accountID); err != nil || v.ID != "" {
		return v, err
	}
	now := r.now()
	v = AccessReview{ID: ident.Ordered(now), BegunAt: now}
	_, err = q.ExecContext(ctx, `INSERT INTO access_reviews (account_id, id, begun_at, done_at, done_by) VALUES ($1, $2, $3, 0, '')`, accountID, v.ID, now)
	return v, err
}

// carryOut does what was decided and writes the review's rows.
func (r *Room) carryOut(ctx context.Context, q db.Q, actor Actor, reviewID string, list []Decision) (refused []Refusal, err error) {
	wanted := make([]string, len(list))
	for i, d := range list {
		wanted[i] = d.ID
	}
	people, err := r.hubUsersWhere(ctx, q, actor.Account.ID, undecided+` AND m.id IN (`+db.In(3, len(wanted))+`)`, append([]any{reviewID}, anys(wanted)...)...)
	if err != nil {
		return nil, err
	}
	byID := map[string]HubUser{}
	for _, u := range people {
		byID[u.ID] = u
	}
	var rows []reviewedRow
	for _, d := range list {
		before, there := byID[d.ID]
		if !there || before.Version != d.Version {
			refused = append(refused, Refusal{d.ID, fault.New(fault.Conflict, "changed-meanwhile", cmpOr(before.Label(), "Somebody")+" changed since you looked. Look again, then decide")})
			continue
		}
		after, err := r.decided(ctx, q, actor, before, d)
		if f, ok := fault.Of(err); ok && (f.Kind == fault.Conflict || f.Kind == fault.Invalid) {
			refused = append(refused, Refusal{d.ID, f})
			continue
		}
		if err != nil {
			return nil, err
		}
		rows = append(rows, reviewedRow{before, after, d.Verdict})
	}
	return refused, r.writeReviewed(ctx, q, actor, reviewID, rows)
}

// decided carries out one decision. What the rules refuse, they refuse before anything is written.
func (r *Room) decided(ctx context.Context, q db.Q, actor Actor, before HubUser, d Decision) (after HubUser, err error) {
	after = before
	switch d.Verdict {
	case ChangeTo:
		after = before.with(Change{Roles: &d.Roles})
		if after.Own.Equal(before.Own) {
			return before, nil
		}
		err = r.accessMayChange(ctx, q, actor, before, after)
	case RemoveFrom:
		after.State = Removed
		err = r.mayGo(ctx, q, actor, before)
	default:
		return before, nil
	}
	if err != nil {
		return before, err
	}
	after.Version++
	return after, r.saveHubUser(ctx, q, actor, before, after)
}

// reviewedRow is a hub user before and after a decision.
type reviewedRow struct {
	before, after HubUser
	verdict       Verdict
}

func (r *Room) writeReviewed(ctx context.Context, q db.Q, actor Actor, reviewID string, list []reviewedRow) error {
	for some := range slices.Chunk(list, most) {
		values, args := make([]string, len(some)), []any{actor.Account.ID, reviewID, actor.Name, r.now()}
		for i, row := range some {
			values[i] = "($1, $2, " + db.In(len(args)+1, 10) + ", $3, $4)"
			u, after := row.before, row.after.Access()
			if row.after.State == Removed {
				after = ""
			}
			args = append(args, u.ID, searchText(u.Name, u.Email), u.Email, u.Name, u.State, u.Access(), u.LastSignedInAt, u.Factors.column(), row.verdict, after)
		}
		if _, err := q.ExecContext(ctx, `
			INSERT INTO access_review_rows (account_id, review_id, membership_id, search, email, name, state, access, seen_at, factors, verdict, access_after, decided_by, decided_at)
			VALUES `+strings.Join(values, ", "), args...); err != nil {
			return err
		}
	}
	return nil
}

// closeReview ends the review when nobody is left, and counts the time to the next one from now.
func (r *Room) closeReview(ctx context.Context, q db.Q, actor Actor, v *AccessReview) (err error) {
	a, now := actor.Account.ID, r.now()
	if *v, err = r.openReview(ctx, q, a); err != nil {
		return err
	}
	left, err := r.undecided(ctx, q, a, v.ID)
	if err != nil || left > 0 {
		return err
	}
	v.DoneAt, v.DoneBy = now, actor.Name
	if _, err := q.ExecContext(ctx, `UPDATE access_reviews SET done_at = $3, done_by = $4 WHERE account_id = $1 AND id = $2`, a, v.ID, now, v.DoneBy); err != nil {
		return err
	}
	policy, err := r.reviewPolicy(ctx, q, a)
	if err != nil {
		return err
	}
	if policy.Months > 0 {
		if _, err := q.ExecContext(ctx, `UPDATE review_policies SET due_at = $2, reminded_at = 0 WHERE account_id = $1`, a, policy.due(now)); err != nil {
			return err
		}
	}
	if err := r.Record(ctx, q, actor, Entry{Action: AccessReviewed, SubjectID: v.ID, SubjectName: "Access review",
		After: fmt.Sprintf("%d kept, %d changed, %d removed", v.Kept, v.Changed, v.Removed)}); err != nil {
		return err
	}
	return r.Notice(ctx, q, a)
}
