package web

import (
	"slices"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
)

// keysPage lists API keys: one's own, or everybody's for those who may see them.
type keysPage struct {
	Pages pages
	List  []keyRow
	All   bool // the list holds everybody's
}

// keyRow is an API key as the list shows it.
type keyRow struct {
	account.APIKey
	Status personStatus
	Rights []string // what it may do, in words
	Works  bool
	Path   string // of the question before it is revoked
}

// status says whether a key works, and if not, why.
func (p *Portal) keyStatus(k account.APIKey) (status personStatus, works bool) {
	switch {
	case k.RevokedAt > 0:
		return personStatus{Text: "Revoked", Icon: "x"}, false
	case k.ExpiresAt <= p.Now().UnixMilli():
		return personStatus{Text: "Expired", Icon: "clock"}, false
	case k.MakerState != account.Active:
		return personStatus{Kind: "warn", Text: "Stopped, as its owner has no access", Icon: "warn"}, true // it would work again with them
	}
	return personStatus{Kind: "ok", Text: "Works", Icon: "ok"}, true
}

func (p *Portal) apiKeys(r *Request) error {
	list, next, err := p.Account.APIKeys(r.Context(), r.Viewer.Actor, account.KeyFilter{After: r.URL.Query().Get("after")})
	if fault.Is(err, fault.Invalid) { // a place in a list that is gone
		return r.Redirect(r.URL.Path)
	}
	if err != nil {
		return err
	}
	data := keysPage{Pages: r.pages(next), All: r.may(account.AllKeys)}
	for _, k := range list {
		row := keyRow{APIKey: k, Path: r.to("api-keys", k.ID, "revocation")}
		row.Status, row.Works = p.keyStatus(k)
		for _, scope := range k.Scopes {
			row.Rights = append(row.Rights, scope.Words())
		}
		data.List = append(data.List, row)
	}
	return r.Render("account/api-keys.html", Page{Title: "API keys", Crumbs: accountCrumbs(r), Data: data})
}

// keyForm is what somebody types to make a key.
type keyForm struct {
	Name   string   `form:"name"`
	Scopes []string `form:"scopes"`
	Days   int      `form:"days"`
}

// newKeyPage is the form of a new key: the rights that its maker has, by section of the menu.
type newKeyPage struct {
	Scopes []Option
	Lives  []Option
}

// newAPIKey shows the form. It opens only with a fresh check, so that nobody fills in a form that can't be sent.
func (p *Portal) newAPIKey(r *Request) error {
	if err := r.needCheck(); err != nil {
		return err
	}
	r.Fill(keyForm{Days: 90})
	return p.keyFormPage(r)
}

func (p *Portal) keyFormPage(r *Request) error {
	var data newKeyPage
	for _, right := range account.Rights {
		if r.may(right.Permission) {
			data.Scopes = append(data.Scopes, Option{Value: string(right.Permission), Label: right.Words, Hint: right.Area + " · " + string(right.Permission)})
		}
	}
	data.Lives = settingSteps(90, []int{7, 30, 90, 180, 366}, func(days int) string { return count(days, "day") })
	return r.Render("account/new-api-key.html", Page{Title: "Make an API key", Section: "api-keys", Crumbs: accountCrumbs(r, Link{"API keys", r.to("api-keys")}), Data: data})
}

// makeAPIKey shows the key in its own answer: it is in no address, no cookie and no log, and not there on a second look.
func (p *Portal) makeAPIKey(r *Request) error {
	var in keyForm
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.keyFormPage)
	}
	scopes := make([]account.Permission, len(in.Scopes))
	for i, word := range in.Scopes {
		scopes[i] = account.Permission(word)
	}
	if in.Days < 1 { // the room takes 0 for its usual life
		in.Days = -1
	}
	k, secret, err := p.Account.MakeOwnKey(r.Context(), r.Viewer.Actor, account.NewKey{Name: in.Name, Scopes: scopes, Life: time.Duration(in.Days) * 24 * time.Hour})
	if err != nil {
		return r.Again(fieldNamed(err, "expires", "days"), p.keyFormPage)
	}
	return r.Render("account/api-key-made.html", Page{Title: "Your API key " + k.Name, Section: "api-keys", Crumbs: accountCrumbs(r, Link{"API keys", r.to("api-keys")}),
		Data: map[string]any{"Key": k, "Secret": secret, "Base": p.BaseURL + "/api/v1/accounts/" + r.Viewer.Account.Slug, "Docs": p.BaseURL + "/api/v1/docs"}})
}

// fieldNamed gives a fault's field the name that it has in a form.
func fieldNamed(err error, room, form string) error {
	f, ok := fault.Of(err)
	if !ok || f.Field != room {
		return err
	}
	renamed := *f
	renamed.Field = form
	return &renamed
}

// keyByPath finds the key that the address names among those that the viewer may revoke.
func (p *Portal) keyByPath(r *Request) (account.APIKey, error) {
	for after := ""; ; {
		list, next, err := p.Account.APIKeys(r.Context(), r.Viewer.Actor, account.KeyFilter{After: after, Limit: 500})
		if err != nil {
			return account.APIKey{}, err
		}
		if i := slices.IndexFunc(list, func(k account.APIKey) bool { return k.ID == r.PathValue("id") && k.RevokedAt == 0 }); i >= 0 {
			return list[i], nil
		}
		if after = next; next == "" {
			return account.APIKey{}, fault.New(fault.NotFound, "not-found", "We could not find that key. It may be revoked already")
		}
	}
}

func (p *Portal) askRevokeKey(r *Request) error {
	k, err := p.keyByPath(r)
	if err != nil {
		return err
	}
	c := Confirm{Title: "Revoke " + k.Name + "?", Text: "Programs that use this key are refused from their next request on. It can't be taken back; a new key is needed.",
		Path: r.to("api-keys", k.ID, "revocation"), Keep: "Keep key", Do: "Revoke key", Busy: "Revoking…", Next: r.to("api-keys")}
	return r.Render("account/confirm.html", Page{Title: c.Title, Section: "api-keys", Crumbs: accountCrumbs(r, Link{"API keys", r.to("api-keys")}), Data: c})
}

func (p *Portal) revokeKey(r *Request) error {
	if err := p.Account.RevokeKey(r.Context(), r.Viewer.Actor, r.PathValue("id")); err != nil {
		return err
	}
	return r.Go(r.to("api-keys"), Banner{Text: "The key is revoked. It no longer works."})
}
