// Package api is the door for programs: JSON over HTTP under /api/v1, described by an OpenAPI 3.1 document that is made from the same
// table as the routes, and SCIM 2.0 for directories under /scim/v2. It knows no SQL and no pages; what an account is and who may do what, it asks the room account.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"hubline/base/fault"
	"hubline/base/idempotent"
	"hubline/product/account"
	"hubline/product/call"
	"hubline/product/number"
	"hubline/product/phoneuser"
	"hubline/product/report"
	"hubline/product/support"
	"hubline/product/webhook"
)

// prefix is the first part of every path; the second is the version.
const prefix = "/api/v1"

// Config is what the API needs from the outside.
type Config struct {
	Account        *account.Room
	Phones         *phoneuser.Room
	Numbers        *number.Room
	Calls          *call.Room
	Reports        *report.Room
	Support        *support.Room
	Webhooks       *webhook.Room
	Idempotency    *idempotent.Store
	BaseURL        string         // origin of this installation, without a slash at the end; every other Host is refused
	Hosts          []string       // further Host values to answer, e.g. "localhost:8080" in the demo
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed; everybody else's is not
	RateLimit      RateLimit
	Log            *slog.Logger     // nil: discarded
	Now            func() time.Time // nil: time.Now

	// Observe is told of every answered request, for metrics and traces; route is a pattern, "" when none fits. nil: nobody.
	Observe func(r *http.Request, route string, status int, took time.Duration)
}

// RateLimit says how fast a key may ask, and how often one network may try keys that do not work. Zero values mean the defaults.
type RateLimit struct {
	PerSecond      float64 // requests a second with one key, in the long run; 0: 50
	Burst          int     // requests at once; 0: 100
	WrongPerMinute float64 // wrong keys a minute from one network; 0: 30
	WrongBurst     int     // wrong keys at once; 0: 30
}

// bucketsMost bounds the memory of each limiter.
const bucketsMost = 20_000

// Route is one operation of the API. Its permission is what a key needs; there is no other way to declare one, and none without.
type Route struct {
	Method     string
	Path       string // below /api/v1; "{slug}" is the account's, "{id}" an item's ID
	Permission account.Permission
	ID         string // the operation's name in the OpenAPI document
	Tag        string // the group it stands in there
	Summary    string // a few words, beginning with a verb
	Text       string // what it does, for the reference
	Example    string // a body to send, as JSON
	register   func(d *door, op huma.Operation)
}

// door serves the API.
type door struct {
	Config
	mux         *http.ServeMux
	huma        huma.API
	routes      map[string]*Route // by ID
	hosts       map[string]bool
	keys        *limiter[[32]byte]
	wrong       *limiter[string]
	limitHeader []string
}

// JSON names are compared exactly: "Roles" is an unknown field and never a second way to write "roles".
func init() { huma.ValidateStrictCasing = true }

// New returns the handler for everything under /api/ and /scim/.
func New(c Config) (http.Handler, error) {
	d, err := build(c, Routes())
	if err != nil {
		return nil, err
	}
	return d.around(http.HandlerFunc(d.dispatch)), nil
}

func build(c Config, routes []Route) (d *door, err error) {
	defer fault.Wrap(&err, "api.New")
	if d, err = newDoor(c); err != nil {
		return nil, err
	}
	defer func() { // huma and ServeMux panic over what they do not take
		if v := recover(); v != nil {
			err = fmt.Errorf("%v", v)
		}
	}()
	for i := range routes {
		if err := d.add(&routes[i]); err != nil {
			return nil, fmt.Errorf("route %s %s: %w", routes[i].Method, routes[i].Path, err)
		}
	}
	d.addPages()
	d.addSCIM()
	d.mux.HandleFunc("/api/", d.nothing)
	d.mux.HandleFunc("/scim/", d.nothing)
	d.describe()
	return d, nil
}

func newDoor(c Config) (*door, error) {
	base, err := url.Parse(c.BaseURL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, fmt.Errorf("base URL %q must be an origin such as https://hub.example.com", c.BaseURL)
	}
	if c.Account == nil || c.Idempotency == nil {
		return nil, errors.New("the room account and the store of idempotency keys are needed")
	}
	c.BaseURL = base.Scheme + "://" + base.Host
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.RateLimit.PerSecond <= 0 {
		c.RateLimit.PerSecond = 50
	}
	if c.RateLimit.Burst <= 0 {
		c.RateLimit.Burst = 100
	}
	if c.RateLimit.WrongPerMinute <= 0 {
		c.RateLimit.WrongPerMinute = 30
	}
	if c.RateLimit.WrongBurst <= 0 {
		c.RateLimit.WrongBurst = 30
	}
	d := &door{Config: c, mux: http.NewServeMux(), routes: map[string]*Route{}, hosts: map[string]bool{},
		keys:        newLimiter[[32]byte](c.RateLimit.PerSecond, c.RateLimit.Burst, bucketsMost),
		wrong:       newLimiter[string](c.RateLimit.WrongPerMinute/60, c.RateLimit.WrongBurst, bucketsMost),
		limitHeader: []string{strconv.Itoa(c.RateLimit.Burst)}}
	for _, host := range append([]string{base.Host}, c.Hosts...) {
		d.hosts[plainHost(host)] = true
	}
	d.huma = huma.NewAPI(d.humaConfig(), adapter{d})
	return d, nil
}

