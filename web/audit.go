package web

import (
	"html/template"
	"net/url"
	"strings"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
)

// auditView is one view of the audit log: what the address asks for. Dates are whole days in the viewer's zone.
type auditView struct {
	Search string `form:"q"`
	Area   string `form:"area"`
	Person string `form:"person"` // whose acts
	From   string `form:"from"`
	To     string `form:"to"`
	About  string `form:"about"` // what happened to whom
}

// auditPage is the page "Audit log".
type auditPage struct {
	auditView
	Page      string
	Days      []auditDay
	Areas     []Option
	People    []Option
	AboutWhom string
	Filtered  bool
	Pages     pages
	CSV       string
	Shown     int
	Empty     *Empty
}

// auditDay is what happened on one day.
type auditDay struct {
	Label   string
	Entries []auditLine
}

// auditLine is one entry, marked when it was not done by a person of the account.
type auditLine struct {
	account.AuditEntry
	Mark string
}

// Changed reports whether before and after say more than the sentence does.
func (l auditLine) Changed() bool {
	return l.Action == account.HubUserAccessChanged || l.Action == account.InvitationChanged || l.Action == account.SettingsChanged || l.Action == account.WebhookChanged
}

// Detail is what else there is to say of an entry that is no change from one value to another.
func (l auditLine) Detail() string {
	switch l.Action {
	case account.InvitationSent, account.InvitationAccepted:
		return "Access: " + l.After
	case account.HubUserRemoved:
		return "Access before: " + l.Before
	case account.AccountOpened, account.AccountSuspended, account.AccountClosing, account.APIKeyMade, account.TicketOpened, account.VisitAsked, account.VisitAllowed, account.VisitsGranted,
		account.WebhookAdded, account.WebhookPaused:
		return l.After
	}
	return ""
}

const dateForm = "2006-01-02"

// Query is the view as an address.
func (v auditView) Query() url.Values {
	query := url.Values{}
	for name, value := range map[string]string{"q": v.Search, "area": v.Area, "person": v.Person, "from": v.From, "to": v.To, "about": v.About} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return query
}

// filter reads the view's days where the viewer lives.
func (v auditView) filter(zone *time.Location) (account.AuditFilter, error) {
	f := account.AuditFilter{Search: v.Search, Area: v.Area, ActorID: v.Person, SubjectID: v.About}
	var err error
	f.Since, f.Until, err = dateRange(v.From, v.To, zone)
	return f, err
}

// dateRange reads the fields from and to, which name the first and the last whole day in a zone. What is empty is the zero time.
func dateRange(from, to string, zone *time.Location) (since, until time.Time, err error) {
	day := func(text, field, label string) (time.Time, *fault.Fault) {
		if text == "" {
			return time.Time{}, nil
		}
		t, err := time.ParseInLocation(dateForm, text, zone)
		if err != nil || t.Year() < 1970 || t.Year() > 9998 {
			return time.Time{}, fault.Field("date-form", field, label+" must be a date like 2026-11-18")
		}
		return t, nil
	}
	since, fromFault := day(from, "from", "From")
	last, toFault := day(to, "to", "To")
	if !last.IsZero() {
		until = last.AddDate(0, 0, 1)
		if !since.IsZero() && last.Before(since) {
			toFault = fault.Field("date-order", "to", "To must be the same day as From, or later")
		}
	}
	return since, until, fault.All(fromFault, toFault)
}

func auditFrom(query url.Values) auditView {
	get := func(name string) string { return strings.TrimSpace(query.Get(name)) }
	return auditView{Search: get("q"), Area: get("area"), Person: get("person"), From: get("from"), To: get("to"), About: get("about")}
}

// auditLog shows who did what, newest first.
func (p *Portal) auditLog(r *Request) error {
	v, after := auditFrom(r.URL.Query()), r.URL.Query().Get("after")
	r.Fill(v)
	filter, err := v.filter(r.zone())
	var entries []account.AuditEntry
	var next string
	if err == nil {
		filter.After = after
		entries, next, err = p.Account.AuditLog(r.Context(), r.Viewer.Actor, filter)
	}
	if f, ok := fault.Of(err); ok && f.Code == "cursor-unknown" {
		return r.Redirect(withQuery(r.URL.Path, v.Query()))
	}
	data, pageErr := p.auditPage(r, v, entries, after, next)
	if pageErr != nil {
		return pageErr
	}
	show := func(r *Request) error {
		return r.Render("account/audit-log.html", Page{Title: "Audit log", Crumbs: accountCrumbs(r), Data: data})
	}
	if err != nil {
		data.Empty = &Empty{Kind: "none", Title: "Nothing to show yet", Text: "Change what is marked above, then show the log again.", Label: "Show everything", Path: data.Page}
		return r.Again(err, show)
	}
	return show(r)
}

