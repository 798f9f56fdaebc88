package phoneuser

import (
	"strings"

	"hubline/base/sheet"
)

// ImportMost is how many rows an import can have.
const ImportMost = 500

// Column is a column of the export and of imports: its heading and the field that it holds.
type Column = sheet.Column

const (
	extensionColumn = "extension"
	nameColumn      = "display_name"
	emailColumn     = "email"
)

// Columns are the columns of the export, the template and imports, in their order.
var Columns = []Column{
	{Heading: "Extension", Field: extensionColumn}, {Heading: "Display name", Field: nameColumn}, {Heading: "Email", Field: emailColumn},
	{Heading: "Local prefix", Field: "local_prefix"}, {Heading: "Caller ID", Field: "caller_id"}, {Heading: "Hide caller ID", Field: "hide_caller_id"},
	{Heading: "SMS number", Field: "sms_number"}, {Heading: "App", Field: "app_enabled"},
}

// uploads is what a list of phone users looks like.
var uploads = sheet.Kind{
	Columns: Columns,
	Also: map[string]string{
		"ext": extensionColumn, "extension number": extensionColumn,
		"name": nameColumn, "full name": nameColumn, "user": nameColumn,
		"email address": emailColumn, "e-mail": emailColumn, "mail": emailColumn,
		"prefix": "local_prefix", "area code": "local_prefix",
		"callerid": "caller_id", "caller number": "caller_id", "outbound number": "caller_id",
		"hidden caller id": "hide_caller_id", "hide": "hide_caller_id",
		"sms": "sms_number", "mobile": "sms_number", "mobile number": "sms_number",
		"phone app": "app_enabled", "app enabled": "app_enabled",
	},
	Needs: []string{nameColumn, extensionColumn},
	Begin: "Begin with Extension, Display name and Email, as in the template",
	Most:  ImportMost,
	Fill:  "Add a row for each phone user",
}

// Cells writes a phone user as a row of the export, in the order of Columns. Importing it again changes nothing.
func (r *Room) Cells(u User) []string {
	word := map[bool]string{true: "yes", false: "no"}
	return []string{u.Extension, u.DisplayName, u.Email, u.LocalPrefix, r.Plan.National(u.CallerID), word[u.HideCallerID], r.Plan.National(u.SMSNumber), word[u.AppEnabled]}
}

func readUpload(text string) (s upload, err error) {
	read, err := uploads.Read(text)
	s.Columns, s.Ignored = read.Columns, read.Ignored
	for _, line := range read.Lines {
		s.Rows = append(s.Rows, Row{Line: line.Number, Cells: line.Cells})
	}
	return s, err
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
