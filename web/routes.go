package web

import (
	"slices"

	"hubline/product/account"
	"hubline/product/report"
)

// table lists every page of the portal, room by room. Who may use a route stands beside it.
func (p *Portal) table() []Route {
	return slices.Concat(p.doorRoutes(), p.consoleRoutes(), p.peopleRoutes(), p.hookRoutes(), p.phoneRoutes(), p.callRoutes(), p.supportRoutes())
}

// doorRoutes are the pages outside accounts: signing in, links from mails, a person's own pages.
func (p *Portal) doorRoutes() []Route {
	return []Route{
		// Signing in
		{"GET", "/{$}", SignedIn, p.front},
		{"GET", "/accounts", SignedIn, p.chooser},
		{"GET", "/terms", Public, p.terms},
		{"POST", "/terms", SignedIn, p.acceptTerms},
		{"GET", "/sign-in", Public, p.signIn},
		{"POST", "/sign-in", Public, p.enterPortal},
		{"GET", "/sign-in/second", Public, p.noSecondStep},
		{"POST", "/sign-in/second", Public, p.finishSignIn},
		{"GET", "/sign-in/recovery", Public, p.noSecondStep},
		{"POST", "/sign-in/recovery", Public, p.sendRecoveryCode},
		{"POST", "/sign-in/recovery/code", Public, p.finishRecovery},
		{"GET", "/sign-in/recovery/stop/{token}", Public, p.askStopRecovery},
		{"POST", "/sign-in/recovery/stop/{token}", Public, p.stopRecoveryByLink},
		{"POST", "/sign-in/passkey", Public, p.signInWithPasskey},
		{"POST", "/sign-in/passkey/options", Public, p.askSignInPasskey},
		{"GET", "/sign-in/forgot", Public, p.forgot},
		{"POST", "/sign-in/forgot", Public, p.sendReset},
		{"GET", "/sign-in/forgot/sent", Public, p.resetSent},
		{"POST", "/sign-in/with/{provider}", Public, p.signInWith},
		{"GET", "/sign-in/with/{provider}/answer", Public, p.providerAnswer},
		{"GET", "/sign-in/at/{slug}/answer", Public, p.ownProviderAnswer},
		{"POST", "/sign-out", Public, p.signOut},
		{"GET", "/password/{token}", Public, p.choosePassword},
		{"POST", "/password/{token}", Public, p.setPassword},
		{"GET", "/check", SignedIn, p.check},
		{"POST", "/check", SignedIn, p.confirmCode},
		{"POST", "/check/code", SignedIn, p.sendCode},
		{"POST", "/check/passkey", SignedIn, p.confirmWithPasskey},
		{"POST", "/check/passkey/options", SignedIn, p.askCheckPasskey},

		// Invitations, as the invited see them
		{"GET", "/invitations/{token}", Public, p.invitation},
		{"POST", "/invitations/{token}", Public, p.accept},
		{"POST", "/invitations/{token}/passkey/options", Public, p.askAcceptPasskey},
		{"POST", "/invitations/{token}/with/{provider}", Public, p.acceptWith},
		{"POST", "/invitations/{token}/decline", Public, p.decline},
		{"POST", "/invitations/{token}/ask", Public, p.askAgain},
		{"POST", "/invitations/{token}/sign-out", Public, p.changePerson},

		// Setting up a phone, as its user sees it
		{"GET", "/phone/set-up/{token}", Public, p.setUp},
		{"POST", "/phone/set-up/{token}", Public, p.takeDetails},
		{"GET", "/phone/provision/{token}", Public, p.provision},

		// A person's own pages
		{"GET", "/profile", SignedIn, p.profile},
		{"POST", "/profile", SignedIn, p.saveProfile},
		{"POST", "/profile/mails", SignedIn, p.saveMails},
		{"POST", "/profile/email", SignedIn, p.askEmail},
		{"GET", "/profile/email/{token}", SignedIn, p.newEmail},
		{"POST", "/profile/email/{token}", SignedIn, p.confirmEmail},
		{"GET", "/email/{token}", Public, p.oldEmail},
		{"POST", "/email/{token}", Public, p.takeBackEmail},
		{"POST", "/profile/guidance", SignedIn, p.putGuidanceAway},
		{"GET", "/profile/security", SignedIn, p.security},
		{"POST", "/profile/security/password", SignedIn, p.changePassword},
		{"POST", "/profile/security/link/{provider}", SignedIn, p.linkWith},
		{"POST", "/profile/security/identities/{id}/unlink", SignedIn, p.unlink},
		{"GET", "/profile/security/authenticator", SignedIn, p.authenticator},
		{"POST", "/profile/security/authenticator", SignedIn, p.startAuthenticator},
		{"POST", "/profile/security/authenticator/confirm", SignedIn, p.confirmAuthenticator},
		{"GET", "/profile/security/authenticator/removal", SignedIn, p.askRemoveAuthenticator},
		{"POST", "/profile/security/authenticator/removal", SignedIn, p.removeAuthenticator},
		{"POST", "/profile/security/passkeys", SignedIn, p.startPasskey},
		{"GET", "/profile/security/passkeys/new", SignedIn, p.newPasskey},
		{"POST", "/profile/security/passkeys/new", SignedIn, p.addPasskey},
		{"POST", "/profile/security/passkeys/options", SignedIn, p.askNewPasskey},
		{"GET", "/profile/security/passkeys/{id}", SignedIn, p.passkey},
		{"POST", "/profile/security/passkeys/{id}", SignedIn, p.renamePasskey},
		{"GET", "/profile/security/passkeys/{id}/removal", SignedIn, p.askRemovePasskey},
		{"POST", "/profile/security/passkeys/{id}/removal", SignedIn, p.removePasskey},
		{"POST", "/profile/security/recovery-codes", SignedIn, p.newRecoveryCodes},
		{"POST", "/profile/security/recovery/stop", SignedIn, p.stopOwnRecovery},
		{"POST", "/profile/security/sessions/{id}/end", SignedIn, p.endSession},
		{"POST", "/profile/security/sessions/end-others", SignedIn, p.endOtherSessions},
	}
}

