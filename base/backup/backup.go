// Package backup writes the whole store into one archive and restores it, on either engine from either engine. It knows tables,
// columns and rows, and not what they mean; nothing in an archive is ever executed.
//
// An archive is a zip file: one member of JSON lines for each table, the key file, and last a manifest with the number of rows
// and the SHA-256 of every member. The zip's comment ends with the SHA-256 of everything before it, so that any flipped bit is
// found before a restore writes its first row.
package backup

import (
	"archive/zip"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"hubline/base/db"
)

// format is the version of the archive's own layout.
const format = 1

const (
	manifestName = "manifest.json"
	keyName      = "hubline.key"
	tableFolder  = "tables/"
	tableEnding  = ".jsonl"
)

// commentPrefix begins the zip's comment; the hexadecimal SHA-256 of all bytes before it follows.
const commentPrefix = "hubline backup, sha256 of all before: "

// Manifest says what an archive holds.
type Manifest struct {
	Format    int       `json:"format"`
	Program   string    `json:"program"` // version of Hubline that wrote it
	Schema    int64     `json:"schema"`  // newest migration of the store
	Engine    string    `json:"engine"`
	CreatedAt time.Time `json:"created_at"`
	Tables    []Table   `json:"tables"`
	Key       string    `json:"key_sha256,omitempty"` // empty when the archive was made without the key
}

// Table is one table of the store.
type Table struct {
	Name    string   `json:"name"`
	Columns []string `json:"columns"`
	Rows    int64    `json:"rows"`
	SHA256  string   `json:"sha256"` // of the member's uncompressed bytes
}

// Rows is the number of rows in all tables.
func (m *Manifest) Rows() (n int64) {
	for _, t := range m.Tables {
		n += t.Rows
	}
	return n
}

// Progress hears how many rows of a table are done, every few thousand rows and at its end. It may be nil.
type Progress func(table string, rows int64)

// progressEvery is the number of rows between two calls of a Progress.
const progressEvery = 5000

// Options of Write.
type Options struct {
	Program  string
	Key      []byte // content of the key file; nil leaves it out
	Now      func() time.Time
	Progress Progress
}

// Write writes the store as it is at one moment, while others go on writing. Memory does not grow with the store.
func Write(ctx context.Context, d *db.DB, w io.Writer, o Options) (*Manifest, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	m := &Manifest{Format: format, Program: o.Program, Engine: d.Engine(), CreatedAt: o.Now().UTC().Truncate(time.Second)}
	if err := db.Check(ctx, d); err != nil {
		return nil, err
	}
	schema, err := schemaOf(ctx, d)
	if err != nil {
		return nil, err
	}
	m.Schema = schema

	sum := sha256.New()
	archive := zip.NewWriter(&trailing{w: w, sum: sum})
	err = d.Snapshot(ctx, func(ctx context.Context, q db.Q) error {
		names, err := tableNames(ctx, q, d.Engine())
		if err != nil {
			return err
		}
		for _, name := range names {
			table, err := writeTable(ctx, q, archive, name, o.Progress)
			if err != nil {
				return fmt.Errorf("back up %s: %w", name, err)
			}
			m.Tables = append(m.Tables, table)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return m, finish(archive, w, sum, m, o.Key)
}

// finish adds the key, the manifest and the checksum of the whole.
func finish(archive *zip.Writer, w io.Writer, sum hash.Hash, m *Manifest, key []byte) error {
	if key != nil {
		m.Key = hexSum(key)
		if err := writeMember(archive, keyName, key); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := writeMember(archive, manifestName, append(text, '\n')); err != nil {
		return err
	}
	if err := archive.SetComment(commentPrefix + strings.Repeat("0", hex.EncodedLen(sha256.Size))); err != nil {
		return err
	}
	if err := archive.Close(); err != nil {
		return err
	}
	_, err = io.WriteString(w, hex.EncodeToString(sum.Sum(nil)))
	return err
}

// trailing holds back the last bytes, where the checksum of all others will stand, and sums up the others.
type trailing struct {
	w    io.Writer
	sum  hash.Hash
	held []byte
}

func (t *trailing) Write(p []byte) (int, error) {
	t.held = append(t.held, p...)
	if n := len(t.held) - hex.EncodedLen(sha256.Size); n > 0 {
		t.sum.Write(t.held[:n])
		if _, err := t.w.Write(t.held[:n]); err != nil {
			return 0, err
		}
		t.held = append(t.held[:0], t.held[n:]...)
	}
	return len(p), nil
}

func writeMember(archive *zip.Writer, name string, content []byte) error {
	w, err := archive.Create(name)
	if err != nil {
		return err
	}
	_, err = w.Write(content)
	return err
}

// writeTable streams the rows of one table into a member of its own.
func writeTable(ctx context.Context, q db.Q, archive *zip.Writer, name string, progress Progress) (Table, error) {
	table := Table{Name: name}
	member, err := archive.Create(tableFolder + name + tableEnding)
	if err != nil {
		return table, err
	}
	sum := sha256.New()
	out := bufio.NewWriterSize(io.MultiWriter(member, sum), 64<<10)
	rows, err := q.QueryContext(ctx, `SELECT * FROM `+quote(name))
	if err != nil {
		return table, err
	}
	defer rows.Close()
	if table.Columns, err = rows.Columns(); err != nil {
		return table, err
	}
	values, targets := make([]any, len(table.Columns)), make([]any, len(table.Columns))
	for i := range values {
		targets[i] = &values[i]
	}
	encoder := newEncoder(out)
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return table, err
		}
		for i, v := range values {
			if values[i], err = portable(v); err != nil {
				return table, fmt.Errorf("column %s: %w", table.Columns[i], err)
			}
		}
		if err := encoder.Encode(values); err != nil {
			return table, err
		}
		table.Rows++
		if progress != nil && table.Rows%progressEvery == 0 {
			progress(name, table.Rows)
		}
	}
	if err := errors.Join(rows.Err(), rows.Close(), out.Flush()); err != nil {
		return table, err
	}
	if progress != nil {
		progress(name, table.Rows)
	}
	table.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return table, nil
}

func newEncoder(w io.Writer) *json.Encoder {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder
}

// raw carries what JSON text cannot: bytes, and text that is not UTF-8.
type raw struct {
	Bytes []byte `json:"bytes,omitempty"`
	Text  []byte `json:"text,omitempty"`
}

// portable turns a value of either engine into what stands in the archive.
func portable(v any) (any, error) {
	switch v := v.(type) {
	case nil, int64, float64, bool:
		return v, nil
	case string:
		if !utf8.ValidString(v) {
			return raw{Text: []byte(v)}, nil
		}
		return v, nil
	case []byte:
		return raw{Bytes: append([]byte{}, v...)}, nil
	}
	return nil, fmt.Errorf("a value of type %T cannot be backed up", v)
}

// value is the reverse of portable, on what encoding/json decodes.
func value(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool, string:
		return v, nil
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n, nil
		}
		return v.Float64()
	case map[string]any:
		text, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		var r raw
		if err := json.Unmarshal(text, &r); err != nil {
			return nil, err
		}
		if r.Text != nil {
			return string(r.Text), nil
		}
		return append([]byte{}, r.Bytes...), nil // never nil: an empty value is not a missing one
	}
	return nil, fmt.Errorf("a value of type %T does not belong in a backup", v)
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
