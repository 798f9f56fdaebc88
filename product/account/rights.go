package account

import (
	"slices"
	"strings"

	"hubline/base/fault"
	"hubline/base/tel"
)

// Role is one ticked box of a hub user's access. Roles combine; no role at all is a Standard user.
type Role string

// The roles that an account admin can give.
const (
	Admin   Role = "admin"
	Billing Role = "billing"
)

// AllRoles lists the roles in the order in which every form, column and file shows them.
var AllRoles = []Role{Admin, Billing}

// Roles is a set of roles without doubles, in the order of AllRoles. The empty set is Standard.
type Roles []Role

// ParseRoles reads role words as forms and the API send them. Order and doubles do not matter; an unknown word is refused.
func ParseRoles(words []string) (Roles, error) {
	var set Roles
	for _, role := range AllRoles {
		if slices.Contains(words, string(role)) {
			set = append(set, role)
		}
	}
	for _, word := range words {
		if !slices.Contains(AllRoles, Role(word)) {
			return nil, fault.Field("role-unknown", "roles", "Choose roles from admin and billing, or leave them empty for a Standard user")
		}
	}
	return set, nil
}

// Has reports whether the set holds the role.
func (r Roles) Has(role Role) bool { return slices.Contains(r, role) }

// Equal reports whether both sets hold the same roles.
func (r Roles) Equal(other Roles) bool { return slices.Equal(r, other) }

// Within reports whether every role of the set is in other too.
func (r Roles) Within(other Roles) bool {
	for _, role := range r {
		if !other.Has(role) {
			return false
		}
	}
	return true
}

// Words returns the role words, never nil, as the API shows them.
func (r Roles) Words() []string {
	words := make([]string, len(r))
	for i, role := range r {
		words[i] = string(role)
	}
	return words
}

// String names the set as the portal does: "Admin, Billing", or "Standard" for the empty set.
func (r Roles) String() string {
	if len(r) == 0 {
		return "Standard"
	}
	names := make([]string, len(r))
	for i, role := range r {
		names[i] = strings.ToUpper(string(role[:1])) + string(role[1:])
	}
	return strings.Join(names, ", ")
}

// Sentence says what someone with these roles can do, beginning with who: "Jo", "They", "2 people".
func (r Roles) Sentence(who string, several bool) string {
	switch {
	case r.Has(Admin) && r.Has(Billing):
		return who + " can manage users, phones, numbers and call flows, and can see invoices and pay."
	case r.Has(Admin):
		return who + " can manage users, phones, numbers and call flows. No billing."
	case r.Has(Billing):
		return who + " can see invoices and pay. Nothing else in the portal."
	case several:
		return who + " will be standard users: see phone numbers and general reports, and rename numbers. Nothing else."
	}
	return who + " will be a standard user: see phone numbers and general reports, and rename numbers. Nothing else."
}

// column is the set as the store keeps it. Where SQL looks for admins it names the sets that hold the role.
func (r Roles) column() string { return strings.Join(r.Words(), ",") }

func rolesFromColumn(text string) Roles {
	var set Roles
	for _, role := range AllRoles {
		if slices.Contains(strings.Split(text, ","), string(role)) {
			set = append(set, role)
		}
	}
	return set
}

// Permission is one thing that a role may allow. Menus, route guards, API scopes, the page "What each role can do" and the
// authorisation matrix test all come from the Permissions table.
type Permission string

// The permissions of what exists.
const (
	ViewHome       Permission = "home.view"
	ViewHubUsers   Permission = "hub-users.view"
	InviteHubUsers Permission = "hub-users.invite"
	ChangeHubUsers Permission = "hub-users.change"
	ViewSettings   Permission = "settings.view"
	ChangeSettings Permission = "settings.change"
	ViewAuditLog   Permission = "audit-log.view"
	ViewRoles      Permission = "roles.view"
	OwnKeys        Permission = "api-keys.own"
	AllKeys        Permission = "api-keys.all"
	ViewWebhooks   Permission = "webhooks.view"
	ChangeWebhooks Permission = "webhooks.change"

	ViewPhoneUsers   Permission = "phone-users.view"
	ChangePhoneUsers Permission = "phone-users.change"
	ViewNumbers      Permission = "numbers.view"
	RenameNumbers    Permission = "numbers.rename"
	ChangeNumbers    Permission = "numbers.change"
	ViewCalls        Permission = "calls.view"
	EndCalls         Permission = "calls.end"
	ViewTickets      Permission = "tickets.view"
	OpenTickets      Permission = "tickets.open"
	SendPhoneDetails Permission = "phone-users.details"
	LetStaffIn       Permission = "visits.allow"

	AskForChanges     Permission = "tickets.changes"
	AskInvoiceDetails Permission = "tickets.invoice-details"
	ShowPIN           Permission = "support-pin.show"

	noSuchPrivilege Permission = ""
)