// consoleRoutes are the pages of the provider's staff.
func (p *Portal) consoleRoutes() []Route {
	return []Route{
		// The provider's console
		{"GET", "/console", Staff, p.console},
		{"GET", "/console/restricted", SignedIn, p.restricted},
		{"GET", "/console/accounts", Staff, p.accountList},
		{"GET", "/console/accounts/new", Staff, p.newAccount},
		{"POST", "/console/accounts/new", Staff, p.openAccount},
		{"GET", "/console/accounts/{slug}", Staff, p.accountPage},
		{"POST", "/console/accounts/{slug}/first-admin", Staff, p.inviteFirstAdmin},
		{"POST", "/console/accounts/{slug}/plan", Staff, p.changePlan},
		{"GET", "/console/accounts/{slug}/suspension", Staff, p.askSuspend},
		{"POST", "/console/accounts/{slug}/suspension", Staff, p.suspendAccount},
		{"POST", "/console/accounts/{slug}/enabling", Staff, p.enableAccount},
		{"GET", "/console/accounts/{slug}/closing", Staff, p.askClose},
		{"POST", "/console/accounts/{slug}/closing", Staff, p.closeAccount},
		{"GET", "/console/accounts/{slug}/visit", Staff, p.askForVisit},
		{"POST", "/console/accounts/{slug}/visit", Staff, p.sendVisit},
		{"POST", "/console/accounts/{slug}/visit/end", Staff, p.endOwnVisit},
		{"POST", "/console/accounts/{slug}/numbers", Staff, p.assignNumber},
		{"GET", "/console/accounts/{slug}/numbers/{number}/withdrawal", Staff, p.askWithdraw},
		{"POST", "/console/accounts/{slug}/numbers/{number}/withdrawal", Staff, p.withdrawNumber},
		{"GET", "/console/requests", Staff, p.ticketQueue},
		{"GET", "/console/requests/{number}", Staff, p.queuedTicket},
		{"POST", "/console/requests/{number}", Staff, p.answerAsProvider},
		{"POST", "/console/requests/{number}/limit", Staff, p.raiseLimit},
		{"GET", "/console/people/{id}", Staff, p.person},
		{"GET", "/console/people/{id}/recovery", Staff, p.askRecoverPerson},
		{"POST", "/console/people/{id}/recovery", Staff, p.recoverPerson},
		{"POST", "/console/people/{id}/recovery/stop", Staff, p.stopRecoveryOf},
		{"GET", "/console/pin", Staff, p.pinCheck},
		{"POST", "/console/pin", Staff, p.usePIN},
		{"GET", "/console/staff", Staff, p.staffList},
		{"GET", "/console/staff/new", Staff, p.newStaff},
		{"POST", "/console/staff/new", Staff, p.addStaff},
		{"GET", "/console/staff/{id}/remove", Staff, p.askRemoveStaff},
		{"POST", "/console/staff/{id}/remove", Staff, p.removeStaff},
		{"GET", "/console/jobs", Staff, p.jobList},
		{"POST", "/console/jobs/{id}/retry", Staff, p.retryJob},
		{"GET", "/console/jobs/{id}/discard", Staff, p.askDiscardJob},
		{"POST", "/console/jobs/{id}/discard", Staff, p.discardJob},
		{"GET", "/console/terms", Staff, p.consoleTerms},
		{"POST", "/console/terms", Staff, p.publishTerms},
		{"GET", "/console/terms/acceptances.csv", Staff, p.acceptancesCSV},
		{"GET", "/console/audit-log", Staff, p.providerLog},
		{"GET", "/console/audit-log.jsonl", Staff, p.auditExport},
		{"GET", "/console/audit-log/proof", Staff, p.auditProof},
		{"POST", "/console/audit-log/proof", Staff, p.signAudit},
	}
}

