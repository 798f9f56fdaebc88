package web

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
)

// peopleView is one view of the list of people: what the address asks for.
type peopleView struct {
	Status account.Status
	Search string
	Sort   string // a column's key, with "-" in front when descending; empty: by name
	After  string // where the page before ended
	Before string // where the page behind began
	From   int    // number of the first row, for the words below the list; 0: the first
	Size   int    // rows a page
}

// sizes are how many rows a page of a list can have; the second is what people get who never chose.
var sizes = []int{25, 50, 100}

// peopleFrom reads a view from an address. What no list knows counts as not asked for, so that old links still show something.
func peopleFrom(query url.Values) peopleView {
	v := peopleView{Search: strings.TrimSpace(query.Get("q")), After: query.Get("after"), Before: query.Get("before"), Size: sizes[1]}
	if size, _ := strconv.Atoi(query.Get("rows")); slices.Contains(sizes, size) {
		v.Size = size
	}
	if from, err := strconv.Atoi(query.Get("from")); err == nil && from > 0 && (v.After != "" || v.Before != "") {
		v.From = min(from, 1_000_000)
	}
	switch status := account.Status(query.Get("status")); status {
	case account.OnlyActive, account.OnlyInvited, account.NeedsAttention:
		v.Status = status
	}
	switch sort := account.Sort(strings.TrimPrefix(query.Get("sort"), "-")); sort {
	case account.ByName, account.BySent, account.ByAccepted, account.BySeen:
		v.Sort = query.Get("sort")
	}
	return v
}

// Query is the view as an address, without the place in the list.
func (v peopleView) Query() url.Values {
	query := url.Values{}
	for name, value := range map[string]string{"status": string(v.Status), "q": v.Search, "sort": v.Sort} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if v.Size != sizes[1] {
		query.Set("rows", strconv.Itoa(v.Size))
	}
	return query
}

// at is the view's page at a cursor, which begins with that row.
func (v peopleView) at(direction, cursor string, from int) url.Values {
	query := v.Query()
	query.Set(direction, cursor)
	if from > 0 {
		query.Set("from", strconv.Itoa(from))
	}
	return query
}

func (v peopleView) filter() account.PeopleFilter {
	key, descending := strings.CutPrefix(v.Sort, "-")
	return account.PeopleFilter{Status: v.Status, Search: v.Search, Sort: account.Sort(key), Descending: descending, After: v.After, Before: v.Before, Limit: v.Size}
}

// withQuery makes an address; the query may be empty.
// peopleList is the page "Hub users".
type peopleList struct {
	peopleView
	Page    string // its address without a query
	Here    string // its address with one, to come back to
	Counts  account.Counts
	Rows    []personRow
	Pages   pages
	CSV     string
	Tally   string // "8 people"
	Empty   *Empty
	Alone   bool        // nobody but the viewer yet
	Invite  *invitePage // the dialog; nil when inviting needs a check first
	Dialogs []Confirm   // shared by the rows, which fill in whom they are about
}

// personRow is one line of the list.
type personRow struct {
	account.Listed
	Path   string
	You    bool
	Status personStatus
	Button rowButton
	Menu   []MenuItem
}

// RowMenu is the "…" of the line.
func (row personRow) RowMenu() RowMenu {
	return RowMenu{ID: "row-" + row.ID, Label: "More actions for " + row.Label(), Items: row.Menu}
}

// personStatus is a status tag.
type personStatus struct{ Kind, Text, Icon string }

// rowButton is the one worded action of a line: a link, or with Post a button that sends.
type rowButton struct {
	Label, About, Path string
	Post               bool
}

