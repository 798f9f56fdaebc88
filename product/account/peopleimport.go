package account

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
	"hubline/base/listing"
	"hubline/base/sheet"
)

// ImportState is where an import stands.
type ImportState string

// The states of an import.
const (
	ImportReviewed ImportState = "reviewed" // nothing was sent yet; cells can be corrected
	ImportRunning  ImportState = "running"
	ImportDone     ImportState = "done"
	ImportStopped  ImportState = "stopped" // whoever started it lost the right, or it would not go on
)

// PeopleImport is a list of people who are to be invited: first the dry run, then what became of each line.
type PeopleImport struct {
	ID        string
	State     ImportState
	By        string // who brought the list
	Message   string // goes with every invitation
	Lines     int
	Total     int // lines to invite when it was started
	Done      int // of those, how many it came past
	CreatedAt int64
	EndedAt   int64 // 0: not yet
	Columns   []sheet.Column
	Ignored   []string // headings that mean nothing here
	Counts    map[Outcome]int
}

// Count returns how many lines have the outcome.
func (i PeopleImport) Count(o Outcome) int { return i.Counts[o] }

const importColumns = `i.id, i.state, i.person_name, i.message, i.headings, i.ignored, i.line_count, i.total, i.done, i.created_at, i.ended_at`

// jsonText scans a column that holds JSON.
type jsonText struct{ into any }

// Scan implements sql.Scanner.
func (c jsonText) Scan(v any) error {
	switch v := v.(type) {
	case string:
		return json.Unmarshal([]byte(v), c.into)
	case []byte:
		return json.Unmarshal(v, c.into)
	}
	return fmt.Errorf("%T is no JSON text", v)
}

func (i *PeopleImport) fields() []any {
	return []any{&i.ID, &i.State, &i.By, &i.Message, jsonText{&i.Columns}, jsonText{&i.Ignored}, &i.Lines, &i.Total, &i.Done, &i.CreatedAt, &i.EndedAt}
}

// ReviewImport reads a list of people, a CSV file or what was pasted from a spreadsheet, and says for every line what inviting would do.
// Nothing is sent before RunImport.
func (r *Room) ReviewImport(ctx context.Context, actor Actor, text, message string) (i PeopleImport, err error) {
	defer fault.Wrap(&err, "account.ReviewImport")
	if err := actor.Require(InviteHubUsers); err != nil {
		return i, err
	}
	read, err := peopleLists.Read(text)
	clean, bad := checkMessage(message)
	if f, ok := fault.Of(err); ok {
		return i, fault.All(f, bad)
	}
	if bad != nil {
		return i, bad
	}
	lines := make([]ImportLine, len(read.Lines))
	for n, line := range read.Lines {
		lines[n] = ImportLine{Line: line.Number, Cells: line.Cells}
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if err := r.Still(ctx, q, &actor, InviteHubUsers); err != nil {
			return err
		}
		if _, err := r.plan(ctx, q, actor, lines); err != nil {
			return err
		}
		i = PeopleImport{ID: ident.Ordered(r.now()), State: ImportReviewed, By: actor.Name, Message: clean, Lines: len(lines),
			CreatedAt: r.now(), Columns: read.Columns, Ignored: read.Ignored, Counts: tally(lines)}
		return r.insertImport(ctx, q, actor, i, lines)
	})
	return i, err
}

func tally(lines []ImportLine) map[Outcome]int {
	counts := map[Outcome]int{}
	for _, line := range lines {
		counts[line.Outcome]++
	}
	return counts
}

func (r *Room) insertImport(ctx context.Context, q db.Q, actor Actor, i PeopleImport, lines []ImportLine) error {
	headings, err := json.Marshal(i.Columns)
	if err != nil {
		return err
	}
	ignored, err := json.Marshal(i.Ignored)
	if err != nil {
		return err
	}
	if _, err := q.ExecContext(ctx, `
		INSERT INTO people_imports (account_id, id, state, person_id, person_name, message, headings, ignored, line_count, total, done, created_at, ended_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 0, $10, 0)`,
		actor.Account.ID, i.ID, i.State, actor.PersonID, i.By, i.Message, string(headings), string(ignored), i.Lines, i.CreatedAt); err != nil {
		return err
	}
	return r.saveLines(ctx, q, actor.Account.ID, i.ID, lines)
}

