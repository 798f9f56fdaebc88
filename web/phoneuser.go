package web

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strings"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/number"
	"hubline/product/phoneuser"
)

// phoneUserForm is the one form of a phone user, with its one Save.
type phoneUserForm struct {
	phoneuser.Settings
	SignIn  bool   `form:"sign_in"`
	FormKey string `form:"form_key,hidden"`
	Version string `form:"version,hidden"`
}

// phoneUserPage is the form, and below it what belongs to a phone user who exists.
type phoneUserPage struct {
	phoneuser.User
	Action, FormKey, Save, Plan string
	Full                        bool // of a new one: the plan has no room
	Now                         *personStatus
	Meanwhile                   *meanwhile
	CallerIDs, SMSNumbers       []Option
	Prefixes                    []Option
	CallerWords, CallerNow      string
	PrefixWords, PrefixNow      string
	List                        []phoneuser.Device
	Reset, Delete               Confirm
	History                     string
}

// newPhoneUser shows the empty form with what can be known: the next free extension, the first number, the account's prefix.
func (p *Portal) newPhoneUser(r *Request) error {
	extension, err := p.Phones.NextExtension(r.Context(), r.Viewer.Actor)
	if err != nil {
		return err
	}
	owned, err := p.presentable(r)
	if err != nil {
		return err
	}
	query := r.URL.Query()
	first := phoneUserForm{Settings: phoneuser.Settings{Extension: extension, AppEnabled: true, Email: query.Get("email"), DisplayName: query.Get("name")}}
	for _, n := range owned {
		if first.CallerID == "" {
			first.CallerID = n.Number
			first.LocalPrefix = p.prefixOf(n.Number)
		}
	}
	r.Fill(first)
	return p.phoneUserPage(r, phoneuser.User{}, owned, nil)
}

// addPhoneUser saves the form of a new phone user.
func (p *Portal) addPhoneUser(r *Request) error {
	var in phoneUserForm
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.newPhoneUser)
	}
	u, err := p.Phones.Add(r.Context(), r.Viewer.Actor, in.Settings, once(in.FormKey))
	if err != nil {
		return r.Again(err, p.newPhoneUser)
	}
	done := Banner{Text: u.Label() + " was added and can be called now.", Link: r.to("phone-users", u.ID), Label: "Open " + u.DisplayName}
	if u.AppEnabled && u.Email != "" {
		done.More = "Set-up details are on their way to " + u.Email + "; the link works for 48 hours and once."
	}
	if in.SignIn && r.may(account.InviteHubUsers) {
		return r.Go(r.to("hub-users", "invite")+"?"+url.Values{"email": {u.Email}, "name": {u.DisplayName}}.Encode(), done)
	}
	return r.Go(r.to("phone-users"), done)
}

// once is a form's key as the store keeps it: what a browser sends may be anything.
func once(formKey string) string {
	if formKey == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(formKey))
	return hex.EncodeToString(sum[:16])
}

