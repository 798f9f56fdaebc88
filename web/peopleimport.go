package web

import (
	"strconv"
	"strings"

	"hubline/base/fault"
	"hubline/base/sheet"
	"hubline/product/account"
)

// peopleImportStart is the first page of an import of people: a file or pasted rows.
type peopleImportStart struct {
	Columns []sheet.Column
	Before  []account.PeopleImport
	Most    int
	Groups  bool // there are groups to name
}

// peopleImportPage opens only with a fresh check, as the form to invite does.
func (p *Portal) peopleImportPage(r *Request) error {
	if err := r.needCheck(); err != nil {
		return err
	}
	return p.peopleImportAgain(r)
}

func (p *Portal) peopleImportAgain(r *Request) error {
	before, err := p.Account.Imports(r.Context(), r.Viewer.Actor)
	if err != nil {
		return err
	}
	groups, _, err := p.Account.Groups(r.Context(), r.Viewer.Actor, account.GroupFilter{Limit: 1})
	if err != nil {
		return err
	}
	return r.Render("account/people-import.html", Page{Title: "Invite people by a list", Section: "hub-users",
		Crumbs: accountCrumbs(r, Link{"Hub users", r.to("hub-users")}), Data: peopleImportStart{account.ImportColumns, before, account.ImportMost, len(groups) > 0}})
}

// listed returns the text of an uploaded file or, without one, of pasted rows, and the control that it came from.
func (r *Request) listed() (text, field string, err error) {
	if text, err = r.uploaded("file"); err != nil || text != "" {
		return text, "file", err
	}
	return r.Posted("rows"), "rows", nil
}

// atControl moves the fault of a list to the control that it came from: rooms know one text, pages two ways to give it.
func atControl(err error, field string) error {
	f, ok := fault.Of(err)
	if !ok || f.Field != "file" {
		return err
	}
	at := *f
	at.Field = field
	return &at
}

// reviewPeople reads the list and goes to the dry run.
func (p *Portal) reviewPeople(r *Request) error {
	text, field, err := r.listed()
	if err != nil {
		return r.Again(err, p.peopleImportAgain)
	}
	i, err := p.Account.ReviewImport(r.Context(), r.Viewer.Actor, text, r.Posted("message"))
	if err != nil {
		return r.Again(atControl(err, field), p.peopleImportAgain)
	}
	return r.Redirect(r.to("hub-user-imports", i.ID))
}

// peopleTemplate is a file to fill in, with made-up rows.
func (p *Portal) peopleTemplate(r *Request) error {
	if err := r.Viewer.Actor.Require(account.InviteHubUsers); err != nil {
		return err
	}
	out, err := r.csv("hub-users-template", listHeadings()...)
	if err != nil {
		return err
	}
	if err := out.row("sam.okafor@harbourdental.example", "Sam", "Okafor", "Standard", ""); err != nil {
		return out.end(err)
	}
	return out.end(out.row("priya.nair@harbourdental.example", "Priya", "Nair", "Admin, Billing", ""))
}

func listHeadings() (headings []string) {
	for _, c := range account.ImportColumns {
		headings = append(headings, c.Heading)
	}
	return headings
}

// mendMost is how many refused lines a page offers to put right.
const mendMost = 50

// peopleImportReview is an import of people: what it would do, what it does, or what it did.
type peopleImportReview struct {
	account.PeopleImport
	Action, Report string
	Figures        []importFigure
	Net, Wrong     int
	Problems       []importProblem
	Filters        Filters
	Rows           []account.ImportLine
	Pages          pages
	Life           string
	Waits          string // what the lines to invite are called at this stage
}

type importFigure struct {
	Label string
	Count int
}

// Label names who the line is about.
func lineLabel(l account.ImportLine) string {
	cells := l.Row()
	if name := strings.TrimSpace(cells[1] + " " + cells[2]); name != "" {
		return name
	}
	return cells[0]
}

