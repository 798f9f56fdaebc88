package scim

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"hubline/base/fault"
)

// Attribute describes one attribute, in the form in which /Schemas shows it (RFC 7643 7).
type Attribute struct {
	Name        string      `json:"name"`
	Type        string      `json:"type"` // string, boolean, complex or dateTime
	MultiValued bool        `json:"multiValued"`
	Description string      `json:"description"`
	Required    bool        `json:"required"`
	CaseExact   bool        `json:"caseExact"`
	Mutability  string      `json:"mutability"` // readWrite or readOnly
	Returned    string      `json:"returned"`
	Uniqueness  string      `json:"uniqueness"`
	Parts       []Attribute `json:"subAttributes,omitempty"`
}

// Schema is a kind of resource: the attributes that are kept, and the names of those that the standard knows and that are taken and dropped.
type Schema struct {
	ID          string      `json:"id"`
	Name        string      `json:"name"`
	Description string      `json:"description"`
	Attributes  []Attribute `json:"attributes"`
	dropped     []string
}

func text(name, description string) Attribute {
	return Attribute{Name: name, Type: "string", Description: description, Mutability: "readWrite", Returned: "default", Uniqueness: "none"}
}

func (a Attribute) unique() Attribute { a.Required, a.Uniqueness = true, "server"; return a }

func (a Attribute) exact() Attribute { a.CaseExact = true; return a }

func (a Attribute) boolean() Attribute { a.Type = "boolean"; return a }

func (a Attribute) of(parts ...Attribute) Attribute { a.Type, a.Parts = "complex", parts; return a }

func (a Attribute) many() Attribute { a.MultiValued = true; return a }

func (a Attribute) fixed() Attribute { a.Mutability = "readOnly"; return a }

// User is what is kept of a user (RFC 7643 4.1).
var User = &Schema{ID: UserSchema, Name: "User", Description: "A person whom the directory brings into the account",
	Attributes: []Attribute{
		text("userName", "What the directory calls the person").unique(),
		text("externalId", "The directory's own identifier").exact(),
		text("displayName", "The name that the account shows"),
		text("name", "The parts of the name").of(
			text("formatted", "The whole name"), text("givenName", "Given name"), text("familyName", "Family name")),
		text("active", "Whether the person may use the account").boolean(),
		text("emails", "The address that is invited: the primary one, else the one for work, else the first").many().of(
			text("value", "Address"), text("type", "Kind, such as work"), text("primary", "Whether it is the one to use").boolean()),
	},
	dropped: []string{"id", "meta", "schemas", "groups", "password", "nickName", "profileUrl", "title", "userType", "preferredLanguage", "locale", "timezone",
		"phoneNumbers", "ims", "photos", "addresses", "entitlements", "roles", "x509Certificates"}}

// Group is what is kept of a group (RFC 7643 4.2).
var Group = &Schema{ID: GroupSchema, Name: "Group", Description: "A group of people. What it gives them is decided in the portal",
	Attributes: []Attribute{
		text("displayName", "The group's name").unique(),
		text("externalId", "The directory's own identifier").exact(),
		text("members", "The people in it").many().of(
			text("value", "ID of a user").exact(), text("display", "What the directory calls them").fixed(), text("type", "User").fixed(), text("$ref", "Address of the user").fixed()),
	},
	dropped: []string{"id", "meta", "schemas"}}

// find returns the attribute of that name, nil with dropped for one that is taken and not kept, and nil alone for an unknown one.
func (s *Schema) find(p Path) (a *Attribute, dropped bool) {
	if p.Schema != "" && !strings.EqualFold(p.Schema, s.ID) {
		// "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User" parses as the attribute User of that URN without its last part
		return nil, len(p.Schema) >= len(extensionUser) && strings.EqualFold(p.Schema[:len(extensionUser)], extensionUser)
	}
	if a := part(s.Attributes, p.Name); a != nil {
		return a, false
	}
	return nil, slices.ContainsFunc(s.dropped, func(name string) bool { return strings.EqualFold(name, p.Name) })
}

func part(list []Attribute, name string) *Attribute {
	if i := slices.IndexFunc(list, func(a Attribute) bool { return strings.EqualFold(a.Name, name) }); i >= 0 {
		return &list[i]
	}
	return nil
}

// Resource is what a request says of a user or group: the attributes that are kept, under the names that the standard gives them.
// Complex attributes are map[string]any, multi-valued ones []any of them; what has no value is not there (RFC 7643 2.5).
type Resource map[string]any

// Read reads the body of a POST or PUT. Attributes that are unknown, not kept or read-only are left out (RFC 7644 3.3).
func (s *Schema) Read(body []byte) (Resource, error) {
	var raw map[string]any
	if err := json.Unmarshal(body, &raw); err != nil || raw == nil {
		return nil, syntax("The body is not a JSON object")
	}
	if !names(raw, s.ID) {
		return nil, syntax("The body's schemas must name " + s.ID)
	}
	res := Resource{}
	return res, s.merge(res, raw)
}

// names reports whether a message says that it has the schema.
func names(raw map[string]any, schema string) bool {
	list, _ := lookUp(raw, "schemas")
	all, _ := list.([]any)
	return slices.ContainsFunc(all, func(v any) bool { text, _ := v.(string); return strings.EqualFold(text, schema) })
}

// merge sets what an object says, one attribute at a time. Keys may be paths such as "name.givenName", as Entra writes them.
func (s *Schema) merge(res Resource, raw map[string]any) error {
	for _, key := range slices.Sorted(maps.Keys(raw)) {
		p, ok := parsePath(key)
		if !ok {
			continue
		}
		a, _ := s.find(p)
		if a == nil || a.Mutability == "readOnly" {
			continue
		}
		if err := set(res, a, p.Sub, raw[key], a.MultiValued); err != nil {
			return err
		}
	}
	return nil
}

