package api

import (
	"context"
	"fmt"
	"slices"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
)

// AccessReview is one look at everybody's access.
type AccessReview struct {
	ID      string     `json:"id" doc:"ID of the review." example:"019ab9f0d2c0a4f1k3vq5zr2yb7m"`
	BegunAt time.Time  `json:"begun_at" doc:"When the first decision was made." example:"2026-11-25T09:30:00Z"`
	DoneAt  *time.Time `json:"done_at,omitempty" doc:"When nobody was left; absent while it is open." example:"2026-11-25T09:40:00Z"`
	DoneBy  string     `json:"done_by,omitempty" doc:"Who made the last decision." example:"Mary Chen"`
	Kept    int        `json:"kept" doc:"People who keep what they can do." example:"11"`
	Changed int        `json:"changed" doc:"People who got other roles." example:"1"`
	Removed int        `json:"removed" doc:"People who were removed." example:"2"`
}

// AccessReviews is one page of reviews that are done.
type AccessReviews struct {
	Items []AccessReview `json:"items" nullable:"false" doc:"The reviews, newest first."`
	NextPage
}

// ReviewStanding is where the review of an account stands.
type ReviewStanding struct {
	Open         *AccessReview `json:"open,omitempty" doc:"The review that goes on; absent when there is none. The next decision begins one."`
	Left         int           `json:"left" doc:"How many hub users are still to decide about." example:"12"`
	RemindMonths int           `json:"remind_months" doc:"After how many months admins are reminded; 0: never." example:"3"`
	DueAt        *time.Time    `json:"due_at,omitempty" doc:"When the next review is due." example:"2027-02-25T09:30:00Z"`
}

// ReviewReminder is what can be changed about reviews.
type ReviewReminder struct {
	RemindMonths int `json:"remind_months" doc:"3, 6 or 12; 0 for no reminder. The time counts from the last review, or from now." example:"3"`
}

// ReviewPerson is a hub user who is still to decide about.
type ReviewPerson struct {
	ID             string       `json:"id" doc:"ID of the hub user." example:"k3vq5zr2yb7m4xw6ct2ahsn5de"`
	Version        int64        `json:"version" doc:"Send it with the decision, so that nobody is decided about who changed since." example:"3"`
	Email          string       `json:"email" format:"email" doc:"The address the person signs in with." example:"jo.baptiste@harbourdental.example"`
	Name           string       `json:"name" doc:"What this account calls the person." example:"Jo Baptiste"`
	State          string       `json:"state" enum:"active,deactivated" doc:"Whoever is deactivated can't enter the account." example:"active"`
	Roles          []string     `json:"roles" nullable:"false" enum:"admin,billing" doc:"All they have, from themselves and their groups; empty for a Standard user."`
	OwnRoles       []string     `json:"own_roles" nullable:"false" enum:"admin,billing" doc:"The roles that were given directly. A decision changes these."`
	Groups         []NamedGroup `json:"groups" nullable:"false" doc:"The groups they are in, whose roles they have too."`
	SecondFactors  []string     `json:"second_factors" nullable:"false" enum:"passkey,totp" doc:"The kinds of second factor they could sign in with; totp is an authenticator app. Empty: none."`
	LastSignedInAt *time.Time   `json:"last_signed_in_at,omitempty" doc:"Absent before the first time." example:"2026-11-25T10:02:00Z"`
	Unused         bool         `json:"unused" doc:"Whether they have not signed in for 90 days."`
}

// ReviewPeople is one page of hub users who are still to decide about.
type ReviewPeople struct {
	Items []ReviewPerson `json:"items" nullable:"false" doc:"The hub users, by name."`
	NextPage
}

// ReviewDecision is what is decided about one hub user.
type ReviewDecision struct {
	ID       string   `json:"id" pattern:"^[a-z2-7]{26}$" doc:"ID of the hub user." example:"k3vq5zr2yb7m4xw6ct2ahsn5de"`
	Version  int64    `json:"version" doc:"The version in which you saw them." example:"1"`
	Decision string   `json:"decision" enum:"keep,change,remove" doc:"keep leaves everything; change gives other roles directly, what groups give stays; remove takes them out of the account." example:"keep"`
	Roles    []string `json:"roles,omitempty" nullable:"false" enum:"admin,billing" maxItems:"10" doc:"For change: all roles they are to have directly; none for a Standard user."`
}