func (p *Portal) auditPage(r *Request, v auditView, entries []account.AuditEntry, after, next string) (*auditPage, error) {
	query := v.Query()
	data := &auditPage{auditView: v, Page: r.to("audit-log"), Filtered: len(query) > 0, Shown: len(entries), CSV: withQuery(r.to("audit-log.csv"), query)}
	data.Pages = r.pages(next)
	data.Areas = []Option{{Label: "Everything"}}
	for _, area := range account.Areas {
		data.Areas = append(data.Areas, Option{Value: area.Name, Label: area.Words})
	}
	actors, err := p.Account.AuditActors(r.Context(), r.Viewer.Actor)
	if err != nil {
		return nil, err
	}
	data.People = []Option{{Label: "Everybody"}}
	for _, u := range actors {
		data.People = append(data.People, Option{Value: u.PersonID, Label: u.Label()})
	}
	view := &View{now: p.Now(), zone: r.zone()}
	for _, e := range entries {
		at, _ := view.moment(e.At)
		label := view.longDay(at)
		if last := len(data.Days) - 1; last < 0 || data.Days[last].Label != label {
			data.Days = append(data.Days, auditDay{Label: label})
		}
		day := &data.Days[len(data.Days)-1]
		day.Entries = append(day.Entries, auditLine{e, actorMark(e)})
		if v.About != "" && data.AboutWhom == "" {
			data.AboutWhom = e.SubjectName
		}
	}
	if len(entries) == 0 {
		data.Empty = &Empty{Kind: "none", Title: "Nothing in the log matches", Text: "Try other days, another person, or fewer words.", Label: "Show everything", Path: data.Page}
	}
	return data, nil
}

// longDay heads what happened on one day: "Today", "Yesterday", "Wednesday 18 November", with the year when it is another one.
func (v *View) longDay(t time.Time) string {
	switch day := v.day(t); {
	case day == "Today", day == "Yesterday":
		return day
	case t.Year() == v.now.In(v.zone).Year():
		return t.Format("Monday 2 January")
	}
	return t.Format("Monday 2 January 2006")
}

// Day writes a day without its time, for columns that don't need it.
func (v *View) Day(at any) template.HTML {
	t, ok := v.moment(at)
	if !ok {
		return none("Not yet")
	}
	return stamp(t, v.day(t))
}

// Clock writes the time of day, under a heading that names the day.
func (v *View) Clock(at any) template.HTML {
	t, ok := v.moment(at)
	if !ok {
		return none("Not yet")
	}
	return stamp(t, clock(t))
}

// actorMark says of whom it was when it was not a person of the account.
func actorMark(e account.AuditEntry) string {
	switch e.ActorKind {
	case account.Staff, account.Visitor:
		return "Provider staff"
	case account.Operator:
		return "Provider"
	case account.Key:
		return "API key"
	case account.Directory:
		return "Directory"
	}
	return ""
}

// auditLogCSV sends the entries of the view, all pages, while it reads them.
func (p *Portal) auditLogCSV(r *Request) error {
	zone := r.zone()
	filter, err := auditFrom(r.URL.Query()).filter(zone)
	if err != nil {
		return err
	}
	out, err := r.csv(r.Viewer.Account.Slug+"-audit-log", "When ("+zone.String()+")", "Who", "Kind", "What", "Action", "Before", "After", "From")
	if err != nil {
		return err
	}
	return out.end(p.Account.EachAuditEntry(r.Context(), r.Viewer.Actor, filter, func(e account.AuditEntry) error {
		return out.row(time.UnixMilli(e.At).In(zone).Format("2006-01-02 15:04:05"), e.ActorName, cmpOr(actorMark(e), "Hub user"), e.Sentence(), string(e.Action), e.Before, e.After, e.Address)
	}))
}
