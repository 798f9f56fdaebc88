package web

import (
	"regexp"
	"strconv"
	"strings"

	"hubline/base/fault"
	"hubline/product/account"
)

// accessReviewPage is the review of who may do what.
type accessReviewPage struct {
	account.Reviewing
	Rows        []reviewRow
	Unused      int
	Older       string
	Every       []Option
	PolicyPath  string
	Due         bool
	InProgress  bool
	PastReviews []pastReview
}

// reviewRow is one hub user to decide about, in the version that is shown.
type reviewRow struct {
	account.HubUser
	You, Unused bool
	Path        string
	Field       string // name of the control with the verdict
	Shown       string // ID and version
	Choices     []Option
}

type pastReview struct {
	account.AccessReview
	Path string
}

// verdicts are the choices for somebody: keep, other roles given directly, remove.
func verdicts(u account.HubUser, you bool) []Option {
	list := []Option{{Value: "keep", Label: "Keep " + u.Roles.String()}}
	for _, roles := range roleSets() {
		if !roles.Equal(u.Own) {
			list = append(list, Option{Value: verdictOf(roles), Label: "Change to " + u.With(roles).String()})
		}
	}
	if !you {
		list = append(list, Option{Value: "remove", Label: "Remove from account"})
	}
	return list
}

func verdictOf(roles account.Roles) string { return "roles:" + strings.Join(roles.Words(), ",") }

// accessReview shows everybody who is still to decide about.
func (p *Portal) accessReview(r *Request) error {
	after := r.URL.Query().Get("after")
	v, err := p.Account.Reviewing(r.Context(), r.Viewer.Actor, after)
	if fault.Is(err, fault.Invalid) {
		return r.Redirect(r.URL.Path)
	}
	if err != nil {
		return err
	}
	now := p.Now().UnixMilli()
	data := accessReviewPage{Reviewing: v, PolicyPath: r.to("access-review", "policy"), Due: v.Policy.DueAt > 0 && v.Policy.DueAt <= now, InProgress: v.Open.ID != ""}
	for _, u := range v.People {
		row := reviewRow{HubUser: u, You: u.ID == r.Viewer.Actor.MembershipID, Unused: u.Unused(now), Path: r.to("hub-users", u.ID), Field: "d-" + u.ID,
			Shown: u.ID + "." + strconv.FormatInt(u.Version, 10)}
		row.Choices = verdicts(u, row.You)
		data.Rows = append(data.Rows, row)
		if row.Unused {
			data.Unused++
		}
	}
	for _, past := range v.Past {
		data.PastReviews = append(data.PastReviews, pastReview{past, r.to("access-reviews", past.ID)})
	}
	data.Older = r.pages(v.Next).Next
	for _, months := range account.ReviewEvery {
		label := "Every " + strconv.Itoa(months) + " months"
		if months == 0 {
			label = "No reminder"
		}
		data.Every = append(data.Every, Option{Value: strconv.Itoa(months), Label: label})
	}
	r.FillBeside("policy", policyForm{v.Policy.Months})
	return r.Render("account/access-review.html", Page{Title: "Access review", Crumbs: accountCrumbs(r), Data: data})
}

// decisions reads what was shown and chosen.
func (r *Request) decisions() (list []account.Decision, err error) {
	if err := r.parse(); err != nil {
		return nil, err
	}
	for _, shown := range r.Form.values["shown"] {
		id, number, _ := strings.Cut(shown, ".")
		d := account.Decision{ID: id, Version: version(number)}
		switch chosen := r.Form.Value("d-" + id); {
		case strings.HasPrefix(chosen, "roles:"):
			d.Verdict = account.ChangeTo
			words := strings.FieldsFunc(strings.TrimPrefix(chosen, "roles:"), func(c rune) bool { return c == ',' })
			if d.Roles, err = account.ParseRoles(words); err != nil {
				return nil, renamed(err, "roles", "d-"+id)
			}
		case chosen == "remove":
			d.Verdict = account.RemoveFrom
		case chosen == "keep":
			d.Verdict = account.Keep
		}
		list = append(list, d)
	}
	return list, nil
}

// reviewable is the form of the IDs of hub users.
var reviewable = regexp.MustCompile(`^[a-z0-9]{26}$`)

