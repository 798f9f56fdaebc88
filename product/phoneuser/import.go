package phoneuser

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strconv"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
	"hubline/base/sheet"
	"hubline/product/account"
)

// ImportState is where an import stands.
type ImportState string

// The states of an import.
const (
	Reviewed ImportState = "reviewed" // nothing has happened yet; cells can be corrected
	Running  ImportState = "running"
	Finished ImportState = "done"
	Stopped  ImportState = "stopped" // whoever started it lost the right, or it would not go on
)

// Outcome is what an import does with a row, or did.
type Outcome string

// The outcomes of rows.
const (
	Adds      Outcome = "add"
	Updates   Outcome = "update"
	Unchanged Outcome = "unchanged"
	Problem   Outcome = "problem" // skipped; Row.Faults say why
)

// Row is one line of an import.
type Row struct {
	Line     int               `json:"line"` // in the file, the headings being line 1
	Cells    map[string]string `json:"cells"`
	Assigned bool              `json:"assigned,omitempty"` // the file named no extension, so this is the next free one
	Outcome  Outcome           `json:"outcome"`
	Faults   []CellFault       `json:"faults,omitempty"`
	Done     bool              `json:"done,omitempty"` // the import came past the row
}

// CellFault is what is wrong with a cell; no field means the row as a whole.
type CellFault struct {
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
}

// Import is a list of phone users that was uploaded: first the dry run, then what became of each row.
type Import struct {
	ID        string
	State     ImportState
	By        string // who uploaded it
	Send      bool   // people get their set-up links at once
	Done      int    // rows that the import came past
	Total     int
	CreatedAt int64
	EndedAt   int64 // 0: not yet
	Columns   []Column
	Ignored   []string // headings that mean nothing here
	Rows      []Row    // not in lists
}

// Count returns how many rows have the outcome.
func (i Import) Count(o Outcome) (n int) {
	for _, row := range i.Rows {
		if row.Outcome == o {
			n++
		}
	}
	return n
}

// upload is what the store keeps of an import's rows.
type upload struct {
	Columns []Column `json:"columns"`
	Ignored []string `json:"ignored"`
	Rows    []Row    `json:"rows"`
}

// Review reads a CSV file, or what was pasted from a spreadsheet, and says for every row what importing it would do. Nothing else happens
// before RunImport.
func (r *Room) Review(ctx context.Context, actor account.Actor, text string) (i Import, err error) {
	defer fault.Wrap(&err, "phoneuser.Review")
	if err := actor.Require(account.ChangePhoneUsers); err != nil {
		return i, err
	}
	s, err := readUpload(text)
	if err != nil {
		return i, err
	}
	if err := r.assess(ctx, r.DB, actor.Account.ID, s.Rows); err != nil {
		return i, err
	}
	err = r.within(ctx, actor, account.ChangePhoneUsers, func(ctx context.Context, q db.Q, actor account.Actor) error {
		i = Import{ID: ident.Ordered(r.now()), State: Reviewed, By: actor.Name, Total: len(s.Rows), CreatedAt: r.now(),
			Columns: s.Columns, Ignored: s.Ignored, Rows: s.Rows}
		lines, err := json.Marshal(s)
		if err != nil {
			return err
		}
		_, err = q.ExecContext(ctx, `
			INSERT INTO phone_user_imports (account_id, id, state, person_id, person_name, lines, send, done, total, created_at, ended_at)
			VALUES ($1, $2, $3, $4, $5, $6, '', 0, $7, $8, 0)`,
			actor.Account.ID, i.ID, i.State, actor.PersonID, i.By, string(lines), i.Total, i.CreatedAt)
		return err
	})
	return i, err
}

// Fix is a corrected cell of an import.
type Fix struct {
	Line         int
	Field, Value string
}

// Correct changes cells of an import that has not run, and reviews it again.
func (r *Room) Correct(ctx context.Context, actor account.Actor, id string, fixes []Fix) (i Import, err error) {
	defer fault.Wrap(&err, "phoneuser.Correct")
	if i, err = r.ImportByID(ctx, actor, id); err != nil {
		return i, err
	}
	if i.State != Reviewed {
		return i, importOver()
	}
	for _, fix := range fixes {
		for n := range i.Rows {
			if row := &i.Rows[n]; row.Line == fix.Line && uploads.Known(fix.Field) {
				row.Cells[fix.Field] = sheet.Cell(fix.Value)
				row.Assigned = row.Assigned && fix.Field != extensionColumn
			}
		}
	}
	for n := range i.Rows {
		if row := &i.Rows[n]; row.Assigned {
			row.Cells[extensionColumn], row.Assigned = "", false
		}
	}
	if err := r.assess(ctx, r.DB, actor.Account.ID, i.Rows); err != nil {
		return i, err
	}
	err = r.within(ctx, actor, account.ChangePhoneUsers, func(ctx context.Context, q db.Q, actor account.Actor) error {
		return r.saveImport(ctx, q, actor.Account.ID, i, Reviewed)
	})
	return i, err
}

