package number

import (
	"context"
	"errors"

	"hubline/base/fault"
	"hubline/base/tel"
	"hubline/product/phoneuser"
)

// EchoCode is dialled for an echo test.
const EchoCode = "*43"

// Bar is why a call that a phone user dials goes nowhere. Its text is the cause in the call's record.
type Bar string

// The bars.
const (
	AccountStopped      Bar = "account-stopped"
	NoSuchNumber        Bar = "no-such-number"
	PremiumBarred       Bar = "premium-barred"
	InternationalBarred Bar = "international-barred"
	CallerIDMissing     Bar = "caller-id-missing"
	CallerIDNotOwned    Bar = "caller-id-not-owned" // or of a kind that may not be shown
)

// Destination is where a call goes that a phone user dials: one of Barred, Echo and Colleague says so, else it goes outside.
type Destination struct {
	Number      string // dialled: an extension, E.164, or the digits of an emergency or short number
	Barred      Bar
	Echo        bool
	Colleague   phoneuser.User // who has the extension; their app may be off
	Emergency   bool
	CallerID    string // E.164, shown to the called; empty only on emergency calls
	ServiceName string // of CallerID
	Hidden      bool   // the carrier is told CallerID, the called is not
}

// Dial decides where a call of a phone user goes, in the order of the rules (product.md section 20): help first, and nothing else while the
// account does not work; then whom the account has itself, what is barred, and last who may be shown to be calling. It is asked on every call.
func (r *Room) Dial(ctx context.Context, from phoneuser.User, dialled string) (to Destination, err error) {
	defer fault.Wrap(&err, "number.Dial")
	if r.Plan.Emergency(dialled) {
		return r.emergency(ctx, from, dialled), nil
	}
	if from.Stopped {
		return Destination{Number: dialled, Barred: AccountStopped}, nil
	}
	if dialled == EchoCode {
		return Destination{Number: dialled, Echo: true}, nil
	}
	if phoneuser.IsExtension(dialled) {
		user, err := r.Phones.ByExtension(ctx, from.AccountID, dialled)
		if err == nil {
			return Destination{Number: dialled, Colleague: user}, nil
		}
		if !fault.Is(err, fault.NotFound) {
			return to, err
		}
	}
	number, err := r.Plan.Dial(dialled, from.LocalPrefix)
	if errors.Is(err, tel.ErrNumber) {
		return Destination{Number: dialled, Barred: NoSuchNumber}, nil
	}
	if err != nil {
		return to, err
	}
	to = Destination{Number: number.Number, Barred: barred(number.Kind)}
	if to.Barred == "" {
		err = r.present(ctx, from, &to)
	}
	return to, err
}

// emergency goes out whatever else holds, also while the store does not answer. It shows the phone user's number, or one of the account's
// where the phone user has none that may be shown, and never hides it: whoever answers may have to call back.
func (r *Room) emergency(ctx context.Context, from phoneuser.User, dialled string) Destination {
	to := Destination{Number: dialled, Emergency: true}
	if number, err := r.Plan.Dial(dialled, ""); err == nil {
		to.Number = number.Number
	}
	name, ok, err := r.shows(ctx, from.AccountID, from.CallerID)
	switch {
	case err == nil && ok:
		to.CallerID, to.ServiceName = from.CallerID, name
	case err == nil: // a store that does not answer is not asked twice
		to.CallerID, to.ServiceName = r.callBack(ctx, from)
	}
	return to
}

// callBack finds the account's number at which somebody is likeliest to be reached who called for help from a phone without a number of its
// own: one that rings the phone user, else one that rings anybody. Both texts are empty when there is none.
func (r *Room) callBack(ctx context.Context, from phoneuser.User) (e164, serviceName string) {
	err := r.DB.QueryRowContext(ctx, `
		SELECT number, service_name FROM numbers WHERE account_id = $1 AND kind IN ($2, $3)
		ORDER BY CASE phone_user_id WHEN $4 THEN 0 WHEN '' THEN 2 ELSE 1 END, kind, number LIMIT 1`,
		from.AccountID, tel.Local, tel.Mobile, from.ID).Scan(&e164, &serviceName)
	if err != nil {
		return "", "" // the call goes on without
	}
	return e164, serviceName
}

// barred tells what nobody may call.
func barred(kind tel.Kind) Bar {
	switch kind {
	case tel.Premium:
		return PremiumBarred
	case tel.International:
		return InternationalBarred
	case tel.Unknown:
		return NoSuchNumber
	}
	return ""
}

// present finds who is shown to be calling: the number that the account chose for the phone user, and only while the account owns it and
// it may be shown. No other number ever takes its place.
func (r *Room) present(ctx context.Context, from phoneuser.User, to *Destination) error {
	if from.CallerID == "" {
		to.Barred = CallerIDMissing
		return nil
	}
	name, ok, err := r.shows(ctx, from.AccountID, from.CallerID)
	switch {
	case err != nil:
		return err
	case !ok:
		to.Barred = CallerIDNotOwned
	default:
		to.CallerID, to.ServiceName, to.Hidden = from.CallerID, name, from.HideCallerID
	}
	return nil
}

// shows tells whether the account owns a number that may be a caller ID, and what it is called.
func (r *Room) shows(ctx context.Context, accountID, e164 string) (serviceName string, ok bool, err error) {
	n, err := r.route(ctx, e164)
	if fault.Is(err, fault.NotFound) {
		return "", false, nil
	}
	return n.ServiceName, err == nil && n.AccountID == accountID && n.Kind.Presentable(), err
}