// peopleRoutes are the pages of an account and of its people.
func (p *Portal) peopleRoutes() []Route {
	return []Route{
		// Inside an account
		{"GET", "/{account}/events", Member, p.events},
		{"GET", "/{account}/restricted", Belongs, p.restricted},
		{"GET", "/{account}/{$}", Needs(account.ViewHome), p.home},
		{"POST", "/{account}/ask", Member, p.askForAccess},
		{"POST", "/{account}/first-steps", Member, p.putStepsAway},
		{"GET", "/{account}/favourites", Member, p.favourites},
		{"POST", "/{account}/favourites", Member, p.changeFavourites},
		{"GET", "/{account}/roles", Needs(account.ViewRoles), p.roles},
		{"GET", "/{account}/settings", Needs(account.ViewSettings), p.settings},
		{"POST", "/{account}/settings", Needs(account.ChangeSettings), p.saveSettings},
		{"GET", "/{account}/settings/sign-in", Needs(account.ViewSettings), p.ownProviders},
		{"GET", "/{account}/settings/sign-in/new", Needs(account.ChangeSettings), p.newProvider},
		{"POST", "/{account}/settings/sign-in/new", Needs(account.ChangeSettings), p.addProvider},
		{"POST", "/{account}/settings/sign-in/{id}/test", Needs(account.ChangeSettings), p.testProvider},
		{"POST", "/{account}/settings/sign-in/{id}/switch", Needs(account.ChangeSettings), p.switchProvider},
		{"GET", "/{account}/settings/sign-in/{id}/removal", Needs(account.ChangeSettings), p.askRemoveProvider},
		{"POST", "/{account}/settings/sign-in/{id}/removal", Needs(account.ChangeSettings), p.removeProvider},
		{"GET", "/{account}/settings/directory", Needs(account.ViewSettings), p.directory},
		{"POST", "/{account}/settings/directory", Needs(account.ChangeSettings), p.saveDirectory},
		{"POST", "/{account}/settings/directory/token", Needs(account.ChangeSettings), p.newDirectoryToken},
		{"GET", "/{account}/settings/directory/off", Needs(account.ChangeSettings), p.askDirectoryOff},
		{"POST", "/{account}/settings/directory/off", Needs(account.ChangeSettings), p.turnOffDirectory},
		{"GET", "/{account}/audit-log", Needs(account.ViewAuditLog), p.auditLog},
		{"GET", "/{account}/audit-log.csv", Needs(account.ViewAuditLog), p.auditLogCSV},
		{"GET", "/{account}/audit-log.jsonl", Needs(account.ViewAuditLog), p.auditExport},
		{"GET", "/{account}/audit-log/proof", Needs(account.ViewAuditLog), p.auditProof},
		{"POST", "/{account}/audit-log/proof", Needs(account.ViewAuditLog), p.signAudit},
		{"POST", "/{account}/audit-log/keeping", Needs(account.ChangeSettings), p.keepAudit},

		// API keys
		{"GET", "/{account}/api-keys", Needs(account.OwnKeys), p.apiKeys},
		{"GET", "/{account}/api-keys/new", Needs(account.OwnKeys), p.newAPIKey},
		{"POST", "/{account}/api-keys/new", Needs(account.OwnKeys), p.makeAPIKey},
		{"GET", "/{account}/api-keys/{id}/revocation", Needs(account.OwnKeys), p.askRevokeKey},
		{"POST", "/{account}/api-keys/{id}/revocation", Needs(account.OwnKeys), p.revokeKey},

		// People of an account
		{"GET", "/{account}/hub-users", Needs(account.ViewHubUsers), p.hubUsers},
		{"GET", "/{account}/hub-users.csv", Needs(account.ViewHubUsers), p.hubUsersCSV},
		{"GET", "/{account}/palette/people", Needs(account.ViewHubUsers), p.palettePeople},
		{"GET", "/{account}/hub-users/invite", Needs(account.InviteHubUsers), p.invite},
		{"POST", "/{account}/hub-users/invite", Needs(account.InviteHubUsers), p.postInvite},
		{"GET", "/{account}/hub-user-imports", Needs(account.InviteHubUsers), p.peopleImportPage},
		{"POST", "/{account}/hub-user-imports", Needs(account.InviteHubUsers), p.reviewPeople},
		{"GET", "/{account}/hub-user-imports/template.csv", Needs(account.InviteHubUsers), p.peopleTemplate},
		{"GET", "/{account}/hub-user-imports/{id}", Needs(account.InviteHubUsers), p.peopleImport},
		{"POST", "/{account}/hub-user-imports/{id}", Needs(account.InviteHubUsers), p.postPeopleImport},
		{"GET", "/{account}/hub-user-imports/{id}/report.csv", Needs(account.InviteHubUsers), p.peopleReport},
		{"GET", "/{account}/hub-users/{id}", Needs(account.ChangeHubUsers), p.hubUser},
		{"POST", "/{account}/hub-users/{id}", Needs(account.ChangeHubUsers), p.saveHubUser},
		{"GET", "/{account}/hub-users/{id}/removal", Needs(account.ChangeHubUsers), p.askToRemove},
		{"POST", "/{account}/hub-users/{id}/removal", Needs(account.ChangeHubUsers), p.removeHubUser},
		{"GET", "/{account}/hub-users/{id}/sign-out", Needs(account.ChangeHubUsers), p.askToSignOff},
		{"POST", "/{account}/hub-users/{id}/sign-out", Needs(account.ChangeHubUsers), p.signOffHubUser},
		{"GET", "/{account}/hub-users/{id}/deactivation", Needs(account.ChangeHubUsers), p.askToDeactivate},
		{"POST", "/{account}/hub-users/{id}/deactivation", Needs(account.ChangeHubUsers), p.deactivateHubUser},
		{"GET", "/{account}/hub-users/{id}/recovery", Needs(account.ChangeHubUsers), p.askToRecover},
		{"POST", "/{account}/hub-users/{id}/recovery", Needs(account.ChangeHubUsers), p.startRecovery},
		{"POST", "/{account}/hub-users/{id}/recovery/stop", Needs(account.ChangeHubUsers), p.stopRecovery},
		{"POST", "/{account}/hub-users/{id}/reactivation", Needs(account.ChangeHubUsers), p.reactivateHubUser},
		{"GET", "/{account}/groups", Needs(account.ViewHubUsers), p.groups},
		{"GET", "/{account}/groups/new", Needs(account.ChangeHubUsers), p.newGroup},
		{"POST", "/{account}/groups/new", Needs(account.ChangeHubUsers), p.makeGroup},
		{"GET", "/{account}/groups/{id}", Needs(account.ChangeHubUsers), p.group},
		{"POST", "/{account}/groups/{id}", Needs(account.ChangeHubUsers), p.saveGroup},
		{"GET", "/{account}/groups/{id}/people", Needs(account.ChangeHubUsers), p.addPeople},
		{"POST", "/{account}/groups/{id}/people", Needs(account.ChangeHubUsers), p.addToGroup},
		{"GET", "/{account}/groups/{id}/people/{member}/removal", Needs(account.ChangeHubUsers), p.askToLeave},
		{"POST", "/{account}/groups/{id}/people/{member}/removal", Needs(account.ChangeHubUsers), p.takeFromGroup},
		{"POST", "/{account}/groups/{id}/directory", Needs(account.ChangeHubUsers), p.letDirectory},
		{"GET", "/{account}/groups/{id}/deletion", Needs(account.ChangeHubUsers), p.askDeleteGroup},
		{"POST", "/{account}/groups/{id}/deletion", Needs(account.ChangeHubUsers), p.deleteGroup},
		{"GET", "/{account}/access-review", Needs(account.ChangeHubUsers), p.accessReview},
		{"POST", "/{account}/access-review", Needs(account.ChangeHubUsers), p.decideReview},
		{"POST", "/{account}/access-review/policy", Needs(account.ChangeHubUsers), p.setReviewPolicy},
		{"GET", "/{account}/access-reviews/{id}", Needs(account.ChangeHubUsers), p.oldReview},
		{"GET", "/{account}/access-reviews/{id}/decisions.csv", Needs(account.ChangeHubUsers), p.reviewCSV},
		{"GET", "/{account}/invitations", Needs(account.ViewHubUsers), p.invitations},
		{"GET", "/{account}/invitations/{id}", Needs(account.InviteHubUsers), p.invited},
		{"POST", "/{account}/invitations/{id}", Needs(account.InviteHubUsers), p.changeInvited},
		{"POST", "/{account}/invitations/{id}/resend", Needs(account.InviteHubUsers), p.resend},
		{"GET", "/{account}/invitations/{id}/cancellation", Needs(account.InviteHubUsers), p.askToCancel},
		{"POST", "/{account}/invitations/{id}/cancellation", Needs(account.InviteHubUsers), p.cancelInvitation},
	}
}

