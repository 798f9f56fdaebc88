// Package fault gives errors a meaning: a kind for machines, a sentence for people, the cause for operators.
// It does not know how a door shows a fault; every door has one table from Kind to its own answer.
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what went wrong, seen from whoever asked.
type Kind int8

const (
	Invalid   Kind = iota + 1 // a value has to be changed first; Field names it
	NotFound                  // there is no such thing, or not for this person
	Forbidden                 // known and signed in, but the roles do not allow it
	Conflict                  // the state of things does not allow it now
	TooMany                   // a limit is reached; RetryAfter says when it ends
	SignedOut                 // nobody is signed in
	StepUp                    // signed in, but a fresh check is needed first
	Changed                   // somebody else changed it meanwhile (If-Match, version)
	Busy                      // the system cannot do it at the moment; the same request may succeed later
)

var kindNames = [...]string{"internal", "invalid", "not found", "forbidden", "conflict", "too many", "signed out", "step-up", "changed", "busy"}

func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return fmt.Sprintf("Kind(%d)", int8(k))
	}
	return kindNames[k]
}

// Fault is an error that a person may read. Anything that is not a Fault is internal.
type Fault struct {
	Kind Kind
	// Code is a stable slug for programs and tests, such as "last-admin". It never changes once published.
	Code string
	// Field is the form and JSON name of the value at fault; empty when the fault is not about one value.
	Field string
	// Message is a whole sentence that says what is wrong and the way out.
	Message string
	// RetryAfter is how long to wait before the same request can succeed; zero when unknown.
	RetryAfter time.Duration
	// Also holds further faults of the same request, so that a form can mark all its fields at once.
	Also []*Fault
	// Err is the cause, for the log only.
	Err error
}

func (f *Fault) Error() string {
	if f.Err != nil {
		return f.Message + ": " + f.Err.Error()
	}
	return f.Message
}

func (f *Fault) Unwrap() error { return f.Err }

// New returns a fault that is not about one field.
func New(k Kind, code, message string) *Fault {
	return &Fault{Kind: k, Code: code, Message: message}
}

// Field returns an Invalid fault about one field.
func Field(code, field, message string) *Fault {
	return &Fault{Kind: Invalid, Code: code, Field: field, Message: message}
}

// All joins what several checks found: nil when all are nil, else the first fault with the others in Also.
// The faults passed in stay as they are.
func All(fs ...*Fault) error {
	var first *Fault
	for _, f := range fs {
		switch {
		case f == nil:
		case first == nil:
			c := *f
			c.Also = append([]*Fault(nil), f.Also...)
			first = &c
		default:
			alone := *f
			alone.Also = nil
			first.Also = append(first.Also, &alone)
			first.Also = append(first.Also, f.Also...)
		}
	}
	if first == nil {
		return nil // a nil *Fault in an error would not be nil
	}
	return first
}

// Of finds the fault in err's chain.
func Of(err error) (*Fault, bool) {
	return errors.AsType[*Fault](err)
}

// Is reports whether err carries a fault of kind k.
func Is(err error, k Kind) bool {
	f, ok := Of(err)
	return ok && f.Kind == k
}

// Wrap adds the operation to *err on the way out and leaves nil alone. Use it deferred:
//
//	defer fault.Wrap(&err, "account.Invite(%s)", accountID)
func Wrap(err *error, format string, args ...any) {
	if *err != nil {
		*err = fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), *err)
	}
}
