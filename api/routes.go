package api

import (
	"slices"

	"hubline/product/account"
)

const (
	tagHubUsers    = "Hub users"
	tagGroups      = "Groups"
	tagInvitations = "Invitations"
	tagAccount     = "Account"
	tagPhoneUsers  = "Phone users"
	tagNumbers     = "Numbers"
	tagCalls       = "Calls"
	tagReports     = "Reports"
	tagTickets     = "Tickets"
	tagAudit       = "Audit log"
	tagKeys        = "API keys"
	tagWebhooks    = "Webhooks"
	tagReviews     = "Access reviews"
	tagTerms       = "Terms"
	tagVisits      = "Visits of staff"
)

// Routes returns every operation of the API. A key may use one if its maker may at this moment and the key has the scope of the same
// name.
func Routes() []Route {
	const in = "/accounts/{slug}"
	list := []Route{
		{"GET", in, account.ViewSettings, "get-account", tagAccount, "Get the account",
			"Answers with the account and its settings.", "", serve((*door).account)},
		{"PATCH", in, account.ChangeSettings, "change-account", tagAccount, "Change the account's settings",
			"Changes the fields that are sent and leaves the others. The change is in the audit log.",
			`{"name": "Harbour Dental Group", "invitation_hours": 72}`, serve((*door).changeAccount)},
		{"GET", in + "/roles", account.ViewRoles, "list-rights", tagAccount, "List what each role can do",
			"Answers with the table of rights. Menus, pages, keys and this API all decide by it.", "", serve((*door).rights)},

		{"GET", in + "/hub-users", account.ViewHubUsers, "list-hub-users", tagHubUsers, "List hub users",
			"Lists the people who belong to the account, one page at a time. People who are only invited are among the invitations.", "", serve((*door).listHubUsers)},
		{"GET", in + "/hub-users.csv", account.ViewHubUsers, "download-hub-users", tagHubUsers, "Download hub users as CSV",
			"Answers with all hub users that the filters choose, one a line. A cell that a spreadsheet would run as a formula begins with an apostrophe.", "", serve((*door).hubUsersCSV)},
		{"GET", in + "/hub-users/{id}", account.ViewHubUsers, "get-hub-user", tagHubUsers, "Get a hub user",
			"Answers with one person of the account. Whoever was removed is not found.", "", serve((*door).hubUser)},
		{"PATCH", in + "/hub-users/{id}", account.ChangeHubUsers, "change-hub-user", tagHubUsers, "Change a hub user",
			"Changes roles, name or state. It counts from the person's next request, where they are signed in too, and they get a mail about their access. The account keeps at least one active admin.",
			`{"roles": ["billing"]}`, serve((*door).changeHubUser)},
		{"DELETE", in + "/hub-users/{id}", account.ChangeHubUsers, "remove-hub-user", tagHubUsers, "Remove a hub user",
			"Takes the person's access to the account away, from their next request on. The person and their other accounts stay; to come back they need a new invitation.", "", serve((*door).removeHubUser)},

		{"DELETE", in + "/hub-users/{id}/sessions", account.ChangeHubUsers, "end-hub-user-sessions", tagHubUsers, "Sign a hub user out",
			"Ends all sessions of a person in the account, from their next request on, and tells them by mail. They can sign in again; their access and API keys stay.", "", serve((*door).endHubUserSessions)},

		{"GET", in + "/invitations", account.ViewHubUsers, "list-invitations", tagInvitations, "List invitations",
			"Lists the invitations that are not settled: pending, expired, declined and voided ones.", "", serve((*door).listInvitations)},
		{"POST", in + "/invitations", account.InviteHubUsers, "invite", tagInvitations, "Invite somebody",
			"Sends an invitation to one address. Its link is only in the mail and works for the time in the account's settings.",
			`{"email": "sam.okafor@harbourdental.example", "name": "Sam Okafor", "roles": ["billing"], "message": "Welcome to the team."}`, serve((*door).invite)},
		{"GET", in + "/invitations/{id}", account.ViewHubUsers, "get-invitation", tagInvitations, "Get an invitation",
			"Answers with one invitation, settled ones too.", "", serve((*door).invitation)},
		{"PATCH", in + "/invitations/{id}", account.InviteHubUsers, "change-invitation", tagInvitations, "Change what an invitation offers",
			"Changes the roles and the groups that a pending invitation offers, in one step. The link stays the same; the page behind it shows the new access.",
			`{"roles": ["admin", "billing"]}`, serve((*door).changeInvitation)},
		{"POST", in + "/invitations/{id}/resend", account.InviteHubUsers, "resend-invitation", tagInvitations, "Send an invitation again",
			"Mails a new link and extends the invitation. The old link stops working in the same moment. Once a minute, and five times in all.", "", serve((*door).resendInvitation)},
		{"DELETE", in + "/invitations/{id}", account.InviteHubUsers, "cancel-invitation", tagInvitations, "Cancel an invitation",
			"Ends a pending invitation, or takes a declined or voided one off the list. Its link says from then on that it was cancelled.", "", serve((*door).cancelInvitation)},

		{"GET", in + "/phone-users", account.ViewPhoneUsers, "list-phone-users", tagPhoneUsers, "List phone users",
			"Lists the account's extensions with what their phones do right now.", "", serve((*door).listPhoneUsers)},
		{"GET", in + "/phone-users.csv", account.ViewPhoneUsers, "download-phone-users", tagPhoneUsers, "Download phone users as CSV",
			"Answers with all phone users that the filters choose, one a line. A cell that a spreadsheet would run as a formula begins with an apostrophe.", "", serve((*door).phoneUsersCSV)},
		{"POST", in + "/phone-users", account.ChangePhoneUsers, "add-phone-user", tagPhoneUsers, "Add a phone user",
			"Adds an extension. With the app on, the person gets a mail with a link that sets up one phone, once, within 48 hours. A plan that is full refuses; a ticket asks for more.",
			`{"extension": "107", "display_name": "Priya Nair", "email": "priya.nair@harbourdental.example", "local_prefix": "02", "app_enabled": true}`, serve((*door).addPhoneUser)},
		{"GET", in + "/phone-users/{id}", account.ViewPhoneUsers, "get-phone-user", tagPhoneUsers, "Get a phone user",
			"Answers with one phone user. Whoever was deleted is not found.", "", serve((*door).phoneUser)},
		{"PATCH", in + "/phone-users/{id}", account.ChangePhoneUsers, "change-phone-user", tagPhoneUsers, "Change a phone user",
			"Changes the fields that are sent and leaves the others. It holds from the next call on.",
			`{"display_name": "Mary Chen-Walsh", "local_prefix": "03", "hide_caller_id": true}`, serve((*door).changePhoneUser)},
		{"DELETE", in + "/phone-users/{id}", account.ChangePhoneUsers, "delete-phone-user", tagPhoneUsers, "Delete a phone user",
			"Ends the phone user's devices within a second and frees the extension and a place on the plan. Numbers that rang the phone user lead nowhere; call records keep the name.", "", serve((*door).deletePhoneUser)},
		{"POST", in + "/phone-users/{id}/send-details", account.SendPhoneDetails, "send-details", tagPhoneUsers, "Send set-up details",
			"Mails a new set-up link; the one before stops working. Phones that are set up stay so.", "", serve((*door).sendDetails)},
		{"POST", in + "/phone-users/{id}/reset-password", account.SendPhoneDetails, "reset-password", tagPhoneUsers, "Reset the phones of a phone user",
			"Ends every device within a second and, with the app on, mails a new set-up link.", "", serve((*door).resetPassword)},
		{"GET", in + "/phone-users/{id}/devices", account.ViewPhoneUsers, "list-devices", tagPhoneUsers, "List the devices of a phone user",
			"Lists the phones that sign in for the phone user, the oldest first. There are five at most. Passwords are nowhere to be read.", "", serve((*door).listDevices)},
		{"DELETE", in + "/phone-users/{id}/devices/{device}", account.ChangePhoneUsers, "end-device", tagPhoneUsers, "End a device",
			"Ends one device within a second; its call ends too. The others stay.", "", serve((*door).endDevice)},

		{"GET", in + "/numbers", account.ViewNumbers, "list-numbers", tagNumbers, "List phone numbers",
			"Lists the account's phone numbers and where they lead. Your provider assigns them.", "", serve((*door).listNumbers)},
		{"GET", in + "/numbers.csv", account.ViewNumbers, "download-numbers", tagNumbers, "Download phone numbers as CSV",
			"Answers with all numbers that the filters choose, one a line. A cell that a spreadsheet would run as a formula begins with an apostrophe; phone numbers do not.", "", serve((*door).numbersCSV)},
		{"GET", in + "/numbers/{number}", account.ViewNumbers, "get-number", tagNumbers, "Get a phone number",
			"Answers with one number of the account.", "", serve((*door).number)},
		{"PATCH", in + "/numbers/{number}", account.RenameNumbers, "change-number", tagNumbers, "Change a phone number",
			"Changes the service name, which Standard users may do, and where the number leads, which needs the scope numbers.change too. Both hold from the next call on.",
			`{"service_name": "Front desk"}`, serve((*door).changeNumber)},

		{"GET", in + "/calls", account.ViewCalls, "list-calls", tagCalls, "List calls",
			"Lists calls that have ended, the newest first unless sorted otherwise. A call is there within a second of its end.", "", serve((*door).listCalls)},
		{"GET", in + "/calls.csv", account.ViewCalls, "download-calls", tagCalls, "Download calls as CSV",
			"Answers with all calls that the filters choose, one a line. A cell that a spreadsheet would run as a formula begins with an apostrophe; phone numbers do not.", "", serve((*door).callsCSV)},
		{"GET", in + "/calls/{call}", account.ViewCalls, "get-call", tagCalls, "Get a call",
			"Answers with one call and its steps, also while it goes on.", "", serve((*door).call)},
		{"GET", in + "/live-calls", account.ViewCalls, "list-live-calls", tagCalls, "List calls that go on",
			"Lists who talks or rings at this moment.", "", serve((*door).liveCalls)},
		{"DELETE", in + "/live-calls/{call}", account.EndCalls, "end-call", tagCalls, "End a call",
			"Hangs up a call that goes on. Its record stays and says that it was ended so.", "", serve((*door).endCall)},

		{"GET", in + "/tickets", account.ViewTickets, "list-tickets", tagTickets, "List tickets",
			"Lists what the account asked the provider, the last changed first.", "", serve((*door).listTickets)},
		{"POST", in + "/tickets", account.OpenTickets, "open-ticket", tagTickets, "Open a ticket",
			"Asks the provider, with the name, the address and the roles that the key's person holds at this moment. They get a mail with the number, and another with every answer. Twenty tickets can wait for the provider at a time.",
			`{"kind": "phone-user-limit", "phone_users": 20, "description": "A new branch opens in March."}`, serve((*door).openTicket)},
		{"GET", in + "/tickets/{id}", account.ViewTickets, "get-ticket", tagTickets, "Get a ticket",
			"Answers with one ticket and what both sides wrote.", "", serve((*door).ticket)},
		{"POST", in + "/tickets/{id}/answers", account.OpenTickets, "answer-ticket", tagTickets, "Answer a ticket",
			"Adds to a ticket, which waits for the provider again, or closes it.",
			`{"text": "Which file formats work?"}`, serve((*door).answerTicket)},
	}
	return slices.Concat(list, groups(in), importRoutes(in), reviewRoutes(in), termsRoutes(in), visitRoutes(in), auditRoutes(in), webhookRoutes(in), reports(in))
}