// hubUsers shows the list of everybody who can sign in or was invited.
func (p *Portal) hubUsers(r *Request) error {
	list, err := p.peopleList(r, peopleFrom(r.URL.Query()))
	if fault.Is(err, fault.Invalid) { // a place in a list that has changed its order since
		query := r.URL.Query()
		query.Del("after")
		query.Del("before")
		query.Del("from")
		return r.Redirect(withQuery(r.URL.Path, query))
	}
	if err != nil {
		return err
	}
	if r.may(account.InviteHubUsers) && r.Viewer.Actor.Checked {
		if list.Invite, err = p.newInvitePage(r); err != nil {
			return err
		}
	}
	return r.Render("account/hub-users.html", Page{Title: "Hub users", Crumbs: accountCrumbs(r), Data: list})
}

// may reports whether the viewer holds the permission in this account.
func (r *Request) may(permission account.Permission) bool { return r.Viewer.Can(string(permission)) }

// to makes the address of a page in the viewer's account.
func (r *Request) to(parts ...string) string {
	return "/" + strings.Join(append([]string{r.Viewer.Account.Slug}, parts...), "/")
}

// back is the local page that a form asks to come back to, or else the list of people.
func (r *Request) back() string {
	if next := localPath(r.URL.Query().Get("next")); strings.HasPrefix(next, r.to("")) {
		return next
	}
	return r.to("hub-users")
}

func accountCrumbs(r *Request, more ...Link) []Link {
	return append([]Link{{"Home", r.to("")}}, more...)
}

func (p *Portal) peopleList(r *Request, v peopleView) (list *peopleList, err error) {
	list = &peopleList{peopleView: v, Page: r.to("hub-users")}
	page, err := p.Account.PeoplePage(r.Context(), r.Viewer.Actor, v.filter())
	if err != nil {
		return nil, err
	}
	if list.Counts, err = p.Account.CountPeople(r.Context(), r.Viewer.Actor); err != nil {
		return nil, err
	}
	query := v.Query()
	list.CSV = withQuery(r.to("hub-users.csv"), query)
	list.lead(page, query)
	now := p.Now()
	list.Rows = make([]personRow, 0, len(page.Rows))
	for _, row := range page.Rows {
		list.Rows = append(list.Rows, p.personRow(r, row, now, list.Here))
	}
	list.Dialogs = []Confirm{removal(r, "this person"), deactivation(r, "this person"), cancellation("this person")}
	for i, id := range []string{"remove", "deactivate", "cancel"} {
		list.Dialogs[i].ID = id
	}
	list.tell()
	return list, nil
}

// lead fills in the addresses of the other pages and of this one.
func (l *peopleList) lead(page account.PeoplePage, query url.Values) {
	v := &l.peopleView
	switch {
	case v.Before != "" && page.Prev == "": // the first page, reached from behind
		v.From = 1
		l.Here = withQuery(l.Page, v.at("before", v.Before, 1))
	case v.Before != "":
		l.Here, l.Pages.First = withQuery(l.Page, v.at("before", v.Before, v.From)), withQuery(l.Page, query)
	case v.After != "":
		l.Here, l.Pages.First = withQuery(l.Page, v.at("after", v.After, v.From)), withQuery(l.Page, query)
	default:
		v.From = 1
		l.Here = withQuery(l.Page, query)
	}
	next, prev := 0, 0
	if v.From > 0 {
		next, prev = v.From+len(page.Rows), max(1, v.From-v.Size)
	}
	if page.Next != "" {
		l.Pages.Next = withQuery(l.Page, v.at("after", page.Next, next))
	}
	if page.Prev != "" {
		l.Pages.Previous = withQuery(l.Page, v.at("before", page.Prev, prev))
	}
}

// Sizes are the links to the same list with other numbers of rows; none when one page of the fewest holds it.
func (l *peopleList) Sizes() (list []Option) {
	if len(l.Rows) <= sizes[0] && l.Pages.First == "" && l.Pages.Next == "" {
		return nil
	}
	for _, size := range sizes {
		v := l.peopleView
		v.Size = size
		list = append(list, Option{Label: strconv.Itoa(size), Path: withQuery(l.Page, v.Query()), Current: size == l.Size})
	}
	return list
}