// hookRoutes are the pages of webhooks.
func (p *Portal) hookRoutes() []Route {
	return []Route{
		{"GET", "/{account}/webhooks", Needs(account.ViewWebhooks), p.webhooks},
		{"GET", "/{account}/webhooks/new", Needs(account.ChangeWebhooks), p.newWebhook},
		{"POST", "/{account}/webhooks/new", Needs(account.ChangeWebhooks), p.addWebhook},
		{"GET", "/{account}/webhooks/{id}", Needs(account.ViewWebhooks), p.webhook},
		{"POST", "/{account}/webhooks/{id}", Needs(account.ChangeWebhooks), p.saveWebhook},
		{"POST", "/{account}/webhooks/{id}/test", Needs(account.ChangeWebhooks), p.testWebhook},
		{"POST", "/{account}/webhooks/{id}/pause", Needs(account.ChangeWebhooks), p.pauseWebhook},
		{"POST", "/{account}/webhooks/{id}/resumption", Needs(account.ChangeWebhooks), p.resumeWebhook},
		{"POST", "/{account}/webhooks/{id}/failed", Needs(account.ChangeWebhooks), p.replayFailed},
		{"GET", "/{account}/webhooks/{id}/secret", Needs(account.ChangeWebhooks), p.askWebhookSecret},
		{"POST", "/{account}/webhooks/{id}/secret", Needs(account.ChangeWebhooks), p.renewWebhookSecret},
		{"GET", "/{account}/webhooks/{id}/deletion", Needs(account.ChangeWebhooks), p.askDeleteWebhook},
		{"POST", "/{account}/webhooks/{id}/deletion", Needs(account.ChangeWebhooks), p.deleteWebhook},
		{"GET", "/{account}/webhooks/{id}/deliveries/{delivery}", Needs(account.ViewWebhooks), p.delivery},
		{"POST", "/{account}/webhooks/{id}/deliveries/{delivery}/replay", Needs(account.ChangeWebhooks), p.replayDelivery},
	}
}

