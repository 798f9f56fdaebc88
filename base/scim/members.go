package scim

import (
	"slices"
	"strings"

	"hubline/base/fault"
)

// MemberChange is what a request does to the people of a group. With Replace, those of Add are all of them.
type MemberChange struct {
	Replace     bool
	Add, Remove []string // IDs of users
}

func (c *MemberChange) add(ids []string) {
	for _, id := range ids {
		c.Remove = slices.DeleteFunc(c.Remove, func(other string) bool { return other == id })
		if !slices.Contains(c.Add, id) {
			c.Add = append(c.Add, id)
		}
	}
}

func (c *MemberChange) remove(ids []string) {
	for _, id := range ids {
		c.Add = slices.DeleteFunc(c.Add, func(other string) bool { return other == id })
		if !c.Replace && !slices.Contains(c.Remove, id) {
			c.Remove = append(c.Remove, id)
		}
	}
}

// ApplyGroup changes the group's own attributes as the steps say, and returns what they do to its people, who may be too many to read for a
// step that adds one.
func ApplyGroup(res Resource, operations []Operation) (c MemberChange, err error) {
	for _, op := range operations {
		if op.Target == nil {
			if err := applyWhole(res, &c, op); err != nil {
				return c, err
			}
			continue
		}
		a, err := Group.target(op.Target.Path)
		if err != nil {
			return c, err
		}
		if a == nil || a.Name != "members" {
			err = Group.apply(res, op)
		} else {
			err = c.apply(a, op)
		}
		if err != nil {
			return c, err
		}
	}
	return c, nil
}

// applyWhole is an operation without a path: its members apart from the rest.
func applyWhole(res Resource, c *MemberChange, op Operation) error {
	rest := map[string]any{}
	for key, value := range op.Value.(map[string]any) {
		if !strings.EqualFold(key, "members") {
			rest[key] = value
			continue
		}
		if err := c.apply(part(Group.Attributes, "members"), Operation{op.Op, &Target{Path: Path{Name: "members"}}, value}); err != nil {
			return err
		}
	}
	return Group.apply(res, Operation{op.Op, nil, rest})
}

func (c *MemberChange) apply(a *Attribute, op Operation) error {
	if op.Target.Filter != nil {
		return c.applyFiltered(op)
	}
	if op.Target.Path.Sub != "" {
		return Unchangeable("members", "Parts of a member can't be changed. Remove the member and add another")
	}
	clean, err := a.read(op.Value)
	if err != nil {
		return err
	}
	ids := Resource{"members": clean}.Values("members")
	switch {
	case op.Op == "add":
		c.add(ids)
	case op.Op == "remove" && op.Value != nil:
		c.remove(ids)
	default:
		*c = MemberChange{Replace: true}
		c.add(ids)
	}
	return nil
}

// applyFiltered takes one member out: members[value eq "…"].
func (c *MemberChange) applyFiltered(op Operation) error {
	f := op.Target.Filter
	id, isText := f.Value.(string)
	if op.Op != "remove" || op.Target.Path.Sub != "" || f.Op != Eq || !strings.EqualFold(f.Path.String(), "value") || !isText {
		return fault.Field(badPath, "path", `Brackets behind members can take one member out: remove members[value eq "…"]`)
	}
	c.remove([]string{id})
	return nil
}

// Members returns whom a whole group has, and whether it says anything of them.
func Members(res Resource) (said bool, c MemberChange) {
	_, said = res["members"]
	c.Replace = true
	c.add(res.Values("members"))
	return said, c
}
