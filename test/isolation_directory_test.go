package test

import (
	"maps"

	"hubline/base/scim"
	"hubline/product/account"
)

func init() { maps.Copy(accountVerbs, directoryVerbs) }

// directoryVerbs are those about the account's directory: the admins', and those that only the directory itself may call.
var directoryVerbs = map[string]verb{
	"Directory": {whom: members, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.Room.Directory(c, a))
	}},
	"TurnOnDirectory": {whom: members, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just2(h.TurnOnDirectory(c, a, account.DirectorySettings{Domains: "x.example"}, 0))
	}},
	"ChangeDirectory": {whom: members, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.ChangeDirectory(c, a, account.DirectorySettings{Domains: "x.example"}, 0))
	}},
	"NewDirectoryToken": {whom: members, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just2(h.NewDirectoryToken(c, a, 0))
	}},
	"TurnOffDirectory": {whom: members, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return nil, h.TurnOffDirectory(c, a)
	}},
	"LetDirectory": {whom: members, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.LetDirectory(c, a, h.groupID, true, 0))
	}},

	"DirectoryPeople": {whom: members, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just2(h.DirectoryPeople(c, a, nil, 0, 10))
	}},
	"DirectoryPersonByID": {whom: members, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.DirectoryPersonByID(c, a, h.broughtID))
	}},
	"BringPerson": {whom: members, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.BringPerson(c, a, account.DirectoryPerson{UserName: "new@northside.example", Email: "new@northside.example", Active: true}))
	}},
	"ChangeDirectoryPerson": {whom: members, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.ChangeDirectoryPerson(c, a, h.broughtID, func(p *account.DirectoryPerson) error { p.Active = false; return nil }))
	}},
	"DropDirectoryPerson": {whom: members, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return nil, h.DropDirectoryPerson(c, a, h.broughtID)
	}},
	"DirectoryGroups": {whom: members, call: func(h *harbour, c ctx, a actor) (any, error) {
		list, _, err := h.DirectoryGroups(c, a, nil, 0, 10, true)
		return list, err
	}},
	"DirectoryGroupByID": {whom: members, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.DirectoryGroupByID(c, a, h.broughtGroupID, true))
	}},
	"BringGroup": {whom: members, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.BringGroup(c, a, account.DirectoryGroup{Name: "New from outside"}, nil))
	}},
	"ChangeDirectoryGroup": {whom: members, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.ChangeDirectoryGroup(c, a, h.broughtGroupID, func(*account.DirectoryGroup) (scim.MemberChange, error) {
			return scim.MemberChange{Replace: true}, nil
		}))
	}},
	"DropDirectoryGroup": {whom: members, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return nil, h.DropDirectoryGroup(c, a, h.broughtGroupID)
	}},
}
