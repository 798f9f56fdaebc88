package web

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"hubline/base/fault"
	"hubline/base/mail"
	"hubline/product/account"
)

// inviteForm is what is typed to invite people. Step says which button was pressed: review (default), edit, leave-out or send.
type inviteForm struct {
	Email   string   `form:"email"`
	Name    string   `form:"name"`
	Roles   []string `form:"roles"`
	Groups  []string `form:"groups"`
	Message string   `form:"message"`
	FormKey string   `form:"form_key,hidden"`
	Step    string   `form:"step,hidden"`
}

// invitePage is the form, as a page and as a dialog on the list.
type invitePage struct {
	Form    *Form
	FormKey string
	Cards   roleCards
	Groups  []Option      // of the account, to join; none without the right to put people into them
	Life    string        // "7 days"
	Taken   []takenInvite // addresses that can't be invited, with the way out for each
	Others  int           // addresses that can
}

// roleCards is the choice of access: with the live sentences for the component "choices", and the one that holds now.
type roleCards struct {
	Form      *Form
	Says, Now string
}

// takenInvite is an address that has access already, or an invitation.
type takenInvite struct{ Email, Path, Label string }

// reviewPage shows what will be sent before it is.
type reviewPage struct {
	inviteForm
	Offers   []account.Offer
	Access   account.Roles // of themselves and of the groups
	Why      string        // where it comes from
	Joins    []string      // names of the groups
	Sentence string
	Life     string
}

// invite shows the form. It opens only with a fresh check, so that nobody types an invitation that can't be sent.
func (p *Portal) invite(r *Request) error {
	if err := r.needCheck(); err != nil {
		return err
	}
	if id := r.URL.Query().Get("again"); id != "" {
		before, err := p.Account.InvitationByID(r.Context(), r.Viewer.Actor, id)
		if err != nil {
			return err
		}
		r.Fill(inviteForm{Email: before.Email, Name: before.Name, Roles: before.Roles.Words(), Groups: refIDs(before.Groups), Message: before.Message})
	}
	if query := r.URL.Query(); query.Has("email") { // from the page where they got a phone
		r.Fill(inviteForm{Email: query.Get("email"), Name: query.Get("name")})
	}
	return p.inviteAgain(r)
}

// needCheck refuses viewers whose step-up check is not fresh. The verbs that need one ask again, in their transaction.
func (r *Request) needCheck() error {
	if r.Viewer.Actor.Checked {
		return nil
	}
	return fault.New(fault.StepUp, "check-needed", "Confirm it is you. We will email you a code")
}

// inviteAgain shows the form with whatever is in it.
func (p *Portal) inviteAgain(r *Request) error {
	data, err := p.newInvitePage(r)
	if err != nil {
		return err
	}
	if len(r.Form.Problems) > 0 {
		if err := p.wayOut(r, data); err != nil {
			return err
		}
	}
	return r.Render("account/invite.html", Page{Title: "Invite people to " + r.Viewer.Account.Name, Section: "hub-users",
		Crumbs: accountCrumbs(r, Link{"Hub users", r.to("hub-users")}), Data: data})
}

func (p *Portal) newInvitePage(r *Request) (*invitePage, error) {
	roles, _ := account.ParseRoles(r.Form.values["roles"])
	page := &invitePage{Form: r.Form, FormKey: r.Form.Value("form_key"), Cards: roleCards{r.Form, roleSentences("This person", "{n} people"), roles.Sentence("This person", false)},
		Life: invitationLife(r.Viewer.Actor.Account)}
	if page.FormKey == "" {
		page.FormKey = strings.ToLower(rand.Text())
	}
	if n := len(account.ParseAddresses(r.Form.Value("email"))); n > 1 {
		page.Cards.Now = roles.Sentence(count(n, "person", "people"), true)
	}
	var err error
	page.Groups, err = p.joinOptions(r)
	return page, err
}

// joinOptions are the groups that an invitation can offer, as boxes to tick.
func (p *Portal) joinOptions(r *Request) (list []Option, err error) {
	groups, err := p.groupsToJoin(r)
	for _, g := range groups {
		list = append(list, Option{Value: g.ID, Label: g.Name, Hint: "Gives " + gives(g.Roles)})
	}
	return list, err
}

// Joins reports whether a group is chosen, or was and is gone.
func (d *invitePage) Joins() bool {
	return len(d.Form.values["groups"]) > 0 || d.Form.Error("groups") != ""
}

// groupsToJoin are the groups that an invitation can offer, by name.
func (p *Portal) groupsToJoin(r *Request) ([]account.Group, error) {
	if !r.may(account.ChangeHubUsers) {
		return nil, nil
	}
	groups, _, err := p.Account.Groups(r.Context(), r.Viewer.Actor, account.GroupFilter{Limit: account.MostGroups})
	return groups, err
}

