package backup

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"hubline/base/db"
)

var (
	// ErrDamaged says that an archive is not what was written.
	ErrDamaged = errors.New("the backup is damaged or not a backup")
	// ErrNotEmpty says that the store already holds data.
	ErrNotEmpty = errors.New("the store is not empty")
)

// Archive is a backup that has been read and checked from the first byte to the last.
type Archive struct {
	Manifest Manifest
	Key      []byte // content of the key file; nil when the archive has none

	members map[string]*zip.File
}

// Open reads and checks the whole archive: its checksum, every member, every row.
func Open(ctx context.Context, r io.ReaderAt, size int64) (*Archive, error) {
	if err := checkWhole(r, size); err != nil {
		return nil, err
	}
	files, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	a := &Archive{members: map[string]*zip.File{}}
	for _, f := range files.File {
		a.members[f.Name] = f
	}
	if err := a.readManifest(len(files.File)); err != nil {
		return nil, err
	}
	for _, table := range a.Manifest.Tables {
		if err := a.checkTable(ctx, table); err != nil {
			return nil, fmt.Errorf("%s: %w", table.Name, err)
		}
	}
	return a, nil
}

// checkWhole compares the checksum at the end with all that stands before it.
func checkWhole(r io.ReaderAt, size int64) error {
	const length = sha256.Size * 2
	end := make([]byte, len(commentPrefix)+length)
	if size < int64(len(end)) {
		return ErrDamaged
	}
	if _, err := r.ReadAt(end, size-int64(len(end))); err != nil && err != io.EOF {
		return err
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(r, 0, size-length)); err != nil {
		return err
	}
	if string(end) != commentPrefix+hex.EncodeToString(sum.Sum(nil)) {
		return fmt.Errorf("%w: its checksum does not match", ErrDamaged)
	}
	return nil
}

func (a *Archive) readManifest(members int) error {
	text, err := a.small(manifestName)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&a.Manifest); err != nil {
		return fmt.Errorf("%w: manifest: %w", ErrDamaged, err)
	}
	if a.Manifest.Format != format {
		return fmt.Errorf("the backup has format %d, this Hubline reads format %d; restore it with the Hubline that made it", a.Manifest.Format, format)
	}
	known := len(a.Manifest.Tables) + 1
	if a.Manifest.Key != "" {
		known++
		if a.Key, err = a.small(keyName); err != nil {
			return err
		}
		if hexSum(a.Key) != a.Manifest.Key {
			return fmt.Errorf("%w: the key does not match the manifest", ErrDamaged)
		}
	}
	if known != members {
		return fmt.Errorf("%w: it has %d members, the manifest names %d", ErrDamaged, members, known)
	}
	return nil
}

// small reads a member that is known to be short.
func (a *Archive) small(name string) ([]byte, error) {
	const most = 1 << 20
	f := a.members[name]
	if f == nil || f.UncompressedSize64 > most {
		return nil, fmt.Errorf("%w: %s is missing or too long", ErrDamaged, name)
	}
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	content, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, name, err)
	}
	return content, nil
}

func (a *Archive) checkTable(ctx context.Context, table Table) error {
	f := a.members[tableFolder+table.Name+tableEnding]
	if f == nil {
		return fmt.Errorf("%w: its rows are missing", ErrDamaged)
	}
	r, err := f.Open()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	defer r.Close()
	sum := sha256.New()
	var rows int64
	in := io.TeeReader(r, sum)
	err = decodeRows(ctx, in, len(table.Columns), func([]any) error { rows++; return nil })
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, in); err != nil { // what follows the last row
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if rows != table.Rows || hex.EncodeToString(sum.Sum(nil)) != table.SHA256 {
		return fmt.Errorf("%w: its rows do not match the manifest", ErrDamaged)
	}
	return nil
}