// saveLines stores lines, whether they are there or not, in one statement for hundreds.
func (r *Room) saveLines(ctx context.Context, q db.Q, accountID, importID string, lines []ImportLine) error {
	for some := range slices.Chunk(lines, most) {
		values, args := make([]string, len(some)), []any{accountID, importID}
		for n, line := range some {
			cells, err := json.Marshal(line.Cells)
			if err != nil {
				return err
			}
			faults, err := json.Marshal(line.Faults)
			if err != nil {
				return err
			}
			at := len(args)
			values[n] = fmt.Sprintf("($1, $2, $%d, $%d, $%d, $%d)", at+1, at+2, at+3, at+4)
			args = append(args, line.Line, line.Outcome, string(cells), string(faults))
		}
		if _, err := q.ExecContext(ctx, `INSERT INTO people_import_lines (account_id, import_id, line, outcome, cells, faults) VALUES `+strings.Join(values, ", ")+`
			ON CONFLICT (account_id, import_id, line) DO UPDATE SET outcome = excluded.outcome, cells = excluded.cells, faults = excluded.faults`, args...); err != nil {
			return err
		}
	}
	return nil
}

// plan decides what inviting would do with each line, with the people, groups and limits of this moment, in a handful of statements for
// hundreds of lines. It returns the invitations of the lines that can be invited.
func (r *Room) plan(ctx context.Context, q db.Q, actor Actor, lines []ImportLine) ([]Invitation, error) {
	groups, err := r.groupsByName(ctx, q, actor.Account.ID)
	if err != nil {
		return nil, err
	}
	asked, emails, first := make([]Invitation, len(lines)), []string{}, map[string]int{}
	for n := range lines {
		line := &lines[n]
		asked[n], line.Faults = line.asked(groups)
		if email := asked[n].Email; email != "" && first[email] > 0 {
			line.Faults = append(line.Faults, doubled(email, first[email]))
		} else if email != "" {
			first[email], emails = line.Line, append(emails, email)
		}
		if len(asked[n].Groups) > 0 && !actor.Can(ChangeHubUsers) {
			line.Faults = append(line.Faults, CellFault{groupsCell, "Putting people into groups needs the right to change access. Leave the cell empty"})
		}
		line.Outcome = LineRefused
	}
	taken, err := r.taken(ctx, q, actor.Account, emails)
	if err != nil {
		return nil, err
	}
	made, err := r.madeToday(ctx, q, actor.Account.ID)
	if err != nil {
		return nil, err
	}
	var invitations []Invitation
	for n := range lines {
		line := &lines[n]
		switch bad := taken[asked[n].Email]; {
		case len(line.Faults) > 0:
		case bad != nil:
			line.judge(bad)
		case made+len(invitations) >= actor.Account.Policy.DailyInvitations:
			line.Faults = []CellFault{{Message: fmt.Sprintf("This account can send %d invitations a day, and this line is one more. Import the list again tomorrow: nobody is invited twice",
				actor.Account.Policy.DailyInvitations)}}
		default:
			line.Outcome = ToInvite
			invitations = append(invitations, asked[n])
		}
	}
	return invitations, nil
}

// groupsByName returns the account's groups by the folded name.
func (r *Room) groupsByName(ctx context.Context, q db.Q, accountID string) (map[string]GroupRef, error) {
	rows, err := q.QueryContext(ctx, `SELECT id, name, roles FROM people_groups WHERE account_id = $1 ORDER BY search LIMIT $2`, accountID, MostGroups)
	if err != nil {
		return nil, err
	}
	list, err := scanRefs(rows)
	byName := map[string]GroupRef{}
	for _, g := range list {
		byName[listing.Fold(g.Name)] = g
	}
	return byName, err
}

// ImportByID returns an import with its counts.
func (r *Room) ImportByID(ctx context.Context, actor Actor, id string) (i PeopleImport, err error) {
	defer fault.Wrap(&err, "account.ImportByID")
	if err := actor.Require(InviteHubUsers); err != nil {
		return i, err
	}
	return r.readImport(ctx, r.DB, actor.Account.ID, id)
}