// auditRoutes are about what programs and people did in the account, and with which keys.
func auditRoutes(in string) []Route {
	return []Route{
		{"GET", in + "/api-keys", account.OwnKeys, "list-api-keys", tagKeys, "List API keys",
			"Lists the keys of the key's owner, or those of everybody with the scope api-keys.all. Keys are made in the portal only.", "", serve((*door).apiKeys)},
		{"DELETE", in + "/api-keys/{id}", account.OwnKeys, "revoke-api-key", tagKeys, "Revoke an API key",
			"Ends a key at once: one of the key's owner, itself too, or anybody's with the scope api-keys.all.", "", serve((*door).revokeAPIKey)},
		{"GET", in + "/audit-log", account.ViewAuditLog, "list-audit-log", tagAudit, "List the audit log",
			"Lists who did what, when and from where, newest first.", "", serve((*door).auditLog)},
		{"GET", in + "/audit-log.csv", account.ViewAuditLog, "download-audit-log", tagAudit, "Download the audit log as CSV",
			"Answers with all entries that the filters choose, one a line, newest first. A cell that a spreadsheet would run as a formula begins with an apostrophe.", "", serve((*door).auditCSV)},
		{"GET", in + "/audit-log.jsonl", account.ViewAuditLog, "download-audit-log-proof", tagAudit, "Download the audit log with its proof",
			"Answers with every entry in the order of the log's tree, the hashes, all checkpoints and the public key, as lines of JSON. hubline audit verify checks the file without this server.", "", serve((*door).auditExport)},
		{"GET", in + "/audit-log/checkpoint", account.ViewAuditLog, "get-audit-checkpoint", tagAudit, "Get the last checkpoint of the audit log",
			"Answers with the log's public key and the last signed checkpoint. Whoever keeps checkpoints elsewhere can tell whether what they cover was changed since.", "", serve((*door).auditCheckpoint)},
		{"POST", in + "/audit-log/checkpoint", account.ViewAuditLog, "sign-audit-log", tagAudit, "Sign the audit log now",
			"Signs a checkpoint that covers every entry, without waiting for the hour. When the last one does already, it is answered with that.", "", serve((*door).signAudit)},
	}
}

