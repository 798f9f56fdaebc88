package account

import (
	"context"
	"errors"
	"strings"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/sheet"
)

// Fix is a corrected cell of an import.
type Fix struct {
	Line         int
	Field, Value string
}

func importOver() error {
	return fault.New(fault.Conflict, "import-started", "This import has started. Upload the list again to change more")
}

// changingImport runs one change of an import that was not started.
func (r *Room) changingImport(ctx context.Context, actor Actor, id string, change func(ctx context.Context, q db.Q, actor Actor, i PeopleImport) error) (i PeopleImport, err error) {
	if err := actor.Require(InviteHubUsers); err != nil {
		return i, err
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if err := r.Still(ctx, q, &actor, InviteHubUsers); err != nil {
			return err
		}
		if i, err = r.readImport(ctx, q, actor.Account.ID, id); err != nil {
			return err
		}
		if err := change(ctx, q, actor, i); err != nil {
			return err
		}
		i, err = r.readImport(ctx, q, actor.Account.ID, id)
		return err
	})
	return i, err
}

// CorrectImport changes cells of an import that was not started, and reviews it again. A message replaces the one that goes with every
// invitation; nil keeps it.
func (r *Room) CorrectImport(ctx context.Context, actor Actor, id string, fixes []Fix, message *string) (i PeopleImport, err error) {
	defer fault.Wrap(&err, "account.CorrectImport")
	return r.changingImport(ctx, actor, id, func(ctx context.Context, q db.Q, actor Actor, i PeopleImport) error {
		if i.State != ImportReviewed {
			return importOver()
		}
		if message != nil {
			clean, bad := checkMessage(*message)
			if bad != nil {
				return bad
			}
			if _, err := q.ExecContext(ctx, `UPDATE people_imports SET message = $3 WHERE account_id = $1 AND id = $2`, actor.Account.ID, id, clean); err != nil {
				return err
			}
		}
		lines, err := r.lines(ctx, q, actor.Account.ID, id, "", 0, ImportMost)
		if err != nil {
			return err
		}
		place := make(map[int]int, len(lines))
		for n, line := range lines {
			place[line.Line] = n
		}
		for _, fix := range fixes {
			if n, known := place[fix.Line]; known && peopleLists.Known(fix.Field) {
				lines[n].Cells[fix.Field] = sheet.Cell(fix.Value)
			}
		}
		if _, err := r.plan(ctx, q, actor, lines); err != nil {
			return err
		}
		return r.saveLines(ctx, q, actor.Account.ID, id, lines)
	})
}

// importingPeople is the import's job: who started it counts with the rights of each moment.
type importingPeople struct {
	ImportID string
	Actor    Actor
}

// Later is what a job keeps of an actor, who has to be asked for their rights again when it runs.
func (a Actor) Later() Actor {
	return Actor{Kind: a.Kind, Account: Account{ID: a.Account.ID}, PersonID: a.PersonID, MembershipID: a.MembershipID,
		Name: a.Name, Email: a.Email, KeyID: a.KeyID, Maker: a.Maker, Scopes: a.Scopes, Address: a.Address}
}

// RunImport invites the people of the lines without a fault, in the background. It needs a fresh step-up check. An import that has
// started goes on as it is.
func (r *Room) RunImport(ctx context.Context, actor Actor, id string) (i PeopleImport, err error) {
	defer fault.Wrap(&err, "account.RunImport")
	return r.changingImport(ctx, actor, id, func(ctx context.Context, q db.Q, actor Actor, i PeopleImport) error {
		if i.State != ImportReviewed {
			return nil
		}
		if err := r.requireCheck(ctx, q, actor, actor.Account.Policy.checkRule()); err != nil {
			return err
		}
		if _, err := q.ExecContext(ctx, `UPDATE people_imports SET state = 'running', total = $3 WHERE account_id = $1 AND id = $2 AND state = 'reviewed'`,
			actor.Account.ID, id, i.Count(ToInvite)); err != nil {
			return err
		}
		return r.Jobs.Add(ctx, q, peopleImport, importingPeople{id, actor.Later()})
	})
}

const (
	peopleImport = "account.people-import"
	linesAtOnce  = 50 // in one transaction
)

