package api

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"hubline/base/fault"
)

// findings is what huma's validation says, by how it begins, and how we say it: the code, and words with the field's name and with
// the rest of huma's message.
var findings = []struct{ start, code, words string }{
	{"expected length <= ", "field-long", "%s must be %s characters or fewer"},
	{"expected array length <= ", "field-long", "%s must have %s entries or fewer"},
	{"expected number <= ", "field-range", "%s must be %s or less"},
	{"expected number >= ", "field-range", "%s must be %s or more"},
	{"expected value to be one of ", "field-choice", "%s must be one of %s"},
	{"expected string to be RFC 3339 date-time", "field-type", "%s must be a time such as 2026-11-25T09:30:00Z%.0s"},
	{"invalid date/time", "field-type", "%s must be a time such as 2026-11-25T09:30:00Z%.0s"},
	{"expected string to be ", "field-form", "%s must be %s"},
	{"expected string", "field-type", "%s must be text%.0s"},
	{"expected boolean", "field-type", "%s must be true or false%.0s"},
	{"expected array", "field-type", "%s must be a list%.0s"},
	{"expected integer", "field-type", "%s must be a whole number%.0s"},
	{"invalid integer", "field-type", "%s must be a whole number%.0s"},
	{"expected object", "field-type", "%s must be an object%.0s"},
	{"", "field-form", "%s can't be used: %s"},
}

// fromHuma turns huma's validation errors into one fault. known are the fields that the request may have.
func fromHuma(m *huma.ErrorModel, known []string) error {
	var found []*fault.Fault
	for _, e := range m.Errors {
		found = append(found, finding(e, known))
	}
	slices.SortStableFunc(found, func(a, b *fault.Fault) int { return strings.Compare(a.Field, b.Field) }) // huma walks a map
	if err := fault.All(found...); err != nil {
		return err
	}
	return fmt.Errorf("huma: %d %s", m.Status, m.Detail) // nothing that a request can cause; guard looked at it before
}

func finding(e *huma.ErrorDetail, known []string) *fault.Fault {
	field := fieldOf(e.Location)
	if name, ok := strings.CutPrefix(e.Message, "expected required property "); ok {
		name = strings.TrimSuffix(name, " to be present")
		return fault.Field("field-missing", name, "Send "+name)
	}
	if _, name, ok := strings.Cut(e.Message, "Go struct field "); ok { // encoding/json on 1e2 for a whole number, which huma lets pass
		name, _, _ = strings.Cut(name, " ")
		name = name[strings.LastIndexByte(name, '.')+1:]
		return fault.Field("field-type", name, name+" must be a whole number, written without a point or an exponent")
	}
	if e.Message == "unexpected property" {
		return fault.Field("field-unknown", field, "There is no field "+strconv.Quote(cut(field))+" here. "+inWords(known))
	}
	for _, f := range findings {
		if rest, ok := strings.CutPrefix(e.Message, f.start); ok {
			return fault.Field(f.code, field, fmt.Sprintf(f.words, cut(field), strings.Trim(rest, `"`)))
		}
	}
	panic("findings has no last line")
}

// fieldOf returns the name in a location such as "body.roles[0]" or "query.limit".
func fieldOf(location string) string {
	_, name, _ := strings.Cut(location, ".")
	if at := strings.LastIndexByte(name, '['); at > 0 && strings.HasSuffix(name, "]") {
		name = name[:at]
	}
	return name
}

// cut shortens what came from outside before it is shown.
func cut(text string) string {
	if r := []rune(text); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return text
}

// inWords says which fields there are.
func inWords(fields []string) string {
	switch last := len(fields) - 1; last {
	case -1:
		return "This request takes no fields"
	case 0:
		return "The only field is " + fields[0]
	default:
		return "The fields are " + strings.Join(fields[:last], ", ") + " and " + fields[last]
	}
}
