package account

import (
	"slices"
	"strconv"
	"strings"

	"hubline/base/fault"
	"hubline/base/listing"
	"hubline/base/sheet"
)

// ImportMost is how many lines a list of people can have.
const ImportMost = 5000

// Fields of a line of a list of people.
const (
	addressColumn = "email"
	firstColumn   = "first_name"
	lastColumn    = "last_name"
	rolesCell     = "roles"
	groupsCell    = "groups"
	fullColumn    = "name"
)

// ImportColumns are the columns of lists of people and of reports about them, in their order.
var ImportColumns = []sheet.Column{
	{Heading: "Email", Field: addressColumn}, {Heading: "First name", Field: firstColumn}, {Heading: "Last name", Field: lastColumn},
	{Heading: "Roles", Field: rolesCell}, {Heading: "Groups", Field: groupsCell},
}

// peopleLists is what a list of people looks like. A whole name in one column is taken as well.
var peopleLists = sheet.Kind{
	Columns: append(slices.Clone(ImportColumns), sheet.Column{Heading: "Name", Field: fullColumn}),
	Also: map[string]string{
		"address": addressColumn, "email address": addressColumn, "e-mail": addressColumn, "e-mail address": addressColumn, "mail": addressColumn, "user": addressColumn, "username": addressColumn,
		"first": firstColumn, "firstname": firstColumn, "given name": firstColumn, "givenname": firstColumn, "forename": firstColumn,
		"last": lastColumn, "lastname": lastColumn, "surname": lastColumn, "family name": lastColumn, "familyname": lastColumn,
		"role": rolesCell, "access": rolesCell, "access level": rolesCell, "permissions": rolesCell,
		"group": groupsCell, "team": groupsCell, "teams": groupsCell,
		"full name": fullColumn, "display name": fullColumn, "person": fullColumn,
	},
	Needs: []string{addressColumn},
	Begin: "One of them has to be Email, as in the template",
	Most:  ImportMost,
	Fill:  "Add a row for each person",
}

// Outcome is what importing does with a line, or did.
type Outcome string

// The outcomes of lines.
const (
	ToInvite       Outcome = "to-invite"       // also what an import that stopped did not reach
	Invited        Outcome = "invited"         // by this import
	AlreadyHere    Outcome = "already-here"    // has access, or is deactivated
	AlreadyInvited Outcome = "already-invited" // has an open invitation
	LineRefused    Outcome = "refused"         // Faults say why
)

// Outcomes lists them in the order of every page and file.
var Outcomes = []Outcome{ToInvite, Invited, AlreadyHere, AlreadyInvited, LineRefused}

// Words names the outcome as pages and files do.
func (o Outcome) Words() string {
	return map[Outcome]string{ToInvite: "To be invited", Invited: "Invited", AlreadyHere: "Already here", AlreadyInvited: "Already invited", LineRefused: "Refused"}[o]
}

// ImportLine is one line of a list of people.
type ImportLine struct {
	Line    int               // in the file, the headings being line 1
	Cells   map[string]string // by field
	Outcome Outcome
	Faults  []CellFault
}

// CellFault is what is to be said about a cell; no field means the line as a whole.
type CellFault struct {
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
}

// Column is the heading over the cell.
func (f CellFault) Column() string {
	for _, c := range peopleLists.Columns {
		if c.Field == f.Field {
			return c.Heading
		}
	}
	return ""
}

// Row writes the line as a row of a report, in the order of ImportColumns. A whole name in one cell stands under First name.
func (l ImportLine) Row() []string {
	return []string{l.Cells[addressColumn], cmpOr(l.Cells[fullColumn], l.Cells[firstColumn]), l.Cells[lastColumn], l.Cells[rolesCell], l.Cells[groupsCell]}
}

// Why tells the line's faults in one text.
func (l ImportLine) Why() string {
	words := make([]string, len(l.Faults))
	for i, f := range l.Faults {
		words[i] = f.Message
	}
	return strings.Join(words, ". ")
}

// asked is what a line asks for, as far as it could be read.
func (l ImportLine) asked(groups map[string]GroupRef) (i Invitation, faults []CellFault) {
	whole := cmpOr(l.Cells[fullColumn], strings.TrimSpace(l.Cells[firstColumn]+" "+l.Cells[lastColumn]))
	nameField := firstColumn
	if l.Cells[fullColumn] != "" {
		nameField = fullColumn
	}
	offer, bad := checkOffer(Offer{Email: l.Cells[addressColumn], Name: whole}, addressColumn, nameField)
	if bad != nil {
		faults = append(faults, CellFault{bad.Field, bad.Message})
	}
	roles, unknown := rolesInCell(l.Cells[rolesCell])
	if unknown != "" {
		faults = append(faults, CellFault{rolesCell, `There is no role "` + unknown + `". Write Admin, Billing, both with a comma between, or Standard`})
	}
	joins, unknown := groupsInCell(l.Cells[groupsCell], groups)
	if unknown != "" {
		faults = append(faults, CellFault{groupsCell, `There is no group "` + unknown + `". Make it under Groups first, or take it out`})
	}
	return Invitation{Email: offer.Email, Name: offer.Name, Roles: roles, Groups: joins}, faults
}

// roleWords are the ways in which people write roles; "" is no role.
var roleWords = map[string]Role{
	"admin": Admin, "admins": Admin, "administrator": Admin, "account admin": Admin, "admin user": Admin,
	"billing": Billing, "billing user": Billing,
	"standard": "", "standard user": "", "user": "", "none": "", "-": "", "–": "",
}

// rolesInCell reads roles, and returns the first word that is none.
func rolesInCell(text string) (roles Roles, unknown string) {
	var words []string
	for part := range strings.SplitSeq(strings.NewReplacer(";", ",", "/", ",", "+", ",", "|", ",", "&", ",", "\n", ",", " and ", ",").Replace(text), ",") {
		part = strings.TrimSpace(part)
		role, known := roleWords[listing.Fold(part)]
		if part != "" && !known {
			return nil, part
		}
		words = append(words, string(role))
	}
	return rolesFromColumn(strings.Join(words, ",")), ""
}

// groupsInCell reads names of groups, and returns the first that is none. Names may hold commas, so a semicolon is asked first.
func groupsInCell(text string, groups map[string]GroupRef) (list []GroupRef, unknown string) {
	if g, whole := groups[listing.Fold(text)]; whole {
		return []GroupRef{g}, ""
	}
	parts := strings.FieldsFunc(text, func(c rune) bool { return c == ';' || c == '|' || c == '\n' })
	for n := 0; n < len(parts); n++ {
		part := strings.TrimSpace(parts[n])
		if g, known := groups[listing.Fold(part)]; known {
			if !slices.Contains(groupIDs(list), g.ID) {
				list = append(list, g)
			}
		} else if strings.Contains(part, ",") {
			parts = append(parts, strings.Split(part, ",")...)
		} else if part != "" {
			return nil, part
		}
	}
	return list, ""
}

// doubled says that an address came before.
func doubled(email string, line int) CellFault {
	return CellFault{addressColumn, email + " is also in line " + strconv.Itoa(line) + ". Take one of them out"}
}

// judge turns a refusal of an address into the outcome of its line.
func (l *ImportLine) judge(bad *fault.Fault) {
	switch l.Faults = []CellFault{{addressColumn, bad.Message}}; bad.Code {
	case "already-member", "already-deactivated":
		l.Outcome = AlreadyHere
	case "already-invited":
		l.Outcome = AlreadyInvited
	default:
		l.Outcome = LineRefused
	}
}
