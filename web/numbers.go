package web

import (
	"net/url"
	"slices"
	"strings"

	"hubline/base/fault"
	"hubline/base/tel"
	"hubline/product/account"
	"hubline/product/number"
	"hubline/product/phoneuser"
)

// numberList is the page "Phone numbers".
type numberList struct {
	Page         string // its address without a query
	Search, Sort string
	Rows         []numberRow
	Pages        pages
	CSV, Tally   string
	Empty        *Empty
	Leads        bool // the viewer may choose where numbers lead
}

type numberRow struct {
	number.Number
	Path string
}

func numbersFrom(query url.Values) number.Filter {
	f := number.Filter{Search: strings.TrimSpace(query.Get("q")), After: query.Get("after")}
	key, descending := strings.CutPrefix(query.Get("sort"), "-")
	switch sort := number.Sort(key); sort {
	case number.ByNumber, number.ByServiceName:
		f.Sort, f.Descending = sort, descending
	}
	return f
}

// Query is the view as an address, without the place in the list.
func (l *numberList) Query() url.Values {
	query := url.Values{}
	for name, value := range map[string]string{"q": l.Search, "sort": l.Sort} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return query
}

// Find is the search above the list.
func (l *numberList) Find() Find {
	f := Find{Path: l.Page, Value: l.Search, Label: "Search numbers by number, service name or phone user", Hint: "Number, name", Target: "rows"}
	if l.Sort != "" {
		f.Keep = []Input{{"sort", l.Sort}}
	}
	return f
}

// numbers shows the account's phone numbers and where their calls lead.
func (p *Portal) numbers(r *Request) error {
	f := numbersFrom(r.URL.Query())
	rows, next, err := p.Numbers.List(r.Context(), r.Viewer.Actor, f)
	if fault.Is(err, fault.Invalid) {
		query := r.URL.Query()
		query.Del("after")
		query.Del("back")
		return r.Redirect(withQuery(r.URL.Path, query))
	}
	if err != nil {
		return err
	}
	total, err := p.Numbers.Count(r.Context(), r.Viewer.Actor)
	if err != nil {
		return err
	}
	list := &numberList{Page: r.to("numbers"), Search: f.Search, Tally: count(total, "number", "numbers"), Leads: r.may(account.ChangeNumbers)}
	if f.Sort != "" {
		list.Sort = r.URL.Query().Get("sort")
	}
	query := list.Query()
	list.CSV = withQuery(r.to("numbers.csv"), query)
	list.Pages = r.pages(next)
	for _, n := range rows {
		list.Rows = append(list.Rows, numberRow{n, r.to("numbers", n.Number)})
	}
	list.tell(r)
	return r.Render("number/numbers.html", Page{Title: "Phone numbers", Crumbs: accountCrumbs(r), Data: list})
}

func (l *numberList) tell(r *Request) {
	switch {
	case len(l.Rows) > 0 && l.Search != "":
		l.Tally = count(len(l.Rows), "number", "numbers") + " on this page"
	case len(l.Rows) > 0:
	case l.Pages.First != "":
		l.Empty = &Empty{Kind: "none", Title: "Nothing more here", Text: "The list has become shorter since.", Label: "Back to the first page", Path: l.Pages.First}
	case l.Search != "":
		l.Tally = "No number matches"
		l.Empty = &Empty{Kind: "none", Title: "No number matches “" + l.Search + "”", Text: "Type a number in any format, or a part of its name.", Label: "Show all numbers", Path: r.to("numbers")}
	default:
		l.Empty = &Empty{Kind: "first", Icon: "hash", Title: "No phone numbers yet", Text: r.portal.Provider + " assigns numbers to this account."}
		if r.may(account.OpenTickets) {
			l.Empty.Label, l.Empty.Path = "Ask for a number", r.to("support", "new")
		}
	}
}

func (p *Portal) numbersCSV(r *Request) error {
	out, err := r.csv(r.Viewer.Account.Slug+"-numbers", "Number", "Kind", "Service name", "Leads to", "Extension")
	if err != nil {
		return err
	}
	return out.end(p.Numbers.Each(r.Context(), r.Viewer.Actor, numbersFrom(r.URL.Query()), func(n number.Number) error {
		return out.row(r.shown(n.Number), n.Kind.Words(), n.ServiceName, n.PhoneUserName, n.Extension)
	}))
}