func importOver() error {
	return fault.New(fault.Conflict, "import-started", "This import has started. Upload the list again to change more")
}

// saveImport writes an import whose stored state is still the one named.
func (r *Room) saveImport(ctx context.Context, q db.Q, accountID string, i Import, was ImportState) error {
	lines, err := json.Marshal(upload{i.Columns, i.Ignored, i.Rows})
	if err != nil {
		return err
	}
	send := ""
	if i.Send {
		send = "now"
	}
	var id string
	err = q.QueryRowContext(ctx, `
		UPDATE phone_user_imports SET state = $3, lines = $4, send = $5, done = $6, ended_at = $7 WHERE account_id = $1 AND id = $2 AND state = $8 RETURNING id`,
		accountID, i.ID, i.State, string(lines), send, i.Done, i.EndedAt, was).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return importOver()
	}
	return err
}

// ImportByID returns an import with its rows.
func (r *Room) ImportByID(ctx context.Context, actor account.Actor, id string) (i Import, err error) {
	defer fault.Wrap(&err, "phoneuser.ImportByID")
	if err := actor.Require(account.ChangePhoneUsers); err != nil {
		return i, err
	}
	return r.readImport(ctx, r.DB, actor.Account.ID, id)
}

func (r *Room) readImport(ctx context.Context, q db.Q, accountID, id string) (i Import, err error) {
	var lines, send string
	err = q.QueryRowContext(ctx, `
		SELECT id, state, person_name, lines, send, done, total, created_at, ended_at FROM phone_user_imports WHERE account_id = $1 AND id = $2`, accountID, id).
		Scan(&i.ID, &i.State, &i.By, &lines, &send, &i.Done, &i.Total, &i.CreatedAt, &i.EndedAt)
	if errors.Is(err, sql.ErrNoRows) {
		return i, notFound()
	}
	if err != nil {
		return i, err
	}
	var s upload
	err = json.Unmarshal([]byte(lines), &s)
	i.Send, i.Columns, i.Ignored, i.Rows = send == "now", s.Columns, s.Ignored, s.Rows
	return i, err
}

// Imports lists the account's newest imports without their rows, at most 50.
func (r *Room) Imports(ctx context.Context, actor account.Actor) (list []Import, err error) {
	defer fault.Wrap(&err, "phoneuser.Imports")
	if err := actor.Require(account.ChangePhoneUsers); err != nil {
		return nil, err
	}
	return db.Collect(ctx, r.DB, func(i *Import) []any {
		return []any{&i.ID, &i.State, &i.By, &i.Done, &i.Total, &i.CreatedAt, &i.EndedAt}
	}, `
		SELECT id, state, person_name, done, total, created_at, ended_at FROM phone_user_imports WHERE account_id = $1 AND state <> 'reviewed' ORDER BY id DESC LIMIT 50`, actor.Account.ID)
}

// importing is the import's job: who started it counts with the rights of each moment.
type importing struct {
	ImportID string
	Actor    account.Actor
}

// RunImport imports the rows without a problem in the background; send says whether people get their set-up links now or not yet. An
// import that has started goes on as it is.
func (r *Room) RunImport(ctx context.Context, actor account.Actor, id string, send bool) (i Import, err error) {
	defer fault.Wrap(&err, "phoneuser.RunImport")
	err = r.within(ctx, actor, account.ChangePhoneUsers, func(ctx context.Context, q db.Q, actor account.Actor) error {
		if i, err = r.readImport(ctx, q, actor.Account.ID, id); err != nil || i.State != Reviewed {
			return err
		}
		i.State, i.Send = Running, send
		if err := r.saveImport(ctx, q, actor.Account.ID, i, Reviewed); err != nil {
			return err
		}
		return r.Jobs.Add(ctx, q, importJob, importing{ImportID: i.ID, Actor: actor.Later()})
	})
	return i, err
}

const rowsAtOnce = 25 // in one transaction