// decodeRows calls fn with each row of a member, in order. The row is fn's to keep.
func decodeRows(ctx context.Context, r io.Reader, columns int, fn func(row []any) error) error {
	decoder := json.NewDecoder(r)
	decoder.UseNumber()
	for {
		var row []any
		if err := decoder.Decode(&row); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		if len(row) != columns {
			return fmt.Errorf("%w: a row has %d values, not %d", ErrDamaged, len(row), columns)
		}
		for i := range row {
			var err error
			if row[i], err = value(row[i]); err != nil {
				return fmt.Errorf("%w: %w", ErrDamaged, err)
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fn(row); err != nil {
			return err
		}
	}
}

// Restore puts the archive's rows into the store and brings it to this program's schema. A store that holds rows is left alone
// unless force is given; then all it holds is replaced, in one transaction with the new rows.
func (a *Archive) Restore(ctx context.Context, d *db.DB, force bool, progress Progress) error {
	if err := a.prepare(ctx, d, force); err != nil {
		return err
	}
	err := d.Tx(ctx, func(ctx context.Context, q db.Q) error {
		names, err := tableNames(ctx, q, d.Engine())
		if err != nil {
			return err
		}
		if err := a.checkColumns(ctx, q, names); err != nil {
			return err
		}
		if err := empty(ctx, q, names, force); err != nil {
			return err
		}
		for _, table := range a.Manifest.Tables {
			if err := a.loadTable(ctx, q, table, progress); err != nil {
				return fmt.Errorf("restore %s: %w", table.Name, err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := db.Migrate(ctx, d); err != nil || d.Engine() != db.Postgres {
		return err
	}
	// PostgreSQL plans by statistics. Until its autovacuum has gathered them, within a minute, long lists would be read whole and sorted.
	_, err = d.ExecContext(ctx, `ANALYZE`)
	return err
}

// prepare brings the store to the schema of the archive, without touching any row.
func (a *Archive) prepare(ctx context.Context, d *db.DB, force bool) error {
	steps, err := db.Status(ctx, d)
	if err != nil {
		return err
	}
	var newest int64
	for _, m := range steps {
		newest = max(newest, m.Version)
	}
	have, err := schemaOf(ctx, d)
	switch {
	case err != nil:
		return err
	case a.Manifest.Schema > newest:
		return fmt.Errorf("the backup has schema %d, this Hubline knows %d; install the Hubline that made it (%s) or a newer one", a.Manifest.Schema, newest, a.Manifest.Program)
	case have > a.Manifest.Schema:
		return fmt.Errorf("the store has schema %d, the backup %d; restore into a new, empty store", have, a.Manifest.Schema)
	case have < a.Manifest.Schema && have > 0 && !force:
		if err := d.Snapshot(ctx, func(ctx context.Context, q db.Q) error {
			names, err := tableNames(ctx, q, d.Engine())
			if err != nil {
				return err
			}
			return empty(ctx, q, names, false)
		}); err != nil {
			return err
		}
	}
	return db.MigrateTo(ctx, d, a.Manifest.Schema)
}

// checkColumns makes sure that the archive and the store have the same tables and columns.
func (a *Archive) checkColumns(ctx context.Context, q db.Q, names []string) error {
	var archived []string
	for _, table := range a.Manifest.Tables {
		archived = append(archived, table.Name)
	}
	slices.Sort(archived)
	if !slices.Equal(archived, names) {
		return fmt.Errorf("the backup's tables %v are not the store's tables %v", archived, names)
	}
	for _, table := range a.Manifest.Tables {
		columns, err := columnNames(ctx, q, table.Name)
		if err != nil {
			return err
		}
		if !slices.Equal(slices.Sorted(slices.Values(columns)), slices.Sorted(slices.Values(table.Columns))) {
			return fmt.Errorf("the columns of %s in the backup are not those of the store", table.Name)
		}
	}
	return nil
}

// empty makes sure that no table holds a row, deleting them all when force is given.
func empty(ctx context.Context, q db.Q, names []string, force bool) error {
	for _, name := range names {
		if force {
			if _, err := q.ExecContext(ctx, `DELETE FROM `+quote(name)); err != nil {
				return err
			}
			continue
		}
		rows, err := q.QueryContext(ctx, `SELECT 1 FROM `+quote(name)+` LIMIT 1`)
		if err != nil {
			return err
		}
		found := rows.Next()
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
		if found {
			return fmt.Errorf("%w: %s has rows", ErrNotEmpty, name)
		}
	}
	return nil
}

const (
	mostRows       = 200  // of one INSERT
	mostParameters = 5000 // of one INSERT; both engines take more
)

// loadTable inserts the rows of one member, several with each statement.
func (a *Archive) loadTable(ctx context.Context, q db.Q, table Table, progress Progress) error {
	r, err := a.members[tableFolder+table.Name+tableEnding].Open()
	if err != nil {
		return err
	}
	defer r.Close()
	at := max(1, min(mostRows, mostParameters/len(table.Columns)))
	var args []any
	var done int64
	flush := func() error {
		n := len(args) / len(table.Columns)
		if n == 0 {
			return nil
		}
		if _, err := q.ExecContext(ctx, insertSQL(table, n), args...); err != nil {
			return err
		}
		if before := done; progress != nil && before/progressEvery != (before+int64(n))/progressEvery {
			progress(table.Name, before+int64(n))
		}
		done += int64(n)
		args = args[:0]
		return nil
	}
	err = decodeRows(ctx, r, len(table.Columns), func(row []any) error {
		if args = append(args, row...); len(args) == at*len(table.Columns) {
			return flush()
		}
		return nil
	})
	if err == nil {
		err = flush()
	}
	if err == nil && progress != nil {
		progress(table.Name, done)
	}
	return err
}

func insertSQL(table Table, rows int) string {
	columns := make([]string, len(table.Columns))
	for i, name := range table.Columns {
		columns[i] = quote(name)
	}
	tuples := make([]string, rows)
	for i := range tuples {
		tuples[i] = "(" + db.In(i*len(columns)+1, len(columns)) + ")"
	}
	return `INSERT INTO ` + quote(table.Name) + ` (` + strings.Join(columns, ",") + `) VALUES ` + strings.Join(tuples, ",")
}
