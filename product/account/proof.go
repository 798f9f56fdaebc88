package account

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"hubline/base/fault"
)

// Method is one way in which people prove who they are.
type Method string

// The methods. A code by email is no factor (NIST SP 800-63B-4 section 3.1.3.1): it serves for a step-up check of people who have
// nothing better. A remembered browser stands for the second factor that was shown on it before.
const (
	ByPassword     Method = "password"
	ByPasskey      Method = "passkey"
	ByProvider     Method = "provider" // another service vouched for them (OpenID Connect)
	ByTOTP         Method = "totp"
	ByRecoveryCode Method = "recovery-code"
	ByDevice       Method = "device"
	ByEmailCode    Method = "email-code"
)

// SignInMethods are the methods that a sign-in begins with, of which an account may allow some only.
var SignInMethods = []Method{ByPassword, ByPasskey, ByProvider}

// Words names the method as sentences do: "signed in with …".
func (m Method) Words() string {
	return map[Method]string{ByPassword: "a password", ByPasskey: "a passkey", ByProvider: "a sign-in provider", ByTOTP: "an authenticator app",
		ByRecoveryCode: "a recovery code", ByDevice: "a remembered browser", ByEmailCode: "a code by email"}[m]
}

// Proof is one thing that a person showed, and when (Unix ms).
type Proof struct {
	Method Method
	At     int64
}

// Proofs is what a session rests on: one proof for each method, in the order in which they were first shown.
type Proofs []Proof

// Proved returns proofs of these methods, shown at that time.
func Proved(at int64, methods ...Method) Proofs {
	var p Proofs
	for _, m := range methods {
		p = p.with(m, at)
	}
	return p
}

// Has reports whether the method is among the proofs.
func (p Proofs) Has(m Method) bool {
	return slices.ContainsFunc(p, func(one Proof) bool { return one.Method == m })
}

// SecondFactor reports whether the proofs count as two factors. A passkey is two by itself: we accept none whose device did not ask for a
// finger, a face or a PIN.
func (p Proofs) SecondFactor() bool {
	return p.Has(ByPasskey) || p.Has(ByTOTP) || p.Has(ByRecoveryCode) || p.Has(ByDevice)
}

// Words names the proofs as sentences do: "a password and an authenticator app".
func (p Proofs) Words() string {
	var words []string
	for _, one := range p {
		if one.Method != ByEmailCode {
			words = append(words, one.Method.Words())
		}
	}
	return strings.Join(words, " and ")
}

// with returns the proofs with one more, or with a newer time for a method that is among them.
func (p Proofs) with(m Method, at int64) Proofs {
	after := slices.Clone(p)
	for i := range after {
		if after[i].Method == m {
			after[i].At = at
			return after
		}
	}
	return append(after, Proof{m, at})
}

// column is the set as the store keeps it: "password:1795305600000,totp:1795305612345".
func (p Proofs) column() string {
	words := make([]string, len(p))
	for i, one := range p {
		words[i] = string(one.Method) + ":" + strconv.FormatInt(one.At, 10)
	}
	return strings.Join(words, ",")
}

func proofsFromColumn(text string) Proofs {
	var p Proofs
	for word := range strings.SplitSeq(text, ",") {
		name, at, _ := strings.Cut(word, ":")
		if ms, err := strconv.ParseInt(at, 10, 64); err == nil {
			p = append(p, Proof{Method(name), ms})
		}
	}
	return p
}

// ways is the set of ways in that a person has beside the password, as the store keeps it: "passkey,totp".
type ways string

func (w ways) has(m Method) bool { return slices.Contains(strings.Split(string(w), ","), string(m)) }

// second reports whether the person can show a second factor.
func (w ways) second() bool { return w.has(ByPasskey) || w.has(ByTOTP) }

// Demand says whom an account asks for a second factor.
type Demand string

// The demands, from nobody to everybody.
const (
	OfNobody   Demand = "nobody"
	OfHolders  Demand = "holders" // of the role Admin or Billing
	OfEveryone Demand = "everyone"
)

// Demands lists the demands in the order in which the form offers them.
var Demands = []Demand{OfNobody, OfHolders, OfEveryone}

// Asks reports whether the account asks a hub user with those roles for a second factor.
func (d Demand) Asks(roles Roles) bool { return d == OfEveryone || d == OfHolders && len(roles) > 0 }

// Need is something that keeps a hub user out of an account until it is there. Their membership is restricted as long.
type Need string

