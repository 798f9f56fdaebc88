package account

import (
	"fmt"
	"strings"
	"time"

	"hubline/base/listing"
	"hubline/base/scim"
)

// directoryColumn is an attribute that a directory may filter by: the SQL that gives it, and how its values are compared.
type directoryColumn struct {
	sql  string
	kind string // "exact", "folded", "address", "truth", "time" or "member"
}

// directoryPeopleColumns and directoryGroupsColumns are all that filters can ask for, in small letters. Everything else is refused.
var (
	directoryPeopleColumns = map[string]directoryColumn{
		"id": {"d.id", "exact"}, "externalid": {"d.external_id", "exact"}, "username": {"d.user_key", "folded"}, "displayname": {"d.display_key", "folded"},
		"emails": {"d.email", "address"}, "emails.value": {"d.email", "address"}, "emails.type": {"'work'", "exact"}, "emails.primary": {"1", "truth"},
		"active": {directoryActive, "truth"}, "meta.created": {"d.created_at", "time"}, "meta.lastmodified": {"d.changed_at", "time"},
	}
	directoryGroupsColumns = map[string]directoryColumn{
		"id": {"g.id", "exact"}, "externalid": {"g.external_id", "exact"}, "displayname": {"g.search", "folded"},
		"members":       {"EXISTS (SELECT 1 FROM directory_members dm WHERE dm.account_id = g.account_id AND dm.group_id = g.id AND dm.user_id = %s)", "member"},
		"members.value": {"EXISTS (SELECT 1 FROM directory_members dm WHERE dm.account_id = g.account_id AND dm.group_id = g.id AND dm.user_id = %s)", "member"},
		"meta.created":  {"g.made_at", "time"},
	}
)

// filterSQL turns a filter into what follows " AND " in a WHERE, with its values as parameters after those in args.
func filterSQL(f *scim.Filter, columns map[string]directoryColumn, args []any) (where string, _ []any, err error) {
	if f == nil {
		return "", args, nil
	}
	b := filterBuilder{columns: columns, args: args}
	text, err := b.write(*f, "")
	return " AND " + text, b.args, err
}

type filterBuilder struct {
	columns map[string]directoryColumn
	args    []any
}

// parameter adds a value and returns its place.
func (b *filterBuilder) parameter(value any) string {
	b.args = append(b.args, value)
	return fmt.Sprintf("$%d", len(b.args))
}

// write returns the SQL of one expression. within is the attribute whose brackets it stands in, with a dot.
func (b *filterBuilder) write(f scim.Filter, within string) (string, error) {
	switch f.Op {
	case scim.And, scim.Or:
		parts := make([]string, len(f.Terms))
		for i, term := range f.Terms {
			text, err := b.write(term, within)
			if err != nil {
				return "", err
			}
			parts[i] = text
		}
		return "(" + strings.Join(parts, " "+strings.ToUpper(string(f.Op))+" ") + ")", nil
	case scim.Not:
		text, err := b.write(f.Terms[0], within)
		return "NOT (" + text + ")", err
	case scim.Has:
		if within != "" || f.Path.Sub != "" {
			return "", unsupportedFilter(f, within)
		}
		return b.write(f.Terms[0], f.Path.Name+".")
	}
	column, known := b.columns[strings.ToLower(within+f.Path.String())]
	if !known || f.Path.Schema != "" && !strings.EqualFold(f.Path.Schema, scim.UserSchema) && !strings.EqualFold(f.Path.Schema, scim.GroupSchema) {
		return "", unsupportedFilter(f, within)
	}
	text, ok := b.compare(column, f)
	if !ok {
		return "", unsupportedFilter(f, within)
	}
	return text, nil
}

func unsupportedFilter(f scim.Filter, within string) error {
	return scim.Unsupported("Filters can't ask for " + plain(within+f.Path.String()+" "+string(f.Op), 120) + " here")
}

// compare writes one comparison; false says that the attribute is not compared like that.
func (b *filterBuilder) compare(c directoryColumn, f scim.Filter) (string, bool) {
	switch value := f.Value.(type) {
	case nil:
		return b.present(c, f.Op)
	case bool:
		wanted := value == (f.Op == scim.Eq)
		return c.sql + " = " + b.parameter(bit(wanted)), c.kind == "truth" && (f.Op == scim.Eq || f.Op == scim.Ne)
	case string:
		switch c.kind {
		case "truth": // Entra writes "True"
			truth, isTruth := map[string]bool{"true": true, "false": false}[strings.ToLower(value)]
			f.Value = truth
			if !isTruth {
				return "", false
			}
			return b.compare(c, f)
		case "time":
			at, err := time.Parse(time.RFC3339, value)
			op, known := map[scim.Op]string{scim.Eq: "=", scim.Ne: "<>", scim.Gt: ">", scim.Ge: ">=", scim.Lt: "<", scim.Le: "<="}[f.Op]
			return c.sql + " " + op + " " + b.parameter(at.UnixMilli()), err == nil && known
		case "member":
			return fmt.Sprintf(c.sql, b.parameter(value)), f.Op == scim.Eq
		case "folded":
			value = listing.Fold(value)
		case "address":
			value = strings.ToLower(value)
		}
		return b.text(c.sql, f.Op, value)
	}
	return "", false
}

// present is pr, and comparisons with null: an attribute that is empty is not there.
func (b *filterBuilder) present(c directoryColumn, op scim.Op) (string, bool) {
	there := op == scim.Pr || op == scim.Ne
	if c.kind == "member" || op != scim.Pr && op != scim.Ne && op != scim.Eq {
		return "", false
	}
	if c.kind == "truth" || c.kind == "time" { // always there
		return map[bool]string{true: "1 = 1", false: "1 = 0"}[there], true
	}
	return c.sql + map[bool]string{true: " <> ''", false: " = ''"}[there], true
}

// likeText keeps what a directory sends from being a pattern.
var likeText = strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`)

func (b *filterBuilder) text(column string, op scim.Op, value string) (string, bool) {
	switch like := likeText.Replace(value); op {
	case scim.Eq:
		return column + " = " + b.parameter(value), true
	case scim.Ne:
		return column + " <> " + b.parameter(value), true
	case scim.Co:
		return column + " LIKE " + b.parameter("%"+like+"%") + ` ESCAPE '\'`, true
	case scim.Sw:
		return column + " LIKE " + b.parameter(like+"%") + ` ESCAPE '\'`, true
	case scim.Ew:
		return column + " LIKE " + b.parameter("%"+like) + ` ESCAPE '\'`, true
	}
	return "", false
}