// runImport goes on with an import where it stands. Each transaction saves some rows together with the place that it reached, so that a
// crash repeats nothing.
func (r *Room) runImport(ctx context.Context, in importing) error {
	for {
		var more bool
		var changed []string
		err := r.tx(ctx, func(ctx context.Context, q db.Q) (err error) {
			more, changed, err = r.importSome(ctx, q, in)
			return err
		})
		if fault.Is(err, fault.Forbidden) || fault.Is(err, fault.NotFound) {
			return r.stopImport(ctx, in)
		}
		if err != nil {
			return err
		}
		if r.cache.drop(changed...); !more {
			return nil
		}
	}
}

func (r *Room) importSome(ctx context.Context, q db.Q, in importing) (more bool, changed []string, err error) {
	actor := in.Actor
	i, err := r.readImport(ctx, q, actor.Account.ID, in.ImportID)
	if err != nil || i.State != Running {
		return false, nil, err
	}
	if err := r.Account.Still(ctx, q, &actor, account.ChangePhoneUsers); err != nil {
		return false, nil, err
	}
	for last := min(i.Done+rowsAtOnce, len(i.Rows)); i.Done < last; i.Done++ {
		row := &i.Rows[i.Done]
		id, err := r.importRow(ctx, q, actor, row, i.Send)
		if err != nil {
			return false, nil, err
		}
		if row.Done = true; id != "" {
			changed = append(changed, userTopic(id))
		}
	}
	if more = i.Done < len(i.Rows); !more {
		i.State, i.EndedAt = Finished, r.now()
		entry := account.Entry{Action: account.PhoneUsersImported, SubjectID: i.ID, SubjectName: counted(len(i.Rows), "row"),
			After: strconv.Itoa(i.Count(Adds)) + " added, " + strconv.Itoa(i.Count(Updates)) + " updated, " + strconv.Itoa(i.Count(Problem)) + " skipped"}
		if err := r.Account.Record(ctx, q, actor, entry); err != nil {
			return false, nil, err
		}
	}
	if err := r.saveImport(ctx, q, actor.Account.ID, i, Running); err != nil {
		return false, nil, err
	}
	return more, changed, r.notice(ctx, q, actor.Account.ID)
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// importRow adds or changes one phone user. What went wrong since the review is noted in the row and skips it.
func (r *Room) importRow(ctx context.Context, q db.Q, actor account.Actor, row *Row, send bool) (id string, err error) {
	if row.Outcome == Problem || row.Outcome == Unchanged {
		return "", nil
	}
	var u User
	before, known, err := r.holder(ctx, q, actor.Account.ID, row.Cells[extensionColumn])
	if err != nil {
		return "", err
	}
	to, faults := row.settings(before.Settings)
	if len(faults) > 0 {
		row.Outcome, row.Faults = Problem, faults
		return "", nil
	}
	if known {
		u, err = r.change(ctx, q, actor, before, to, send)
		row.Outcome = Updates
	} else {
		u, err = r.add(ctx, q, actor, to, "", send)
		row.Outcome = Adds
	}
	if bad, ok := fault.Of(err); ok && bad.Kind != fault.Busy {
		row.Outcome, row.Faults = Problem, cellFaults(row, bad)
		return "", nil
	}
	if err == nil && known && u.Version == before.Version {
		row.Outcome = Unchanged
	}
	return u.ID, err
}

func (r *Room) holder(ctx context.Context, q db.Q, accountID, extension string) (u User, known bool, err error) {
	err = q.QueryRowContext(ctx, `SELECT `+userColumns+` FROM phone_users p WHERE p.account_id = $1 AND p.extension = $2 AND p.deleted_at = 0`,
		accountID, extension).Scan(u.fields()...)
	return u, err == nil, ignoreNoRows(err)
}

// stopImport ends an import whose starter may not go on.
func (r *Room) stopImport(ctx context.Context, in importing) error {
	_, err := r.DB.ExecContext(ctx, `UPDATE phone_user_imports SET state = 'stopped', ended_at = $3 WHERE account_id = $1 AND id = $2 AND state = 'running'`,
		in.Actor.Account.ID, in.ImportID, r.now())
	return err
}

func (r *Room) importLost(ctx context.Context, in importing, cause error) {
	if err := r.stopImport(ctx, in); err != nil {
		r.Log.Error("a lost import still looks as if it ran", "import", in.ImportID, "error", errors.Join(cause, err))
	}
}
