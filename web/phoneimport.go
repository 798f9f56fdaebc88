package web

import (
	"errors"
	"io"
	"strconv"
	"strings"

	"hubline/product/account"
	"hubline/product/phoneuser"
)

// importStart is the first page of an import: a file or pasted rows.
type importStart struct {
	Columns []phoneuser.Column
	Before  []phoneuser.Import
	Left    int
}

func (p *Portal) importPage(r *Request) error {
	before, err := p.Phones.Imports(r.Context(), r.Viewer.Actor)
	if err != nil {
		return err
	}
	used, limit, err := p.Phones.Count(r.Context(), r.Viewer.Actor)
	if err != nil {
		return err
	}
	return r.Render("phoneuser/import.html", Page{Title: "Import phone users", Section: "phone-users",
		Crumbs: accountCrumbs(r, Link{"Phone users", r.to("phone-users")}), Data: importStart{phoneuser.Columns, before, max(0, limit-used)}})
}

// reviewImport reads the file, or what was pasted, and goes to the dry run.
func (p *Portal) reviewImport(r *Request) error {
	text, field, err := r.listed()
	if err != nil {
		return r.Again(err, p.importPage)
	}
	i, err := p.Phones.Review(r.Context(), r.Viewer.Actor, text)
	if err != nil {
		return r.Again(atControl(err, field), p.importPage)
	}
	return r.Redirect(r.to("imports", i.ID))
}

// uploaded returns the text of an uploaded file, "" when none was chosen.
func (r *Request) uploaded(name string) (string, error) {
	if err := r.parse(); err != nil {
		return "", err
	}
	if r.MultipartForm == nil || len(r.MultipartForm.File[name]) == 0 || r.MultipartForm.File[name][0].Size == 0 {
		return "", nil
	}
	f, err := r.MultipartForm.File[name][0].Open()
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(f)
	return string(text), errors.Join(err, f.Close())
}

// importTemplate is a file to fill in, with one made-up row.
func (p *Portal) importTemplate(r *Request) error {
	if err := r.Viewer.Actor.Require(account.ChangePhoneUsers); err != nil {
		return err
	}
	out, err := r.csv("phone-users-template", columnHeadings()...)
	if err != nil {
		return err
	}
	return out.end(out.row("201", "Sam Okafor", "sam.okafor@harbourdental.example", "02", "", "no", "", "yes"))
}

func columnHeadings() (headings []string) {
	for _, c := range phoneuser.Columns {
		headings = append(headings, c.Heading)
	}
	return headings
}

// importReview is an import: what it would do, what it does, or what it did.
type importReview struct {
	phoneuser.Import
	Action                        string
	Add, Update, Same, Wrong, Net int
	Problems                      []importProblem
	Mailed                        int
	Skipped                       string
}

// importProblem is a row that will not be imported as it is, with the cells to put right.
type importProblem struct {
	Line  int
	Label string
	Cells []importCell
	Whole string // what is wrong with the row as a whole
}

type importCell struct{ Name, Label, Value, Error string }

func (p *Portal) phoneImport(r *Request) error {
	i, err := p.Phones.ImportByID(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	data := importReview{Import: i, Action: r.URL.Path, Add: i.Count(phoneuser.Adds), Update: i.Count(phoneuser.Updates),
		Same: i.Count(phoneuser.Unchanged), Wrong: i.Count(phoneuser.Problem), Skipped: r.URL.Path + "/skipped.csv"}
	data.Net = data.Add + data.Update
	for _, row := range i.Rows {
		if row.Outcome == phoneuser.Problem {
			data.Problems = append(data.Problems, problemOf(row))
		} else if row.Outcome == phoneuser.Adds && row.Cells["email"] != "" {
			data.Mailed++
		}
	}
	return r.Render("phoneuser/import-review.html", Page{Title: "Import phone users", Section: "phone-users",
		Crumbs: accountCrumbs(r, Link{"Phone users", r.to("phone-users")}, Link{"Import", r.to("imports")}), Data: data})
}

func problemOf(row phoneuser.Row) importProblem {
	out := importProblem{Line: row.Line, Label: strings.TrimSpace(row.Cells["extension"] + " " + row.Cells["display_name"])}
	for _, f := range row.Faults {
		if f.Field == "" {
			out.Whole = f.Message
			continue
		}
		heading := f.Field
		for _, c := range phoneuser.Columns {
			if c.Field == f.Field {
				heading = c.Heading
			}
		}
		out.Cells = append(out.Cells, importCell{Name: "fix-" + strconv.Itoa(row.Line) + "-" + f.Field, Label: heading, Value: row.Cells[f.Field], Error: f.Message})
	}
	return out
}

// postImport takes corrected cells, and starts the import when its button was pressed.
func (p *Portal) postImport(r *Request) error {
	if err := r.parse(); err != nil {
		return err
	}
	i, err := p.Phones.ImportByID(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	if fixes := fixesFrom(r); len(fixes) > 0 {
		if _, err := p.Phones.Correct(r.Context(), r.Viewer.Actor, i.ID, fixes); err != nil {
			return r.Again(err, p.phoneImport)
		}
	}
	if r.Posted("step") == "import" {
		if _, err := p.Phones.RunImport(r.Context(), r.Viewer.Actor, i.ID, r.Posted("send") == "now"); err != nil {
			return r.Again(err, p.phoneImport)
		}
	}
	return r.Redirect(r.to("imports", i.ID))
}

func fixesFrom(r *Request) (fixes []phoneuser.Fix) {
	r.eachFix(phoneuser.ImportMost*len(phoneuser.Columns), func(line int, field, value string) {
		fixes = append(fixes, phoneuser.Fix{Line: line, Field: field, Value: value})
	})
	return fixes
}

// skippedCSV holds the rows that were not imported, under the same headings, with why: to put right and import again.
func (p *Portal) skippedCSV(r *Request) error {
	i, err := p.Phones.ImportByID(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	out, err := r.csv("skipped-phone-users", append(columnHeadings(), "Why it was skipped")...)
	if err != nil {
		return err
	}
	for _, row := range i.Rows {
		if row.Outcome != phoneuser.Problem {
			continue
		}
		var cells, why []string
		for _, c := range phoneuser.Columns {
			cells = append(cells, row.Cells[c.Field])
		}
		for _, f := range row.Faults {
			why = append(why, f.Message)
		}
		if err := out.row(append(cells, strings.Join(why, ". "))...); err != nil {
			return out.end(err)
		}
	}
	return out.end(nil)
}
