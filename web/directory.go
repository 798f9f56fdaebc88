package web

import (
	"strconv"
	"strings"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
)

// directoryForm is what an admin decides about directory sync.
type directoryForm struct {
	Domains string `form:"domains"`
	Access  string `form:"access"`
	Days    string `form:"days"`
	Version string `form:"version,hidden"`
}

func (in directoryForm) settings() account.DirectorySettings {
	return account.DirectorySettings{Domains: in.Domains, Roles: account.Roles{account.Role(in.Access)}[:min(1, len(in.Access))]}
}

// life is how long a token works. What is no number of days is no life either, and told so.
func (in directoryForm) life() time.Duration {
	days, err := strconv.Atoi(in.Days)
	if err != nil || days < 1 || days > 1000 {
		days = -1
	}
	return time.Duration(days) * 24 * time.Hour
}

type directoryPage struct {
	account.DirectorySync
	Address string // that the directory is given
	Access  []Option
	Lives   []Option

	Meanwhile *meanwhile
}

// directory shows how directory sync stands, or the form that turns it on.
func (p *Portal) directory(r *Request) error { return p.directoryPage(r, nil) }

func (p *Portal) directoryPage(r *Request, m *meanwhile) error {
	s, err := p.Account.Directory(r.Context(), r.Viewer.Actor)
	if err != nil {
		return err
	}
	r.Fill(directoryForm{Domains: strings.Join(s.Domains, ", "), Access: strings.Join(s.Roles.Words(), ","), Days: "180"})
	data := directoryPage{DirectorySync: s, Meanwhile: m, Address: p.BaseURL + "/scim/v2",
		Access: []Option{{Value: "", Label: "Standard user"}, {Value: string(account.Billing), Label: "Billing"}},
		Lives:  settingSteps(180, []int{30, 90, 180, 366}, func(days int) string { return count(days, "day") })}
	return r.Render("account/directory.html", Page{Title: "Directory sync", Section: "settings", Crumbs: accountCrumbs(r, Link{"Settings", r.to("settings")}), Data: data})
}

// saveDirectory turns directory sync on, or changes it when it is.
func (p *Portal) saveDirectory(r *Request) error {
	var in directoryForm
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.directory)
	}
	if in.Version == "" {
		_, secret, err := p.Account.TurnOnDirectory(r.Context(), r.Viewer.Actor, in.settings(), in.life())
		if err != nil {
			return r.Again(err, p.directory)
		}
		return p.directoryToken(r, secret)
	}
	_, err := p.Account.ChangeDirectory(r.Context(), r.Viewer.Actor, in.settings(), version(in.Version))
	if fault.Is(err, fault.Changed) {
		return p.directoryChanged(r, version(in.Version))
	}
	if err != nil {
		return r.Again(err, p.directory)
	}
	return r.Go(r.to("settings", "directory"), Banner{Text: "Directory sync is changed", More: "People who are here already stay as they are."})
}

// directoryChanged shows what somebody else saved since, beside what was typed.
func (p *Portal) directoryChanged(r *Request, seen int64) error {
	s, err := p.Account.Directory(r.Context(), r.Viewer.Actor)
	if err != nil {
		return err
	}
	m, err := p.meanwhile(r, s.ID, s.Version-seen)
	if err != nil {
		return err
	}
	r.conflict(m)
	return p.directoryPage(r, m)
}

// directoryToken shows a token in its own answer: it is in no address, no cookie and no log, and not there on a second look.
func (p *Portal) directoryToken(r *Request, secret string) error {
	return r.Render("account/directory-token.html", Page{Title: "Your token for directory sync", Section: "settings", Crumbs: p.directoryCrumbs(r),
		Data: map[string]any{"Secret": secret, "Address": p.BaseURL + "/scim/v2"}})
}

func (p *Portal) directoryCrumbs(r *Request) []Link {
	return accountCrumbs(r, Link{"Settings", r.to("settings")}, Link{"Directory sync", r.to("settings", "directory")})
}

func (p *Portal) newDirectoryToken(r *Request) error {
	var in struct {
		Days string `form:"days"`
	}
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.directory)
	}
	_, secret, err := p.Account.NewDirectoryToken(r.Context(), r.Viewer.Actor, directoryForm{Days: in.Days}.life())
	if err != nil {
		return r.Again(err, p.directory)
	}
	return p.directoryToken(r, secret)
}

// askDirectoryOff is the question before directory sync is turned off.
func (p *Portal) askDirectoryOff(r *Request) error {
	s, err := p.Account.Directory(r.Context(), r.Viewer.Actor)
	if err != nil {
		return err
	}
	if !s.On {
		return fault.New(fault.NotFound, "not-found", "Directory sync is off")
	}
	c := Confirm{Title: "Turn off directory sync?", Text: "Its token stops working at once, and so do invitations that it sent and nobody has accepted. The people it brought stay, with the access they have.",
		Path: r.to("settings", "directory", "off"), Keep: "Keep it on", Do: "Turn off", Busy: "Turning off…", Next: r.to("settings", "directory")}
	return r.Render("account/confirm.html", Page{Title: c.Title, Section: "settings", Crumbs: p.directoryCrumbs(r), Data: c})
}

func (p *Portal) turnOffDirectory(r *Request) error {
	if err := p.Account.TurnOffDirectory(r.Context(), r.Viewer.Actor); err != nil {
		return err
	}
	return r.Go(r.to("settings", "directory"), Banner{Text: "Directory sync is off", More: "Its token no longer works. The people it brought are in Hub users."})
}

// letDirectory hands a group to the directory, or takes it back.
func (p *Portal) letDirectory(r *Request) error {
	let := r.Posted("on") != ""
	g, err := p.Account.LetDirectory(r.Context(), r.Viewer.Actor, r.PathValue("id"), let, 0)
	if err != nil {
		return r.Again(err, p.group)
	}
	done := Banner{Text: "The directory no longer decides who is in " + g.Name + ".", More: "Everybody in it stays."}
	if let {
		done = Banner{Text: "The directory now decides who is in " + g.Name + ".", More: "Whom you added by hand stays until you take them out."}
	}
	return r.Go(r.to("groups", g.ID), done)
}