// tell says how much there is, or why there is nothing.
func (l *peopleList) tell() {
	total := map[account.Status]int{account.Everyone: l.Counts.All, account.OnlyActive: l.Counts.Active,
		account.OnlyInvited: l.Counts.Invited, account.NeedsAttention: l.Counts.Attention}[l.Status]
	paged := l.Pages.First != "" || l.Pages.Next != ""
	switch shown := count(len(l.Rows), "person", "people"); {
	case paged && l.From > 0 && l.Search == "" && l.From+len(l.Rows)-1 <= total:
		l.Tally = thousands(l.From) + "–" + thousands(l.From+len(l.Rows)-1) + " of " + count(total, "person", "people")
	case paged && l.From > 0:
		l.Tally = "People " + thousands(l.From) + "–" + thousands(l.From+len(l.Rows)-1)
	case paged:
		l.Tally = shown + " on this page"
	default:
		l.Tally = shown
	}
	l.Alone = l.Counts.All == 1 && len(l.Rows) == 1 && l.Search == ""
	if len(l.Rows) > 0 {
		return
	}
	switch {
	case l.Pages.First != "":
		l.Empty = &Empty{Kind: "none", Title: "Nothing more here", Text: "The list has become shorter since.", Label: "Back to the first page", Path: l.Pages.First}
	case l.Search != "":
		l.Tally = "Nobody matches"
		l.Empty = &Empty{Kind: "none", Title: "Nobody matches “" + l.Search + "”", Text: "Check the spelling, or look in everybody.", Label: "Show everybody", Path: l.Page}
	case l.Status == account.OnlyInvited:
		l.Empty = &Empty{Kind: "none", Icon: "mail", Title: "No invitations are open", Text: "Everybody who was invited has answered, or their invitation ran out.", Label: "Show everybody", Path: l.Page}
	case l.Status == account.NeedsAttention:
		l.Empty = &Empty{Kind: "none", Icon: "ok", Title: "Nothing needs attention", Text: "Invitations that ran out, bounced, were declined or stopped show up here, and people without a second factor that this account asks for.", Label: "Show everybody", Path: l.Page}
	default:
		l.Empty = &Empty{Kind: "none", Title: "Nobody is active", Text: "Everybody here is deactivated.", Label: "Show everybody", Path: l.Page}
	}
}

// Filters are the links above the list.
func (l *peopleList) Filters() Filters {
	f := Filters{Label: "Show"}
	for _, o := range []struct {
		status account.Status
		label  string
		n      int
	}{{account.Everyone, "All", l.Counts.All}, {account.OnlyActive, "Active", l.Counts.Active}, {account.OnlyInvited, "Invited", l.Counts.Invited},
		{account.NeedsAttention, "Needs attention", l.Counts.Attention}} {
		v := l.peopleView
		v.Status = o.status
		f.Options = append(f.Options, Option{Label: o.label, Count: o.n, Path: withQuery(l.Page, v.Query()), Current: l.Status == o.status})
	}
	return f
}

// Find is the search above the list; it keeps filter and order.
func (l *peopleList) Find() Find {
	f := Find{Path: l.Page, Value: l.Search, Label: "Search hub users by name or email", Hint: "Search name or email", Target: "rows"}
	for _, kept := range []Input{{"status", string(l.Status)}, {"sort", l.Sort}, {"rows", l.Query().Get("rows")}} {
		if kept.Value != "" {
			f.Keep = append(f.Keep, kept)
		}
	}
	return f
}

// personRow offers what can be done with a row in its state, and nothing else.
func (p *Portal) personRow(r *Request, l account.Listed, now time.Time, here string) personRow {
	row := personRow{Listed: l, You: !l.Invited && l.ID == r.Viewer.Actor.MembershipID, Status: statusOf(l, now)}
	next := "?" + url.Values{"next": {here}}.Encode()
	if l.Invited {
		row.Path = r.to("invitations", l.ID)
		if r.may(account.InviteHubUsers) {
			row.offerInvited(r, now, next)
		}
		return row
	}
	row.Path = r.to("hub-users", l.ID)
	if r.may(account.ChangeHubUsers) {
		row.offerHubUser(r, next)
	}
	return row
}

