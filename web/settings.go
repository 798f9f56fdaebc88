package web

import (
	"slices"
	"strconv"
	"strings"

	"hubline/base/fault"
	"hubline/product/account"
)

// settingsForm is what an admin may change of the account.
type settingsForm struct {
	Name            string   `form:"name"`
	TimeZone        string   `form:"time_zone"`
	InvitationHours int      `form:"invitation_hours"`
	CheckMinutes    int      `form:"check_minutes"`
	SecondFactor    string   `form:"second_factor"`
	Methods         []string `form:"sign_in_methods"`
	SessionHours    string   `form:"session_hours"`
	Remember        string   `form:"remember_devices"`
	Version         string   `form:"version,hidden"`
}

type settingsPage struct {
	Account   account.Account
	Version   int64
	Zones     []zoneGroup
	Lives     []Option // of invitations
	Checks    []Option
	Demands   []Option
	Methods   []Option
	Sessions  []Option
	Changed   *account.AuditEntry // the last change, if there was one
	Meanwhile *meanwhile
}

// zoneGroup is a part of the time zone field.
type zoneGroup struct {
	Label   string
	Options []Option
}

// zoneGroups offers the zones that accounts here live in first, then all of the world. A name that is in no list stays what it is.
func zoneGroups(current string) []zoneGroup {
	first := zoneGroup{Label: "Australia and New Zealand", Options: zoneOptions("")}
	groups := []zoneGroup{first}
	found := slices.ContainsFunc(first.Options, func(o Option) bool { return o.Value == current })
	for _, region := range allZones {
		g := zoneGroup{Label: region.Region}
		for place := range strings.FieldsSeq(region.Places) {
			name := region.Region + "/" + place
			if slices.ContainsFunc(first.Options, func(o Option) bool { return o.Value == name }) {
				continue
			}
			found = found || name == current
			g.Options = append(g.Options, Option{Value: name, Label: words(strings.ReplaceAll(place, "/", ", "))})
		}
		groups = append(groups, g)
	}
	if !found && current != "" {
		groups = append([]zoneGroup{{Label: "Now", Options: []Option{{Value: current, Label: current}}}}, groups...)
	}
	return groups
}

// settingSteps are the values that most accounts choose from, and the one that is set.
func settingSteps(current int, usual []int, label func(int) string) []Option {
	if !slices.Contains(usual, current) {
		usual = append(slices.Clone(usual), current)
		slices.Sort(usual)
	}
	options := make([]Option, len(usual))
	for i, n := range usual {
		options[i] = Option{Value: strconv.Itoa(n), Label: label(n)}
	}
	return options
}

func lifeWords(hours int) string {
	if hours%24 == 0 {
		return count(hours/24, "day")
	}
	return count(hours, "hour")
}

func checkWords(minutes int) string {
	if minutes == 0 {
		return "Ask every time"
	}
	return count(minutes, "minute")
}

// settings shows what the account's admins decide about it.
func (p *Portal) settings(r *Request) error { return p.settingsPage(r, nil) }

func (p *Portal) settingsPage(r *Request, m *meanwhile) error {
	a, err := p.Account.Settings(r.Context(), r.Viewer.Actor)
	if err != nil {
		return err
	}
	r.Fill(filledSettings(a))
	data := settingsPage{Account: a, Version: a.Version, Zones: zoneGroups(a.Policy.TimeZone), Meanwhile: m,
		Lives:   settingSteps(a.Policy.InvitationHours, []int{4, 24, 3 * 24, 7 * 24, 14 * 24, 30 * 24}, lifeWords),
		Demands: demands, Methods: methods, Sessions: settingSteps(a.Policy.SessionHours, []int{1, 4, 8, 12, 24, 7 * 24, 30 * 24}, lifeWords),
		Checks: settingSteps(a.Policy.CheckMinutes, []int{0, 5, 15, 30, 60, 120}, checkWords)}
	if r.may(account.ViewAuditLog) {
		last, _, err := p.Account.AuditLog(r.Context(), r.Viewer.Actor, account.AuditFilter{SubjectID: a.ID, Area: "settings", Limit: 1})
		if err != nil {
			return err
		}
		if len(last) > 0 {
			data.Changed = &last[0]
		}
	}
	return r.Render("account/settings.html", Page{Title: "Settings", Crumbs: accountCrumbs(r), Data: data})
}