// ReviewDecisions are decisions of a review.
type ReviewDecisions struct {
	Decisions []ReviewDecision `json:"decisions" nullable:"false" maxItems:"500" doc:"Everybody at most once."`
}

// ReviewRefusal is a decision that was not carried out.
type ReviewRefusal struct {
	ID     string `json:"id" doc:"ID of the hub user, who is still to decide about." example:"k3vq5zr2yb7m4xw6ct2ahsn5de"`
	Type   string `json:"type" format:"uri-reference" doc:"What kind of problem it is." example:"/api/v1/problems/last-admin"`
	Detail string `json:"detail" doc:"Why, and the way out." example:"Mary Chen is the only admin of Harbour Dental Group. Make somebody else an admin first."`
}

// ReviewOutcome is what became of decisions.
type ReviewOutcome struct {
	Review  AccessReview    `json:"review" doc:"The review, with these decisions."`
	Refused []ReviewRefusal `json:"refused" nullable:"false" doc:"The decisions that were not carried out; all others were."`
}

// ReviewedPerson is what a review saw and decided about one hub user.
type ReviewedPerson struct {
	ID             string     `json:"id" doc:"ID of the hub user." example:"k3vq5zr2yb7m4xw6ct2ahsn5de"`
	Email          string     `json:"email" format:"email" doc:"Their address, as it was." example:"jo.baptiste@harbourdental.example"`
	Name           string     `json:"name" doc:"Their name, as it was." example:"Jo Baptiste"`
	State          string     `json:"state" enum:"active,deactivated" doc:"Their state, as it was." example:"active"`
	Access         string     `json:"access" doc:"What they could do and where it came from, in words." example:"Admin, from Front desk leads"`
	SecondFactor   string     `json:"second_factor,omitempty" doc:"The kinds of second factor they could sign in with, in words, or None; absent in reviews that did not keep it." example:"Authenticator app"`
	LastSignedInAt *time.Time `json:"last_signed_in_at,omitempty" doc:"Their last sign-in, as it was; absent: never." example:"2026-11-25T10:02:00Z"`
	Decision       string     `json:"decision" enum:"keep,change,remove" doc:"What was decided." example:"keep"`
	AccessAfter    string     `json:"access_after" doc:"What they could do afterwards, in words; empty for somebody who was removed." example:"Standard"`
	DecidedBy      string     `json:"decided_by" doc:"Who decided." example:"Mary Chen"`
	DecidedAt      time.Time  `json:"decided_at" doc:"When." example:"2026-11-25T09:40:00Z"`
}

// ReviewedPeople is one page of decisions.
type ReviewedPeople struct {
	Items []ReviewedPerson `json:"items" nullable:"false" doc:"The decisions, by name."`
	NextPage
}

// OneReview names one review of an account.
type OneReview struct {
	InAccount
	Review string `path:"review" doc:"The review's ID." example:"019ab9f0d2c0a4f1k3vq5zr2yb7m"`
}

