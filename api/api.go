// Package api is the door for programs: JSON over HTTP under /api/v1, described by an OpenAPI 3.1 document that is made from the same
// table as the routes. It knows no SQL and no pages; what an account is and who may do what, it asks the room account.
package api

import (
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"hubline/base/idempotent"
	"hubline/product/account"
)

// Config is what the API needs from the outside.
type Config struct {
	Account        *account.Room
	Idempotency    *idempotent.Store
	BaseURL        string         // origin of this installation, without a slash at the end; never taken from a request
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed; everybody else's is not
	RateLimit      RateLimit
	Log            *slog.Logger     // nil: discarded
	Now            func() time.Time // nil: time.Now
}

// RateLimit says how fast a key may ask, and how often one address may try keys that do not work. Zero values mean the defaults.
type RateLimit struct {
	PerSecond      float64 // requests a second with one key, in the long run; 0: 50
	Burst          int     // requests at once; 0: 100
	WrongPerMinute float64 // wrong keys a minute from one network; 0: 30
	WrongBurst     int     // wrong keys at once; 0: 30
}

// New returns the handler for everything under /api/.
func New(c Config) (http.Handler, error) {
	if c.Account == nil {
		return nil, errors.New("api.New: no account room")
	}
	return http.NotFoundHandler(), nil
}
