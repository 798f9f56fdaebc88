package switchboard

import (
	"context"
	"errors"

	"hubline/base/fault"
	"hubline/base/tel"
	"hubline/media"
	"hubline/product/call"
	"hubline/product/phoneuser"
)

// echoCode is answered with an echo test.
const echoCode = "*43"

// Extensions have 2 to 6 digits and never begin with 0 (product/phoneuser).
const (
	leastExtension = 2
	mostExtension  = 6
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
	refusedNumber        = refusal{404, "No such number", &media.NotInService, call.Unavailable, "no-such-number"}
	refusedPremium       = refusal{403, "Premium numbers are barred", &media.NotPermitted, call.Unavailable, "premium-barred"}
	refusedInternational = refusal{403, "Calls abroad are not allowed", &media.NotPermitted, call.Unavailable, "international-barred"}
	refusedNoCallerID    = refusal{403, "No caller ID is set", &media.NotPermitted, call.Unavailable, "caller-id-missing"}
	refusedCallerID      = refusal{403, "The caller ID is not a local or mobile number of the account", &media.NotPermitted, call.Unavailable, "caller-id-not-owned"}
	refusedNoRoute       = refusal{404, "Not in service", &media.NotInService, call.Unavailable, "leads-nowhere"}
	refusedAway          = refusal{480, "Nobody is signed in", &media.Unavailable, call.Unavailable, "no-device"}
	refusedBusy          = refusal{486, "", nil, call.Busy, "busy"}
	refusedDeclined      = refusal{603, "", nil, call.Busy, "declined"}
	refusedUserLimit     = refusal{486, "This phone user has too many calls", nil, call.Busy, "phone-user-call-limit"}
	refusedAccountLimit  = refusal{503, "The account has too many calls", nil, call.Busy, "account-call-limit"}
	refusedNodeLimit     = refusal{503, "Too many calls", nil, call.Busy, "system-call-limit"}
	refusedNoCarrier     = refusal{503, "No carrier takes the call", nil, call.Unavailable, "no-carrier"}
	refusedMedia         = refusal{488, "No audio codec in common", nil, call.Unavailable, "no-common-codec"}
	refusedStore         = refusal{503, "Try again", nil, call.Unavailable, "store-failed"}
)

// routeKind says where a call goes.
type routeKind int

const (
	toNobody routeKind = iota // see the refusal
	toEcho
	toExtension
	toCarrier
)

// route is what was decided about a call before anything rings.
type route struct {
	kind      routeKind
	number    string         // dialled: an extension, E.164, or the digits of an emergency or short number
	user      phoneuser.User // of an extension
	emergency bool
	caller    identity // shown to the carrier
	refusal   refusal
}

// identity is who a carrier is told is calling.
type identity struct {
	number string // E.164; empty only on emergency calls
	hidden bool
}

// decide says where a call goes that a phone user dials, in the order of the product's rules: help first, then whom the
// account has itself, what is barred, and last who may be shown to be calling.
func (b *Board) decide(ctx context.Context, from phoneuser.User, dialled string) (route, error) {
	if b.plan.Emergency(dialled) {
		return b.emergency(ctx, from, dialled), nil
	}
	if dialled == echoCode {
		return route{kind: toEcho, number: dialled}, nil
	}
	if isExtension(dialled) {
		user, err := b.phones.ByExtension(ctx, from.AccountID, dialled)
		if err == nil {
			return route{kind: toExtension, number: dialled, user: user}, nil
		}
		if !fault.Is(err, fault.NotFound) {
			return route{}, err
		}
	}
	to, err := b.plan.Dial(dialled, from.LocalPrefix)
	if errors.Is(err, tel.ErrNumber) {
		return route{number: dialled, refusal: refusedNumber}, nil
	}
	if err != nil {
		return route{}, err
	}
	if why, barred := bar(to.Kind); barred {
		return route{number: to.Number, refusal: why}, nil
	}
	return b.present(ctx, from, to)
}

// emergency goes out whatever else holds. It shows the phone user's number if the account owns it, and never hides it: whoever answers may
// have to call back.
func (b *Board) emergency(ctx context.Context, from phoneuser.User, dialled string) route {
	r := route{kind: toCarrier, number: dialled, emergency: true}
	if to, err := b.plan.Dial(dialled, ""); err == nil {
		r.number = to.Number
	}
	if kind, owned, err := b.numbers.Owns(ctx, b.numbers.DB, from.AccountID, from.CallerID); err == nil && owned && kind.Presentable() {
		r.caller.number = from.CallerID
	}
	return r
}

// bar tells what nobody may call.
func bar(kind tel.Kind) (refusal, bool) {
	switch {
	case kind == tel.Premium:
		return refusedPremium, true
	case kind == tel.International:
		return refusedInternational, true
	case kind == tel.Unknown:
		return refusedNumber, true
	}
	return refusal{}, false
}

// present finds who is shown to be calling: the number that the account chose for the phone user, and only while the account owns it and
// it may be shown. No other number ever takes its place.
func (b *Board) present(ctx context.Context, from phoneuser.User, to tel.Dialled) (route, error) {
	if from.CallerID == "" {
		return route{number: to.Number, refusal: refusedNoCallerID}, nil
	}
	kind, owned, err := b.numbers.Owns(ctx, b.numbers.DB, from.AccountID, from.CallerID)
	if err != nil {
		return route{}, err
	}
	if !owned || !kind.Presentable() {
		return route{number: to.Number, refusal: refusedCallerID}, nil
	}
	return route{kind: toCarrier, number: to.Number, caller: identity{from.CallerID, from.HideCallerID}}, nil
}

func isExtension(dialled string) bool {
	if len(dialled) < leastExtension || len(dialled) > mostExtension || dialled[0] == '0' {
		return false
	}
	for _, c := range []byte(dialled) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