// phoneRoutes are the pages of the phone system.
func (p *Portal) phoneRoutes() []Route {
	return []Route{
		// Phone users
		{"GET", "/{account}/phone-users", Needs(account.ViewPhoneUsers), p.phoneUsers},
		{"GET", "/{account}/phone-users.csv", Needs(account.ViewPhoneUsers), p.phoneUsersCSV},
		{"GET", "/{account}/phone-users/new", Needs(account.ChangePhoneUsers), p.newPhoneUser},
		{"POST", "/{account}/phone-users/new", Needs(account.ChangePhoneUsers), p.addPhoneUser},
		{"GET", "/{account}/imports", Needs(account.ChangePhoneUsers), p.importPage},
		{"POST", "/{account}/imports", Needs(account.ChangePhoneUsers), p.reviewImport},
		{"GET", "/{account}/imports/template.csv", Needs(account.ChangePhoneUsers), p.importTemplate},
		{"GET", "/{account}/imports/{id}", Needs(account.ChangePhoneUsers), p.phoneImport},
		{"POST", "/{account}/imports/{id}", Needs(account.ChangePhoneUsers), p.postImport},
		{"GET", "/{account}/imports/{id}/skipped.csv", Needs(account.ChangePhoneUsers), p.skippedCSV},
		{"GET", "/{account}/phone-users/{id}", Needs(account.ChangePhoneUsers), p.phoneUser},
		{"POST", "/{account}/phone-users/{id}", Needs(account.ChangePhoneUsers), p.savePhoneUser},
		{"POST", "/{account}/phone-users/{id}/send-details", Needs(account.SendPhoneDetails), p.sendDetails},
		{"GET", "/{account}/phone-users/{id}/reset", Needs(account.SendPhoneDetails), p.askResetPhones},
		{"POST", "/{account}/phone-users/{id}/reset", Needs(account.SendPhoneDetails), p.resetPhones},
		{"POST", "/{account}/phone-users/{id}/devices/{device}/end", Needs(account.ChangePhoneUsers), p.endDevice},
		{"GET", "/{account}/phone-users/{id}/deletion", Needs(account.ChangePhoneUsers), p.askDeletePhoneUser},
		{"POST", "/{account}/phone-users/{id}/deletion", Needs(account.ChangePhoneUsers), p.deletePhoneUser},

		// Phone numbers
		{"GET", "/{account}/numbers", Needs(account.ViewNumbers), p.numbers},
		{"GET", "/{account}/numbers.csv", Needs(account.ViewNumbers), p.numbersCSV},
		{"GET", "/{account}/numbers/{number}", Needs(account.RenameNumbers), p.number},
		{"POST", "/{account}/numbers/{number}", Needs(account.RenameNumbers), p.saveNumber},
	}
}

