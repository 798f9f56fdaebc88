// Package sheet reads lists that people keep in spreadsheets: CSV files (RFC 4180) with any of the usual delimiters, and cells as they are
// copied from a spreadsheet. It knows where a cell stood and nothing of what it means.
package sheet

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"hubline/base/fault"
	"hubline/base/listing"
)

// MostBytes is how large a file can be.
const MostBytes = 1 << 20

const cellMost = 300 // characters; no field can hold more

// Column is one thing that lines can hold: its heading in files that we write, and the field that it fills.
type Column struct{ Heading, Field string }

// Kind describes a list: which columns it can have, and what it says when it is refused.
type Kind struct {
	Columns []Column
	Also    map[string]string // further headings in small letters, with the field that each means
	Needs   []string          // fields of which a list has at least one
	Begin   string            // what to do about a list with none of them
	Most    int               // lines
	Fill    string            // what to do about a list with headings only
}

// Line is one line that has something in it.
type Line struct {
	Number int               // in the file, the headings being line 1
	Cells  map[string]string // by field; every column of the sheet has one
}

// Sheet is a list that could be read.
type Sheet struct {
	Columns []Column // those it has, in its order
	Ignored []string // headings that mean nothing here
	Lines   []Line
}

// Known reports whether the list can have a column that fills the field.
func (k Kind) Known(field string) bool {
	return slices.ContainsFunc(k.Columns, func(c Column) bool { return c.Field == field })
}

// Headings returns the headings of all columns, as templates and reports have them.
func (k Kind) Headings() []string {
	headings := make([]string, len(k.Columns))
	for i, c := range k.Columns {
		headings[i] = c.Heading
	}
	return headings
}

// Read reads a CSV file, or lines with tabs as spreadsheets copy them. The first line holds the headings. Faults are about the field
// "file" and have the codes import-empty, import-large, import-unreadable and import-columns.
func (k Kind) Read(text string) (s Sheet, err error) {
	text = strings.TrimPrefix(text, "\ufeff")
	switch {
	case strings.TrimSpace(text) == "":
		return s, fault.Field("import-empty", "file", "Choose a CSV file, or paste rows from a spreadsheet")
	case len(text) > MostBytes:
		return s, fault.Field("import-large", "file", fmt.Sprintf("This file is %d MB. The most is %d MB or %d rows", (len(text)+1<<20-1)>>20, MostBytes>>20, k.Most))
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return s, unreadable()
	}
	reader := csv.NewReader(strings.NewReader(text))
	reader.Comma, reader.FieldsPerRecord, reader.LazyQuotes, reader.ReuseRecord = delimiter(text), -1, true, true
	head, err := reader.Read()
	if err != nil {
		return s, unreadable()
	}
	columns, err := s.readHead(k, head)
	if err != nil {
		return s, err
	}
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return s, unreadable()
		}
		if !slices.ContainsFunc(record, func(text string) bool { return strings.TrimSpace(text) != "" }) {
			continue
		}
		number, _ := reader.FieldPos(0)
		if s.Lines = append(s.Lines, s.line(number, columns, record)); len(s.Lines) > k.Most {
			return s, fault.Field("import-large", "file", fmt.Sprintf("This file has more than %d rows. Import it in parts", k.Most))
		}
	}
	if len(s.Lines) == 0 {
		return s, fault.Field("import-empty", "file", "This file has headings and no rows. "+k.Fill)
	}
	return s, nil
}

func unreadable() error {
	return fault.Field("import-unreadable", "file", `We could not read this as CSV. Save it as "CSV UTF-8"`)
}

// line puts a record's cells under their fields. A short record has empty cells at its end.
func (s *Sheet) line(number int, columns []Column, record []string) Line {
	line := Line{Number: number, Cells: make(map[string]string, len(s.Columns))}
	for _, c := range s.Columns {
		line.Cells[c.Field] = ""
	}
	for n, text := range record {
		if n < len(columns) && columns[n].Field != "" {
			line.Cells[columns[n].Field] = Cell(text)
		}
	}
	return line
}

// delimiter guesses from the headings what stands between cells.
func delimiter(text string) rune {
	first, _, _ := strings.Cut(text, "\n")
	for _, c := range "\t;" {
		if strings.ContainsRune(first, c) && strings.Count(first, string(c)) >= strings.Count(first, ",") {
			return c
		}
	}
	return ','
}

// readHead finds out which column holds what. The result has a column without field where a heading means nothing.
func (s *Sheet) readHead(k Kind, head []string) ([]Column, error) {
	columns := make([]Column, len(head))
	for n, heading := range head {
		c, ok := k.column(heading)
		if !ok {
			if heading = strings.TrimSpace(heading); heading != "" {
				s.Ignored = append(s.Ignored, heading)
			}
			continue
		}
		if slices.Contains(s.Columns, c) {
			return nil, fault.Field("import-columns", "file", "Two columns look like "+c.Heading+". Choose one")
		}
		columns[n], s.Columns = c, append(s.Columns, c)
	}
	if !slices.ContainsFunc(s.Columns, func(c Column) bool { return slices.Contains(k.Needs, c.Field) }) {
		return nil, fault.Field("import-columns", "file", "The first line has to name the columns. "+k.Begin)
	}
	return columns, nil
}

func (k Kind) column(heading string) (Column, bool) {
	heading = strings.Trim(listing.Fold(strings.ReplaceAll(heading, "_", " ")), " .:*")
	for _, c := range k.Columns {
		if strings.ToLower(c.Heading) == heading || strings.ReplaceAll(c.Field, "_", " ") == heading || k.Also[heading] == c.Field {
			return c, true
		}
	}
	return Column{}, false
}

// Cell takes off what is not the value: spaces, and the apostrophe that exports put before what a spreadsheet would take for a formula.
func Cell(text string) string {
	text = strings.TrimSpace(text)
	if len(text) > 1 && text[0] == '\'' && strings.ContainsRune("=+-@", rune(text[1])) {
		text = text[1:]
	}
	if utf8.RuneCountInString(text) > cellMost {
		text = string([]rune(text)[:cellMost])
	}
	return text
}
