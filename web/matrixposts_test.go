package web

import (
	"net/url"

	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// posts is what each form sends so that something would happen. One that is missing here fails the test.
var posts = map[string]func(c *cell) url.Values{
	"/sign-in":          func(c *cell) url.Values { return pairs("email", c.who.email, "password", accounttest.Password) },
	"/sign-in/forgot":   func(c *cell) url.Values { return pairs("email", c.who.email) },
	"/profile/guidance": nothing,
	"/terms":            func(*cell) url.Values { return pairs("accept", "on", "terms", "1") },
	"/console/terms":    func(*cell) url.Values { return pairs("terms", "New terms", "privacy", "New privacy") },
	"/sign-out":         nothing,
	"/password/{token}": func(*cell) url.Values { return pairs("password", "quince tram wattle 14") },
	"/check":            func(c *cell) url.Values { return pairs("code", c.who.code) },
	"/check/code":       func(*cell) url.Values { return pairs("again", "1") },
	"/invitations/{token}": func(*cell) url.Values {
		return pairs("name", "New Comer", "password", "quince tram wattle 14", "accept", "on", "terms", "1")
	},
	"/invitations/{token}/decline":  func(c *cell) url.Values { return pairs("email", c.invitee) },
	"/invitations/{token}/ask":      nothing,
	"/invitations/{token}/sign-out": nothing,
	"/{account}/ask":                func(*cell) url.Values { return pairs("permission", "hub-users.change") },
	"/profile/email":                func(*cell) url.Values { return pairs("new_email", "moved@people.example") },
	"/profile/email/{token}":        nothing,
	"/email/{token}":                nothing,
	"/profile":                      func(*cell) url.Values { return pairs("name", "Somebody Else", "theme", "dark") },
	"/profile/security/password": func(*cell) url.Values {
		return pairs("current_password", accounttest.Password, "password", "quince tram wattle 14")
	},
	"/{account}/settings/sign-in/new": func(c *cell) url.Values {
		return pairs("name", "New ID", "issuer", c.elsewhere.Issuer, "client_id", "new", "client_secret", "x", "domains", "new.example")
	},
	"/{account}/settings/directory": func(c *cell) url.Values {
		return pairs("domains", "new.example", "access", "billing", "days", "90", "version", whole(c.directoryVersion))
	},
	"/{account}/settings/directory/token":      func(*cell) url.Values { return pairs("days", "90") },
	"/{account}/settings/directory/off":        nothing,
	"/{account}/groups/{id}/directory":         func(*cell) url.Values { return pairs("on", "on") },
	"/{account}/settings/sign-in/{id}/test":    nothing,
	"/{account}/settings/sign-in/{id}/switch":  nothing,
	"/{account}/settings/sign-in/{id}/removal": nothing,
	"/sign-in/with/{provider}":                 nothing,
	"/invitations/{token}/with/{provider}":     nothing,
	"/profile/security/link/{provider}":        nothing,
	"/profile/security/identities/{id}/unlink": nothing,
	"/profile/security/sessions/{id}/end":      nothing,
	"/profile/security/sessions/end-others":    nothing,
	"/console/accounts/new": func(*cell) url.Values {
		return pairs("name", "New Group", "time_zone", "Australia/Sydney", "admin_email", "first@new.example")
	},
	"/console/accounts/{slug}/first-admin":                 func(*cell) url.Values { return pairs("email", "other@young.example", "name", "Other Person") },
	"/console/staff/new":                                   func(*cell) url.Values { return pairs("email", "new@provider.example", "name", "New Colleague") },
	"/console/staff/{id}/remove":                           nothing,
	"/console/jobs/{id}/retry":                             nothing,
	"/console/jobs/{id}/discard":                           nothing,
	"/console/accounts/{slug}/plan":                        func(*cell) url.Values { return pairs("phone_user_limit", "40") },
	"/console/accounts/{slug}/numbers":                     func(*cell) url.Values { return pairs("number", "02 5550 0177", "service_name", "Fax") },
	"/console/accounts/{slug}/numbers/{number}/withdrawal": nothing,
	"/console/accounts/{slug}/suspension":                  func(*cell) url.Values { return pairs("reason", "Overdue") },
	"/console/accounts/{slug}/enabling":                    nothing,
	"/console/accounts/{slug}/closing":                     func(c *cell) url.Values { return pairs("reason", "Cancelled", "typed", c.youngNumber) },
	"/console/requests/{number}":                           func(*cell) url.Values { return pairs("text", "From Monday on") },
	"/console/requests/{number}/limit":                     func(*cell) url.Values { return pairs("phone_user_limit", "20", "reply", "There you are") },
	"/{account}/support/pin":                               nothing,
	"/console/pin":                                         func(c *cell) url.Values { return pairs("pin", c.pin) },
	"/{account}/support/invoice":                           func(*cell) url.Values { return pairs("subject", "New address", "description", "1 High Street") },
	"/{account}/support/new":                               func(*cell) url.Values { return pairs("subject", "Hold music", "description", "How?") },
	"/{account}/support/more":                              func(*cell) url.Values { return pairs("phone_users", "12", "description", "A new branch") },
	"/{account}/support/{id}":                              func(*cell) url.Values { return pairs("text", "Any news?") },
	"/console/accounts/{slug}/visit":                       func(*cell) url.Values { return pairs("reason", "Look at it", "minutes", "30") },
	"/console/accounts/{slug}/visit/end":                   nothing,
	"/{account}/support/visits/{id}":                       func(*cell) url.Values { return pairs("answer", "allow") },
	"/{account}/support/visits/{id}/end":                   nothing,
	"/{account}/support/visits/grant":                      func(*cell) url.Values { return pairs("hours", "4") },
	"/{account}/support/visits/grant/end":                  nothing,
	"/{account}/api-keys/new":                              func(*cell) url.Values { return pairs("name", "New key", "scopes", "home.view", "days", "30") },
	"/{account}/api-keys/{id}/revocation":                  nothing,
	"/{account}/settings":                                  postSettings,
	"/{account}/audit-log/proof":                           nothing,
	"/{account}/audit-log/keeping":                         func(*cell) url.Values { return pairs("years", "2") },
	"/console/audit-log/proof":                             nothing,
	"/phone/set-up/{token}":                                func(*cell) url.Values { return pairs("kind", "phone") },
	"/{account}/phone-users/new": func(*cell) url.Values {
		return pairs("extension", "305", "display_name", "Fresh Phone", "email", "fresh@phones.example", "app_enabled", "on")
	},
	"/{account}/phone-users/{id}": func(c *cell) url.Values {
		return pairs("display_name", "Renamed Phone", "email", "other@phones.example", "app_enabled", "on", "version", whole(c.phoneUserVersion))
	},
	"/{account}/phone-users/{id}/send-details":         nothing,
	"/{account}/phone-users/{id}/reset":                nothing,
	"/{account}/phone-users/{id}/devices/{device}/end": nothing,
	"/{account}/phone-users/{id}/deletion":             nothing,
	"/{account}/calls/{id}/end":                        nothing,
	"/{account}/imports":                               func(*cell) url.Values { return pairs("rows", "Extension\tDisplay name\n305\tFresh Row") },
	"/{account}/imports/{id}":                          func(*cell) url.Values { return pairs("step", "import", "send", "later") },
	"/{account}/numbers/{number}": func(c *cell) url.Values {
		return pairs("service_name", "Renamed Line", "phone_user_id", c.phoneUser, "version", whole(c.numberVersion))
	},
	"/{account}/hub-users/invite": func(*cell) url.Values {
		return pairs("email", "fresh@letters.example", "step", "send", "roles", "billing")
	},
	"/{account}/first-steps":           nothing,
	"/{account}/favourites":            func(*cell) url.Values { return pairs("do", "add", "page", "roles") },
	"/profile/mails":                   func(*cell) url.Values { return pairs("asked", "reviews") },
	"/{account}/hub-user-imports":      func(*cell) url.Values { return pairs("rows", "Email\nfresh@letters.example") },
	"/{account}/hub-user-imports/{id}": func(*cell) url.Values { return pairs("step", "invite") },
	"/{account}/hub-users/{id}": func(c *cell) url.Values {
		return pairs("name", "Renamed", "roles", "billing", "version", whole(c.targetVersion))
	},
	"/{account}/access-review": func(c *cell) url.Values {
		return pairs("shown", c.target+"."+whole(c.targetVersion), "d-"+c.target, "roles:billing")
	},
	"/{account}/access-review/policy": func(*cell) url.Values { return pairs("months", "3") },
	"/{account}/groups/new":           func(*cell) url.Values { return pairs("name", "New Group", "roles", "billing") },
	"/{account}/groups/{id}": func(c *cell) url.Values {
		return pairs("name", "Renamed", "roles", "billing", "version", whole(c.groupVersion))
	},
	"/{account}/groups/{id}/people":                  func(c *cell) url.Values { return pairs("people", c.paused) },
	"/{account}/groups/{id}/people/{member}/removal": nothing,
	"/{account}/groups/{id}/deletion":                nothing,
	"/{account}/hub-users/{id}/removal":              nothing,
	"/{account}/hub-users/{id}/deactivation":         nothing,
	"/{account}/hub-users/{id}/sign-out":             nothing,
	"/{account}/hub-users/{id}/reactivation":         nothing,
	"/{account}/invitations/{id}":                    func(c *cell) url.Values { return pairs("roles", "billing", "version", whole(c.invitationVersion)) },
	"/{account}/invitations/{id}/resend":             nothing,
	"/{account}/invitations/{id}/cancellation":       nothing,
}

// ticketFor is a request that the person's roles cover: one about a bill for who has billing only.
func (c *cell) ticketFor() string {
	if len(c.who.roles) == 1 && c.who.roles[0] == account.Billing {
		return c.bill
	}
	return c.ticket
}

// key is one that whoever asks may revoke: everybody their own.
func (c *cell) key() string {
	if c.where == "own" && c.who.key != "" {
		return c.who.key
	}
	return c.things.key
}
