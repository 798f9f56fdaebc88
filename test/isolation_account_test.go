package test

import (
	"context"
	"reflect"
	"testing"

	"hubline/product/account"
)

// accountWalk is the walk through the room "account".
var accountWalk = walk{
	room: reflect.TypeFor[*account.Room](),
	tables: []string{"accounts", "people", "memberships", "invitations", "dead_links", "sessions", "known_devices", "step_up_codes", "email_changes", "email_undos",
		"password_links", "authenticators", "recovery_codes", "passkeys", "recovery_links", "recovery_consents", "person_events", "throttles", "api_keys", "audit_entries", "audit_loose", "audit_leaves", "audit_trees", "audit_checkpoints", "sign_in_providers", "linked_identities", "jobs", "changes",
		"people_groups", "group_members", "invitation_groups", "people_imports", "people_import_lines", "muted_mails", "access_reviews", "access_review_rows", "review_policies", "terms_versions", "terms_acceptances",
		"directory_syncs", "directory_people", "directory_members"},
	prepare: func(*testing.T, *harbour) map[string]verb { return accountVerbs },
}

// accountVerbs has every method of the room that takes an actor.
var accountVerbs = map[string]verb{
	"People": {whom: members, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just2(h.People(c, a, account.PeopleFilter{}))
	}},
	"PeoplePage": {call: func(h *harbour, c ctx, a actor) (any, error) {
		page, err := h.PeoplePage(c, a, account.PeopleFilter{})
		return page.Rows, err
	}},
	"CountPeople": {whom: members, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.CountPeople(c, a))
	}},
	"EachPerson": {whom: members, call: (*harbour).eachPerson},
	"HubUserByID": {whom: members, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.HubUserByID(c, a, h.joID))
	}},
	"InvitationByID": {whom: members, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.InvitationByID(c, a, h.invitation.ID))
	}},
	"Settings": {whom: members, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.Rig.Settings(c, a))
	}},
	"AuditLog": {whom: members, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just2(h.AuditLog(c, a, account.AuditFilter{}))
	}},
	"EachAuditEntry": {whom: members, call: (*harbour).eachEntry},
	"ExportAudit":    {whom: members, call: (*harbour).exportAudit},
	"AuditProof": {whom: members, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.AuditProof(c, a))
	}},
	"SignAudit": {whom: members, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return nil, h.SignAudit(c, a)
	}},
	"KeepAudit": {whom: members, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return nil, h.KeepAudit(c, a, 3)
	}},
	"CheckAuditLogs": {whom: provider, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return nil, h.CheckAuditLogs(c, a, nil, func(account.AuditFinding) error { return nil })
	}},
	"AuditActors": {whom: members, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.AuditActors(c, a))
	}},
	"Review": {whom: members, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.Review(c, a, inviting))
	}},

	"ReviewImport": {whom: members, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		_, err := h.ReviewImport(c, a, "Email\njo@harbour.example\n", "")
		return nil, err // it shows what was uploaded
	}},
	"CorrectImport": {whom: members, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.CorrectImport(c, a, h.importID, []account.Fix{{Line: 2, Field: "first_name", Value: "Stranger"}}, nil))
	}},
	"RunImport": {whom: members, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.RunImport(c, a, h.importID))
	}},
	"ImportByID": {whom: members, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.ImportByID(c, a, h.importID))
	}},
	"Imports": {whom: members, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.Imports(c, a))
	}},
	"ImportLines": {whom: members, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just2(h.ImportLines(c, a, h.importID, account.LineFilter{}))
	}},
	"EachImportLine": {whom: members, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		var all []account.ImportLine
		err := h.EachImportLine(c, a, h.importID, func(l account.ImportLine) error { all = append(all, l); return nil })
		return all, err
	}},

	"Invite": {whom: members, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.Room.Invite(c, a, inviting))
	}},
	"Resend": {whom: members, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.Resend(c, a, h.invitation.ID, 0))
	}},
	"ChangeInvited": {whom: members, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.ChangeInvited(c, a, h.invitation.ID, account.InvitedChange{Roles: &account.Roles{account.Admin}}, 0))
	}},
	"Cancel": {whom: members, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.Cancel(c, a, h.invitation.ID, 0))
	}},
	"ChangeHubUser": {whom: members, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.ChangeHubUser(c, a, h.joID, account.Change{Name: &renamed}, 0))
	}},
	"SignOutHubUser": {whom: members, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.SignOutHubUser(c, a, h.joID))
	}},
	"RemoveHubUser": {whom: members, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.RemoveHubUser(c, a, h.joID, 0))
	}},
	"Reviewing": {whom: members, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.Reviewing(c, a, ""))
	}},
	"ReviewStanding": {whom: members, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.ReviewStanding(c, a))
	}},
	"Undecided": {whom: members, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just2(h.Undecided(c, a, "", 0))
	}},
	"AccessReviews": {whom: members, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just2(h.AccessReviews(c, a, "", 0))
	}},
	"TermsHistory": {whom: members, right: account.ViewHome, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.TermsHistory(c, a))
	}},
	"TermsVersion": {whom: members, right: account.ViewHome, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.TermsVersion(c, a, 1))
	}},
	"AcceptedTerms": {whom: members, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just2(h.AcceptedTerms(c, a, account.AcceptedFilter{}))
	}},
	"Decide": {whom: members, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		_, refused, err := h.Decide(c, a, []account.Decision{{ID: h.joID, Version: 1, Verdict: account.ChangeTo, Roles: account.Roles{account.Admin}}})
		if err == nil && refused != nil {
			err = refused[0].Why
		}
		return nil, err
	}},
	"AccessReviewByID": {whom: members, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.AccessReviewByID(c, a, h.reviewID))
	}},
	"Reviewed": {whom: members, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just2(h.Reviewed(c, a, h.reviewID, "", 0))
	}},
	"ReviewPolicy": {whom: members, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.ReviewPolicy(c, a))
	}},
	"SetReviewPolicy": {whom: members, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.SetReviewPolicy(c, a, 3))
	}},
	"GuidanceDue": {whom: anyone, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.GuidanceDue(c, a))
	}},
	"PutGuidanceAway": {whom: anyone, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return nil, h.PutGuidanceAway(c, a)
	}},
	"PublishTerms": {whom: provider, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.PublishTerms(c, a, account.NewTerms{Terms: "Be kind", Privacy: "Nothing is kept"}))
	}},
	"TermsVersions": {whom: provider, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.TermsVersions(c, a))
	}},
	"EachAcceptance": {whom: provider, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return nil, h.EachAcceptance(c, a, func(account.Acceptance) error { return nil })
	}},
	"AcceptTerms": {whom: anyone, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return nil, h.AcceptTerms(c, a, 1)
	}},
	"TermsDue": {whom: anyone, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.TermsDue(c, a))
	}},
	"Acceptances": {whom: anyone, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.Acceptances(c, a))
	}},
	"Groups": {whom: members, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just2(h.Groups(c, a, account.GroupFilter{}))
	}},
	"GroupByID": {whom: members, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.GroupByID(c, a, h.groupID))
	}},
	"GroupPeople": {whom: members, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just2(h.GroupPeople(c, a, h.groupID, account.MemberFilter{}))
	}},
	"MakeGroup": {whom: members, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.MakeGroup(c, a, account.NewGroup{Name: "New group"}))
	}},
	"ChangeGroup": {whom: members, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.ChangeGroup(c, a, h.groupID, account.GroupChange{Name: &renamed}, 0))
	}},
	"AddToGroup": {whom: members, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just2(h.AddToGroup(c, a, h.groupID, account.Chosen{IDs: []string{h.joID}}, 0))
	}},
	"TakeFromGroup": {whom: members, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.TakeFromGroup(c, a, h.groupID, []string{h.admin.ID()}, 0))
	}},
	"DeleteGroup": {whom: members, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.DeleteGroup(c, a, h.groupID, 0))
	}},
	"ChangeSettings": {whom: members, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.ChangeSettings(c, a, settings, 0))
	}},
	"OwnProviders": {whom: members, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.OwnProviders(c, a))
	}},
	"AddProvider": {whom: members, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.AddProvider(c, a, account.NewProvider{Name: "Stranger ID", Issuer: h.issuer, ClientID: "stranger", Secret: "x", Domains: "other.example"}))
	}},
	"TestProvider": {whom: members, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.TestProvider(c, a, h.providerID))
	}},
	"SwitchProvider": {whom: members, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.SwitchProvider(c, a, h.providerID, false))
	}},
	"RemoveProvider": {whom: members, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.RemoveProvider(c, a, h.providerID))
	}},

	"Open": {whom: provider, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just2(h.Room.Open(c, a, account.NewAccount{Name: "New", AdminEmail: "x@other.example"}))
	}},
	"Accounts": {whom: provider, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just2(h.Accounts(c, a, "", "", 0))
	}},
	"BySlug": {whom: provider, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.BySlug(c, a, "harbour"))
	}},
	"FirstAdmin": {whom: provider, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.FirstAdmin(c, a, h.admin.Account.ID))
	}},
	"InviteFirstAdmin": {whom: provider, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.InviteFirstAdmin(c, a, h.admin.Account, inviting.Offers[0]))
	}},
	"MakeKey": {whom: provider, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just2(h.MakeKey(c, a, h.joID, "Key", nil, 0))
	}},
	"APIKeys": {whom: members, right: account.OwnKeys, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just2(h.APIKeys(c, a, account.KeyFilter{}))
	}},
	"MakeOwnKey": {whom: members, right: account.OwnKeys, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just2(h.MakeOwnKey(c, a, account.NewKey{Name: "Key", Scopes: []account.Permission{account.ViewHome}}))
	}},
	"SetPhoneUserLimit": {whom: provider, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.SetPhoneUserLimit(c, a, h.admin.Account.ID, 3))
	}},
	"RevokeKey": {whom: members, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return nil, h.RevokeKey(c, a, h.keyID)
	}},
	"FindPeople": {whom: provider, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.FindPeople(c, a, "jo@harbour.example"))
	}},
	"PersonAt": {whom: provider, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		_, places, err := h.PersonAt(c, a, h.admin.Actor().PersonID)
		return places, err
	}},
	"Suspend": {whom: provider, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.Suspend(c, a, h.admin.Account.ID, "Stranger"))
	}},
	"Enable": {whom: provider, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.Enable(c, a, h.admin.Account.ID))
	}},
	"Close": {whom: provider, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.Rig.Close(c, a, h.admin.Account.ID, h.admin.Account.Number, "Stranger"))
	}},
	"AddStaff": {whom: provider, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just2(h.AddStaff(c, a, "x@other.example", ""))
	}},
	"StaffPeople": {whom: provider, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.StaffPeople(c, a))
	}},
	"RetryJob": {whom: provider, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return nil, h.RetryJob(c, a, deadJob)
	}},
	"DiscardJob": {whom: provider, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return nil, h.DiscardJob(c, a, deadJob)
	}},
	"Recovery": {whom: members, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.Recovery(c, a, h.joID))
	}},
	"StartRecovery": {whom: members, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.StartRecovery(c, a, h.joID))
	}},
	"StopRecovery": {whom: members, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.StopRecovery(c, a, h.joID))
	}},
	"RecoveryOf": {whom: provider, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.RecoveryOf(c, a, h.admin.Actor().PersonID))
	}},
	"StartRecoveryOf": {whom: provider, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.StartRecoveryOf(c, a, h.admin.Actor().PersonID))
	}},
	"StopRecoveryOf": {whom: provider, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return nil, h.StopRecoveryOf(c, a, h.admin.Actor().PersonID)
	}},
	"OwnRecovery": {whom: anyone, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.OwnRecovery(c, a))
	}},
	"StopOwnRecovery": {whom: anyone, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return nil, h.StopOwnRecovery(c, a)
	}},
	"RemoveStaff": {whom: provider, writes: true, names: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return nil, h.RemoveStaff(c, a, h.colleague.ID)
	}},

	"Admins": {whom: anyone, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.Admins(c, a))
	}},
	"Belongings": {whom: anyone, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.Belongings(c, a))
	}},
	"AskForAccess": {whom: members, right: account.ViewHome, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.AskForAccess(c, a, account.ChangeHubUsers))
	}},
	"AskEmail": {whom: anyone, call: func(h *harbour, c ctx, a actor) (any, error) {
		return nil, h.AskEmail(c, a, "moved@people.example", account.Browser{})
	}},
	"NewEmail": {whom: anyone, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.NewEmail(c, a, h.newEmail))
	}},
	"ConfirmEmail": {whom: anyone, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.ConfirmEmail(c, a, h.newEmail, account.Browser{}))
	}},
	"Sessions": {whom: anyone, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.Sessions(c, a))
	}},
	"EndSession": {whom: anyone, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return nil, h.EndSession(c, a, h.admin.Actor().SessionID)
	}},
	"EndOtherSessions": {whom: anyone, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return nil, h.EndOtherSessions(c, a)
	}},
	"OwnWays": {whom: anyone, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.OwnWays(c, a))
	}},
	"OwnEvents": {whom: anyone, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.OwnEvents(c, a))
	}},
	"StartAuthenticator": {whom: anyone, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return nil, h.StartAuthenticator(c, a)
	}},
	"PendingAuthenticator": {whom: anyone, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.PendingAuthenticator(c, a))
	}},
	"ConfirmAuthenticator": {whom: anyone, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just2(h.ConfirmAuthenticator(c, a, "123456", account.Browser{}))
	}},
	"RemoveAuthenticator": {whom: anyone, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return nil, h.RemoveAuthenticator(c, a, account.Browser{})
	}},
	"Passkeys": {whom: anyone, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.Passkeys(c, a))
	}},
	"Passkey": {whom: anyone, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.Passkey(c, a, "nosuchpasskey"))
	}},
	"BeginPasskey": {whom: anyone, call: func(h *harbour, c ctx, a actor) (any, error) {
		_, err := h.BeginPasskey(c, a) // options for the actor alone
		return nil, err
	}},
	"AddPasskey": {whom: anyone, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just2(h.AddPasskey(c, a, "Evil", account.PasskeyAnswer{Challenge: "x", Answer: "{}"}, account.Browser{}))
	}},
	"RenamePasskey": {whom: anyone, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return nil, h.RenamePasskey(c, a, "nosuchpasskey", "Evil")
	}},
	"RemovePasskey": {whom: anyone, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return nil, h.RemovePasskey(c, a, "nosuchpasskey", account.Browser{})
	}},
	"BeginPasskeyCheck": {whom: anyone, call: func(h *harbour, c ctx, a actor) (any, error) {
		_, err := h.BeginPasskeyCheck(c, a)
		return nil, err
	}},
	"ConfirmWithPasskey": {whom: anyone, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.ConfirmWithPasskey(c, a, account.PasskeyAnswer{Challenge: "x", Answer: "{}"}))
	}},
	"NewRecoveryCodes": {whom: anyone, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.NewRecoveryCodes(c, a, account.Browser{}))
	}},
	"FirstSteps": {whom: members, right: account.ViewHome, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.FirstSteps(c, a))
	}},
	"PutStepsAway": {whom: members, right: account.ViewHome, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return nil, h.PutStepsAway(c, a)
	}},
	"Pin": {whom: members, right: account.ViewHome, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.Pin(c, a, "hub-users"))
	}},
	"Unpin": {whom: members, right: account.ViewHome, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.Unpin(c, a, "numbers"))
	}},
	"SwapFavourites": {whom: members, right: account.ViewHome, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.SwapFavourites(c, a, "numbers", "roles"))
	}},
	"OwnMails": {whom: anyone, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.OwnMails(c, a))
	}},
	"SetOwnMails": {whom: anyone, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return nil, h.SetOwnMails(c, a, []account.Topic{account.MailReviews}, nil)
	}},
	"SetOwn": {whom: anyone, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return nil, h.SetOwn(c, a, account.Own{Name: "Evil", Theme: "dark"})
	}},
	"HasPassword": {whom: anyone, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.HasPassword(c, a))
	}},
	"Identities": {whom: anyone, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.Identities(c, a))
	}},
	"LinkableProviders": {whom: anyone, call: func(h *harbour, c ctx, a actor) (any, error) {
		_, err := h.LinkableProviders(c, a) // those of harbour are for everybody in it
		return nil, err
	}},
	"Unlink": {whom: anyone, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.Unlink(c, a, "nosuchidentity"))
	}},
	"GoToProvider": {whom: anyone, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		_, err := h.GoToProvider(c, a, account.Departure{Errand: account.ToSignIn, Account: "harbour", Provider: "nosuchprovider"}, account.Browser{})
		return nil, err
	}},
	"ProviderAnswered": {whom: anyone, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.ProviderAnswered(c, a, account.ProviderAnswer{At: "harbour", State: "x"}, account.Browser{}))
	}},
	"ChangePassword": {whom: anyone, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.ChangePassword(c, a, "not the password", "a brand new 9 password", account.Browser{}))
	}},
	"SendCode": {whom: anyone, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return nil, h.SendCode(c, a, account.Browser{})
	}},
	"CodePending": {whom: anyone, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.CodePending(c, a))
	}},
	"ConfirmCode": {whom: anyone, writes: true, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.ConfirmCode(c, a, "123456"))
	}},
	"Again": {whom: anyone, call: func(h *harbour, c ctx, a actor) (any, error) {
		return just(h.Again(c, a))
	}},
	"AcceptAs": {whom: anyone, writes: true, call: (*harbour).acceptAs},
}