// numberForm is what can be changed of a number; a Standard user changes the service name only.
type numberForm struct {
	ServiceName string `form:"service_name"`
	PhoneUserID string `form:"phone_user_id"` // "" leads nowhere
	Version     string `form:"version,hidden"`
}

type numberPage struct {
	number.Number
	Choices []Option
	MayLead bool
	History string
	Calls   string // the report of its calls; "" for those who may not see it
}

const leadChoices = 500 // phone users offered in the list

// number shows one number.
func (p *Portal) number(r *Request) error {
	n, err := p.Numbers.ByNumber(r.Context(), r.Viewer.Actor, r.PathValue("number"))
	if err != nil {
		return err
	}
	r.Fill(numberForm{ServiceName: n.ServiceName, PhoneUserID: n.PhoneUserID})
	data := numberPage{Number: n, MayLead: r.may(account.ChangeNumbers), History: r.to("audit-log") + "?about=" + url.QueryEscape(n.Number)}
	if r.may(account.ViewCalls) {
		data.Calls = withQuery(r.to("reports", "all-calls"), reportView{Number: n.Number, Days: "28"}.Query())
	}
	if data.MayLead {
		users, _, err := p.Phones.List(r.Context(), r.Viewer.Actor, phoneuser.Filter{Limit: leadChoices})
		if err != nil {
			return err
		}
		data.Choices = []Option{{Label: "Nowhere: callers hear that it is not in service"}}
		for _, u := range users {
			data.Choices = append(data.Choices, Option{Value: u.ID, Label: u.Extension + " · " + u.DisplayName})
		}
		data.Choices = offered(data.Choices, n.PhoneUserID, n.Extension+" · "+n.PhoneUserName)
	}
	return r.Render("number/number.html", Page{Title: r.shown(n.Number), Section: "numbers",
		Crumbs: accountCrumbs(r, Link{"Phone numbers", r.to("numbers")}), Data: data})
}

// offered makes sure that a list of choices holds what is stored, however long the list would be: a form that is only saved changes nothing.
func offered(choices []Option, value, label string) []Option {
	if slices.ContainsFunc(choices, func(o Option) bool { return o.Value == value }) {
		return choices
	}
	return append(choices, Option{Value: value, Label: label})
}

// saveNumber saves the service name and, for those who may, where calls lead.
func (p *Portal) saveNumber(r *Request) error {
	var in numberForm
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.number)
	}
	before, err := p.Numbers.ByNumber(r.Context(), r.Viewer.Actor, r.PathValue("number"))
	if err != nil {
		return err
	}
	change := number.Change{ServiceName: &in.ServiceName}
	if r.may(account.ChangeNumbers) && r.PostForm.Has("phone_user_id") {
		change.PhoneUserID = &in.PhoneUserID
	}
	after, err := p.Numbers.Change(r.Context(), r.Viewer.Actor, before.Number, change, version(in.Version))
	if err != nil {
		return r.Again(changedToConflict(err), p.number)
	}
	return r.Go(r.to("numbers"), savedNumber(r.shown(before.Number), before, after))
}

// changedToConflict lets a page say that somebody else was faster and show the form again.
func changedToConflict(err error) error {
	if f, ok := fault.Of(err); ok && f.Kind == fault.Changed {
		return fault.New(fault.Conflict, f.Code, f.Message)
	}
	return err
}

func savedNumber(shown string, before, after number.Number) Banner {
	switch {
	case after.PhoneUserID != before.PhoneUserID && after.PhoneUserID == "":
		return Banner{Text: shown + " leads nowhere now.", More: "Callers hear that it is not in service."}
	case after.PhoneUserID != before.PhoneUserID:
		return Banner{Text: shown + " rings " + after.Leads() + " now.", More: "It holds from the next call on."}
	case after.ServiceName != before.ServiceName:
		return Banner{Text: shown + " is now called " + after.ServiceName + "."}
	}
	return Banner{Kind: "info", Text: "Nothing was different, so nothing was changed."}
}

// Number writes a number as the viewer wants to see it, which is as people of the country read it unless they chose otherwise.
func (v *View) Number(e164 string) string { return v.plan.Shown(e164) }

// shown writes a number as the viewer wants to see it.
func (r *Request) shown(e164 string) string { return r.plan().Shown(e164) }

func (r *Request) plan() tel.Plan {
	if r.Viewer == nil {
		return r.portal.Plan
	}
	return r.portal.Plan.In(r.Viewer.Actor.Numbers)
}
