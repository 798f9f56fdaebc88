package scim

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"hubline/base/fault"
)

// Operation is one step of a patch (RFC 7644 3.5.2).
type Operation struct {
	Op     string // add, remove or replace
	Target *Target
	Value  any
}

// Target is what a step is about: an attribute, a part of it, or those of its values that fit a filter. A nil one is the whole resource.
type Target struct {
	Path   Path
	Filter *Filter
}

// operationsMost bounds one patch.
const operationsMost = 1000

// ParsePatch reads the body of a PATCH. Names of operations may be in capitals, as Entra sends them.
func ParsePatch(body []byte) ([]Operation, error) {
	var raw map[string]any
	if err := json.Unmarshal(body, &raw); err != nil || raw == nil {
		return nil, syntax("The body is not a JSON object")
	}
	if !names(raw, PatchMessage) {
		return nil, syntax("The body's schemas must name " + PatchMessage)
	}
	all, _ := lookUp(raw, "Operations")
	list, _ := all.([]any)
	if len(list) == 0 || len(list) > operationsMost {
		return nil, syntax(fmt.Sprintf("Operations must be a list of 1 to %d operations", operationsMost))
	}
	operations := make([]Operation, len(list))
	for i, one := range list {
		object, _ := one.(map[string]any)
		op, err := parseOperation(object)
		if err != nil {
			return nil, err
		}
		operations[i] = op
	}
	return operations, nil
}

func parseOperation(raw map[string]any) (op Operation, err error) {
	word, _ := lookUp(raw, "op")
	name, _ := word.(string)
	op.Op = strings.ToLower(name)
	if op.Op != "add" && op.Op != "remove" && op.Op != "replace" {
		return op, syntax("An operation must be add, remove or replace, and one is " + quoted(name))
	}
	op.Value, _ = lookUp(raw, "value")
	where, there := lookUp(raw, "path")
	path, isText := where.(string)
	switch {
	case there && !isText:
		return op, fault.Field(badPath, "path", "A path must be text")
	case path != "":
		op.Target, err = parseTarget(path)
		return op, err
	case op.Op == "remove":
		return op, fault.Field(noTarget, "path", "The operation remove needs a path")
	}
	if _, ok := op.Value.(map[string]any); !ok {
		return op, syntax("An operation without a path needs an object as its value")
	}
	return op, nil
}

// parseTarget reads attrPath / valuePath [subAttr] (RFC 7644 figure 7).
func parseTarget(text string) (*Target, error) {
	bad := fault.Field(badPath, "path", "The path "+quoted(text)+" can't be read")
	head, rest, bracketed := strings.Cut(text, "[")
	path, ok := parsePath(head)
	if !ok || bracketed && path.Sub != "" {
		return nil, bad
	}
	if !bracketed {
		return &Target{Path: path}, nil
	}
	end := strings.LastIndexByte(rest, ']')
	if end < 0 {
		return nil, bad
	}
	if after := rest[end+1:]; after != "" {
		sub, dotted := strings.CutPrefix(after, ".")
		if !dotted || !attributeName(sub) {
			return nil, bad
		}
		path.Sub = sub
	}
	filter, err := ParseFilter(rest[:end])
	if err != nil {
		return nil, err
	}
	return &Target{Path: path, Filter: &filter}, nil
}

// Apply changes the resource as the steps say, one after the other. Attributes that are known and not kept are passed over.
func (s *Schema) Apply(res Resource, operations []Operation) error {
	for _, op := range operations {
		if err := s.apply(res, op); err != nil {
			return err
		}
	}
	return nil
}

func (s *Schema) apply(res Resource, op Operation) error {
	if op.Target == nil {
		object := op.Value.(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(object)) {
			if err := s.applyKey(res, op.Op, key, object[key]); err != nil {
				return err
			}
		}
		return nil
	}
	a, err := s.target(op.Target.Path)
	if a == nil || err != nil {
		return err
	}
	if op.Op == "remove" && op.Value == nil && a.Required {
		return Unchangeable(a.Name, a.Name+" can't be without a value")
	}
	switch {
	case op.Target.Filter != nil:
		return applyFiltered(res, a, op)
	case op.Op == "remove" && a.MultiValued && op.Target.Path.Sub == "" && op.Value != nil:
		return without(res, a, op.Value)
	case op.Op == "remove":
		return set(res, a, op.Target.Path.Sub, nil, true)
	}
	return set(res, a, op.Target.Path.Sub, op.Value, op.Op == "replace")
}

