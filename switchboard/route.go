package switchboard

import (
	"hubline/media"
	"hubline/product/call"
	"hubline/product/number"
)

// refusal is why a call goes no further, as each side hears it: the phone a status, the person a message, the record a cause.
type refusal struct {
	status  int
	reason  string
	sound   *media.Sound // spoken before the status, nil for none
	outcome call.Status
	cause   string
}

// The refusals of calls. Their causes are stored with the records of calls; the room call has a sentence for each.
var (
	refusedNumber        = refusal{404, "No such number", &media.NotInService, call.Unavailable, string(number.NoSuchNumber)}
	refusedPremium       = refusal{403, "Premium numbers are barred", &media.NotPermitted, call.Unavailable, string(number.PremiumBarred)}
	refusedInternational = refusal{403, "Calls abroad are not allowed", &media.NotPermitted, call.Unavailable, string(number.InternationalBarred)}
	refusedNoCallerID    = refusal{403, "No caller ID is set", &media.NotPermitted, call.Unavailable, string(number.CallerIDMissing)}
	refusedCallerID      = refusal{403, "The caller ID is not a local or mobile number of the account", &media.NotPermitted, call.Unavailable, string(number.CallerIDNotOwned)}
	refusedStopped       = refusal{403, "The account is suspended", &media.NotPermitted, call.Unavailable, string(number.AccountStopped)}
	refusedStoppedIn     = refusal{480, "", &media.Unavailable, call.Unavailable, string(number.AccountStopped)}
	refusedNoRoute       = refusal{404, "Not in service", &media.NotInService, call.Unavailable, "leads-nowhere"}
	refusedAway          = refusal{480, "Nobody is signed in", &media.Unavailable, call.Unavailable, "no-device"}
	unreachable          = refusal{480, "", &media.Unavailable, call.Unavailable, "unreachable"}
	notAvailable         = refusal{480, "", &media.Unavailable, call.Unavailable, "not-available"}
	redirected           = refusal{480, "", &media.Unavailable, call.Unavailable, "redirected"}
	refusedBusy          = refusal{486, "", nil, call.Busy, "busy"}
	refusedDeclined      = refusal{603, "", nil, call.Busy, "declined"}
	refusedUserLimit     = refusal{486, "This phone user has too many calls", nil, call.Busy, "phone-user-call-limit"}
	refusedAccountLimit  = refusal{503, "The account has too many calls", nil, call.Busy, "account-call-limit"}
	refusedNodeLimit     = refusal{503, "Too many calls", nil, call.Busy, "system-call-limit"}
	refusedNoCarrier     = refusal{503, "No carrier takes the call", nil, call.Unavailable, "no-carrier"}
	refusedMedia         = refusal{488, "No audio codec in common", nil, call.Unavailable, "no-common-codec"}
	refusedStore         = refusal{503, "Try again", nil, call.Unavailable, "store-failed"}
)

// refusals are what callers hear whom a rule of the room number bars.
var refusals = map[number.Bar]refusal{
	number.NoSuchNumber: refusedNumber, number.PremiumBarred: refusedPremium, number.InternationalBarred: refusedInternational,
	number.AccountStopped: refusedStopped, number.CallerIDMissing: refusedNoCallerID, number.CallerIDNotOwned: refusedCallerID,
}

// identity is who a carrier is told is calling.
type identity struct {
	number string // E.164; empty only on emergency calls
	hidden bool
}