// decideReview carries out and records what was decided. What could not be done stays on the page, with why.
func (p *Portal) decideReview(r *Request) error {
	list, err := r.decisions()
	if err != nil {
		return r.Again(err, p.accessReview)
	}
	v, refused, err := p.Account.Decide(r.Context(), r.Viewer.Actor, list)
	if f, ok := fault.Of(err); ok && f.Field != "" {
		control := ""
		if reviewable.MatchString(f.Field) { // else somebody whom no page asks about
			control = "d-" + f.Field
		}
		err = renamed(err, f.Field, control)
	}
	if err != nil {
		return r.Again(err, p.accessReview)
	}
	saved := len(list) - len(refused)
	if len(refused) > 0 {
		for _, no := range refused {
			r.Form.Wrong("d-"+no.ID, no.Why.Message)
		}
		r.status = meanings[fault.Conflict].status
		r.visit.fault = "review-refused"
		r.Form.Wrong("", count(saved, "decision is", "decisions are")+" saved. "+count(len(refused), "person is", "people are")+" left below")
		return p.accessReview(r)
	}
	if v.DoneAt == 0 {
		return r.Go(r.to("access-review"), Banner{Text: count(saved, "decision is", "decisions are") + " saved.", More: "Go on with the people below."})
	}
	return r.Go(r.to("access-reviews", v.ID), Banner{Text: "The review is done: " + tallyOf(v) + ".", More: "Changes count from the next click of those they are about. The record below stays."})
}

func tallyOf(v account.AccessReview) string {
	return thousands(v.Kept) + " kept, " + thousands(v.Changed) + " changed, " + thousands(v.Removed) + " removed"
}

// Tally tells what a review decided.
func (v pastReview) Tally() string { return tallyOf(v.AccessReview) }

type policyForm struct {
	Months int `form:"months"`
}

// setReviewPolicy sets how often admins are reminded of a review.
func (p *Portal) setReviewPolicy(r *Request) error {
	var in policyForm
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.accessReview)
	}
	policy, err := p.Account.SetReviewPolicy(r.Context(), r.Viewer.Actor, in.Months)
	if err != nil {
		return r.Again(err, p.accessReview)
	}
	return r.Go(r.to("access-review"), Banner{Text: "Reminder of access reviews: " + policy.Words() + "."})
}

// oldReviewPage is a review that was done.
type oldReviewPage struct {
	account.AccessReview
	Tally string
	Rows  []account.Reviewed
	Pages pages
	CSV   string
}

// oldReview shows what a review decided.
func (p *Portal) oldReview(r *Request) error {
	v, err := p.Account.AccessReviewByID(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	after := r.URL.Query().Get("after")
	rows, next, err := p.Account.Reviewed(r.Context(), r.Viewer.Actor, v.ID, after, 100)
	if fault.Is(err, fault.Invalid) {
		return r.Redirect(r.URL.Path)
	}
	if err != nil {
		return err
	}
	page := r.to("access-reviews", v.ID)
	data := oldReviewPage{AccessReview: v, Rows: rows, Tally: tallyOf(v), CSV: page + "/decisions.csv"}
	data.Pages = r.pages(next)
	return r.Render("account/old-review.html", Page{Title: "Review of access", Section: "access-review", Crumbs: accountCrumbs(r, Link{"Access review", r.to("access-review")}), Data: data})
}

// reviewCSV sends what a review saw and decided.
func (p *Portal) reviewCSV(r *Request) error {
	zone := r.zone()
	in := " (" + zone.String() + ")"
	id, after := r.PathValue("id"), ""
	rows, next, err := p.Account.Reviewed(r.Context(), r.Viewer.Actor, id, after, 500)
	if err != nil {
		return err
	}
	out, err := r.csv(r.Viewer.Account.Slug+"-access-review", "Email", "Name", "State", "Access", "Second factor", "Last signed in"+in, "Decision", "Access afterwards", "Decided by", "Decided"+in)
	for err == nil {
		for _, d := range rows {
			if err = out.row(d.Email, d.Name, string(d.State), d.Access, d.FactorsThen(), csvTime(d.SeenAt, zone), string(d.Verdict), d.After, d.DecidedBy, csvTime(d.DecidedAt, zone)); err != nil {
				break
			}
		}
		if err != nil || next == "" {
			break
		}
		rows, next, err = p.Account.Reviewed(r.Context(), r.Viewer.Actor, id, next, 500)
	}
	return out.end(err)
}
