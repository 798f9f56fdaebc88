package account

import (
	"context"
	"database/sql"
	"errors"
	"strconv"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/listing"
)

// ReviewStanding is where the review of an account stands.
type ReviewStanding struct {
	Open   AccessReview // without an ID: none has begun
	Left   int          // all who are still to decide about
	Policy ReviewPolicy
}

// Reviewing is what one page of a review shows.
type Reviewing struct {
	ReviewStanding
	People []HubUser // still to decide about, by name; at most ReviewMost
	Past   []AccessReview
	Next   string // cursor of older reviews
}

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
	if v.ReviewStanding, err = r.ReviewStanding(ctx, actor); err != nil {
		return v, err
	}
	a := actor.Account.ID
	if v.People, err = r.hubUsersWhere(ctx, r.DB, a, undecided+` ORDER BY m.search, m.id LIMIT `+strconv.Itoa(ReviewMost), v.Open.ID); err != nil {
		return v, err
	}
	v.Past, v.Next, err = r.pastReviews(ctx, a, after, reviewsAtATime)
	return v, err
}

// ReviewStanding says whether a review is open in the actor's account, how many people it has still to decide about, and how often there
// should be one.
func (r *Room) ReviewStanding(ctx context.Context, actor Actor) (v ReviewStanding, err error) {
	defer fault.Wrap(&err, "account.ReviewStanding")
	if err := actor.Require(ChangeHubUsers); err != nil {
		return v, err
	}
	if v.Open, err = r.openReview(ctx, r.DB, actor.Account.ID); err != nil {
		return v, err
	}
	if v.Left, err = r.undecided(ctx, r.DB, actor.Account.ID, v.Open.ID); err != nil {
		return v, err
	}
	v.Policy, err = r.reviewPolicy(ctx, r.DB, actor.Account.ID)
	return v, err
}

// Undecided lists whom the open review has still to decide about, or everybody when none is open, by name, and the cursor of the next or
// "". limit 0 means 50.
func (r *Room) Undecided(ctx context.Context, actor Actor, after string, limit int) (list []HubUser, next string, err error) {
	defer fault.Wrap(&err, "account.Undecided")
	if err := actor.Require(ChangeHubUsers); err != nil {
		return nil, "", err
	}
	a := actor.Account.ID
	mark := "undecided " + a
	at, err := listing.Read(r.Keys, mark, after)
	if err != nil {
		return nil, "", err
	}
	open, err := r.openReview(ctx, r.DB, a)
	if err != nil {
		return nil, "", err
	}
	limit = listing.PageSize(limit)
	list, err = r.hubUsersWhere(ctx, r.DB, a, undecided+` AND (m.search, m.id) > ($3, $4) ORDER BY m.search, m.id LIMIT `+strconv.Itoa(limit+1), open.ID, at.Text, at.ID)
	if len(list) > limit {
		list = list[:limit]
		last := list[limit-1]
		next = listing.Write(r.Keys, mark, listing.Cursor{Text: searchText(last.Name, last.Email), ID: last.ID})
	}
	return list, next, err
}

// AccessReviews lists the reviews of the actor's account that are done, newest first, and the cursor of older ones or "". limit 0 means 50.
func (r *Room) AccessReviews(ctx context.Context, actor Actor, after string, limit int) (list []AccessReview, next string, err error) {
	defer fault.Wrap(&err, "account.AccessReviews")
	if err := actor.Require(ChangeHubUsers); err != nil {
		return nil, "", err
	}
	return r.pastReviews(ctx, actor.Account.ID, after, listing.PageSize(limit))
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

func (r *Room) pastReviews(ctx context.Context, accountID, after string, limit int) (list []AccessReview, next string, err error) {
	mark := "access reviews " + accountID
	at, err := listing.Read(r.Keys, mark, after)
	if err != nil {
		return nil, "", err
	}
	before := cmpOr(at.ID, "~") // behind every ID, which begin with the time in digits and small letters
	list, err = db.Collect(ctx, r.DB, (*AccessReview).fields, `SELECT `+reviewColumns+` FROM access_reviews v WHERE v.account_id = $1 AND v.id < $2 AND v.done_at > 0 ORDER BY v.id DESC LIMIT $3`,
		accountID, before, limit+1)
	if err != nil {
		return nil, "", err
	}
	if len(list) > limit {
		list = list[:limit]
		next = listing.Write(r.Keys, mark, listing.Cursor{ID: list[limit-1].ID})
	}
	return list, next, nil
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
	Access       string  // with where it came from
	SeenAt       int64   // last sign-in as it was then; 0: never
	Factors      Factors // as they were then
	FactorsKept  bool    // the record has them; those of earlier versions do not
	Verdict      Verdict
	After        string // access afterwards; "" for somebody who was removed
	DecidedBy    string
	DecidedAt    int64
	key          string
}

// FactorsThen names the second factors as they were, or "" when the record does not tell.
func (d Reviewed) FactorsThen() string {
	if !d.FactorsKept {
		return ""
	}
	return d.Factors.String()
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
		SELECT membership_id, email, name, state, access, seen_at, factors, verdict, access_after, decided_by, decided_at, search FROM access_review_rows
		WHERE account_id = $1 AND review_id = $2 AND (search, membership_id) > ($3, $4) ORDER BY search, membership_id LIMIT $5`, actor.Account.ID, id, at.Text, at.ID, limit+1)
	if err != nil {
		return nil, "", err
	}
	defer rows.Close()
	for rows.Next() {
		var d Reviewed
		var factors string
		if err := rows.Scan(&d.MembershipID, &d.Email, &d.Name, &d.State, &d.Access, &d.SeenAt, &factors, &d.Verdict, &d.After, &d.DecidedBy, &d.DecidedAt, &d.key); err != nil {
			return nil, "", err
		}
		d.Factors, d.FactorsKept = factorsFromColumn(factors), factors != ""
		list = append(list, d)
	}
	if len(list) > limit {
		list = list[:limit]
		next = listing.Write(r.Keys, mark, listing.Cursor{Text: list[limit-1].key, ID: list[limit-1].MembershipID})
	}
	return list, next, rows.Err()
}