// set gives an attribute, or one part of it, a value; null and empty lists take it away. A multi-valued one gets its values replaced or more of them.
func set(object map[string]any, a *Attribute, sub string, value any, replace bool) error {
	if sub != "" {
		return setPart(object, a, sub, value)
	}
	clean, err := a.read(value)
	if err != nil {
		return err
	}
	old, there := object[a.Name]
	switch {
	case clean == nil:
		delete(object, a.Name)
		if list, isList := value.([]any); isList && len(list) == 0 && a.MultiValued { // nobody, as against nothing said
			object[a.Name] = []any{}
		}
	case a.Type == "complex" && !a.MultiValued && there: // what is not named stays (RFC 7644 3.5.2.3)
		for name, v := range clean.(map[string]any) {
			old.(map[string]any)[name] = v
		}
	case a.MultiValued && there && !replace:
		object[a.Name] = union(old.([]any), clean.([]any))
	default:
		object[a.Name] = clean
	}
	return nil
}

func setPart(object map[string]any, a *Attribute, sub string, value any) error {
	inner := part(a.Parts, sub)
	switch {
	case inner == nil:
		return fault.Field(badPath, a.Name, "There is no attribute "+quoted(a.Name+"."+sub)+" here")
	case a.MultiValued:
		list, _ := object[a.Name].([]any)
		for _, one := range list {
			if err := set(one.(map[string]any), inner, "", value, true); err != nil {
				return err
			}
		}
		return nil
	}
	whole, _ := object[a.Name].(map[string]any)
	if whole == nil {
		whole = map[string]any{}
		object[a.Name] = whole
	}
	return set(whole, inner, "", value, true)
}

// union adds values that are not there yet. A new primary one takes the place of the old (RFC 7643 2.4).
func union(old, more []any) []any {
	for _, v := range more {
		one := v.(map[string]any)
		if i := slices.IndexFunc(old, func(o any) bool { return o.(map[string]any)["value"] == one["value"] }); i >= 0 {
			old[i] = one
		} else {
			old = append(old, one)
		}
		if one["primary"] == true {
			for _, other := range old {
				if o := other.(map[string]any); o["value"] != one["value"] {
					delete(o, "primary")
				}
			}
		}
	}
	return old
}

// read checks a value against what the attribute may be, and returns it with canonical names; nil is no value.
func (a *Attribute) read(value any) (any, error) {
	if value == nil {
		return nil, nil
	}
	if !a.MultiValued {
		return a.readOne(value)
	}
	list, isList := value.([]any)
	if !isList {
		list = []any{value}
	}
	var clean []any
	for _, one := range list {
		v, err := a.readOne(one)
		if err != nil {
			return nil, err
		}
		if v != nil {
			clean = append(clean, v)
		}
	}
	if clean == nil {
		return nil, nil
	}
	return clean, nil
}

func (a *Attribute) readOne(value any) (any, error) {
	if text, ok := value.(string); ok && strings.ContainsRune(text, 0) { // which no store keeps
		return nil, fault.Field(badValue, a.Name, a.Name+" must be text without the character NUL")
	}
	switch a.Type {
	case "string":
		if text, ok := value.(string); ok {
			return text, nil
		}
	case "boolean":
		switch value {
		case true, false:
			return value, nil
		}
		if word, ok := value.(string); ok && strings.EqualFold(word, "true") { // Entra writes "True" and "False"
			return true, nil
		} else if ok && strings.EqualFold(word, "false") {
			return false, nil
		}
	case "complex":
		if raw, ok := value.(map[string]any); ok {
			return a.readParts(raw)
		}
		if text, ok := value.(string); ok && a.MultiValued {
			return map[string]any{"value": text}, nil
		}
	}
	return nil, fault.Field(badValue, a.Name, a.Name+" must be "+map[string]string{"string": "text", "boolean": "true or false", "complex": "an object"}[a.Type])
}

func (a *Attribute) readParts(raw map[string]any) (any, error) {
	clean := map[string]any{}
	for key, v := range raw {
		inner := part(a.Parts, key)
		if inner == nil || inner.Mutability == "readOnly" {
			continue
		}
		value, err := inner.read(v)
		if err != nil {
			return nil, err
		}
		if value != nil {
			clean[inner.Name] = value
		}
	}
	if len(clean) == 0 {
		return nil, nil
	}
	return clean, nil
}

// Text returns a simple attribute, or a part of a complex one ("name.givenName"), or "".
func (r Resource) Text(path string) string {
	name, sub, dotted := strings.Cut(path, ".")
	value := r[name]
	if dotted {
		whole, _ := value.(map[string]any)
		value = whole[sub]
	}
	text, _ := value.(string)
	return text
}

// Values returns the values of a multi-valued attribute, those that have one.
func (r Resource) Values(name string) (list []string) {
	all, _ := r[name].([]any)
	for _, one := range all {
		if text, _ := one.(map[string]any)["value"].(string); text != "" {
			list = append(list, text)
		}
	}
	return list
}

// Address returns the user's address: the primary one, else the one of type work, else the first, else the user name.
func (r Resource) Address() string {
	best, rank := r.Text("userName"), 0
	all, _ := r["emails"].([]any)
	for _, v := range all {
		one := v.(map[string]any)
		kind, _ := one["type"].(string)
		here := 1
		if one["primary"] == true {
			here = 3
		} else if strings.EqualFold(kind, "work") {
			here = 2
		}
		if address, _ := one["value"].(string); address != "" && here > rank {
			best, rank = address, here
		}
	}
	return best
}
