package api

import (
	"net/http"

	"hubline/base/scim"
	"hubline/product/account"
)

// scimGroupOf is a group as the directory sees it, with those whom the directory put there.
func (d *door) scimGroupOf(g account.DirectoryGroup) map[string]any {
	group := map[string]any{"schemas": []string{scim.GroupSchema}, "id": g.ID, "displayName": g.Name, "meta": d.scimMeta("Group", g.ID, g.MadeAt, 0)}
	present(group, "externalId", g.ExternalID)
	if g.People != nil {
		members := make([]any, len(g.People))
		for i, m := range g.People {
			members[i] = map[string]any{"value": m.ID, "display": m.Name, "type": "User", "$ref": d.scimAddress("User", m.ID)}
		}
		group["members"] = members
	}
	return group
}

func (d *door) scimGroups(r *scimRequest) (scimAnswer, error) {
	filter, err := r.filter()
	if err != nil {
		return scimAnswer{}, err
	}
	start, count, err := r.page()
	if err != nil {
		return scimAnswer{}, err
	}
	list, total, err := d.Account.DirectoryGroups(r.Context(), r.actor, filter, start, count, r.wants("members"))
	groups := make([]map[string]any, len(list))
	for i, g := range list {
		groups[i] = d.scimGroupOf(g)
	}
	return scimList(groups, total, start), err
}

func (d *door) scimGroup(r *scimRequest) (scimAnswer, error) {
	g, err := d.Account.DirectoryGroupByID(r.Context(), r.actor, r.PathValue("id"), r.wants("members"))
	return scimAnswer{status: http.StatusOK, resource: d.scimGroupOf(g)}, err
}

func (d *door) scimCreateGroup(r *scimRequest) (scimAnswer, error) {
	res, err := scim.Group.Read(r.body)
	if err != nil {
		return scimAnswer{}, err
	}
	_, members := scim.Members(res)
	g, err := d.Account.BringGroup(r.Context(), r.actor, account.DirectoryGroup{Name: res.Text("displayName"), ExternalID: res.Text("externalId")}, members.Add)
	return scimAnswer{http.StatusCreated, d.scimGroupOf(g), d.scimAddress("Group", g.ID)}, err
}

// scimReplaceGroup replaces a group. One that says nothing of members keeps those it has: Okta renames groups like that.
func (d *door) scimReplaceGroup(r *scimRequest) (scimAnswer, error) {
	res, err := scim.Group.Read(r.body)
	if err != nil {
		return scimAnswer{}, err
	}
	said, members := scim.Members(res)
	if !said {
		members = scim.MemberChange{}
	}
	g, err := d.Account.ChangeDirectoryGroup(r.Context(), r.actor, r.PathValue("id"), func(g *account.DirectoryGroup) (scim.MemberChange, error) {
		g.Name, g.ExternalID = res.Text("displayName"), res.Text("externalId")
		return members, nil
	})
	if err != nil {
		return scimAnswer{}, err
	}
	r.SetPathValue("id", g.ID)
	return d.scimGroup(r)
}

// scimPatchGroup answers without a body (RFC 7644 3.5.2): a group may have thousands of members, and one is added at a time.
func (d *door) scimPatchGroup(r *scimRequest) (scimAnswer, error) {
	operations, err := scim.ParsePatch(r.body)
	if err != nil {
		return scimAnswer{}, err
	}
	_, err = d.Account.ChangeDirectoryGroup(r.Context(), r.actor, r.PathValue("id"), func(g *account.DirectoryGroup) (scim.MemberChange, error) {
		res := scim.Resource{"displayName": g.Name}
		present(res, "externalId", g.ExternalID)
		members, err := scim.ApplyGroup(res, operations)
		g.Name, g.ExternalID = res.Text("displayName"), res.Text("externalId")
		return members, err
	})
	return scimAnswer{status: http.StatusNoContent}, err
}

func (d *door) scimDeleteGroup(r *scimRequest) (scimAnswer, error) {
	return scimAnswer{status: http.StatusNoContent}, d.Account.DropDirectoryGroup(r.Context(), r.actor, r.PathValue("id"))
}