// Right is one row of the access table: what it is in words, and which users hold it.
type Right struct {
	Permission Permission
	Area       string // the menu section it belongs to
	Words      string // what a person may do, beginning with a verb
	Standard   bool   // users without any role
	Admin      bool
	Billing    bool

	// Provider staff on a visit that an admin allowed: what they may look at, and what they may do when they may change things. Neither
	// holds what gives access away, shows secrets or plays voices.
	Staff, StaffChange bool
}

// Rights is the whole access table (product.md 3.2, the rows whose screens exist). A combination of roles may do what any of its
// roles may. What is not listed is denied.
var Rights = []Right{
	{ViewHome, "Home", "Open the account and see its home page", true, true, true, true, true},
	{ViewRoles, "Account", "Read what each role can do", true, true, true, true, true},
	{ViewHubUsers, "Account", "See who can sign in, and download the list", false, true, false, true, true},
	{InviteHubUsers, "Account", "Invite people, resend and cancel invitations", false, true, false, false, false},
	{ChangeHubUsers, "Account", "Change access and names, deactivate and remove people", false, true, false, false, false},
	{ViewSettings, "Account", "See the account's settings", false, true, false, true, true},
	{ChangeSettings, "Account", "Change the account's name, time zone and sign-in policy", false, true, false, false, false},
	{ViewAuditLog, "Account", "Read and download the audit log", false, true, false, true, true},
	{OwnKeys, "Account", "Make API keys that act in your name, see and revoke them", true, true, true, false, false},
	{AllKeys, "Account", "See and revoke everybody's API keys", false, true, false, false, false},
	{ViewWebhooks, "Account", "See webhooks, and what was sent to them", false, true, false, false, false},
	{ChangeWebhooks, "Account", "Add, change, test and delete webhooks", false, true, false, false, false},
	{ViewPhoneUsers, "Phone system", "See phone users, their devices and the plan", false, true, false, true, true},
	{ChangePhoneUsers, "Phone system", "Add, change and delete phone users", false, true, false, false, true},
	{SendPhoneDetails, "Phone system", "Send and reset phone details", false, true, false, false, false},
	{ViewNumbers, "Phone system", "See phone numbers, and download the list", true, true, false, true, true},
	{RenameNumbers, "Phone system", "Change service names of numbers", true, true, false, false, true},
	{ChangeNumbers, "Phone system", "Choose where numbers lead", false, true, false, false, true},
	{ViewCalls, "Reports", "See calls and call reports, and download them", true, true, false, true, true},
	{EndCalls, "Reports", "End a call that is going on", false, true, false, false, true},
	{ViewTickets, "Support", "See requests to the provider, of the kinds you can make", false, true, true, true, true},
	{OpenTickets, "Support", "Make and answer requests to the provider", false, true, true, false, false},
	{AskForChanges, "Support", "Ask for changes of services, and anything else but the bill", false, true, false, false, false},
	{AskInvoiceDetails, "Support", "Ask for changes of invoice details", false, false, true, false, false},
	{ShowPIN, "Support", "Show a support PIN on the telephone", true, true, true, false, false},
	{LetStaffIn, "Support", "Let the provider's staff in, and end their visits", false, true, false, false, false},
}

// Allows reports whether the set of roles holds the permission. Deny by default: an unlisted permission is held by nobody.
func (r Roles) Allows(p Permission) bool {
	for _, right := range Rights {
		if right.Permission == p && p != noSuchPrivilege {
			return len(r) == 0 && right.Standard || r.Has(Admin) && right.Admin || r.Has(Billing) && right.Billing
		}
	}
	return false
}

// allowsVisit reports whether staff on a visit hold the permission. Deny by default, as Allows.
func allowsVisit(v Visit, p Permission) bool {
	for _, right := range Rights {
		if right.Permission == p && p != noSuchPrivilege {
			return right.Staff || v.Change && right.StaffChange
		}
	}
	return false
}

// ActorKind tells who acts.
type ActorKind string

