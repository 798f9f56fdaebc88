package web

// table lists every page of the portal, room by room. Who may use a route stands beside it.
func (p *Portal) table() []Route {
	return []Route{
		// Signing in
		{"GET", "/{$}", SignedIn, p.front},
		{"GET", "/accounts", SignedIn, p.chooser},
		{"GET", "/sign-in", Public, p.signIn},
		{"POST", "/sign-in", Public, p.enterPortal},
		{"GET", "/sign-in/forgot", Public, p.forgot},
		{"POST", "/sign-in/forgot", Public, p.sendReset},
		{"GET", "/sign-in/forgot/sent", Public, p.resetSent},
		{"POST", "/sign-out", Public, p.signOut},
		{"GET", "/password/{token}", Public, p.choosePassword},
		{"POST", "/password/{token}", Public, p.setPassword},
		{"GET", "/check", SignedIn, p.check},
		{"POST", "/check", SignedIn, p.confirmCode},
		{"POST", "/check/code", SignedIn, p.sendCode},

		// Invitations, as the invited see them
		{"GET", "/invitations/{token}", Public, p.invitation},
		{"POST", "/invitations/{token}", Public, p.accept},
		{"POST", "/invitations/{token}/decline", Public, p.decline},
		{"POST", "/invitations/{token}/sign-out", Public, p.changePerson},

		// A person's own pages
		{"GET", "/profile", SignedIn, p.profile},
		{"POST", "/profile", SignedIn, p.saveProfile},
		{"GET", "/profile/security", SignedIn, p.security},
		{"POST", "/profile/security/password", SignedIn, p.changePassword},
		{"POST", "/profile/security/sessions/{id}/end", SignedIn, p.endSession},
		{"POST", "/profile/security/sessions/end-others", SignedIn, p.endOtherSessions},

		// The provider's console
		{"GET", "/console", Staff, p.console},
		{"GET", "/console/accounts", Staff, p.accountList},
		{"GET", "/console/accounts/new", Staff, p.newAccount},
		{"POST", "/console/accounts/new", Staff, p.openAccount},
		{"GET", "/console/accounts/{slug}", Staff, p.accountPage},
		{"GET", "/console/staff", Staff, p.staffList},
		{"GET", "/console/staff/new", Staff, p.newStaff},
		{"POST", "/console/staff/new", Staff, p.addStaff},
		{"GET", "/console/staff/{id}/remove", Staff, p.askRemoveStaff},
		{"POST", "/console/staff/{id}/remove", Staff, p.removeStaff},
		{"GET", "/console/jobs", Staff, p.jobList},
		{"POST", "/console/jobs/{id}/retry", Staff, p.retryJob},
		{"GET", "/console/jobs/{id}/discard", Staff, p.askDiscardJob},
		{"POST", "/console/jobs/{id}/discard", Staff, p.discardJob},
		{"GET", "/console/audit-log", Staff, p.providerLog},

		// Inside an account
		{"GET", "/{account}/events", Member, p.events},
	}
}
