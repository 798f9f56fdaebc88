package account

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
	"hubline/base/listing"
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

// Reviewing is where the review of an account stands.
type Reviewing struct {
	Open   AccessReview // without an ID: none has begun
	People []HubUser    // still to decide about, by name; at most ReviewMost
	Left   int          // all who are still to decide about
	Past   []AccessReview
	Next   string // cursor of older reviews
	Policy ReviewPolicy
}

// Unused reports whether the hub user has not signed in for UnusedAfter.
func (u HubUser) Unused(now int64) bool { return now-u.LastSignedInAt > UnusedAfter.Milliseconds() }

const reviewColumns = `v.id, v.begun_at, v.done_at, v.done_by,
	(SELECT COUNT(*) FROM access_review_rows x WHERE x.account_id = v.account_id AND x.review_id = v.id AND x.verdict = 'keep'),
	(SELECT COUNT(*) FROM access_review_rows x WHERE x.account_id = v.account_id AND x.review_id = v.id AND x.verdict = 'change'),
	(SELECT COUNT(*) FROM access_review_rows x WHERE x.account_id = v.account_id AND x.review_id = v.id AND x.verdict = 'remove')`

func (v *AccessReview) fields() []any {
	return []any{&v.ID, &v.BegunAt, &v.DoneAt, &v.DoneBy, &v.Kept, &v.Changed, &v.Removed}
}

const reviewsAtATime = 20

// Reviewing says whom the open review has still to decide about, or everybody when none is open, and lists the reviews before; after is
// the cursor of older ones.
func (r *Room) Reviewing(ctx context.Context, actor Actor, after string) (v Reviewing, err error) {
	defer fault.Wrap(&err, "account.Reviewing")
	if err := actor.Require(ChangeHubUsers); err != nil {
		return v, err
	}
	a := actor.Account.ID
	if v.Open, err = r.openReview(ctx, r.DB, a); err != nil {
		return v, err
	}
	if v.People, err = r.hubUsersWhere(ctx, r.DB, a, undecided+` ORDER BY m.search, m.id LIMIT `+strconv.Itoa(ReviewMost), v.Open.ID); err != nil {
		return v, err
	}
	if v.Left, err = r.undecided(ctx, r.DB, a, v.Open.ID); err != nil {
		return v, err
	}
	if v.Policy, err = r.reviewPolicy(ctx, r.DB, a); err != nil {
		return v, err
	}
	v.Past, v.Next, err = r.pastReviews(ctx, a, after)
	return v, err
}

const undecided = `NOT EXISTS (SELECT 1 FROM access_review_rows x WHERE x.account_id = m.account_id AND x.review_id = $2 AND x.membership_id = m.id)`

func (r *Room) undecided(ctx context.Context, q db.Q, accountID, reviewID string) (n int, err error) {
	err = q.QueryRowContext(ctx, `SELECT COUNT(*) FROM memberships m WHERE m.account_id = $1 AND m.state <> 'removed' AND `+undecided, accountID, reviewID).Scan(&n)
	return n, err
}

