package web

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/phoneuser"
)

// phoneUsersView is one view of the list of phone users: what the address asks for.
type phoneUsersView struct {
	Search, Sort, After string
}

func phoneUsersFrom(query url.Values) phoneUsersView {
	v := phoneUsersView{Search: strings.TrimSpace(query.Get("q")), After: query.Get("after")}
	switch phoneuser.Sort(strings.TrimPrefix(query.Get("sort"), "-")) {
	case phoneuser.ByNumber, phoneuser.ByName:
		v.Sort = query.Get("sort")
	}
	return v
}

// Query is the view as an address, without the place in the list.
func (v phoneUsersView) Query() url.Values {
	query := url.Values{}
	for name, value := range map[string]string{"q": v.Search, "sort": v.Sort} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return query
}

func (v phoneUsersView) filter() phoneuser.Filter {
	key, descending := strings.CutPrefix(v.Sort, "-")
	return phoneuser.Filter{Search: v.Search, Sort: phoneuser.Sort(key), Descending: descending, After: v.After}
}

// phoneUserList is the page "Phone users".
type phoneUserList struct {
	phoneUsersView
	Page    string // its address without a query
	Plan    string // "You are using 6 of 10."
	Left    string // "4 left on your plan"
	Full    bool
	First   bool // the account has none yet
	Rows    []phoneUserRow
	Pages   pages
	CSV     string
	Tally   string
	Empty   *Empty
	Dialogs []Confirm
}

// phoneUserRow is one line of the list.
type phoneUserRow struct {
	phoneuser.User
	Path string
	Now  personStatus
	Menu []MenuItem
}

// RowMenu is the "…" of the line.
func (row phoneUserRow) RowMenu() RowMenu {
	return RowMenu{ID: "row-" + row.ID, Label: "More actions for " + row.DisplayName, Items: row.Menu}
}

// phoneUsers shows the account's extensions, what their phones do right now, and how much of the plan they use.
func (p *Portal) phoneUsers(r *Request) error {
	v := phoneUsersFrom(r.URL.Query())
	list := &phoneUserList{phoneUsersView: v, Page: r.to("phone-users")}
	rows, next, err := p.Phones.List(r.Context(), r.Viewer.Actor, v.filter())
	if fault.Is(err, fault.Invalid) { // a place in a list that has changed its order since
		query := r.URL.Query()
		query.Del("after")
		query.Del("back")
		return r.Redirect(withQuery(r.URL.Path, query))
	}
	if err != nil {
		return err
	}
	used, limit, err := p.Phones.Count(r.Context(), r.Viewer.Actor)
	if err != nil {
		return err
	}
	list.plan(used, limit)
	query := v.Query()
	list.CSV = withQuery(r.to("phone-users.csv"), query)
	list.Pages = r.pages(next)
	for _, u := range rows {
		list.Rows = append(list.Rows, phoneUserLine(r, u))
	}
	list.Dialogs = []Confirm{phoneReset(r, phoneuser.User{}), phoneDeletion(r, phoneuser.User{}, nil)}
	list.tell(r)
	return r.Render("phoneuser/phone-users.html", Page{Title: "Phone users", Crumbs: accountCrumbs(r), Data: list})
}

func (l *phoneUserList) plan(used, limit int) {
	l.Plan, l.Full, l.First = planSentence(used, limit), used >= limit, used == 0
	if left := limit - used; left > 0 {
		l.Left = thousands(left) + " left on your plan"
	} else {
		l.Left = "none left on your plan"
	}
	l.Tally = count(used, "phone user", "phone users")
}

// planSentence says how much of the plan is used: "You are using 6 of 10 phone users."
func planSentence(used, limit int) string {
	return fmt.Sprintf("You are using %s of %s phone users.", thousands(used), thousands(limit))
}

// tell says how much there is, or why there is nothing.
func (l *phoneUserList) tell(r *Request) {
	if len(l.Rows) > 0 {
		if l.Search != "" {
			l.Tally = count(len(l.Rows), "phone user", "phone users") + " on this page"
		}
		return
	}
	switch {
	case l.Pages.First != "":
		l.Empty = &Empty{Kind: "none", Title: "Nothing more here", Text: "The list has become shorter since.", Label: "Back to the first page", Path: l.Pages.First}
	case l.Search != "":
		l.Tally = "Nobody matches"
		l.Empty = &Empty{Kind: "none", Title: "Nobody matches “" + l.Search + "”", Text: "Search by extension, name, email or number in any format.", Label: "Show all phone users", Path: r.to("phone-users")}
	default:
		l.Empty = &Empty{Kind: "first", Icon: "phone", Title: "No phone users yet",
			Text: "A phone user has an extension that colleagues dial, and phones that ring.", Label: "Add phone user", Path: r.to("phone-users", "new")}
		if r.may(account.ChangePhoneUsers) {
			l.Empty.More, l.Empty.MorePath = "Import a list", r.to("imports")
		}
	}
}

