package web

import (
	"encoding/json"
	"fmt"
	"html/template"
	"net/url"
	"reflect"
	"strings"
	"sync"
)

// Field is one labelled control. Templates make it with the function "field" and name what they set:
//
//	{{template "field" (field "Name" "email" "Label" "Email address" "Hint" "One is enough." "Form" $.Form)}}
type Field struct {
	Name, Label, Hint string
	ID                string // of the control; empty: its name
	Type              string // text (default), email, search, tel, password, code
	Value, Error      string
	Also              []string // more that is wrong
	Form              *Form    // gives Value and Error by name
	Optional          bool
	Autocomplete      string
	Width             string // "sm", "md" (default), "lg"
	Rows              int    // more than 0 makes a text area
	Many              bool   // a text area that takes a list of addresses, which the form's button counts
	Focus             bool   // the cursor starts here
	Options           []Option

	// Says is the live sentence of choices, as JSON: chosen values joined by a comma, to the sentence for one and for many ("{n}").
	// Now is what it says before anybody changes anything.
	Says, Now string
}

// Option is one choice of a select or of choice cards, or one link of a segmented filter.
type Option struct {
	Value, Label, Hint string
	Count              int
	Path               string // of a filter's link
	Current            bool
}

// fill sets the fields of a component from pairs of names and values, so that a template reads like a struct literal.
func fill[T any](pairs ...any) (T, error) {
	var into T
	v := reflect.ValueOf(&into).Elem()
	for i := 0; i+1 < len(pairs); i += 2 {
		name, _ := pairs[i].(string)
		place, known := fieldsOf(v.Type())[name]
		if !known || len(pairs)%2 != 0 {
			return into, fmt.Errorf("%s has no %q", v.Type(), name)
		}
		field := v.Field(place)
		value := reflect.ValueOf(pairs[i+1])
		if !value.IsValid() {
			continue
		}
		if !value.Type().ConvertibleTo(field.Type()) || field.Kind() == reflect.String && value.Kind() != reflect.String {
			return into, fmt.Errorf("%s.%s cannot be a %s", v.Type(), name, value.Type())
		}
		field.Set(value.Convert(field.Type()))
	}
	return into, nil
}

// componentFields keeps where the fields of each component are, a map[string]int by reflect.Type: looking for a name takes longer than setting it.
var componentFields sync.Map

func fieldsOf(t reflect.Type) map[string]int {
	if known, ok := componentFields.Load(t); ok {
		return known.(map[string]int)
	}
	found := make(map[string]int, t.NumField())
	for i := range t.NumField() {
		found[t.Field(i).Name] = i
	}
	componentFields.Store(t, found)
	return found
}

// field completes what the template left open.
func field(pairs ...any) (Field, error) {
	f, err := fill[Field](pairs...)
	if f.Form != nil {
		if f.Value == "" && f.Type != "password" {
			f.Value = f.Form.Value(f.Name)
		}
		if all := f.Form.Errors(f.Name); f.Error == "" && len(all) > 0 {
			f.Error, f.Also = all[0], all[1:]
		}
	}
	if f.ID == "" {
		f.ID = f.Name
	}
	if f.Type == "" {
		f.Type = "text"
	}
	if f.Width == "" {
		f.Width = "md"
	}
	return f, err
}

// Chosen reports whether an option of the field is the one that is set.
func (f Field) Chosen(value string) bool {
	return f.Value == value || f.Form != nil && f.Form.Has(f.Name, value)
}

// Describes lists the ids of what belongs to the control: hint, error.
func (f Field) Describes() string {
	ids := ""
	if f.Hint != "" {
		ids = f.ID + "-hint"
	}
	if f.Error != "" {
		if ids != "" {
			ids += " "
		}
		ids += f.ID + "-error"
	}
	return ids
}

// Banner is a result or a condition at the top of a page.
type Banner struct {
	Kind  string `json:"k,omitempty"` // "ok" (default), "warn", "bad", "info"
	Text  string `json:"t"`
	More  string `json:"m,omitempty"` // a second line
	Link  string `json:"l,omitempty"` // address of what changed
	Label string `json:"n,omitempty"` // its words
	Undo  string `json:"u,omitempty"` // address that takes it back by POST
}

// Empty is a data region without data. Kind: "first", "none", "error", "denied", "full", "offline", "loading".
type Empty struct {
	Kind, Icon, Title, Text string
	Label, Path             string // the one button
	More, MorePath          string // one link to read on
	Dialog                  string // id of a dialog that the button opens where scripts run
}

// Symbol is the icon that an empty region shows.
func (e Empty) Symbol() string {
	if e.Icon != "" {
		return e.Icon
	}
	return map[string]string{"first": "plus", "none": "find", "error": "bad", "denied": "lock", "full": "warn", "offline": "offline", "loading": "clock"}[e.Kind]
}

// Note is a line beside the control it is about. Kind: "info" (default), "ok", "warn", "bad".
type Note struct{ Kind, Text, Link, Label string }

// Progress is a bar with words: "32 of 50 added, 1 skipped".
type Progress struct {
	Value, Max  int
	Label, Text string
}

// Filters is the segmented control above a list; each option is a link with a count.
type Filters struct {
	Label   string
	Options []Option
}

// Find is the search field above a list.
type Find struct {
	Path, Value, Label, Hint string
	Target                   string // id of the part that changes while typing; its block is "part-" and this id
	Keep                     []Input
}