// The kinds of actors.
const (
	Member   ActorKind = "hub-user" // a person signed in to the portal, inside one account
	Key      ActorKind = "api-key"  // a program with an API key of one account
	Staff    ActorKind = "staff"    // a person of the provider, outside every account
	Visitor  ActorKind = "visit"    // a person of the provider inside an account whose admin let them in
	Operator ActorKind = "operator" // whoever runs the binary on the server

	Directory ActorKind = "directory" // the directory of one account (SCIM), which holds no permission and has verbs of its own
)

// Actor is who does something, in which account, with which rights. Doors get one from Room.SignedIn, Room.Enter, Room.UseKey or
// Room.UseDirectory and pass it on; every verb that touches an account's data takes one and puts its AccountID first in every WHERE.
type Actor struct {
	Kind         ActorKind
	Account      Account
	PersonID     string
	MembershipID string // for a key: its maker's; for a directory: the ID of its sync
	Name         string
	Email        string
	Roles        Roles
	Theme        string
	TimeZone     string   // the person's own; "": the account's
	Numbers      tel.Form // how the person sees telephone numbers
	Favourites   []string // members only: the pages that they pinned in the account, by their paths below it, in their order
	SessionID    string
	KeyID        string
	Maker        string       // keys only: the name of the hub user for whom it acts
	Scopes       []Permission // keys only
	Address      string       // network address of the request, without port
	Checked      bool         // a fresh step-up check stands, by the account's policy
	Visit        Visit        // visitors only: how they came in
	Needs        []Need       // what keeps it out of the account, or of the console; while there is any, it may do nothing there
	proofs       Proofs       // what the session rests on
	ways         ways         // what the person could sign in with beside the password; for a key: its maker
	Confined     string       // ID of the only account that the session may enter, as it rests on that account's provider; "" for others
	termsDue     bool         // the person has not accepted the newest terms
	signedInAt   int64        // when the session began
	endedAt      int64        // when an admin of the account ended the sessions of then; 0: never
	token        string       // directories only: hash of the token, read again in every change
}

// Operate returns the actor for commands on the server itself.
func Operate() Actor { return Actor{Kind: Operator, Name: "Operator"} }

// Can reports whether the actor may do it in its account. Staff reach accounts through verbs of their own; the operator's
// commands change settings, and find the hub user on whose behalf a key is made.
func (a Actor) Can(p Permission) bool {
	if a.Restricted() {
		return false
	}
	switch a.Kind {
	case Member:
		return a.Roles.Allows(p)
	case Key:
		return a.Roles.Allows(p) && slices.Contains(a.Scopes, p)
	case Visitor:
		return allowsVisit(a.Visit, p)
	case Operator:
		return p == ViewHubUsers || p == ViewSettings || p == ChangeSettings
	}
	return false
}

// signature is the name under which the actor writes to people: a key writes for its maker.
func (a Actor) signature() string { return cmpOr(a.Maker, a.Name) }

// Provider reports whether the actor stands outside every account: provider staff, or the operator on the server.
func (a Actor) Provider() bool {
	return a.Kind == Staff && !a.Restricted() || a.Kind == Operator
}

// isPerson returns nil for somebody who is signed in. Verbs about a person's own things ask for it: a key acts for its account only,
// and must not reach its maker's sessions or other accounts.
func (a Actor) isPerson() error {
	switch {
	case a.PersonID == "":
		return signedOut()
	case a.Kind != Member && a.Kind != Staff:
		return fault.New(fault.Forbidden, "person-needed", "Only people who are signed in can do that")
	}
	return nil
}

// Require returns nil when the actor may do it, else the fault that names what is missing.
func (a Actor) Require(p Permission) error {
	if a.Can(p) {
		return nil
	}
	if a.Restricted() {
		return a.restricted()
	}
	if a.Kind == Visitor {
		if !a.Visit.Change && allowsVisit(Visit{Change: true}, p) {
			return fault.New(fault.Forbidden, "visit-read-only", "You may look at this account, and change nothing. Ask its admins to let you change things")
		}
		return fault.New(fault.Forbidden, "visit-excluded", "Staff can't do this in a customer's account. Its own admins can")
	}
	if a.Kind == Key && a.Roles.Allows(p) {
		return fault.New(fault.Forbidden, "scope-missing", "This API key lacks the scope "+string(p)+". Make a key that has it")
	}
	return fault.New(fault.Forbidden, "role-missing", "You need "+p.Holder()+" access")
}

// Holder names the access that holds the permission, as the no-permission page says it: "Account admin".
func (p Permission) Holder() string {
	for _, right := range Rights {
		if right.Permission != p {
			continue
		}
		if right.Admin {
			return "Account admin"
		}
		if right.Billing {
			return "Billing"
		}
	}
	return "Account admin"
}