func phoneUserLine(r *Request, u phoneuser.User) phoneUserRow {
	row := phoneUserRow{User: u, Path: r.to("phone-users", u.ID), Now: rightNow(u.State())}
	if !r.may(account.ChangePhoneUsers) {
		return row
	}
	hands := r.may(account.SendPhoneDetails)
	if hands && u.AppEnabled && u.Email != "" {
		row.Menu = append(row.Menu, MenuItem{Label: sendLabel(u), Icon: "mail", Path: row.Path + "/send-details", Post: true})
	}
	if hands && u.AppEnabled {
		row.Menu = append(row.Menu, MenuItem{Label: "Reset phones…", Icon: "key", Path: row.Path + "/reset", Dialog: "reset",
			Fill: fillAbout(phoneReset(r, u))})
	}
	row.Menu = append(row.Menu, MenuItem{Label: "Delete phone user…", Icon: "bin", Path: row.Path + "/deletion", Danger: true})
	return row
}

// fillAbout is what a row puts into a dialog whose text is about the row, too.
func fillAbout(c Confirm) string {
	text, err := asJSON("title", c.Title, "text", c.Text, "action", c.Path)
	if err != nil {
		panic(err) // strings always are JSON
	}
	return text
}

func sendLabel(u phoneuser.User) string {
	if u.DetailsSentAt == 0 {
		return "Send set-up details"
	}
	return "Resend set-up details"
}

// rightNow is a phone user's state in words, as everywhere in the portal and in the CSV.
func rightNow(s phoneuser.State) personStatus {
	switch s {
	case phoneuser.Available:
		return personStatus{"ok", "Available", "ok"}
	case phoneuser.OnACall:
		return personStatus{"warn", "On a call", "phone"}
	case phoneuser.NotSetUp:
		return personStatus{"warn", "Not set up yet", "mail"}
	case phoneuser.AppOff:
		return personStatus{"", "App off", "x"}
	}
	return personStatus{"", "Not connected", "clock"}
}

// phoneUsersCSV sends the rows of the view, all pages, under the headings that an import takes.
func (p *Portal) phoneUsersCSV(r *Request) error {
	out, err := r.csv(r.Viewer.Account.Slug+"-phone-users", append(columnHeadings(), "Right now", "Devices")...)
	if err != nil {
		return err
	}
	return out.end(p.Phones.Each(r.Context(), r.Viewer.Actor, phoneUsersFrom(r.URL.Query()).filter(), func(u phoneuser.User) error {
		return out.row(u.Extension, u.DisplayName, u.Email, u.LocalPrefix, p.Plan.National(u.CallerID), yes(u.HideCallerID), p.Plan.National(u.SMSNumber),
			yes(u.AppEnabled), rightNow(u.State()).Text, strconv.Itoa(u.Devices))
	}))
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// The questions before something that affects somebody's phones (ux.md 2.8).

func phoneReset(r *Request, u phoneuser.User) Confirm {
	c := Confirm{ID: "reset", Title: "Reset the phones of " + u.DisplayName + "?", Keep: "Cancel", Do: "Reset and send link", Busy: "Resetting…",
		Text: "Every device stops working now, and a call in progress ends. A new set-up link goes to " + u.Email + ".", Path: r.to("phone-users", u.ID, "reset"), Next: r.to("phone-users", u.ID)}
	if u.Email == "" {
		c.Do, c.Text = "Reset", "Every device stops working now, and a call in progress ends. Without an email address nobody gets a new set-up link."
	}
	return c
}

func phoneDeletion(r *Request, u phoneuser.User, numbers []string) Confirm {
	text := fmt.Sprintf("Calls to extension %s stop ringing, and every device of it stops working now. ", u.Extension)
	if len(numbers) > 0 {
		text += "Callers of " + strings.Join(numbers, ", ") + " will hear that the number is not in service until you choose where it leads. "
	}
	return Confirm{ID: "delete", Title: "Delete " + u.Label() + "?", Keep: "Keep", Do: "Delete phone user", Busy: "Deleting…",
		Text: text + "Call records keep the name. One place on your plan becomes free.", Path: r.to("phone-users", u.ID, "deletion"), Next: r.to("phone-users", u.ID)}
}

// Find is the search above the list.
func (l *phoneUserList) Find() Find {
	f := Find{Path: l.Page, Value: l.Search, Label: "Search phone users by extension, name, email or number",
		Hint: "Extension, name, number", Target: "rows"}
	if l.Sort != "" {
		f.Keep = []Input{{"sort", l.Sort}}
	}
	return f
}