// groups are the routes of an account's groups.
func groups(in string) []Route {
	return []Route{
		{"GET", in + "/groups", account.ViewHubUsers, "list-groups", tagGroups, "List groups",
			"Lists the account's groups by name. Everybody in a group has its roles on top of their own.", "", serve((*door).listGroups)},
		{"POST", in + "/groups", account.ChangeHubUsers, "make-group", tagGroups, "Make a group",
			"Makes a group without anybody in it. An account has 200 at most.",
			`{"name": "Front desk leads", "roles": ["admin"]}`, serve((*door).makeGroup)},
		{"GET", in + "/groups/{id}", account.ViewHubUsers, "get-group", tagGroups, "Get a group",
			"Answers with one group of the account.", "", serve((*door).group)},
		{"PATCH", in + "/groups/{id}", account.ChangeHubUsers, "change-group", tagGroups, "Change a group",
			"Changes its name or what it gives. The second counts from the next request of everybody in it, who get a mail about their access. The account keeps at least one active admin.",
			`{"name": "Front desk leads", "roles": ["billing"]}`, serve((*door).changeGroup)},
		{"DELETE", in + "/groups/{id}", account.ChangeHubUsers, "delete-group", tagGroups, "Delete a group",
			"Deletes a group. Everybody in it keeps what they have from elsewhere. The account keeps at least one active admin.", "", serve((*door).deleteGroup)},
		{"GET", in + "/groups/{id}/hub-users", account.ViewHubUsers, "list-group-people", tagGroups, "List the hub users of a group",
			"Lists who is in the group, by name.", "", serve((*door).listGroupPeople)},
		{"POST", in + "/groups/{id}/hub-users", account.ChangeHubUsers, "add-to-group", tagGroups, "Add hub users to a group",
			"Adds hub users by ID or by address, all or none; whoever is in it stays. It counts from their next request.",
			`{"emails": ["jo.baptiste@harbourdental.example"]}`, serve((*door).addToGroup)},
		{"DELETE", in + "/groups/{id}/hub-users/{member}", account.ChangeHubUsers, "take-from-group", tagGroups, "Take a hub user out of a group",
			"Takes one hub user out of the group, from their next request on. They keep what they have from elsewhere.", "", serve((*door).takeFromGroup)},
	}
}