func refNames(groups []account.GroupRef) (names []string) {
	for _, g := range groups {
		names = append(names, g.Name)
	}
	return names
}

func refIDs(groups []account.GroupRef) (ids []string) {
	for _, g := range groups {
		ids = append(ids, g.ID)
	}
	return ids
}

func invitationLife(a account.Account) string {
	return span(time.Duration(a.Policy.InvitationHours) * time.Hour)
}

// roleSentences are what choice cards say as access is chosen: one sentence for each set of roles, for one person and for many.
func roleSentences(one, many string) string {
	says := map[string][2]string{}
	for _, roles := range roleSets() {
		says[strings.Join(roles.Words(), ",")] = [2]string{roles.Sentence(one, false), roles.Sentence(many, true)}
	}
	return sentencesJSON(says)
}

func sentencesJSON(says map[string][2]string) string {
	text, err := json.Marshal(says)
	if err != nil {
		panic(err) // strings always are JSON
	}
	return string(text)
}

// roleSets are all the combinations that can be given, none first.
func roleSets() []account.Roles {
	sets := []account.Roles{{}}
	for _, role := range account.AllRoles {
		for _, set := range slices.Clone(sets) {
			sets = append(sets, append(slices.Clone(set), role))
		}
	}
	return sets
}

// postInvite takes the form's buttons. Nothing is sent before the review was seen.
func (p *Portal) postInvite(r *Request) error {
	var in inviteForm
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.inviteAgain)
	}
	if in.Step == "edit" {
		return p.inviteAgain(r)
	}
	if in.Step != "send" { // sending the same form twice must work after a check that is good for one action
		if err := r.needCheck(); err != nil {
			return err
		}
	}
	invite, err := in.invite()
	if err != nil {
		return r.againHere(err, p.inviteAgain)
	}
	switch in.Step {
	case "send":
		return p.sendInvitations(r, invite)
	case "leave-out":
		if invite, err = p.leaveOut(r, invite); err != nil {
			return r.againHere(err, p.inviteAgain)
		}
	}
	return p.reviewInvitations(r, in, invite)
}