func (d *door) humaConfig() huma.Config {
	config := huma.DefaultConfig("Hubline API", "1")
	config.OpenAPIPath, config.DocsPath, config.SchemasPath, config.CreateHooks = "", "", "", nil
	config.Formats = map[string]huma.Format{"application/json": jsonFormat, "json": jsonFormat} // the second is for +json
	config.Servers = []*huma.Server{{URL: d.BaseURL + prefix}}
	config.Transformers = []huma.Transformer{func(ctx huma.Context, _ string, v any) (any, error) {
		if m, ok := v.(*huma.ErrorModel); ok {
			p := d.problemOf(ctx.Context(), fromHuma(m, d.fields(ctx.Operation())))
			p.Status = m.Status // huma sends this one
			return p, nil
		}
		return v, nil
	}}
	return config
}

// jsonFormat reads what intake let pass, whatever it was called, and writes without escapes for HTML.
var jsonFormat = huma.Format{
	Marshal: func(w io.Writer, v any) error {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		return e.Encode(v)
	},
	Unmarshal: json.Unmarshal,
}

// add registers one route. What does not say who may use it is refused.
func (d *door) add(rt *Route) error {
	switch {
	case !knownPermission(rt.Permission):
		return fmt.Errorf("it needs a permission of the room account, not %q", rt.Permission)
	case !strings.HasPrefix(rt.Path, "/accounts/{slug}"):
		return errors.New("its path must name the account")
	case slices.ContainsFunc(named(rt.Path), func(name string) bool { return forms[name] == nil }):
		return errors.New("it needs a form for every name in its path")
	case rt.ID == "" || rt.register == nil || d.routes[rt.ID] != nil:
		return errors.New("it needs a name of its own and a handler")
	}
	d.routes[rt.ID] = rt
	rt.register(d, d.operation(rt))
	return nil
}

func knownPermission(p account.Permission) bool {
	for _, right := range account.Rights {
		if p != "" && right.Permission == p {
			return true
		}
	}
	return false
}

// adapter connects huma with the mux. Every operation gets its guard here; one without a route has none and panics.
type adapter struct{ d *door }

// Handle implements huma.Adapter.
func (a adapter) Handle(op *huma.Operation, handle func(huma.Context)) {
	rt := a.d.routes[op.OperationID]
	if rt == nil {
		panic("operation " + op.OperationID + " is not in the table of routes")
	}
	a.d.mux.Handle(op.Method+" "+prefix+op.Path, a.d.guard(rt, op, func(w http.ResponseWriter, r *http.Request) {
		handle(humago.NewContext(op, r, w))
	}))
}

// ServeHTTP implements huma.Adapter.
func (a adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.d.dispatch(w, r) }

// serve makes a route's handler from a method of the door. Whatever error it returns becomes a problem in problemOf.
func serve[I, O any](fn func(*door, context.Context, account.Actor, *I) (*O, error)) func(*door, huma.Operation) {
	return func(d *door, op huma.Operation) {
		huma.Register(d.huma, op, func(ctx context.Context, in *I) (*O, error) {
			out, err := fn(d, ctx, visitOf(ctx).actor, in)
			if err != nil {
				return nil, d.problemOf(ctx, err)
			}
			return out, nil
		})
	}
}

// dispatch finds the route. Paths that would need cleaning lead nowhere: a redirect could change what a request does.
func (d *door) dispatch(w http.ResponseWriter, r *http.Request) {
	if !d.hosts[plainHost(r.Host)] {
		d.fail(w, r, refuse(http.StatusMisdirectedRequest, "unknown-host", "This server does not answer to that name. Use "+d.BaseURL+prefix+"."))
		return
	}
	if p := r.URL.EscapedPath(); path.Clean(p) != p {
		d.nothing(w, r)
		return
	}
	d.mux.ServeHTTP(w, r)
}

// plainHost is a Host value without case, a final dot and the ports that clients leave out.
func plainHost(host string) string {
	host = strings.ToLower(host)
	if name, port, err := net.SplitHostPort(host); err == nil && (port == "80" || port == "443") {
		host = name
	}
	return strings.TrimSuffix(host, ".")
}

// nothing answers what no route takes: with 405 if another method would do, else with 404.
func (d *door) nothing(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
		probe := r.Clone(r.Context())
		probe.Method = method
		if _, pattern := d.mux.Handler(probe); pattern != "/api/" && pattern != "/scim/" && pattern != "" && path.Clean(r.URL.EscapedPath()) == r.URL.EscapedPath() {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		d.fail(w, r, refuse(http.StatusNotFound, "no-such-address", "There is nothing at this address. All addresses are in "+prefix+"/docs."))
		return
	}
	p := refuse(http.StatusMethodNotAllowed, "method", r.Method+" does nothing at this address. It takes "+strings.Join(allowed, ", ")+".")
	p.header.Set("Allow", strings.Join(allowed, ", "))
	d.fail(w, r, p)
}