// reviewRoutes are about the reviews of who may do what.
func reviewRoutes(in string) []Route {
	return []Route{
		{"GET", in + "/access-review", account.ChangeHubUsers, "get-access-review", tagReviews, "See where the review stands",
			"Says whether a review goes on, how many people it has still to decide about, and how often there should be one.", "", serve((*door).reviewStanding)},
		{"PATCH", in + "/access-review", account.ChangeHubUsers, "set-review-reminder", tagReviews, "Set how often to review",
			"Sets after how many months admins are reminded of the next review.", `{"remind_months": 3}`, serve((*door).setReviewReminder)},
		{"GET", in + "/access-review/hub-users", account.ChangeHubUsers, "list-review-people", tagReviews, "List who is still to decide about",
			"Lists the hub users about whom the open review has not decided, or everybody when none is open: what they can do, from where, their second factor, and when they last signed in.", "", serve((*door).listReviewPeople)},
		{"POST", in + "/access-review/decisions", account.ChangeHubUsers, "decide-access-review", tagReviews, "Decide about people",
			"Keeps, changes or removes up to 500 people in one transaction and records it. The first decision begins a review, and it is done when nobody is left. Whoever changed since you saw them, or whose change the rules forbid, is in refused and stays to be decided about; when that is everybody, nothing happens, no review begins, and the answer is the problem review-refused with the reason of each in errors.",
			`{"decisions": [{"id": "k3vq5zr2yb7m4xw6ct2ahsn5de", "version": 1, "decision": "keep"}]}`, serve((*door).decideReview)},
		{"GET", in + "/access-reviews", account.ChangeHubUsers, "list-access-reviews", tagReviews, "List reviews",
			"Lists the reviews that are done, newest first.", "", serve((*door).listReviews)},
		{"GET", in + "/access-reviews/{review}", account.ChangeHubUsers, "get-reviewed", tagReviews, "Get a review",
			"Answers with one review, also one that goes on.", "", serve((*door).review)},
		{"GET", in + "/access-reviews/{review}/decisions", account.ChangeHubUsers, "list-review-decisions", tagReviews, "List what a review decided",
			"Lists what a review saw and decided, as it was then.", "", serve((*door).listReviewed)},
		{"GET", in + "/access-reviews/{review}/decisions.csv", account.ChangeHubUsers, "download-review-decisions", tagReviews, "Download what a review decided as CSV",
			"Answers with everything that a review saw and decided, one person a line. A cell that a spreadsheet would run as a formula begins with an apostrophe.", "", serve((*door).reviewedCSV)},
	}
}

func (d *door) reviewStanding(ctx context.Context, actor account.Actor, _ *struct{ InAccount }) (*listing[ReviewStanding], error) {
	v, err := d.Account.ReviewStanding(ctx, actor)
	out := ReviewStanding{Left: v.Left, RemindMonths: v.Policy.Months, DueAt: moment(v.Policy.DueAt)}
	if v.Open.ID != "" {
		open := reviewShown(v.Open)
		out.Open = &open
	}
	return &listing[ReviewStanding]{out}, err
}

func (d *door) setReviewReminder(ctx context.Context, actor account.Actor, in *struct {
	InAccount
	Writing
	Body ReviewReminder
}) (*listing[ReviewStanding], error) {
	if _, err := d.Account.SetReviewPolicy(ctx, actor, in.Body.RemindMonths); err != nil {
		return nil, renamed(err, "months", "remind_months")
	}
	return d.reviewStanding(ctx, actor, &struct{ InAccount }{in.InAccount})
}

// renamed gives the field at fault the name that it has here.
func renamed(err error, from, to string) error {
	if f, ok := fault.Of(err); ok && f.Field == from {
		own := *f
		own.Field = to
		return &own
	}
	return err
}

func (d *door) listReviewPeople(ctx context.Context, actor account.Actor, in *struct {
	InAccount
	Paging
}) (*listing[ReviewPeople], error) {
	list, next, err := d.Account.Undecided(ctx, actor, in.After, in.Limit)
	out := ReviewPeople{Items: make([]ReviewPerson, len(list)), NextPage: NextPage{next}}
	now := d.Now().UnixMilli()
	for i, u := range list {
		out.Items[i] = ReviewPerson{ID: u.ID, Version: u.Version, Email: u.Email, Name: u.Name, State: string(u.State), Roles: u.Roles.Words(), OwnRoles: u.Own.Words(),
			Groups: namedGroups(u.Groups), SecondFactors: u.Factors.Words(), LastSignedInAt: moment(u.LastSignedInAt), Unused: u.Unused(now)}
	}
	return &listing[ReviewPeople]{out}, err
}