// invite reads the form as the room wants it. The key includes what is sent, so that the same form with other people in it counts as
// another one.
func (in inviteForm) invite() (account.Invite, error) {
	roles, err := account.ParseRoles(in.Roles)
	if err != nil {
		return account.Invite{}, err
	}
	offers := account.ParseAddresses(in.Email)
	if in.Name != "" {
		if len(offers) > 1 {
			return account.Invite{}, fault.Field("name-for-many", "name", "Name is for one address. For several, write Jo Baptiste <jo@example.com>, each on a line of its own")
		}
		for i := range offers {
			offers[i].Name = in.Name
		}
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q", offers, roles, in.Groups, in.Message))
	key := in.FormKey
	if len(key) > 64 {
		key = key[:64]
	}
	if key != "" {
		key += "." + hex.EncodeToString(sum[:8])
	}
	return account.Invite{Offers: offers, Roles: roles, Groups: in.Groups, Message: in.Message, FormKey: key}, nil
}

func (p *Portal) reviewInvitations(r *Request, in inviteForm, invite account.Invite) error {
	checked, err := p.Account.Review(r.Context(), r.Viewer.Actor, invite)
	if err != nil {
		return r.againHere(err, p.inviteAgain)
	}
	offered := account.Invitation{Roles: checked.Roles}
	groups, err := p.groupsToJoin(r)
	if err != nil {
		return err
	}
	for _, g := range groups {
		if slices.Contains(checked.Groups, g.ID) {
			offered.Groups = append(offered.Groups, account.GroupRef{ID: g.ID, Name: g.Name, Roles: g.Roles})
		}
	}
	access := offered.Offered()
	data := reviewPage{inviteForm: in, Offers: checked.Offers, Access: access, Why: offered.Why(), Joins: refNames(offered.Groups),
		Life: invitationLife(r.Viewer.Actor.Account), Sentence: access.Sentence("They", false)}
	data.Email, data.Message = r.Form.Value("email"), checked.Message // Email may have become shorter by leaving some out
	if n := len(checked.Offers); n > 1 {
		data.Sentence = access.Sentence(count(n, "person", "people"), true)
	}
	return r.Render("account/invite-review.html", Page{Title: "Review and send", Section: "hub-users",
		Crumbs: accountCrumbs(r, Link{"Hub users", r.to("hub-users")}, Link{"Invite people", r.to("hub-users", "invite")}), Data: data})
}

func (p *Portal) sendInvitations(r *Request, invite account.Invite) error {
	sent, err := p.Account.Invite(r.Context(), r.Viewer.Actor, invite)
	if fault.Is(err, fault.Forbidden) { // the right went while they were typing
		return err
	}
	if err != nil {
		return r.againHere(err, p.inviteAgain)
	}
	place := func(i account.Invitation) int { // what was sent before comes back in any order
		return slices.IndexFunc(invite.Offers, func(o account.Offer) bool { return canonical(o.Email) == i.Email })
	}
	slices.SortFunc(sent, func(a, b account.Invitation) int { return place(a) - place(b) })
	var labels []string
	for _, i := range sent {
		labels = append(labels, cmpOr(i.Name, i.Email))
	}
	access := "They get " + sent[0].Offered().String() + " access when they accept."
	if len(sent) == 1 {
		return r.Go(r.to("hub-users"), Banner{Text: "Invitation sent to " + labels[0] + ".", More: access + " It works for " + invitationLife(r.Viewer.Actor.Account) + ".",
			Link: r.to("invitations", sent[0].ID), Label: "See the invitation"})
	}
	return r.Go(r.to("hub-users"), Banner{Text: count(len(sent), "invitation") + " sent to " + firstFew(labels) + ".",
		More: access + " They work for " + invitationLife(r.Viewer.Actor.Account) + ".", Link: r.to("hub-users") + "?status=invited", Label: "See who is invited"})
}

// firstFew names five and counts the rest: "Jo, Sam, Ann, Tom, Mary and 7 more".
func firstFew(labels []string) string {
	const named = 5
	last := len(labels) - 1
	if len(labels) > named {
		return strings.Join(labels[:named], ", ") + fmt.Sprintf(" and %d more", len(labels)-named)
	}
	if last < 1 {
		return strings.Join(labels, "")
	}
	return strings.Join(labels[:last], ", ") + " and " + labels[last]
}

// canonical is the form of an address under which the store knows it, or "" for what is no address.
func canonical(email string) string {
	address, err := mail.ParseAddress(email)
	if err != nil {
		return ""
	}
	return address
}

func cmpOr(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// known finds the rows of the list that belong to the addresses in the form, by address.
func (p *Portal) known(r *Request, offers []account.Offer) (map[string]account.Listed, error) {
	var addresses []string
	for _, offer := range offers {
		addresses = append(addresses, canonical(offer.Email))
	}
	known := map[string]account.Listed{}
	if len(addresses) == 0 {
		return known, nil
	}
	rows, _, err := p.Account.People(r.Context(), r.Viewer.Actor, account.PeopleFilter{Addresses: addresses, Limit: 2 * len(addresses)})
	for _, row := range rows {
		if before, both := known[row.Email]; !both || before.Invited {
			known[row.Email] = row
		}
	}
	return known, err
}

// taken reports whether the address of a row can't be invited: whoever is on the list, but for invitations that ended or ran out.
func (p *Portal) taken(l account.Listed) bool {
	return !l.Invited || l.State == string(account.Pending) && l.ExpiresAt > p.Now().UnixMilli()
}

// wayOut adds, for each address that was refused because somebody has it, where to go instead.
func (p *Portal) wayOut(r *Request, page *invitePage) error {
	offers := account.ParseAddresses(r.Form.Value("email"))
	known, err := p.known(r, offers)
	if err != nil {
		return err
	}
	for _, offer := range offers {
		l, found := known[canonical(offer.Email)]
		switch {
		case !found || !p.taken(l):
			page.Others++
		case l.Invited:
			page.Taken = append(page.Taken, takenInvite{l.Email, r.to("invitations", l.ID), "See the invitation"})
		default:
			page.Taken = append(page.Taken, takenInvite{l.Email, r.to("hub-users", l.ID), "Edit their access"})
		}
	}
	return nil
}

// leaveOut drops the addresses that can't be invited because somebody has them, also from the form.
func (p *Portal) leaveOut(r *Request, in account.Invite) (account.Invite, error) {
	known, err := p.known(r, in.Offers)
	if err != nil {
		return in, err
	}
	in.Offers = slices.DeleteFunc(in.Offers, func(offer account.Offer) bool {
		l, found := known[canonical(offer.Email)]
		return found && p.taken(l)
	})
	if len(in.Offers) == 0 {
		return in, fault.Field("nobody-left", "email", "Everybody here has access or an invitation already. Enter another email address")
	}
	var lines []string
	for _, offer := range in.Offers {
		if offer.Name != "" && r.Form.Value("name") == "" {
			lines = append(lines, offer.Name+" <"+offer.Email+">")
		} else {
			lines = append(lines, offer.Email)
		}
	}
	r.Form.values.Set("email", strings.Join(lines, "\n"))
	return in, nil
}