func (p *Portal) saveSettings(r *Request) error {
	var in settingsForm
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.settings)
	}
	before := r.Viewer.Actor.Account
	after, err := p.Account.ChangeSettings(r.Context(), r.Viewer.Actor, account.Settings{Name: in.Name, TimeZone: in.TimeZone,
		InvitationHours: in.InvitationHours, CheckMinutes: in.CheckMinutes, SignIn: in.signIn()}, version(in.Version))
	if fault.Is(err, fault.Changed) {
		m, err := p.meanwhile(r, before.ID, before.Version-version(in.Version))
		if err != nil {
			return err
		}
		r.conflict(m)
		return p.settingsPage(r, m)
	}
	if err != nil {
		return r.Again(err, p.settings)
	}
	return r.Go(r.to("settings"), savedSettings(before, after))
}

// filledSettings is the form as the account stands.
func filledSettings(a account.Account) settingsForm {
	in := settingsForm{Name: a.Name, TimeZone: a.Policy.TimeZone, InvitationHours: a.Policy.InvitationHours, CheckMinutes: a.Policy.CheckMinutes,
		SecondFactor: string(a.Policy.SecondFactor), SessionHours: strconv.Itoa(a.Policy.SessionHours)}
	for _, m := range a.Policy.Methods.List() {
		in.Methods = append(in.Methods, string(m))
	}
	if a.Policy.RememberDevices {
		in.Remember = "on"
	}
	return in
}

// demands and methods are the choices of how people sign in.
var (
	demands = []Option{{Value: string(account.OfNobody), Label: "Nobody has to have one"}, {Value: string(account.OfHolders), Label: "Holders of Admin or Billing access"}, {Value: string(account.OfEveryone), Label: "Everybody"}}
	methods = []Option{{Value: string(account.ByPassword), Label: "Password"},
		{Value: string(account.ByProvider), Label: "Sign-in provider", Hint: "Where your provider offers one."}}
)

// signIn is the part about signing in; a form without it leaves that as it is.
func (in settingsForm) signIn() *account.SignInPolicy {
	if in.SecondFactor == "" {
		return nil
	}
	hours, _ := strconv.Atoi(in.SessionHours) // what is no number is no life either, and told so
	var list []account.Method
	for _, m := range in.Methods {
		list = append(list, account.Method(m))
	}
	return &account.SignInPolicy{SecondFactor: account.Demand(in.SecondFactor), Methods: account.MethodsOf(list...), SessionHours: hours, RememberDevices: in.Remember == "on"}
}

// savedSettings names what is different now.
func savedSettings(before, after account.Account) Banner {
	var is []string
	if before.Name != after.Name {
		is = append(is, "the account is called "+after.Name)
	}
	if before.Policy.TimeZone != after.Policy.TimeZone {
		is = append(is, "times are shown as in "+after.Policy.TimeZone)
	}
	if before.Policy.InvitationHours != after.Policy.InvitationHours {
		is = append(is, "new invitations work for "+lifeWords(after.Policy.InvitationHours))
	}
	if n := after.Policy.CheckMinutes; before.Policy.CheckMinutes != n && n == 0 {
		is = append(is, "a code is asked for every time")
	} else if before.Policy.CheckMinutes != n {
		is = append(is, "a code counts for "+count(n, "minute"))
	}
	is = append(is, savedSignIn(before.Policy, after.Policy)...)
	if len(is) == 0 {
		return Banner{Kind: "info", Text: "Nothing was different, so nothing was changed."}
	}
	return Banner{Text: "Settings saved: " + strings.Join(is, ", ") + "."}
}

// savedSignIn names what is different about signing in.
func savedSignIn(before, after account.Policy) (is []string) {
	if before.SecondFactor != after.SecondFactor {
		is = append(is, "a second factor is asked of "+map[account.Demand]string{account.OfNobody: "nobody", account.OfHolders: "holders of Admin or Billing access", account.OfEveryone: "everybody"}[after.SecondFactor])
	}
	if before.Methods != after.Methods {
		var words []string
		for _, m := range after.Methods.List() {
			if m != account.ByPasskey {
				words = append(words, m.Words())
			}
		}
		is = append(is, "people sign in with "+orList(words))
	}
	if before.SessionHours != after.SessionHours {
		is = append(is, "people sign in again after "+lifeWords(after.SessionHours))
	}
	if before.RememberDevices != after.RememberDevices {
		is = append(is, map[bool]string{true: "browsers may be remembered", false: "no browser is remembered"}[after.RememberDevices])
	}
	return is
}
