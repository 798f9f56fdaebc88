package web

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"hubline/base/fault"
)

// Form is what was typed into a page's form and what is wrong with it. The zero Form is a first visit.
type Form struct {
	Problems []Problem // in the order of the summary

	values url.Values
	typed  bool // the values come from a person, not from the store
}

// Problem is one line of the error summary; the same words stand at the field.
type Problem struct {
	Field string // the control's name and id; empty when the problem is not about one control
	Text  string
}

// Value returns what the control of that name holds.
func (f *Form) Value(name string) string { return f.values.Get(name) }

// Has reports whether value is chosen in the control of that name.
func (f *Form) Has(name, value string) bool { return slices.Contains(f.values[name], value) }

// Error returns what is wrong with the control of that name, the first of it.
func (f *Form) Error(name string) string {
	if all := f.Errors(name); len(all) > 0 {
		return all[0]
	}
	return ""
}

// Errors returns everything that is wrong with the control of that name: a list of addresses can be wrong in many ways.
func (f *Form) Errors(name string) (all []string) {
	for _, problem := range f.Problems {
		if problem.Field == name {
			all = append(all, problem.Text)
		}
	}
	return all
}

// Wrong adds a problem by hand, for the few checks that belong to a page and not to a room.
func (f *Form) Wrong(field, text string) { f.Problems = append(f.Problems, Problem{field, text}) }

// note takes a fault and those beside it into the summary, without saying the same thing twice.
func (f *Form) note(first *fault.Fault) {
	for _, one := range append([]*fault.Fault{first}, first.Also...) {
		problem := Problem{one.Field, one.Message}
		if problem.Text != "" && !slices.Contains(f.Problems, problem) {
			f.Problems = append(f.Problems, problem)
		}
	}
}

// Again shows a form page once more after a room refused what was typed: page runs with everything kept and the problems noted.
// Faults that are not about the form, and errors of ours, go on to fail.
func (r *Request) Again(err error, page func(*Request) error) error {
	f, ok := fault.Of(err)
	if !ok || (f.Kind != fault.Invalid && f.Kind != fault.Conflict) {
		return err
	}
	r.Form.note(f)
	r.status = meanings[f.Kind].status
	r.visit.fault = f.Code
	return page(r)
}

// Fill gives the form its first values, from a struct with form tags. What a person has typed stays.
func (r *Request) Fill(from any) {
	if r.Form.typed {
		return
	}
	r.Form.values = url.Values{}
	_ = eachField(reflect.Indirect(reflect.ValueOf(from)), func(name, _ string, v reflect.Value) error { // it never fails
		r.Form.values[name] = texts(v)
		return nil
	})
}

// FillBeside is Fill for one of several forms of a page, whose action ends with that word: it gets its first values also when another
// of them was posted.
func (r *Request) FillBeside(action string, from any) {
	if r.Form.typed && strings.HasSuffix(r.URL.Path, "/"+action) {
		return
	}
	if r.Form.values == nil {
		r.Form.values = url.Values{}
	}
	_ = eachField(reflect.Indirect(reflect.ValueOf(from)), func(name, _ string, v reflect.Value) error { // it never fails
		r.Form.values[name] = texts(v)
		return nil
	})
}

func texts(v reflect.Value) []string {
	switch v.Kind() {
	case reflect.String:
		return []string{v.String()}
	case reflect.Bool:
		if v.Bool() {
			return []string{"on"}
		}
	case reflect.Int, reflect.Int64:
		return []string{strconv.FormatInt(v.Int(), 10)}
	case reflect.Slice:
		var all []string
		for i := range v.Len() {
			all = append(all, v.Index(i).String())
		}
		return all
	}
	return nil
}

// Decode reads the posted form into a struct by its form tags: strings (trimmed, unless the tag says "password,raw"), booleans,
// whole numbers and lists of strings. What nobody sees has "version,hidden". The values stay in r.Form, so the page can be shown again as it was.
func (r *Request) Decode(into any) error {
	if err := r.parse(); err != nil {
		return err
	}
	var faults []*fault.Fault
	err := eachField(reflect.ValueOf(into).Elem(), func(name, option string, v reflect.Value) error {
		bad := decode(v, name, option == "raw", r.Form.values[name])
		if bad != nil && option == "hidden" {
			bad = unreadable() // nobody can go to the control and change it
		}
		faults = append(faults, bad)
		return nil
	})
	return errors.Join(err, fault.All(faults...))
}

// Posted returns one posted value, trimmed.
func (r *Request) Posted(name string) string {
	if r.parse() != nil {
		return ""
	}
	return strings.TrimSpace(r.Form.Value(name))
}

func (r *Request) parse() error {
	if r.Form.typed || r.unread != nil {
		return r.unread
	}
	parse := r.ParseForm
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "multipart/form-data" {
		parse = func() error { return r.ParseMultipartForm(maxBody) } // all of it stays in memory
	}
	if err := parse(); err != nil {
		r.unread = unreadable()
		if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
			r.unread = errTooLarge
		}
		return r.unread
	}
	r.Form.values, r.Form.typed = r.PostForm, true
	for _, values := range r.Form.values {
		for i, value := range values {
			values[i] = strings.ReplaceAll(value, "\r\n", "\n")
		}
	}
	return nil
}

func unreadable() *fault.Fault {
	return fault.New(fault.Invalid, "form-unreadable", "We could not read that form. Go back and send it again")
}

