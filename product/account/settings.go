package account

import (
	"context"
	"slices"
	"strconv"

	"hubline/base/db"
	"hubline/base/fault"
)

// Settings is what may be changed of an account: name, time zone and policy by its admins; slug and number only when it is made.
type Settings struct {
	Name            string
	TimeZone        string
	InvitationHours int
	CheckMinutes    int
	SignIn          *SignInPolicy // nil: stays as it is
}

// SignInPolicy is the part of an account's policy that decides how people sign in to it. The fields are those of Policy.
type SignInPolicy struct {
	SecondFactor    Demand
	Methods         Methods // passkeys are always added
	SessionHours    int
	RememberDevices bool
}

// SignIn returns the part of the policy that is about signing in.
func (p Policy) SignIn() SignInPolicy {
	return SignInPolicy{p.SecondFactor, p.Methods, p.SessionHours, p.RememberDevices}
}

// with returns the policy with another way of signing in. Passkeys are always among the methods: whoever asks for two factors has to let
// people choose one that can't be phished (NIST SP 800-63B-4 section 2.2.2), and no other method is stronger.
func (p Policy) with(in SignInPolicy) Policy {
	p.Methods = MethodsOf(append(in.Methods.List(), ByPasskey)...)
	p.SecondFactor, p.SessionHours, p.RememberDevices = in.SecondFactor, in.SessionHours, in.RememberDevices
	return p
}

func (p *SignInPolicy) check() *fault.Fault {
	switch {
	case p == nil:
		return nil
	case !slices.Contains(Demands, p.SecondFactor):
		return fault.Field("second-factor-unknown", "second_factor", "Choose who needs a second factor: nobody, holders, or everyone")
	case p.SessionHours < 1 || p.SessionHours > SessionHoursMost:
		return fault.Field("session-hours", "session_hours", "People sign in again after 1 hour to 30 days. Enter 1 to "+strconv.Itoa(SessionHoursMost)+" hours")
	}
	return nil
}

// looser reports whether a policy asks less of people than another.
func (p Policy) looser(than Policy) bool {
	fewer := slices.Index(Demands, p.SecondFactor) < slices.Index(Demands, than.SecondFactor)
	other := slices.ContainsFunc(p.Methods.List(), func(m Method) bool { return !than.Methods.Has(m) })
	return p.CheckMinutes > than.CheckMinutes || fewer || other || p.SessionHours > than.SessionHours || p.RememberDevices && !than.RememberDevices
}

// Settings returns the actor's own account as it is now.
func (r *Room) Settings(ctx context.Context, actor Actor) (a Account, err error) {
	defer fault.Wrap(&err, "account.Settings")
	if err := actor.Require(ViewSettings); err != nil {
		return a, err
	}
	err = r.DB.QueryRowContext(ctx, `SELECT `+accountColumns+` FROM accounts a WHERE a.id = $1`, actor.Account.ID).Scan(a.fields()...)
	return a, err
}

// ChangeSettings changes the actor's own account. A version other than the stored one is refused, so that nobody overwrites what
// they have not seen; 0 skips that check.
func (r *Room) ChangeSettings(ctx context.Context, actor Actor, in Settings, version int64) (_ Account, err error) {
	defer fault.Wrap(&err, "account.ChangeSettings")
	name, nameFault := checkAccountName(in.Name)
	zone, zoneFault := checkZone(in.TimeZone)
	var lifeFault, checkFault *fault.Fault
	if in.InvitationHours < 1 || in.InvitationHours > 720 {
		lifeFault = fault.Field("invitation-hours", "invitation_hours", "Invitations work for 1 hour to 30 days. Enter 1 to 720 hours")
	}
	if in.CheckMinutes < 0 || in.CheckMinutes > 120 {
		checkFault = fault.Field("check-minutes", "check_minutes", "A check stays fresh for 0 minutes (asked every time) to 120. Enter 0 to 120")
	}
	if err := fault.All(nameFault, zoneFault, lifeFault, checkFault, in.SignIn.check()); err != nil {
		return Account{}, err
	}
	var after Account
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if err := r.Still(ctx, q, &actor, ChangeSettings); err != nil {
			return err
		}
		before := actor.Account
		if version != 0 && version != before.Version {
			return changedMeanwhile()
		}
		after = before
		after.Name, after.Policy.TimeZone, after.Version = name, zone, before.Version+1
		after.Policy.InvitationHours, after.Policy.CheckMinutes = in.InvitationHours, in.CheckMinutes
		if in.SignIn != nil {
			after.Policy = after.Policy.with(*in.SignIn)
		}
		if err := r.mayDecide(ctx, q, actor, before.Policy, after); err != nil {
			return err
		}
		if err := r.saveSettings(ctx, q, after); err != nil {
			return err
		}
		return r.Record(ctx, q, actor, Entry{Action: SettingsChanged, SubjectID: before.ID, SubjectName: after.Name,
			Before: before.describe(), After: after.describe()})
	})
	return after, err
}

// mayDecide refuses a policy that would shut out the admin who makes it, and so perhaps everybody. Loosening one needs a check.
func (r *Room) mayDecide(ctx context.Context, q db.Q, actor Actor, before Policy, after Account) error {
	if after.Policy.looser(before) {
		if err := r.requireCheck(ctx, q, actor, actor.Account.Policy.checkRule()); err != nil {
			return err
		}
	}
	then := actor
	then.Account = after
	needs := r.needs(then)
	switch {
	case slices.Contains(needs, NeedSecondFactor):
		return fault.Field("second-factor-own", "second_factor", "Sign in with a second factor of your own first, or you would shut yourself out. Set one up under Security")
	case slices.Contains(needs, NeedMethod):
		return fault.Field("methods-own", "sign_in_methods", "You signed in another way yourself, and would shut yourself out. Sign in the way you want to keep first")
	}
	return nil
}

func (r *Room) saveSettings(ctx context.Context, q db.Q, a Account) error {
	if _, err := q.ExecContext(ctx, `
		UPDATE accounts SET name = $2, search = $3, time_zone = $4, invitation_hours = $5, check_minutes = $6,
			second_factor = $7, sign_in_methods = $8, session_hours = $9, remember_devices = $10, version = version + 1
		WHERE id = $1`, a.ID, a.Name, a.search(), a.Policy.TimeZone, a.Policy.InvitationHours, a.Policy.CheckMinutes,
		a.Policy.SecondFactor, a.Policy.Methods, a.Policy.SessionHours, bit(a.Policy.RememberDevices)); err != nil {
		return err
	}
	return r.Notice(ctx, q, a.ID) // open pages of people whom the policy shuts out end
}

func (a Account) describe() string {
	p := a.Policy
	text := a.Name + ", " + p.TimeZone + ", invitations " + strconv.Itoa(p.InvitationHours) + " h, check " + strconv.Itoa(p.CheckMinutes) + " min"
	if p.SecondFactor != OfNobody {
		text += ", second factor for " + string(p.SecondFactor)
	}
	if len(p.Methods.List()) < len(SignInMethods) {
		text += ", sign-in by " + string(p.Methods)
	}
	if p.SessionHours != SessionHoursMost {
		text += ", sessions " + strconv.Itoa(p.SessionHours) + " h"
	}
	if !p.RememberDevices {
		text += ", browsers not remembered"
	}
	return text
}

// bit is a flag as the store keeps it.
func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