func (row *personRow) offerHubUser(r *Request, next string) {
	label := row.Label()
	row.Button = rowButton{Label: "Edit", About: " access for " + label, Path: row.Path}
	if row.You {
		row.Menu = []MenuItem{{Label: "Your password and devices", Icon: "key", Path: "/profile/security"}}
		return
	}
	if row.State == string(account.Deactivated) {
		row.Menu = append(row.Menu, MenuItem{Label: "Reactivate", Icon: "play", Path: row.Path + "/reactivation" + next, Post: true})
	} else {
		row.Menu = append(row.Menu, MenuItem{Label: "Deactivate…", Icon: "pause", Path: row.Path + "/deactivation" + next, Dialog: "deactivate",
			Fill: fillConfirm(deactivationTitle(label), row.Path+"/deactivation"+next)})
	}
	if row.State == string(account.Active) {
		row.Menu = append(row.Menu, MenuItem{Label: "Sign out everywhere…", Icon: "lock", Path: row.Path + "/sign-out" + next})
	}
	if row.SecondFactor {
		row.Menu = append(row.Menu, MenuItem{Label: "Lost second factor…", Icon: "key", Path: row.Path + "/recovery"})
	}
	row.Menu = append(row.Menu, MenuItem{Label: "Remove from account…", Icon: "bin", Path: row.Path + "/removal" + next, Dialog: "remove", Danger: true,
		Fill: fillConfirm(removalTitle(label), row.Path+"/removal"+next)})
}

func (row *personRow) offerInvited(r *Request, now time.Time, next string) {
	pending := row.State == string(account.Pending)
	switch change := (MenuItem{Label: "Change access", Icon: "users", Path: row.Path}); {
	case pending && row.Resendable(now.UnixMilli()):
		row.Button = rowButton{Label: "Resend", About: " invitation to " + row.Email, Path: row.Path + "/resend" + next, Post: true}
		row.Menu = append(row.Menu, change)
	case pending && row.ExpiresAt > now.UnixMilli():
		row.Button = rowButton{Label: "Edit", About: " invitation to " + row.Email, Path: row.Path}
	default:
		row.Button = rowButton{Label: "Invite again", About: ": " + row.Email, Path: r.to("hub-users", "invite") + "?again=" + row.ID}
	}
	if pending {
		row.Menu = append(row.Menu, MenuItem{Label: "Cancel invitation…", Icon: "x", Path: row.Path + "/cancellation" + next, Dialog: "cancel", Danger: true,
			Fill: fillConfirm(cancellationTitle(row.Email), row.Path+"/cancellation"+next)})
		return
	}
	row.Menu = append(row.Menu, MenuItem{Label: "Take off the list", Icon: "x", Path: row.Path + "/cancellation" + next, Post: true})
}

// statusOf is the state in words, as everywhere in the portal and in the CSV.
func statusOf(l account.Listed, now time.Time) personStatus {
	switch l.State {
	case string(account.Active):
		if l.Lacks {
			return personStatus{"warn", "No second factor", "lock"}
		}
		return personStatus{"ok", "Active", "ok"}
	case string(account.Deactivated):
		return personStatus{"", "Deactivated", "pause"}
	case string(account.Declined):
		return personStatus{"bad", "Declined", "x"}
	case string(account.Voided):
		return personStatus{"bad", "Stopped", "bad"}
	}
	left := time.UnixMilli(l.ExpiresAt).Sub(now)
	switch {
	case l.Delivery == account.Refused:
		return personStatus{"bad", "Email bounced", "bad"}
	case left <= 0:
		return personStatus{"bad", "Invite expired", "clock"}
	}
	return personStatus{"warn", "Invited, " + span(left) + " left", "mail"}
}