var (
	renamed  = "Renamed"
	settings = account.Settings{Name: "Renamed", TimeZone: "UTC", InvitationHours: 1, CheckMinutes: 30}
)

func (h *harbour) eachPerson(c context.Context, a account.Actor) (any, error) {
	var all []account.Listed
	err := h.EachPerson(c, a, account.PeopleFilter{}, func(l account.Listed) error { all = append(all, l); return nil })
	return all, err
}

func (h *harbour) eachEntry(c context.Context, a account.Actor) (any, error) {
	var all []account.AuditEntry
	err := h.EachAuditEntry(c, a, account.AuditFilter{}, func(e account.AuditEntry) error { all = append(all, e); return nil })
	return all, err
}

// acceptAs follows somebody else's link. Whoever holds a link may read its page, so what it shows is no leak.
func (h *harbour) acceptAs(c context.Context, a account.Actor) (any, error) {
	w, err := h.Welcome(c, h.token)
	if err == nil {
		_, err = h.AcceptAs(c, a, h.token, w.Shown)
	}
	return nil, err
}

func (h *harbour) exportAudit(c context.Context, a account.Actor) (any, error) {
	var all []string
	err := h.ExportAudit(c, a, func(line []byte) error { all = append(all, string(line)); return nil })
	return all, err
}