// applyKey is one attribute of an operation without a path. What the standard lets nobody change is passed over: Okta names the id there.
func (s *Schema) applyKey(res Resource, op, key string, value any) error {
	target, err := parseTarget(key)
	if err != nil {
		return nil // as unknown attributes of a body are
	}
	if a, _ := s.find(target.Path); a == nil {
		return nil
	}
	return s.apply(res, Operation{op, target, value})
}

// target finds the attribute that a path names; nil for one that is not kept.
func (s *Schema) target(p Path) (*Attribute, error) {
	a, dropped := s.find(p)
	switch {
	case a == nil && dropped && (strings.EqualFold(p.Name, "id") || strings.EqualFold(p.Name, "meta")) && p.Schema == "":
		return nil, Unchangeable(p.Name, p.Name+" can't be changed")
	case a == nil && !dropped:
		return nil, fault.Field(badPath, "path", "There is no attribute "+quoted(p.String())+" here")
	case a != nil && p.Sub != "" && part(a.Parts, p.Sub) == nil:
		return nil, fault.Field(badPath, "path", "There is no attribute "+quoted(p.String())+" here")
	}
	return a, nil
}

// applyFiltered changes the values that fit. Adding to none makes one where the filter says of what kind: Entra adds
// emails[type eq "work"].value to somebody without any.
func applyFiltered(res Resource, a *Attribute, op Operation) error {
	if !a.MultiValued {
		return fault.Field(badPath, "path", a.Name+" has one value, so that brackets choose nothing")
	}
	all, _ := res[a.Name].([]any)
	var kept []any
	hit := false
	for _, v := range all {
		one := v.(map[string]any)
		if !op.Target.Filter.Matches(one) {
			kept = append(kept, one)
			continue
		}
		hit = true
		next, err := changed(a, one, op)
		if err != nil {
			return err
		}
		if next != nil {
			kept = append(kept, next)
		}
	}
	if !hit && op.Op == "add" && op.Target.Filter.Op == Eq {
		kind, err := a.readOne(map[string]any{op.Target.Filter.Path.Name: op.Target.Filter.Value})
		if err != nil {
			return err
		}
		if fresh, ok := kind.(map[string]any); ok {
			made, err := changed(a, fresh, op)
			if err != nil {
				return err
			}
			kept = append(kept, made)
		}
	}
	if !hit && op.Op == "replace" {
		return fault.Field(noTarget, "path", "No value of "+a.Name+" fits the filter in the path")
	}
	if res[a.Name] = kept; kept == nil {
		delete(res, a.Name)
	}
	return nil
}

// changed returns one value after the step, nil if nothing is left of it.
func changed(a *Attribute, one map[string]any, op Operation) (any, error) {
	switch {
	case op.Op == "remove" && op.Target.Path.Sub == "":
		return nil, nil
	case op.Op == "remove":
		delete(one, part(a.Parts, op.Target.Path.Sub).Name)
		if len(one) == 0 {
			return nil, nil
		}
		return one, nil
	case op.Target.Path.Sub != "":
		return one, set(one, part(a.Parts, op.Target.Path.Sub), "", op.Value, true)
	}
	value, err := a.readOne(op.Value)
	if more, ok := value.(map[string]any); ok {
		for name, v := range more {
			one[name] = v
		}
	}
	return one, err
}

// without takes named values away: {"op": "remove", "path": "members", "value": [{"value": "…"}]}, as Entra sends it.
func without(res Resource, a *Attribute, value any) error {
	gone, err := a.read(value)
	if err != nil {
		return err
	}
	list, _ := gone.([]any)
	all, _ := res[a.Name].([]any)
	var kept []any
	for _, v := range all {
		found := false
		for _, g := range list {
			found = found || g.(map[string]any)["value"] == v.(map[string]any)["value"]
		}
		if !found {
			kept = append(kept, v)
		}
	}
	if res[a.Name] = kept; kept == nil {
		delete(res, a.Name)
	}
	return nil
}