// The questions before something that affects somebody else (ux.md 2.8): consequence first, then what stays, then the way back.

func removal(r *Request, label string) Confirm {
	return Confirm{Title: removalTitle(label), Keep: "Keep user", Do: "Remove user", Busy: "Removing…",
		Text: fmt.Sprintf("They will be signed out of %s now and lose access to it. Other accounts they belong to and the audit log stay as they are. You can invite them again.", r.Viewer.Account.Name)}
}

func deactivation(r *Request, label string) Confirm {
	return Confirm{Title: deactivationTitle(label), Keep: "Keep active", Do: "Deactivate", Busy: "Deactivating…",
		Text: fmt.Sprintf("They lose access to %s now, also where they are signed in. Their name, access and history are kept. You can reactivate them at any time.", r.Viewer.Account.Name)}
}

func signingOff(r *Request, label string) Confirm {
	return Confirm{Title: "Sign " + label + " out everywhere?", Keep: "Keep signed in", Do: "Sign out", Busy: "Signing out…",
		Text: fmt.Sprintf("They have to sign in again to use %s, on every device. What they have not saved is lost. Their access and their API keys stay as they are.", r.Viewer.Account.Name)}
}

func cancellation(email string) Confirm {
	return Confirm{Title: cancellationTitle(email), Keep: "Keep invitation", Do: "Cancel invitation", Busy: "Cancelling…",
		Text: "The link in their email stops working now. You can invite them again."}
}

func removalTitle(label string) string      { return "Remove " + label + "?" }
func deactivationTitle(label string) string { return "Deactivate " + label + "?" }
func cancellationTitle(email string) string { return "Cancel the invitation to " + email + "?" }

// fillConfirm is what a row puts into the dialog that it shares with the other rows.
func fillConfirm(title, action string) string {
	text, err := json.Marshal(struct {
		Action string `json:"action"`
		Title  string `json:"title"`
	}{action, title})
	if err != nil {
		panic(err) // strings always are JSON
	}
	return string(text)
}

// hubUsersCSV sends the rows of the view, all pages, while it reads them.
func (p *Portal) hubUsersCSV(r *Request) error {
	v, zone, now := peopleFrom(r.URL.Query()), r.zone(), p.Now()
	in := " (" + zone.String() + ")"
	out, err := r.csv(r.Viewer.Account.Slug+"-hub-users", "Email", "Name", "Access", "Comes from", "Status", "Second factor", "Invitation sent"+in, "Accepted"+in, "Last signed in"+in)
	if err != nil {
		return err
	}
	return out.end(p.Account.EachPerson(r.Context(), r.Viewer.Actor, v.filter(), func(l account.Listed) error {
		second := map[bool]string{true: "Yes", false: "No"}[l.SecondFactor]
		if l.Invited {
			second = ""
		}
		return out.row(l.Email, l.Name, l.Roles.String(), l.Why(), statusOf(l, now).Text, second, csvTime(l.SentAt, zone), csvTime(l.AcceptedAt, zone), csvTime(l.SeenAt, zone))
	}))
}

// paletteLimit is how many people the command palette offers for what is typed.
const paletteLimit = 8

// palettePeople finds people by name or address for the command palette.
func (p *Portal) palettePeople(r *Request) error {
	entries := []paletteEntry{}
	search := strings.TrimSpace(r.URL.Query().Get("q"))
	if search == "" {
		return r.JSON(entries)
	}
	rows, _, err := p.Account.People(r.Context(), r.Viewer.Actor, account.PeopleFilter{Search: search, Limit: paletteLimit})
	if err != nil {
		return err
	}
	now := p.Now()
	for _, l := range rows {
		label, where := l.Email, "hub-users"
		if l.Name != "" {
			label = l.Name + " · " + l.Email
		}
		if l.Invited {
			where = "invitations"
		}
		entries = append(entries, paletteEntry{label, statusOf(l, now).Text, "user", r.to(where, l.ID)})
	}
	return r.JSON(entries)
}