func (d *door) decideReview(ctx context.Context, actor account.Actor, in *struct {
	InAccount
	Writing
	Body ReviewDecisions
}) (*listing[ReviewOutcome], error) {
	decisions := make([]account.Decision, len(in.Body.Decisions))
	for i, one := range in.Body.Decisions {
		roles, err := account.ParseRoles(one.Roles)
		if err != nil {
			return nil, err
		}
		decisions[i] = account.Decision{ID: one.ID, Version: one.Version, Verdict: account.Verdict(one.Decision), Roles: roles}
	}
	v, refused, err := d.Account.Decide(ctx, actor, decisions)
	if f, ok := fault.Of(err); ok && f.Code == "review-decision" {
		err = renamed(err, f.Field, "decisions")
	}
	if err == nil && len(refused) == len(decisions) {
		err = noneDecided(refused, decisions)
	}
	if err != nil {
		return nil, err
	}
	out := ReviewOutcome{Review: reviewShown(v), Refused: make([]ReviewRefusal, len(refused))}
	for i, no := range refused {
		out.Refused[i] = ReviewRefusal{no.ID, problemPath(no.Why.Code), sentence(no.Why.Message)}
	}
	return &listing[ReviewOutcome]{out}, nil
}

// noneDecided is the answer when nothing that was asked for came to be. Its errors name each decision by its place in the request.
func noneDecided(refused []account.Refusal, decisions []account.Decision) error {
	f := fault.New(fault.Conflict, "review-refused", "None of the decisions was carried out, and nothing was recorded. Each one has its reason")
	for _, no := range refused {
		i := slices.IndexFunc(decisions, func(d account.Decision) bool { return d.ID == no.ID })
		f.Also = append(f.Also, fault.Field(no.Why.Code, fmt.Sprintf("decisions[%d]", i), no.Why.Message))
	}
	return f
}

func (d *door) listReviews(ctx context.Context, actor account.Actor, in *struct {
	InAccount
	Paging
}) (*listing[AccessReviews], error) {
	list, next, err := d.Account.AccessReviews(ctx, actor, in.After, in.Limit)
	out := AccessReviews{Items: make([]AccessReview, len(list)), NextPage: NextPage{next}}
	for i, v := range list {
		out.Items[i] = reviewShown(v)
	}
	return &listing[AccessReviews]{out}, err
}

func (d *door) review(ctx context.Context, actor account.Actor, in *OneReview) (*listing[AccessReview], error) {
	v, err := d.Account.AccessReviewByID(ctx, actor, in.Review)
	return &listing[AccessReview]{reviewShown(v)}, err
}

func (d *door) listReviewed(ctx context.Context, actor account.Actor, in *struct {
	OneReview
	Paging
}) (*listing[ReviewedPeople], error) {
	list, next, err := d.Account.Reviewed(ctx, actor, in.Review, in.After, in.Limit)
	out := ReviewedPeople{Items: make([]ReviewedPerson, len(list)), NextPage: NextPage{next}}
	for i, u := range list {
		out.Items[i] = ReviewedPerson{ID: u.MembershipID, Email: u.Email, Name: u.Name, State: string(u.State), Access: u.Access, LastSignedInAt: moment(u.SeenAt),
			Decision: string(u.Verdict), AccessAfter: u.After, DecidedBy: u.DecidedBy, DecidedAt: at(u.DecidedAt),
			SecondFactor: u.FactorsThen()}
	}
	return &listing[ReviewedPeople]{out}, err
}

func (d *door) reviewedCSV(_ context.Context, actor account.Actor, in *OneReview) (*stream, error) {
	return d.csv(actor.Account.Slug+"-access-review.csv",
		[]string{"id", "email", "name", "state", "access", "second_factor", "last_signed_in_at", "decision", "access_after", "decided_by", "decided_at"},
		func(ctx context.Context, write func(...string) error) error {
			for after := ""; ; {
				list, next, err := d.Account.Reviewed(ctx, actor, in.Review, after, 500)
				if err != nil {
					return err
				}
				for _, u := range list {
					if err := write(u.MembershipID, u.Email, u.Name, string(u.State), u.Access, u.FactorsThen(), csvTime(u.SeenAt), string(u.Verdict), u.After, u.DecidedBy, csvTime(u.DecidedAt)); err != nil {
						return err
					}
				}
				if after = next; after == "" {
					return nil
				}
			}
		}), nil
}

func reviewShown(v account.AccessReview) AccessReview {
	return AccessReview{ID: v.ID, BegunAt: at(v.BegunAt), DoneAt: moment(v.DoneAt), DoneBy: v.DoneBy, Kept: v.Kept, Changed: v.Changed, Removed: v.Removed}
}
