package account

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"hubline/base/change"
	"hubline/base/db"
	"hubline/base/fault"
)

// eraseBatch is how many rows one statement deletes.
const eraseBatch = 2000

// erase deletes the data of accounts whose grace period is over. What a crash leaves is deleted next time: nothing of a closed account is
// used by anybody.
func (r *Room) erase(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "account.erase")
	for {
		a, err := r.leaving(ctx)
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		if err == nil && a.State == Closing {
			a, err = r.bolt(ctx, a.ID)
		}
		if err == nil {
			err = r.eraseAccount(ctx, a)
		}
		if err != nil {
			return err
		}
		r.Log.Info("an account's data is deleted", "account", a.Slug)
	}
}

// leaving finds an account whose time has come.
func (r *Room) leaving(ctx context.Context) (a Account, err error) {
	err = r.DB.QueryRowContext(ctx, `SELECT `+accountColumns+` FROM accounts a WHERE a.close_at > 0 AND a.close_at <= $1 AND a.erased_at = 0 ORDER BY a.close_at LIMIT 1`,
		r.now()).Scan(a.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		err = notFound()
	}
	return a, err
}

// bolt makes a closing account closed, which nobody can take back, and tells its admins while they are still known.
func (r *Room) bolt(ctx context.Context, accountID string) (Account, error) {
	system := Actor{Kind: Operator, Name: "Hubline"}
	return r.turn(ctx, system, accountID, AccountClosed, func(a *Account) error {
		if a.State != Closing || a.CloseAt > r.now() {
			return changedMeanwhile()
		}
		a.State = Closed
		return nil
	})
}

// eraseAccount empties every table of the account's rows, then forgets people who belonged to no other. Tables are found by their columns,
// so that none can be forgotten. Memberships come last: they name the people.
func (r *Room) eraseAccount(ctx context.Context, a Account) error {
	tables, err := db.TablesWith(ctx, r.DB, r.DB.Engine(), "account_id")
	if err != nil {
		return err
	}
	numbered, err := db.TablesWith(ctx, r.DB, r.DB.Engine(), "id")
	if err != nil {
		return err
	}
	for _, table := range tables {
		if table == "memberships" {
			continue
		}
		if err := r.empty(ctx, table, a.ID, slices.Contains(numbered, table)); err != nil {
			return fmt.Errorf("%s: %w", table, err)
		}
	}
	if err := r.erasePeople(ctx, a.ID); err != nil {
		return err
	}
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if _, err := q.ExecContext(ctx, `DELETE FROM people_counts WHERE account_id = $1`, a.ID); err != nil {
			return err
		}
		if _, err := q.ExecContext(ctx, `UPDATE accounts SET erased_at = $2, state_note = '' WHERE id = $1`, a.ID, r.now()); err != nil {
			return err
		}
		own := Actor{Kind: Operator, Name: "Hubline"}
		if err := r.Record(ctx, q, own, Entry{Action: AccountErased, SubjectID: a.ID, SubjectName: a.Name, After: "account number " + a.Number}); err != nil {
			return err
		}
		return change.Post(ctx, q, r.Now(), StateTopic(a.ID))
	})
}

// empty deletes a table's rows of the account, in batches where rows have an ID.
func (r *Room) empty(ctx context.Context, table, accountID string, numbered bool) error {
	query := `DELETE FROM ` + table + ` WHERE account_id = $1`
	if !numbered {
		_, err := r.DB.ExecContext(ctx, query, accountID)
		return err
	}
	query += ` AND id IN (SELECT id FROM ` + table + ` WHERE account_id = $1 ORDER BY id LIMIT $2)`
	for {
		result, err := r.DB.ExecContext(ctx, query, accountID, eraseBatch)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n < eraseBatch {
			return err
		}
	}
}

// erasePeople ends the memberships one by one. Who has no other, removed ones included, is nobody here any more: their sign-in goes too.
func (r *Room) erasePeople(ctx context.Context, accountID string) error {
	tables, err := db.TablesWith(ctx, r.DB, r.DB.Engine(), "person_id")
	if err != nil {
		return err
	}
	shared, err := db.TablesWith(ctx, r.DB, r.DB.Engine(), "account_id")
	if err != nil {
		return err
	}
	own := slices.DeleteFunc(tables, func(t string) bool { return slices.Contains(shared, t) })
	for {
		var id, person string
		err := r.DB.QueryRowContext(ctx, `SELECT id, person_id FROM memberships WHERE account_id = $1 ORDER BY id LIMIT 1`, accountID).Scan(&id, &person)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
			if _, err := q.ExecContext(ctx, `DELETE FROM memberships WHERE account_id = $1 AND id = $2`, accountID, id); err != nil {
				return err
			}
			return r.forget(ctx, q, person, own)
		})
		if err != nil {
			return err
		}
	}
}

// forget deletes a person who belongs to no account, with what tables hold about nobody but them.
func (r *Room) forget(ctx context.Context, q db.Q, personID string, tables []string) error {
	belongs, err := exists(ctx, q, `SELECT 1 FROM memberships WHERE person_id = $1 LIMIT 1`, personID)
	if err != nil || belongs {
		return err
	}
	for _, table := range tables {
		if _, err := q.ExecContext(ctx, `DELETE FROM `+table+` WHERE person_id = $1`, personID); err != nil {
			return err
		}
	}
	if _, err := q.ExecContext(ctx, `DELETE FROM people WHERE id = $1 AND staff = 0`, personID); err != nil {
		return err
	}
	return r.noticePeople(ctx, q, personID)
}