func (r *Room) readImport(ctx context.Context, q db.Q, accountID, id string) (i PeopleImport, err error) {
	err = q.QueryRowContext(ctx, `SELECT `+importColumns+` FROM people_imports i WHERE i.account_id = $1 AND i.id = $2`, accountID, id).Scan(i.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		return i, notFound()
	}
	if err != nil {
		return i, err
	}
	rows, err := q.QueryContext(ctx, `SELECT outcome, COUNT(*) FROM people_import_lines WHERE account_id = $1 AND import_id = $2 GROUP BY outcome`, accountID, id)
	if err != nil {
		return i, err
	}
	defer rows.Close()
	i.Counts = map[Outcome]int{}
	for rows.Next() {
		var o Outcome
		var n int
		if err := rows.Scan(&o, &n); err != nil {
			return i, err
		}
		i.Counts[o] = n
	}
	return i, rows.Err()
}

// Imports lists the account's newest imports of people that were started, without their counts, at most 50.
func (r *Room) Imports(ctx context.Context, actor Actor) (list []PeopleImport, err error) {
	defer fault.Wrap(&err, "account.Imports")
	if err := actor.Require(InviteHubUsers); err != nil {
		return nil, err
	}
	return db.Collect(ctx, r.DB, (*PeopleImport).fields, `SELECT `+importColumns+` FROM people_imports i WHERE i.account_id = $1 AND i.state <> 'reviewed' ORDER BY i.id DESC LIMIT 50`, actor.Account.ID)
}

// LineFilter chooses lines of an import. Limit 0 means 50; at most 500.
type LineFilter struct {
	Outcome Outcome // "" for all
	After   string  // cursor
	Limit   int
}

// ImportLines lists lines of an import in their order, and the cursor of the next page or "".
func (r *Room) ImportLines(ctx context.Context, actor Actor, id string, f LineFilter) (list []ImportLine, next string, err error) {
	defer fault.Wrap(&err, "account.ImportLines")
	if err := actor.Require(InviteHubUsers); err != nil {
		return nil, "", err
	}
	if f.Outcome != "" && !slices.Contains(Outcomes, f.Outcome) {
		return nil, "", fault.Field("outcome-unknown", "outcome", "Show to-invite, invited, already-here, already-invited or refused, or leave it empty for all")
	}
	mark := "people-import " + actor.Account.ID + " " + id + " " + string(f.Outcome)
	at, err := listing.Read(r.Keys, mark, f.After)
	if err != nil {
		return nil, "", err
	}
	if found, err := exists(ctx, r.DB, `SELECT 1 FROM people_imports WHERE account_id = $1 AND id = $2`, actor.Account.ID, id); err != nil || !found {
		return nil, "", cmpErr(err, notFound())
	}
	limit := listing.PageSize(f.Limit)
	if list, err = r.lines(ctx, r.DB, actor.Account.ID, id, f.Outcome, int(at.Time), limit+1); err != nil {
		return nil, "", err
	}
	if len(list) > limit {
		list = list[:limit]
		next = listing.Write(r.Keys, mark, listing.Cursor{Time: int64(list[limit-1].Line)})
	}
	return list, next, nil
}

func cmpErr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// lines reads lines behind one, those of one outcome or all, at most limit.
func (r *Room) lines(ctx context.Context, q db.Q, accountID, importID string, o Outcome, after, limit int) (list []ImportLine, err error) {
	where, args := "", []any{accountID, importID, after}
	if o != "" {
		where, args = " AND outcome = $4", append(args, o)
	}
	return db.Collect(ctx, q, func(l *ImportLine) []any { return []any{&l.Line, &l.Outcome, jsonText{&l.Cells}, jsonText{&l.Faults}} },
		`SELECT line, outcome, cells, faults FROM people_import_lines WHERE account_id = $1 AND import_id = $2 AND line > $3`+where+`
		ORDER BY line LIMIT `+strconv.Itoa(limit), args...)
}

// EachImportLine calls fn with every line of an import, without holding more than a few hundred.
func (r *Room) EachImportLine(ctx context.Context, actor Actor, id string, fn func(ImportLine) error) error {
	for f := (LineFilter{Limit: 500}); ; {
		list, next, err := r.ImportLines(ctx, actor, id, f)
		if err != nil {
			return err
		}
		for _, line := range list {
			if err := fn(line); err != nil {
				return err
			}
		}
		if f.After = next; next == "" {
			return nil
		}
	}
}