// phoneUser shows one phone user with everything that can be changed of them.
func (p *Portal) phoneUser(r *Request) error {
	u, err := p.Phones.ByID(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	return p.phoneUserWith(r, u, nil)
}

func (p *Portal) phoneUserWith(r *Request, u phoneuser.User, m *meanwhile) error {
	r.Fill(phoneUserForm{Settings: u.Settings})
	owned, err := p.presentable(r)
	if err != nil {
		return err
	}
	return p.phoneUserPage(r, u, owned, m)
}

// presentable are the account's numbers that can be a caller ID.
func (p *Portal) presentable(r *Request) ([]number.Number, error) {
	return p.Numbers.Owned(r.Context(), r.Viewer.Actor)
}

func (p *Portal) phoneUserPage(r *Request, u phoneuser.User, owned []number.Number, m *meanwhile) (err error) {
	data := phoneUserPage{User: u, Meanwhile: m, Action: r.to("phone-users", "new"), Save: "Add phone user", FormKey: r.formKey()}
	page := Page{Title: "Add phone user", Section: "phone-users", Crumbs: accountCrumbs(r, Link{"Phone users", r.to("phone-users")}), Data: &data}
	p.phoneUserChoices(r, &data, owned)
	if u.ID == "" {
		used, limit, err := p.Phones.Count(r.Context(), r.Viewer.Actor)
		if err != nil {
			return err
		}
		data.Plan, data.Full = planSentence(used, limit), used >= limit
		return r.Render("phoneuser/phone-user.html", page)
	}
	page.Title, data.Action, data.Save = u.DisplayName, r.to("phone-users", u.ID), "Save changes"
	if data.List, err = p.Phones.Devices(r.Context(), r.Viewer.Actor, u.ID); err != nil {
		return err
	}
	uses, err := p.Phones.Uses(r.Context(), r.Viewer.Actor, u.ID)
	if err != nil {
		return err
	}
	now := rightNow(u.State())
	data.Now, data.Reset, data.Delete = &now, phoneReset(r, u), phoneDeletion(r, u, r.nationals(uses.Numbers))
	data.History = r.to("audit-log") + "?about=" + u.ID
	return r.Render("phoneuser/phone-user.html", page)
}

// prefixOf is the area code of a number as people write it, or nothing when the plan has no such prefix to choose.
func (p *Portal) prefixOf(e164 string) string {
	for _, x := range p.Plan.Prefixes() {
		if strings.HasPrefix(p.Plan.National(e164), x.Code+" ") {
			return x.Code
		}
	}
	return ""
}

func (r *Request) nationals(numbers []string) []string {
	out := make([]string, len(numbers))
	for i, n := range numbers {
		out[i] = r.shown(n)
	}
	return out
}

// phoneUserChoices fills the lists of numbers and prefixes, with the sentence that says what each choice does.
func (p *Portal) phoneUserChoices(r *Request, data *phoneUserPage, owned []number.Number) {
	callers, prefixes := []string{"", "Without a caller ID this extension can't call outside numbers."}, []string{"", "Local numbers have to be dialled with their area code."}
	data.CallerIDs, data.SMSNumbers = []Option{{Label: "None"}}, []Option{{Label: "None"}}
	for _, n := range owned {
		shown := r.shown(n.Number)
		option := Option{Value: n.Number, Label: shown + " · " + n.ServiceName}
		if n.ServiceName == "" {
			option.Label = shown
		}
		data.CallerIDs = append(data.CallerIDs, option)
		if p.Plan.Kind(n.Number).Texts() {
			data.SMSNumbers = append(data.SMSNumbers, option)
		}
		callers = append(callers, n.Number, "People see "+shown+" when this extension calls.")
	}
	data.CallerIDs = offered(data.CallerIDs, data.CallerID, r.shown(data.CallerID))
	data.SMSNumbers = offered(data.SMSNumbers, data.SMSNumber, r.shown(data.SMSNumber))
	data.Prefixes = []Option{{Label: "No prefix"}}
	for _, x := range p.Plan.Prefixes() {
		data.Prefixes = append(data.Prefixes, Option{Value: x.Code, Label: x.Code + " – " + x.Place})
		prefixes = append(prefixes, x.Code, "Dialling 5550 0142 will call "+x.Code+" 5550 0142.")
	}
	data.CallerWords, data.CallerNow = sentences(callers, r.Form.Value("caller_id"))
	data.PrefixWords, data.PrefixNow = sentences(prefixes, r.Form.Value("local_prefix"))
}

// sentences are the words of a live sentence for each value of a control, as JSON, and those that hold now.
func sentences(pairs []string, value string) (words, now string) {
	words, err := asJSON(pairs...)
	if err != nil {
		panic(err) // strings always are JSON
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i] == value {
			now = pairs[i+1]
		}
	}
	return words, now
}

// savePhoneUser saves the form. Phones obey from the next call or sign-in on.
func (p *Portal) savePhoneUser(r *Request) error {
	var in phoneUserForm
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.phoneUser)
	}
	before, err := p.Phones.ByID(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	change := in.Settings.Change()
	if r.PostForm.Has("extension") {
		change.Extension = &in.Extension
	}
	after, err := p.Phones.Change(r.Context(), r.Viewer.Actor, before.ID, change, version(in.Version))
	if fault.Is(err, fault.Changed) {
		m, err := p.meanwhile(r, before.ID, before.Version-version(in.Version))
		if err != nil {
			return err
		}
		r.conflict(m)
		return p.phoneUserWith(r, before, m)
	}
	if err != nil {
		return r.Again(err, p.phoneUser)
	}
	return r.Go(r.to("phone-users", after.ID), savedPhoneUser(before, after))
}

// savedPhoneUser says what was saved, and from when it holds.
func savedPhoneUser(before, after phoneuser.User) Banner {
	switch {
	case before.Version == after.Version:
		return Banner{Kind: "info", Text: "Nothing was different, so nothing was changed."}
	case before.AppEnabled && !after.AppEnabled:
		return Banner{Text: after.Label() + " was saved.", More: "Its devices are disconnected now and can't connect until you allow them again."}
	case !before.AppEnabled && after.AppEnabled && after.DetailsSentAt > before.DetailsSentAt:
		return Banner{Text: after.Label() + " was saved.", More: "Set-up details are on their way to " + after.Email + "; the link works for 48 hours and once."}
	}
	return Banner{Text: after.Label() + " was saved.", More: "It holds from the next call on."}
}

func (p *Portal) askDeletePhoneUser(r *Request) error {
	uses, err := p.Phones.Uses(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	return p.askPhones(r, uses.User, phoneDeletion(r, uses.User, r.nationals(uses.Numbers)))
}

// askPhones shows a question about a phone user as a page.
func (p *Portal) askPhones(r *Request, u phoneuser.User, c Confirm) error {
	return r.Render("phoneuser/confirm.html", Page{Title: c.Title, Section: "phone-users",
		Crumbs: accountCrumbs(r, Link{"Phone users", r.to("phone-users")}, Link{u.DisplayName, r.to("phone-users", u.ID)}), Data: c})
}

func (p *Portal) deletePhoneUser(r *Request) error {
	u, err := p.Phones.Delete(r.Context(), r.Viewer.Actor, r.PathValue("id"), 0)
	if err != nil {
		return err
	}
	return r.Go(r.to("phone-users"), Banner{Text: u.Label() + " was deleted. Its phones stopped working."})
}