// callRoutes are the pages of calls and reports.
func (p *Portal) callRoutes() []Route {
	routes := []Route{
		{"GET", "/{account}/calls", Needs(account.ViewCalls), p.calls},
		{"GET", "/{account}/calls/{id}", Needs(account.ViewCalls), p.call},
		{"GET", "/{account}/calls/{id}/end", Needs(account.EndCalls), p.askEndCall},
		{"POST", "/{account}/calls/{id}/end", Needs(account.EndCalls), p.endCall},
	}
	for _, kind := range report.Kinds {
		routes = append(routes,
			Route{"GET", "/{account}/reports/" + kind.Name, Needs(account.ViewCalls), p.showReport(kind)},
			Route{"GET", "/{account}/reports/" + kind.Name + ".csv", Needs(account.ViewCalls), p.reportCSV(kind)})
	}
	return routes
}

// supportRoutes are the pages of an account's requests.
func (p *Portal) supportRoutes() []Route {
	return []Route{
		// Requests to the provider
		{"GET", "/{account}/support", Needs(account.ViewTickets), p.tickets},
		{"GET", "/{account}/support/new", Needs(account.AskForChanges), p.newTicket},
		{"POST", "/{account}/support/new", Needs(account.AskForChanges), p.openTicket},
		{"GET", "/{account}/support/more", Needs(account.AskForChanges), p.askForMore},
		{"POST", "/{account}/support/more", Needs(account.AskForChanges), p.fileMore},
		{"GET", "/{account}/support/invoice", Needs(account.AskInvoiceDetails), p.askAboutInvoice},
		{"POST", "/{account}/support/invoice", Needs(account.AskInvoiceDetails), p.fileInvoice},
		{"GET", "/{account}/support/pin", Needs(account.ShowPIN), p.pin},
		{"POST", "/{account}/support/pin", Needs(account.ShowPIN), p.makePIN},
		{"GET", "/{account}/support/visits", Needs(account.LetStaffIn), p.visits},
		{"POST", "/{account}/support/visits/grant", Needs(account.LetStaffIn), p.grantVisits},
		{"POST", "/{account}/support/visits/grant/end", Needs(account.LetStaffIn), p.endGrant},
		{"POST", "/{account}/support/visits/{id}", Needs(account.LetStaffIn), p.answerVisit},
		{"POST", "/{account}/support/visits/{id}/end", Needs(account.LetStaffIn), p.endVisit},
		{"GET", "/{account}/support/{id}", Needs(account.ViewTickets), p.ticket},
		{"POST", "/{account}/support/{id}", Needs(account.OpenTickets), p.answerTicket},
	}
}