// The needs.
const (
	NeedSecondFactor Need = "second-factor"  // the account asks for one, and the session has none
	NeedMethod       Need = "sign-in-method" // the account does not allow the way in which they signed in
	NeedTerms        Need = "terms"          // terms of use have to be accepted
	NeedSignIn       Need = "sign-in"        // an admin of the account signed them out of it
)

// unmet works out what the actor lacks under the policy of the account it stands in. It is asked at every request, and again inside the
// transaction of every change.
func (a Actor) unmet() []Need {
	var needs []Need
	policy := a.Account.Policy
	later := a.Kind == Member && len(a.proofs) == 0 // in a job: every session rests on something
	switch {
	case a.Account.ID == "": // outside accounts nobody asks
	case a.Kind == Member && !later:
		if a.endedAt > 0 && a.signedInAt <= a.endedAt {
			needs = append(needs, NeedSignIn)
		}
		if policy.SecondFactor.Asks(a.Roles) && !a.twoFactors(policy) {
			needs = append(needs, NeedSecondFactor)
		}
		if !slices.ContainsFunc(policy.Methods.List(), a.proofs.Has) {
			needs = append(needs, NeedMethod)
		}
		if a.termsDue {
			needs = append(needs, NeedTerms)
		}
	case a.Kind == Key, later: // nobody signs in: what counts is what its maker, or whoever began the job, could show
		if policy.SecondFactor.Asks(a.Roles) && !a.ways.second() {
			needs = append(needs, NeedSecondFactor)
		}
		if !slices.ContainsFunc(policy.Methods.List(), func(m Method) bool { return m == ByPassword || a.ways.has(m) }) {
			needs = append(needs, NeedMethod)
		}
		if later && a.termsDue {
			needs = append(needs, NeedTerms)
		}
	}
	return needs
}

// twoFactors reports whether the session has a second factor that the policy takes.
func (a Actor) twoFactors(p Policy) bool {
	if p.RememberDevices {
		return a.proofs.SecondFactor()
	}
	return slices.DeleteFunc(slices.Clone(a.proofs), func(one Proof) bool { return one.Method == ByDevice }).SecondFactor()
}

// Restricted reports whether something keeps the actor out of everything its roles would allow.
func (a Actor) Restricted() bool { return len(a.Needs) > 0 }

// HasSecondFactor reports whether the actor's person could show a second factor, whether or not this session did.
func (a Actor) HasSecondFactor() bool { return a.ways.second() }

// HasWay reports whether the actor's person could sign in or confirm with that method.
func (a Actor) HasWay(m Method) bool { return a.ways.has(m) }

// SignedInWith reports whether the actor's session rests on that method.
func (a Actor) SignedInWith(m Method) bool { return a.proofs.Has(m) }

// restricted is the fault that a restricted actor gets for everything its roles would allow.
func (a Actor) restricted() error {
	if a.Kind == Key {
		return fault.New(fault.Forbidden, "maker-restricted", "The person this API key was made for does not meet the account's rules for signing in. They sign in to the portal and follow what it says")
	}
	message := map[Need]string{NeedSecondFactor: "This account asks for a second factor. Sign in with one", NeedTerms: "Accept the terms of use first",
		NeedSignIn: "An admin of this account signed you out. Sign in again", NeedMethod: "This account does not allow the way you signed in. Sign in another way"}[a.Needs[0]]
	return fault.New(fault.Forbidden, "membership-restricted", message)
}

// sessionTimes returns how long a session lives and how long it may be idle, for somebody who is privileged or not, whose accounts allow
// at most that many hours.
func sessionTimes(privileged bool, hours int64) (life, idle time.Duration) {
	life, idle = sessionLife, sessionIdle
	if privileged {
		life, idle = privilegedLife, privilegedIdle
	}
	if most := time.Duration(hours) * time.Hour; hours > 0 && most < life {
		life = most
	}
	return life, min(life, idle)
}

// SessionHoursMost is the longest life of a session that an account can choose: 30 days.
const SessionHoursMost = int(sessionLife / time.Hour)

// Methods is a set of sign-in methods, in the order of SignInMethods: "password,passkey".
type Methods string

// MethodsOf returns the set of those methods that a sign-in can begin with.
func MethodsOf(list ...Method) Methods {
	var words []string
	for _, m := range SignInMethods {
		if slices.Contains(list, m) {
			words = append(words, string(m))
		}
	}
	return Methods(strings.Join(words, ","))
}

// Has reports whether the method is in the set.
func (m Methods) Has(one Method) bool {
	return slices.Contains(strings.Split(string(m), ","), string(one))
}

// List returns the methods of the set.
func (m Methods) List() []Method {
	return slices.DeleteFunc(slices.Clone(SignInMethods), func(one Method) bool { return !m.Has(one) })
}