// eachField calls do for every field with a form tag, also of embedded structs.
func eachField(v reflect.Value, do func(name, option string, v reflect.Value) error) error {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if field.Anonymous && field.Type.Kind() == reflect.Struct {
			if err := eachField(v.Field(i), do); err != nil {
				return err
			}
			continue
		}
		name, option, _ := strings.Cut(field.Tag.Get("form"), ",")
		if name == "" {
			continue
		}
		if err := do(name, option, v.Field(i)); err != nil {
			return err
		}
	}
	return nil
}

func decode(v reflect.Value, name string, raw bool, values []string) *fault.Fault {
	value := ""
	if len(values) > 0 {
		value = values[0]
	}
	for _, text := range values {
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return fault.Field("unreadable", name, label(name)+" has characters that cannot be used. Type it again")
		}
	}
	if !raw {
		value = strings.TrimSpace(value)
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(value)
	case reflect.Bool:
		v.SetBool(value != "" && value != "off" && value != "false" && value != "0")
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return fault.Field("not-a-number", name, label(name)+" must be a whole number")
		}
		v.SetInt(n)
	case reflect.Slice:
		list := reflect.MakeSlice(v.Type(), 0, len(values))
		for _, text := range values {
			list = reflect.Append(list, reflect.ValueOf(strings.TrimSpace(text)).Convert(v.Type().Elem()))
		}
		v.Set(list)
	default:
		panic("web: a form field cannot be a " + v.Kind().String())
	}
	return nil
}

// label makes words of a control's name: "time_zone" is "Time zone".
func label(name string) string {
	words := strings.ReplaceAll(strings.ReplaceAll(name, "_", " "), "-", " ")
	if words == "" {
		return words
	}
	return strings.ToUpper(words[:1]) + words[1:]
}

// keptForm is a form that was posted without the session, or the fresh check, that it needs.
type keptForm struct {
	Path   string     `json:"p"`
	Values url.Values `json:"v"`
	Until  int64      `json:"u"` // Unix milliseconds
}

const (
	keptFor   = time.Hour
	keptMost  = 256 << 10 // bytes; more would not fit into the form that carries it back
	keptScope = "web kept form"
)

// keep seals what was posted, for the hidden field "kept" of the page that asks who this is. Secrets are dropped.
func (r *Request) keep() (string, error) {
	if err := r.parse(); err != nil {
		return "", err
	}
	values := url.Values{}
	for name, list := range r.Form.values {
		if !secretName(name) && name != "kept" {
			values[name] = list
		}
	}
	plain, err := json.Marshal(keptForm{r.URL.RequestURI(), values, r.portal.Now().Add(keptFor).UnixMilli()})
	if err != nil || len(plain) > keptMost {
		return "", errTooLarge
	}
	return r.portal.Ring.Seal(keptScope, plain), nil
}

// secretName reports whether a control holds something that must be typed again and is never carried around.
func secretName(name string) bool {
	name = strings.ToLower(name)
	words := strings.FieldsFunc(name, func(c rune) bool { return c == '_' || c == '-' })
	return strings.Contains(name, "password") || slices.ContainsFunc([]string{"passphrase", "secret", "code", "otp", "token", "pin"}, func(word string) bool {
		return slices.Contains(words, word)
	})
}

// Kept returns the sealed form that the page before carried, for the hidden field of the next step; empty when there is none.
func (r *Request) Kept() string {
	if _, ok := r.kept(); !ok {
		return ""
	}
	return r.Posted("kept")
}

func (r *Request) kept() (keptForm, bool) {
	if r.Method != http.MethodPost {
		return keptForm{}, false // only a form of ours can bring one
	}
	return r.portal.openKept(r.Posted("kept"))
}

func (p *Portal) openKept(sealed string) (form keptForm, ok bool) {
	plain, err := p.Ring.Open(keptScope, sealed)
	if err != nil || json.Unmarshal(plain, &form) != nil || p.Now().UnixMilli() > form.Until {
		return form, false
	}
	return form, true
}

// Resume goes on after sign-in or a fresh check: to the page that offers to send the kept form, or else to next.
func (r *Request) Resume(next string) error {
	form, ok := r.kept()
	if !ok {
		return r.Redirect(localPath(next))
	}
	return r.resume(form)
}

// resume is the page that offers to send a kept form.
func (r *Request) resume(form keptForm) error {
	var inputs []Input
	for name, values := range form.Values {
		for _, value := range values {
			inputs = append(inputs, Input{name, value})
		}
	}
	slices.SortStableFunc(inputs, func(a, b Input) int { return strings.Compare(a.Name, b.Name) })
	r.status = http.StatusOK
	return r.Render("fault/resume.html", Page{Title: "Continue where you were", Layout: "card",
		Data: map[string]any{"Path": form.Path, "Inputs": inputs}})
}

// Next returns the page to go to after signing in: a path of ours, from the form or the address.
func (r *Request) Next() string {
	if r.Method == http.MethodPost {
		return localPath(r.Posted("next"))
	}
	return localPath(r.URL.Query().Get("next"))
}

// localPath returns the path and query of an address on this portal, and "/" for anything that could lead elsewhere.
func localPath(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Opaque != "" || u.User != nil || !strings.HasPrefix(u.Path, "/") || strings.ContainsAny(address, "\\\t\r\n") ||
		strings.HasPrefix(u.Path, "//") {
		return "/"
	}
	return u.RequestURI()
}
