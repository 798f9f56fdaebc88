package api

import (
	"net/http"

	"hubline/base/scim"
	"hubline/product/account"
)

// scimUserOf is somebody as the directory sees them: by what it said itself.
func (d *door) scimUserOf(p account.DirectoryPerson) map[string]any {
	user := map[string]any{"schemas": []string{scim.UserSchema}, "id": p.ID, "userName": p.UserName, "active": p.Active,
		"emails": []any{map[string]any{"value": p.Email, "type": "work", "primary": true}}, "meta": d.scimMeta("User", p.ID, p.CreatedAt, p.ChangedAt)}
	present(user, "externalId", p.ExternalID)
	present(user, "displayName", p.DisplayName)
	name := map[string]any{}
	present(name, "formatted", p.Formatted)
	present(name, "givenName", p.GivenName)
	present(name, "familyName", p.FamilyName)
	if len(name) > 0 {
		user["name"] = name
	}
	return user
}

// fill sets what a resource says of somebody. Active stays as it is where the resource does not say.
func fill(p *account.DirectoryPerson, res scim.Resource) {
	p.UserName, p.ExternalID, p.DisplayName = res.Text("userName"), res.Text("externalId"), res.Text("displayName")
	p.Formatted, p.GivenName, p.FamilyName = res.Text("name.formatted"), res.Text("name.givenName"), res.Text("name.familyName")
	p.Email, p.EmailGiven = res.Address(), len(res.Values("emails")) > 0
	if active, said := res["active"].(bool); said {
		p.Active = active
	}
}

func (d *door) scimUsers(r *scimRequest) (scimAnswer, error) {
	filter, err := r.filter()
	if err != nil {
		return scimAnswer{}, err
	}
	start, count, err := r.page()
	if err != nil {
		return scimAnswer{}, err
	}
	list, total, err := d.Account.DirectoryPeople(r.Context(), r.actor, filter, start, count)
	users := make([]map[string]any, len(list))
	for i, p := range list {
		users[i] = d.scimUserOf(p)
	}
	return scimList(users, total, start), err
}

func (d *door) scimUser(r *scimRequest) (scimAnswer, error) {
	p, err := d.Account.DirectoryPersonByID(r.Context(), r.actor, r.PathValue("id"))
	return scimAnswer{status: http.StatusOK, resource: d.scimUserOf(p)}, err
}

func (d *door) scimCreateUser(r *scimRequest) (scimAnswer, error) {
	res, err := scim.User.Read(r.body)
	if err != nil {
		return scimAnswer{}, err
	}
	in := account.DirectoryPerson{Active: true}
	fill(&in, res)
	p, err := d.Account.BringPerson(r.Context(), r.actor, in)
	return scimAnswer{http.StatusCreated, d.scimUserOf(p), d.scimAddress("User", p.ID)}, err
}

func (d *door) scimReplaceUser(r *scimRequest) (scimAnswer, error) {
	res, err := scim.User.Read(r.body)
	if err != nil {
		return scimAnswer{}, err
	}
	p, err := d.Account.ChangeDirectoryPerson(r.Context(), r.actor, r.PathValue("id"), func(p *account.DirectoryPerson) error {
		fill(p, res)
		return nil
	})
	return scimAnswer{status: http.StatusOK, resource: d.scimUserOf(p)}, err
}

func (d *door) scimPatchUser(r *scimRequest) (scimAnswer, error) {
	operations, err := scim.ParsePatch(r.body)
	if err != nil {
		return scimAnswer{}, err
	}
	p, err := d.Account.ChangeDirectoryPerson(r.Context(), r.actor, r.PathValue("id"), func(p *account.DirectoryPerson) error {
		res := scimResource(*p)
		if err := scim.User.Apply(res, operations); err != nil {
			return err
		}
		if !p.EmailGiven && res.Address() == p.Email { // the user name goes on being the address
			delete(res, "emails")
		}
		fill(p, res)
		return nil
	})
	return scimAnswer{status: http.StatusOK, resource: d.scimUserOf(p)}, err
}

// scimResource is somebody as a patch finds them.
func scimResource(p account.DirectoryPerson) scim.Resource {
	res := scim.Resource{"userName": p.UserName, "active": p.Active, "emails": []any{map[string]any{"value": p.Email, "type": "work", "primary": true}}}
	name := map[string]any{}
	present(name, "formatted", p.Formatted)
	present(name, "givenName", p.GivenName)
	present(name, "familyName", p.FamilyName)
	if len(name) > 0 {
		res["name"] = name
	}
	present(res, "externalId", p.ExternalID)
	present(res, "displayName", p.DisplayName)
	return res
}

func (d *door) scimDeleteUser(r *scimRequest) (scimAnswer, error) {
	return scimAnswer{status: http.StatusNoContent}, d.Account.DropDirectoryPerson(r.Context(), r.actor, r.PathValue("id"))
}
