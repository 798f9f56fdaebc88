package main

import "strings"

// row says which row of the specification's table a route belongs to. The first that fits counts; a route that none fits is an error.
type row struct {
	method string // "" for all
	under  string // a pattern, or the beginning of one when it ends with *
	action string
}

// webRows are the portal's pages.
var webRows = []row{
	{"", "/sign-in*", "public"}, {"", "/sign-out", "public"}, {"", "/password/*", "public"}, {"", "/invitations/*", "public"},
	{"", "/phone/*", "public"}, {"", "/email/*", "public"}, {"", "/assets/*", "public"}, {"", "/favicon.ico", "public"}, {"", "/robots.txt", "public"},
	{"GET", "/terms", "public"}, {"POST", "/terms", "own pages"},
	{"", "/{$}", "own pages"}, {"", "/accounts", "own pages"}, {"", "/check*", "own pages"}, {"", "/profile*", "own pages"}, {"", "/palette", "own pages"},
	{"", "/console/restricted", "own pages"}, {"", "/console*", "console"},

	{"", "/{account}/{$}", "home"}, {"", "/{account}/events", "home"}, {"", "/{account}/palette", "home"}, {"", "/{account}/roles", "home"},
	{"", "/{account}/restricted", "what is missing"}, {"", "/{account}/ask", "ask for access"}, {"", "/{account}/api-keys*", "own keys"}, {"", "/{account}/first-steps", "own choices"}, {"", "/{account}/favourites", "own choices"},

	{"GET", "/{account}/palette/people", "hub users: see"}, {"GET", "/{account}/hub-users", "hub users: see"}, {"GET", "/{account}/hub-users.csv", "hub users: see"},
	{"GET", "/{account}/invitations", "hub users: see"}, {"GET", "/{account}/groups", "hub users: see"},
	{"", "/{account}/hub-user-imports*", "hub users: invite"}, {"", "/{account}/webhooks*", "webhooks"},
	{"", "/{account}/hub-users/invite", "hub users: invite"}, {"", "/{account}/invitations/*", "hub users: invite"},
	{"", "/{account}/hub-users/*", "hub users: change"}, {"", "/{account}/groups/*", "hub users: change"}, {"", "/{account}/access-review*", "hub users: change"},

	{"GET", "/{account}/settings", "settings: see"}, {"GET", "/{account}/settings/sign-in", "settings: see"}, {"GET", "/{account}/settings/directory", "settings: see"}, {"GET", "/{account}/settings/directory", "settings: see"}, {"", "/{account}/settings*", "settings: change"},
	{"", "/{account}/audit-log/keeping", "settings: change"}, {"", "/{account}/audit-log*", "audit log: see"},

	{"GET", "/{account}/phone-users", "phone users: see"}, {"GET", "/{account}/phone-users.csv", "phone users: see"},
	{"", "/{account}/phone-users/{id}/send-details", "phone users: credentials"}, {"", "/{account}/phone-users/{id}/reset", "phone users: credentials"},
	{"", "/{account}/phone-users/*", "phone users: change"}, {"", "/{account}/imports*", "phone users: change"},
	{"GET", "/{account}/numbers", "numbers: see"}, {"GET", "/{account}/numbers.csv", "numbers: see"}, {"", "/{account}/numbers/{number}", "numbers: rename"},
	{"", "/{account}/calls/{id}/end", "calls: end"}, {"GET", "/{account}/calls*", "calls: see"}, {"GET", "/{account}/reports/*", "calls: see"},

	{"", "/{account}/support/pin", "support PIN"}, {"", "/{account}/support/visits*", "support: visits"},
	{"", "/{account}/support/new", "support: services"}, {"", "/{account}/support/more", "support: services"}, {"", "/{account}/support/invoice", "support: invoice"},
	{"GET", "/{account}/support*", "support: read"}, {"POST", "/{account}/support/{id}", "support: write"},
}

// apiRows are the operations of the API.
var apiRows = []row{
	{"", "/accounts/{slug}/hub-user-imports*", "hub users: invite"}, {"", "/accounts/{slug}/phone-user-imports*", "phone users: change"}, {"", "/accounts/{slug}/webhooks*", "webhooks"},
	{"GET", "/accounts/{slug}", "settings: see"}, {"PATCH", "/accounts/{slug}", "settings: change"}, {"", "/accounts/{slug}/roles", "home"},
	{"", "/accounts/{slug}/api-keys*", "own keys"}, {"", "/accounts/{slug}/audit-log*", "audit log: see"},
	{"GET", "/accounts/{slug}/hub-users*", "hub users: see"}, {"", "/accounts/{slug}/hub-users*", "hub users: change"},
	{"", "/accounts/{slug}/access-review*", "hub users: change"}, {"GET", "/accounts/{slug}/terms-acceptances", "hub users: see"}, {"GET", "/accounts/{slug}/terms*", "home"},
	{"", "/accounts/{slug}/visits*", "support: visits"}, {"", "/accounts/{slug}/visit-grant", "support: visits"},
	{"GET", "/accounts/{slug}/groups*", "hub users: see"}, {"", "/accounts/{slug}/groups*", "hub users: change"},
	{"GET", "/accounts/{slug}/invitations*", "hub users: see"}, {"", "/accounts/{slug}/invitations*", "hub users: invite"},
	{"", "/accounts/{slug}/phone-users/{id}/reset-password", "phone users: credentials"}, {"", "/accounts/{slug}/phone-users/{id}/send-details", "phone users: credentials"},
	{"GET", "/accounts/{slug}/phone-users*", "phone users: see"}, {"", "/accounts/{slug}/phone-users*", "phone users: change"},
	{"GET", "/accounts/{slug}/numbers*", "numbers: see"}, {"PATCH", "/accounts/{slug}/numbers/{number}", "numbers: rename"},
	{"GET", "/accounts/{slug}/calls*", "calls: see"}, {"GET", "/accounts/{slug}/live-calls", "calls: see"}, {"DELETE", "/accounts/{slug}/live-calls/{call}", "calls: end"},
	{"GET", "/accounts/{slug}/reports/*", "calls: see"},
	{"GET", "/accounts/{slug}/tickets*", "support: read"}, {"POST", "/accounts/{slug}/tickets*", "support: write"},
}

// actionOf returns the row of a route, or "" when there is none.
func actionOf(rows []row, method, pattern string) string {
	for _, r := range rows {
		begin, open := strings.CutSuffix(r.under, "*")
		if (r.method == "" || r.method == method) && (pattern == r.under || open && strings.HasPrefix(pattern, begin)) {
			return r.action
		}
	}
	return ""
}