// runImport goes on with an import where it stands. Each transaction makes some invitations together with the outcome of their lines, so
// that a crash repeats nothing.
func (r *Room) runImport(ctx context.Context, in importingPeople) error {
	for {
		var more bool
		err := r.DB.Tx(ctx, func(ctx context.Context, q db.Q) (err error) {
			more, err = r.importSome(ctx, q, in)
			return err
		})
		if fault.Is(err, fault.Forbidden) || fault.Is(err, fault.NotFound) || fault.Is(err, fault.Conflict) {
			return r.stopImport(ctx, in)
		}
		if err != nil || !more {
			return err
		}
	}
}

// importSome invites the next people of a list, if they still can be.
func (r *Room) importSome(ctx context.Context, q db.Q, in importingPeople) (more bool, err error) {
	actor := in.Actor
	if err := r.Still(ctx, q, &actor, InviteHubUsers); err != nil {
		return false, err
	}
	i, err := r.readImport(ctx, q, actor.Account.ID, in.ImportID)
	if err != nil || i.State != ImportRunning {
		return false, err
	}
	lines, err := r.lines(ctx, q, actor.Account.ID, i.ID, ToInvite, 0, linesAtOnce)
	if err != nil {
		return false, err
	}
	if len(lines) == 0 {
		return false, r.endImport(ctx, q, actor, i)
	}
	offers, err := r.plan(ctx, q, actor, lines)
	if err != nil {
		return false, err
	}
	for n := range offers {
		offers[n].Message = i.Message
	}
	if err := r.makeOffers(ctx, q, actor, offers, ""); err != nil {
		return false, err
	}
	for n := range lines {
		if lines[n].Outcome == ToInvite {
			lines[n].Outcome = Invited
		}
	}
	if err := r.saveLines(ctx, q, actor.Account.ID, i.ID, lines); err != nil {
		return false, err
	}
	_, err = q.ExecContext(ctx, `UPDATE people_imports SET done = done + $3 WHERE account_id = $1 AND id = $2`, actor.Account.ID, i.ID, len(lines))
	return true, err
}

func (r *Room) endImport(ctx context.Context, q db.Q, actor Actor, i PeopleImport) error {
	if _, err := q.ExecContext(ctx, `UPDATE people_imports SET state = 'done', ended_at = $3 WHERE account_id = $1 AND id = $2`, actor.Account.ID, i.ID, r.now()); err != nil {
		return err
	}
	lines := decimal(int64(i.Lines)) + " lines"
	if i.Lines == 1 {
		lines = "1 line"
	}
	var told []string
	for _, o := range Outcomes {
		if n := i.Count(o); n > 0 {
			told = append(told, decimal(int64(n))+" "+strings.ToLower(o.Words()))
		}
	}
	if actor.Kind == Member {
		if err := r.Jobs.Add(ctx, q, letterMail, letterArgs{Kind: "imported", To: actor.Email, Account: actor.Account.Name, Slug: actor.Account.Slug,
			Zone: actor.Account.Policy.TimeZone, Subject: i.ID, Note: strings.Join(told, ", "), At: r.now()}); err != nil {
			return err
		}
	}
	if err := r.Record(ctx, q, actor, Entry{Action: HubUsersImported, SubjectID: i.ID, SubjectName: lines, After: strings.Join(told, ", ")}); err != nil {
		return err
	}
	return r.Notice(ctx, q, actor.Account.ID)
}

// stopImport ends an import whose starter may not go on. The lines that it did not reach stay as they are.
func (r *Room) stopImport(ctx context.Context, in importingPeople) error {
	_, err := r.DB.ExecContext(ctx, `UPDATE people_imports SET state = 'stopped', ended_at = $3 WHERE account_id = $1 AND id = $2 AND state = 'running'`,
		in.Actor.Account.ID, in.ImportID, r.now())
	return err
}

func (r *Room) importLost(ctx context.Context, in importingPeople, cause error) {
	if err := r.stopImport(ctx, in); err != nil {
		r.Log.Error("a lost import still looks as if it ran", "import", in.ImportID, "error", errors.Join(cause, err))
	}
}