// Input is a value that a form carries along unseen.
type Input struct{ Name, Value string }

// Save is the bar at the end of a form.
type Save struct {
	Label string // the verb and its object: "Save changes"
	Path  string // where Cancel leads
}

// Change is what a value was and what it is now.
type Change struct{ Before, After string }

// Confirm is a question before something that affects somebody else. The safe button has the focus.
type Confirm struct {
	ID, Title, Text string
	Path, Keep, Do  string // where it posts; the words of both buttons
	Busy            string // of the button while it works: "Removing…"
	Kind            string // "danger" (default) or "primary"
	Name, Value     string // one hidden value to send along
	Next            string // where the page's safe button leads
	Typed           string // what must be typed, for acts that cannot be undone
	Form            *Form
}

// RowMenu is the "…" of a table row.
type RowMenu struct {
	ID, Label string // Label names the row: "More actions for Priya Nair"
	Items     []MenuItem
}

// MenuItem is one line of a menu: a link, or a dialog's opener that is a link where scripts do not run, or a posted action.
type MenuItem struct {
	Label, Icon, Path string
	Dialog            string // id of the dialog to open
	Fill              string // JSON of what the dialog's data-fill parts show
	Post              bool
	Danger            bool
	Current           bool
}

// Step is one line of a checklist or a stepper.
type Step struct {
	Label, Text  string
	Done         bool
	Current      bool
	Action, Path string
}

// Sort is a table heading that sorts: a link with the state that aria-sort names.
type Sort struct {
	Label, Key string
	Query      url.Values // of the current address; "sort" is a key, with "-" in front when descending
	Default    string     // the order without "sort"
	Class      string
}

// State is the value of aria-sort.
func (s Sort) State() string {
	switch s.now() {
	case s.Key:
		return "ascending"
	case "-" + s.Key:
		return "descending"
	}
	return "none"
}

func (s Sort) now() string {
	if now := s.Query.Get("sort"); now != "" {
		return now
	}
	return s.Default
}

// Path is the address of the view in this order, or the other way round when it is in this order already.
func (s Sort) Path() string {
	query := url.Values{}
	for key, values := range s.Query {
		if key != "page" {
			query[key] = values
		}
	}
	query.Set("sort", s.Key)
	if s.State() == "ascending" {
		query.Set("sort", "-"+s.Key)
	}
	return "?" + query.Encode()
}

// functions are what templates can call.
func (p *Portal) functions() template.FuncMap {
	return template.FuncMap{
		"asset":    p.assets.url,
		"icon":     p.icon,
		"tag":      p.tag,
		"none":     none,
		"count":    count,
		"visit":    visitSpan,
		"number":   figure,
		"lasting":  lasting,
		"lower":    strings.ToLower,
		"people":   people,
		"initials": initials,
		"breaks":   breaks,
		"json":     asJSON,
		"field":    field,
		"option":   fill[Option],
		"options":  func(o ...Option) []Option { return o },
		"banner":   fill[Banner],
		"note":     fill[Note],
		"add":      func(a, b int) int { return a + b },
		"empty":    fill[Empty],
		"progress": fill[Progress],
		"filters":  func(label string, o ...Option) Filters { return Filters{label, o} },
		"find":     fill[Find],
		"save":     fill[Save],
		"change":   func(before, after string) Change { return Change{before, after} },
		"confirm":  fill[Confirm],
		"menu":     func(m RowMenu) template.HTML { return p.markup().menu(m).HTML() },
		"rowmenu":  func(id, label string, items ...MenuItem) RowMenu { return RowMenu{id, label, items} },
		"item":     fill[MenuItem],
		"step":     fill[Step],
		"steps":    func(s ...Step) []Step { return s },
		"sort":     fill[Sort],
		"pages":    fill[pages],
	}
}

// icon draws one symbol of icons.svg. It is decoration: the words stand beside it.
func (p *Portal) icon(name string) template.HTML {
	return template.HTML(`<svg aria-hidden="true"><use href="` + p.assets.byName["icons.svg"].url + `#i-` + template.HTMLEscapeString(name) + `"/></svg>`)
}

// tagIcons are the shapes that say a status without colour.
var tagIcons = map[string]string{"ok": "ok", "warn": "mail", "bad": "bad", "": "dash"}

// tag is a status in words: {{tag "ok" "Active"}}; a third word names another icon.
func (p *Portal) tag(kind, text string, icon ...string) template.HTML {
	symbol := tagIcons[kind]
	if len(icon) > 0 {
		symbol = icon[0]
	}
	return template.HTML(`<span class="tag `+template.HTMLEscapeString(kind)+`">`) + p.icon(symbol) + template.HTML(template.HTMLEscapeString(text)+`</span>`)
}

// people joins names as a sentence does: "Priya Nair, Tom Okafor or Ann Reid".
func people(names []string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// asJSON makes the value of a data attribute from pairs of keys and strings.
func asJSON(pairs ...string) (string, error) {
	values := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		values[pairs[i]] = pairs[i+1]
	}
	text, err := json.Marshal(values)
	return string(text), err
}

// breaks lets a long address break after its @, so that narrow columns do not push the table wide.
func breaks(address string) template.HTML {
	for i := range address {
		if address[i] == '@' {
			return template.HTML(template.HTMLEscapeString(address[:i+1]) + "<wbr>" + template.HTMLEscapeString(address[i+1:]))
		}
	}
	return template.HTML(template.HTMLEscapeString(address))
}
