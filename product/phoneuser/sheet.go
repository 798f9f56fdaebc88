package phoneuser

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

// Limits of an import.
const (
	ImportMost      = 500     // rows
	ImportMostBytes = 5 << 20 // of the file
	cellMost        = 300     // characters; no field can hold more
)

// Column is a column of the export and of imports: its heading and the field that it holds.
type Column struct{ Heading, Field string }

const (
	extensionColumn = "extension"
	nameColumn      = "display_name"
	emailColumn     = "email"
)

// Columns are the columns of the export, the template and imports, in their order.
var Columns = []Column{
	{"Extension", extensionColumn}, {"Display name", nameColumn}, {"Email", emailColumn}, {"Local prefix", "local_prefix"},
	{"Caller ID", "caller_id"}, {"Hide caller ID", "hide_caller_id"}, {"SMS number", "sms_number"}, {"App", "app_enabled"},
}

// Cells writes a phone user as a row of the export, in the order of Columns. Importing it again changes nothing.
func (r *Room) Cells(u User) []string {
	word := map[bool]string{true: "yes", false: "no"}
	return []string{u.Extension, u.DisplayName, u.Email, u.LocalPrefix, r.Plan.National(u.CallerID), word[u.HideCallerID], r.Plan.National(u.SMSNumber), word[u.AppEnabled]}
}

func known(field string) bool {
	return slices.ContainsFunc(Columns, func(c Column) bool { return c.Field == field })
}

// headings are further ways in which people head the columns.
var headings = map[string]string{
	"ext": extensionColumn, "extension number": extensionColumn,
	"name": nameColumn, "full name": nameColumn, "user": nameColumn,
	"email address": emailColumn, "e-mail": emailColumn, "mail": emailColumn,
	"prefix": "local_prefix", "area code": "local_prefix",
	"callerid": "caller_id", "caller number": "caller_id", "outbound number": "caller_id",
	"hidden caller id": "hide_caller_id", "hide": "hide_caller_id",
	"sms": "sms_number", "mobile": "sms_number", "mobile number": "sms_number",
	"phone app": "app_enabled", "app enabled": "app_enabled",
}

func columnOf(heading string) (Column, bool) {
	heading = strings.Trim(listing.Fold(heading), " .:*")
	for _, c := range Columns {
		if strings.ToLower(c.Heading) == heading || c.Field == heading || headings[heading] == c.Field {
			return c, true
		}
	}
	return Column{}, false
}

// readSheet reads a CSV file, or lines with tabs as spreadsheets copy them. The first line holds the headings.
func readSheet(text string) (s sheet, err error) {
	text = strings.TrimPrefix(text, "\ufeff")
	switch {
	case strings.TrimSpace(text) == "":
		return s, fault.Field("import-empty", "file", "Choose a CSV file, or paste rows from a spreadsheet")
	case len(text) > ImportMostBytes:
		return s, fault.Field("import-large", "file", fmt.Sprintf("This file is %d MB. The most is %d MB or %d rows", (len(text)+1<<20-1)>>20, ImportMostBytes>>20, ImportMost))
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return s, unreadable()
	}
	reader := csv.NewReader(strings.NewReader(text))
	reader.Comma, reader.FieldsPerRecord, reader.LazyQuotes, reader.ReuseRecord = delimiter(text), -1, true, true
	head, err := reader.Read()
	if err != nil {
		return s, unreadable()
	}
	columns, err := s.readHead(head)
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
		line, _ := reader.FieldPos(0)
		if !slices.ContainsFunc(record, func(text string) bool { return strings.TrimSpace(text) != "" }) {
			continue
		}
		row := Row{Line: line, Cells: map[string]string{}}
		for n, text := range record {
			if n < len(columns) && columns[n].Field != "" {
				row.Cells[columns[n].Field] = cell(text)
			}
		}
		for _, c := range s.Columns { // a short line has empty cells at its end
			row.Cells[c.Field] += ""
		}
		if s.Rows = append(s.Rows, row); len(s.Rows) > ImportMost {
			return s, fault.Field("import-large", "file", fmt.Sprintf("This file has more than %d rows. Import it in parts", ImportMost))
		}
	}
	if len(s.Rows) == 0 {
		return s, fault.Field("import-empty", "file", "This file has headings and no rows. Add a row for each phone user")
	}
	return s, nil
}

func unreadable() error {
	return fault.Field("import-unreadable", "file", `We could not read this as CSV. Save it as "CSV UTF-8"`)
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
func (s *sheet) readHead(head []string) ([]Column, error) {
	columns := make([]Column, len(head))
	for n, heading := range head {
		c, ok := columnOf(heading)
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
	if !slices.ContainsFunc(s.Columns, func(c Column) bool { return c.Field == nameColumn || c.Field == extensionColumn }) {
		return nil, fault.Field("import-columns", "file", "The first line has to name the columns. Begin with Extension, Display name and Email, as in the template")
	}
	return columns, nil
}

// cell takes off what is not the value: spaces, and the apostrophe that the export puts before what a spreadsheet would take for a formula.
func cell(text string) string {
	text = strings.TrimSpace(text)
	if len(text) > 1 && text[0] == '\'' && strings.ContainsRune("=+-@", rune(text[1])) {
		text = text[1:]
	}
	if utf8.RuneCountInString(text) > cellMost {
		text = string([]rune(text)[:cellMost])
	}
	return text
}

// settings puts the cells of a row over what a phone user has; columns that the file lacks leave things as they are. A new phone user with
// an address has the app on unless the file says otherwise.
func (row *Row) settings(before Settings) (s Settings, faults []CellFault) {
	s = before
	for field, to := range map[string]*string{extensionColumn: &s.Extension, nameColumn: &s.DisplayName, emailColumn: &s.Email,
		"local_prefix": &s.LocalPrefix, "caller_id": &s.CallerID, "sms_number": &s.SMSNumber} {
		if text, named := row.Cells[field]; named {
			*to = text
		}
	}
	if _, named := row.Cells["app_enabled"]; !named && before.Extension == "" {
		s.AppEnabled = s.Email != ""
	}
	for _, c := range Columns {
		text, named := row.Cells[c.Field]
		to := map[string]*bool{"hide_caller_id": &s.HideCallerID, "app_enabled": &s.AppEnabled}[c.Field]
		if to == nil || !named {
			continue
		}
		on, ok := yes(text)
		if !ok {
			faults = append(faults, CellFault{c.Field, c.Heading + ` must be yes or no. This says "` + text + `"`})
			continue
		}
		*to = on
	}
	return s, faults
}

func yes(text string) (on, ok bool) {
	switch strings.ToLower(text) {
	case "yes", "y", "on", "true", "1", "x":
		return true, true
	case "no", "n", "off", "false", "0", "":
		return false, true
	}
	return false, false
}
