package phoneuser

import (
	"context"
	"strconv"
	"strings"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/listing"
)

// assess decides what importing each row would do, with the extensions, numbers and seats of this moment.
func (r *Room) assess(ctx context.Context, q db.Q, accountID string, rows []Row) error {
	a := assessment{room: r, owns: r.owner(ctx, q, accountID), byExtension: map[string]User{}, byPerson: map[string]User{}, lines: map[string]int{}}
	if err := a.load(ctx, q, accountID, rows); err != nil {
		return err
	}
	for n := range rows {
		row := &rows[n]
		row.Faults, row.Done = nil, false
		if err := a.row(row); err != nil {
			return err
		}
	}
	return nil
}

type assessment struct {
	room        *Room
	owns        owner
	byExtension map[string]User
	byPerson    map[string]User // by name and email, for rows that name no extension
	lines       map[string]int  // where an extension came before
	used, limit int
	next        int64
}

func person(name, email string) string { return listing.Fold(name) + "\n" + strings.ToLower(email) }

func (a *assessment) load(ctx context.Context, q db.Q, accountID string, rows []Row) error {
	found, err := q.QueryContext(ctx, `SELECT `+userColumns+` FROM phone_users p WHERE p.account_id = $1 AND p.deleted_at = 0`, accountID)
	if err != nil {
		return err
	}
	users, err := scanUsers(found)
	if err != nil {
		return err
	}
	for _, u := range users {
		a.byExtension[u.Extension] = u
		a.byPerson[person(u.DisplayName, u.Email)] = u
	}
	for _, row := range rows { // extensions that the file names are not given to others
		if extension := row.Cells[extensionColumn]; extension != "" && a.lines[extension] == 0 {
			a.lines[extension] = row.Line
		}
	}
	a.used, a.next = len(users), firstExtension
	return q.QueryRowContext(ctx, `SELECT phone_user_limit FROM accounts WHERE id = $1`, accountID).Scan(&a.limit)
}

// give finds the next extension that neither a phone user nor a row has.
func (a *assessment) give() string {
	for ; a.next <= lastExtension; a.next++ {
		extension := strconv.FormatInt(a.next, 10)
		_, taken := a.byExtension[extension]
		if _, bad := a.room.checkExtension(extension); !taken && bad == nil && a.lines[extension] == 0 {
			return extension
		}
	}
	return ""
}

func (a *assessment) row(row *Row) error {
	extension := row.Cells[extensionColumn]
	if extension == "" {
		if u, known := a.byPerson[person(row.Cells[nameColumn], row.Cells[emailColumn])]; known && a.lines[u.Extension] == 0 {
			extension = u.Extension
		} else {
			extension = a.give()
		}
		row.Assigned, row.Cells[extensionColumn], a.lines[extension] = true, extension, row.Line
	}
	before, known := a.byExtension[extension]
	to, faults := row.settings(before.Settings)
	if first := a.lines[extension]; first != row.Line {
		faults = append(faults, CellFault{extensionColumn, "Extension " + extension + " is also in row " + strconv.Itoa(first) + ". Give this row another one"})
	}
	clean, bad, err := a.room.check(to, before.Settings, a.owns)
	if err != nil {
		return err
	}
	clean.Extension = extension
	if !known {
		_, form := a.room.checkExtension(extension)
		bad = append(bad, form)
	}
	if joined, ok := fault.Of(fault.All(bad...)); ok {
		faults = append(faults, cellFaults(row, joined)...)
	}
	if !known && len(faults) == 0 {
		if a.used >= a.limit {
			faults = append(faults, CellFault{"", "Row " + strconv.Itoa(row.Line) + " is over the plan of " + counted(a.limit, "phone user") + ". Ask for more, or leave this row out"})
		} else {
			a.used++
		}
	}
	switch row.Faults = faults; {
	case len(faults) > 0:
		row.Outcome = Problem
	case !known:
		row.Outcome = Adds
	case clean == before.Settings:
		row.Outcome = Unchanged
	default:
		row.Outcome = Updates
	}
	return nil
}

// cellFaults makes the faults of a form into those of a row, which name what stands in the cell.
func cellFaults(row *Row, bad *fault.Fault) (list []CellFault) {
	for _, f := range append([]*fault.Fault{bad}, bad.Also...) {
		message := f.Message
		if strings.HasSuffix(f.Code, "-not-owned") {
			message = row.Cells[f.Field] + " is not on your account. Choose one of yours, or leave it empty"
		}
		list = append(list, CellFault{f.Field, message})
	}
	return list
}