func (r *Room) openReview(ctx context.Context, q db.Q, accountID string) (v AccessReview, err error) {
	err = q.QueryRowContext(ctx, `SELECT `+reviewColumns+` FROM access_reviews v WHERE v.account_id = $1 AND v.done_at = 0`, accountID).Scan(v.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return v, err
}

func (r *Room) pastReviews(ctx context.Context, accountID, after string) (list []AccessReview, next string, err error) {
	mark := "access reviews " + accountID
	at, err := listing.Read(r.Keys, mark, after)
	if err != nil {
		return nil, "", err
	}
	before := cmpOr(at.ID, "~") // behind every ID, which begin with the time in digits and small letters
	rows, err := r.DB.QueryContext(ctx, `SELECT `+reviewColumns+` FROM access_reviews v WHERE v.account_id = $1 AND v.id < $2 AND v.done_at > 0 ORDER BY v.id DESC LIMIT $3`,
		accountID, before, reviewsAtATime+1)
	if err != nil {
		return nil, "", err
	}
	defer rows.Close()
	for rows.Next() {
		var v AccessReview
		if err := rows.Scan(v.fields()...); err != nil {
			return nil, "", err
		}
		list = append(list, v)
	}
	if len(list) > reviewsAtATime {
		list = list[:reviewsAtATime]
		next = listing.Write(r.Keys, mark, listing.Cursor{ID: list[reviewsAtATime-1].ID})
	}
	return list, next, rows.Err()
}

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
// or whose change the rules forbid, is refused alone and stays to be decided about. The review is done when nobody is left. It needs a
// fresh step-up check when access changes.
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
		return r.closeReview(ctx, q, actor, &v)
	})
	return v, refused, err
}

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
			refused = append(refused, Refusal{d.ID, fault.New(fault.Conflict, "changed-meanwhile", cmpOr(before.Label(), "Somebody on this page")+" changed since you opened this page. Look again, then decide")})
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
			n := len(args)
			values[i] = fmt.Sprintf("($1, $2, $%d, $%d, $%d, $%d, $%d, $%d, $%d, $%d, $%d, $3, $4)", n+1, n+2, n+3, n+4, n+5, n+6, n+7, n+8, n+9)
			u, after := row.before, row.after.Access()
			if row.after.State == Removed {
				after = ""
			}
			args = append(args, u.ID, searchText(u.Name, u.Email), u.Email, u.Name, u.State, u.Access(), u.LastSignedInAt, row.verdict, after)
		}
		if _, err := q.ExecContext(ctx, `
			INSERT INTO access_review_rows (account_id, review_id, membership_id, search, email, name, state, access, seen_at, verdict, access_after, decided_by, decided_at)
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

// AccessReviewByID returns one review of the actor's account.
func (r *Room) AccessReviewByID(ctx context.Context, actor Actor, id string) (v AccessReview, err error) {
	defer fault.Wrap(&err, "account.AccessReviewByID")
	if err := actor.Require(ChangeHubUsers); err != nil {
		return v, err
	}
	err = r.DB.QueryRowContext(ctx, `SELECT `+reviewColumns+` FROM access_reviews v WHERE v.account_id = $1 AND v.id = $2`, actor.Account.ID, id).Scan(v.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		err = notFound()
	}
	return v, err
}

// Reviewed is what a review saw and decided about one hub user.
type Reviewed struct {
	MembershipID string
	Email        string
	Name         string
	State        HubUserState
	Access       string // with where it came from
	SeenAt       int64  // last sign-in as it was then; 0: never
	Verdict      Verdict
	After        string // access afterwards; "" for somebody who was removed
	DecidedBy    string
	DecidedAt    int64
	key          string
}

// Reviewed lists what a review decided, by name, at most 500 after the cursor, and the cursor of the next or "". limit 0 means 50.
func (r *Room) Reviewed(ctx context.Context, actor Actor, id, after string, limit int) (list []Reviewed, next string, err error) {
	defer fault.Wrap(&err, "account.Reviewed")
	if _, err := r.AccessReviewByID(ctx, actor, id); err != nil {
		return nil, "", err
	}
	mark := "access review " + actor.Account.ID + " " + id
	at, err := listing.Read(r.Keys, mark, after)
	if err != nil {
		return nil, "", err
	}
	limit = listing.PageSize(limit)
	rows, err := r.DB.QueryContext(ctx, `
		SELECT membership_id, email, name, state, access, seen_at, verdict, access_after, decided_by, decided_at, search FROM access_review_rows
		WHERE account_id = $1 AND review_id = $2 AND (search, membership_id) > ($3, $4) ORDER BY search, membership_id LIMIT $5`, actor.Account.ID, id, at.Text, at.ID, limit+1)
	if err != nil {
		return nil, "", err
	}
	defer rows.Close()
	for rows.Next() {
		var d Reviewed
		if err := rows.Scan(&d.MembershipID, &d.Email, &d.Name, &d.State, &d.Access, &d.SeenAt, &d.Verdict, &d.After, &d.DecidedBy, &d.DecidedAt, &d.key); err != nil {
			return nil, "", err
		}
		list = append(list, d)
	}
	if len(list) > limit {
		list = list[:limit]
		next = listing.Write(r.Keys, mark, listing.Cursor{Text: list[limit-1].key, ID: list[limit-1].MembershipID})
	}
	return list, next, rows.Err()
}