func (p *Portal) peopleImport(r *Request) error {
	ctx, actor := r.Context(), r.Viewer.Actor
	i, err := p.Account.ImportByID(ctx, actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	data := peopleImportReview{PeopleImport: i, Action: r.URL.Path, Report: r.URL.Path + "/report.csv", Net: i.Count(account.ToInvite),
		Wrong: i.Count(account.LineRefused), Life: invitationLife(actor.Account)}
	if i.State == account.ImportReviewed {
		r.Fill(struct {
			Message string `form:"message"`
		}{i.Message})
		wrong, _, err := p.Account.ImportLines(ctx, actor, i.ID, account.LineFilter{Outcome: account.LineRefused, Limit: mendMost})
		if err != nil {
			return err
		}
		for _, l := range wrong {
			data.Problems = append(data.Problems, mendable(l))
		}
	}
	show := account.Outcome(r.URL.Query().Get("show"))
	var next string
	if data.Rows, next, err = p.Account.ImportLines(ctx, actor, i.ID, account.LineFilter{Outcome: show, After: r.URL.Query().Get("after")}); err != nil {
		return err
	}
	data.filters(show)
	data.Pages = r.pages(next)
	return r.Render("account/people-import-review.html", Page{Title: "Invite people by a list", Section: "hub-users",
		Crumbs: accountCrumbs(r, Link{"Hub users", r.to("hub-users")}, Link{"Invite by a list", r.to("hub-user-imports")}), Data: data})
}

// filters makes the figures, and the links that choose lines by what becomes of them.
func (d *peopleImportReview) filters(show account.Outcome) {
	d.Waits = account.ToInvite.Words()
	if d.State != account.ImportReviewed {
		d.Waits = "Not reached"
	}
	d.Filters = Filters{"Lines", []Option{{Label: "All", Count: d.Lines, Path: d.Action, Current: show == ""}}}
	for _, o := range account.Outcomes {
		n := d.Count(o)
		words := d.Words(o)
		if always := o != account.Invited && o != account.ToInvite; n > 0 || always {
			d.Figures = append(d.Figures, importFigure{words, n})
		}
		if n > 0 || o == show {
			d.Filters.Options = append(d.Filters.Options, Option{Label: words, Count: n, Path: d.Action + "?show=" + string(o), Current: o == show})
		}
	}
}

// Words names an outcome at this stage of the import.
func (d peopleImportReview) Words(o account.Outcome) string {
	if o == account.ToInvite {
		return d.Waits
	}
	return o.Words()
}

// mendable is a refused line with the cells to put right.
func mendable(l account.ImportLine) importProblem {
	out := importProblem{Line: l.Line, Label: lineLabel(l)}
	for _, f := range l.Faults {
		if f.Field == "" {
			out.Whole = f.Message
			continue
		}
		out.Cells = append(out.Cells, importCell{Name: "fix-" + strconv.Itoa(l.Line) + "-" + f.Field, Label: f.Column(), Value: l.Cells[f.Field], Error: f.Message})
	}
	return out
}

// postPeopleImport takes corrected cells and the message, and starts inviting when its button was pressed.
func (p *Portal) postPeopleImport(r *Request) error {
	var in struct {
		Message string `form:"message"`
		Step    string `form:"step,hidden"`
	}
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.peopleImport)
	}
	id := r.PathValue("id")
	i, err := p.Account.ImportByID(r.Context(), r.Viewer.Actor, id)
	if err != nil {
		return err
	}
	if i.State == account.ImportReviewed {
		var fixes []account.Fix
		r.eachFix(mendMost*len(account.ImportColumns), func(line int, field, value string) {
			fixes = append(fixes, account.Fix{Line: line, Field: field, Value: value})
		})
		if len(fixes) > 0 || in.Message != i.Message {
			if _, err := p.Account.CorrectImport(r.Context(), r.Viewer.Actor, id, fixes, &in.Message); err != nil {
				return r.Again(err, p.peopleImport)
			}
		}
	}
	if in.Step == "invite" {
		if _, err := p.Account.RunImport(r.Context(), r.Viewer.Actor, id); err != nil {
			return r.Again(err, p.peopleImport)
		}
	}
	return r.Redirect(r.to("hub-user-imports", id))
}

// eachFix calls fn with the cells that a form puts right, at most so many: controls named fix-<line>-<field>.
func (r *Request) eachFix(most int, fn func(line int, field, value string)) {
	for name, values := range r.Form.values {
		rest, ok := strings.CutPrefix(name, "fix-")
		number, field, _ := strings.Cut(rest, "-")
		if line, err := strconv.Atoi(number); ok && err == nil && len(values) > 0 && most > 0 {
			fn(line, field, values[0])
			most--
		}
	}
}

// peopleReport holds every line with what would become of it, or became: to keep, or to put right and bring again.
func (p *Portal) peopleReport(r *Request) error {
	i, err := p.Account.ImportByID(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	out, err := r.csv("invited-people", append(listHeadings(), "Line", "What happened", "Why")...)
	if err != nil {
		return err
	}
	data := peopleImportReview{PeopleImport: i}
	data.filters("")
	return out.end(p.Account.EachImportLine(r.Context(), r.Viewer.Actor, i.ID, func(l account.ImportLine) error {
		return out.row(append(l.Row(), strconv.Itoa(l.Line), data.Words(l.Outcome), l.Why())...)
	}))
}
