package api

import (
	"crypto/sha256"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"hubline/base/fault"
	"hubline/product/account"
)

// bodyMost is the most a request may send, in bytes.
const bodyMost = 1 << 20

// forms are what the parts of a path that name an item look like. What has another form can't be the name of anything, and never
// reaches a room.
var forms = map[string]*regexp.Regexp{
	"id":       regexp.MustCompile(`^[a-z2-7]{26}$`),
	"member":   regexp.MustCompile(`^[a-z2-7]{26}$`),
	"device":   regexp.MustCompile(`^[a-z2-7]{26}$`),
	"call":     regexp.MustCompile(`^[0-9a-f]{16}[a-z2-7]{12}$`),
	"import":   regexp.MustCompile(`^[0-9a-f]{16}[a-z2-7]{12}$`),
	"review":   regexp.MustCompile(`^[0-9a-f]{16}[a-z2-7]{12}$`),
	"version":  regexp.MustCompile(`^[1-9][0-9]{0,8}$`),
	"delivery": regexp.MustCompile(`^[0-9a-f]{16}[a-z2-7]{12}$`),
	"number":   regexp.MustCompile(`^\+[0-9]{3,15}$`),
}

// named lists the parts of a path that name items.
func named(path string) (names []string) {
	for part := range strings.SplitSeq(path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok && part != "{slug}" {
			names = append(names, strings.TrimSuffix(name, "}"))
		}
	}
	return names
}

// guard stands before an operation: it finds out whose key asks and what it may do now, refuses what no operation takes, and only
// then lets the request in. It is the only way to an operation.
func (d *door) guard(rt *Route, op *huma.Operation, next http.HandlerFunc) http.Handler {
	in := intake{parameters: parameters(op), fields: d.fields(op), patch: rt.Method == http.MethodPatch}
	names := named(rt.Path)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := visitOf(r.Context())
		v.route = rt.Method + " " + prefix + rt.Path
		actor, err := d.identify(w, r)
		if err == nil {
			v.actor, err = actor, actor.Require(rt.Permission)
		}
		if err == nil && slices.ContainsFunc(names, func(name string) bool { return !forms[name].MatchString(r.PathValue(name)) }) {
			err = nothingHere()
		}
		if err == nil {
			err = in.query(r)
		}
		var body []byte
		if err == nil && r.Method != http.MethodGet && r.Method != http.MethodHead {
			body, err = in.body(w, r)
		}
		if err != nil {
			d.fail(w, r, err)
			return
		}
		r.Header.Del("Accept") // there is JSON, and CSV at addresses of its own; huma's reading of malformed ones panics
		if key := r.Header.Values("Idempotency-Key"); len(key) > 0 && body != nil {
			d.once(w, r, key, body, next)
			return
		}
		next(w, r)
	})
}

func nothingHere() error {
	return fault.New(fault.NotFound, "not-found", "We could not find that. Check the address")
}

// identify returns who asks, with the rights of this moment.
func (d *door) identify(w http.ResponseWriter, r *http.Request) (account.Actor, error) {
	token := bearer(r)
	if token == "" {
		p := refuse(http.StatusUnauthorized, "key-missing", "Send an API key in the header Authorization, after the word Bearer.")
		p.header.Set("WWW-Authenticate", `Bearer realm="Hubline"`)
		return account.Actor{}, p
	}
	return d.admit(w, r, token, func(address string) (account.Actor, error) {
		return d.Account.UseKey(r.Context(), token, r.PathValue("slug"), address)
	})
}

// bearer returns the token of a request, or "".
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// admit finds out whose token it is, within the limits. Those that worked lately have a bucket of their own; only the others are slowed by
// wrong ones from their network, so that nobody can lock a neighbour out.
func (d *door) admit(w http.ResponseWriter, r *http.Request, token string, use func(address string) (account.Actor, error)) (account.Actor, error) {
	now, address := d.Now(), d.address(r)
	key, network := sha256.Sum256([]byte(token)), account.Network(address)
	if known := d.keys.has(key); known {
		if err := d.spend(w, key, now); err != nil {
			return account.Actor{}, err
		}
	} else if at := d.wrong.look(network, now); !at.ok {
		return account.Actor{}, &fault.Fault{Kind: fault.TooMany, Code: "wrong-keys", RetryAfter: at.wait,
			Message: "Too many wrong API keys came from your network. Wait " + seconds(at.wait) + " s before you try another"}
	}
	actor, err := use(address)
	switch known := d.keys.has(key); {
	case fault.Is(err, fault.SignedOut):
		d.keys.drop(key)
		d.wrong.take(network, now)
	case err == nil && !known:
		err = d.spend(w, key, now)
	}
	return actor, err
}

// spend takes one request from the key's allowance and tells how much is left.
func (d *door) spend(w http.ResponseWriter, key [sha256.Size]byte, now time.Time) error {
	at := d.keys.take(key, now)
	h := w.Header()
	h["Ratelimit-Limit"] = d.limitHeader // the canonical spelling, as Set writes it
	h.Set("RateLimit-Remaining", strconv.Itoa(at.left))
	h.Set("RateLimit-Reset", seconds(at.full))
	if at.ok {
		return nil
	}
	return &fault.Fault{Kind: fault.TooMany, Code: "rate-limit", RetryAfter: at.wait,
		Message: "This API key asks too often: " + d.limitHeader[0] + " requests at once, and " + strconv.FormatFloat(d.RateLimit.PerSecond, 'f', -1, 64) + " a second in the long run. Wait, then go on more slowly"}
}

// parameters returns the names of an operation's query parameters.
func parameters(op *huma.Operation) []string {
	var names []string
	for _, p := range op.Parameters {
		if p.In == "query" {
			names = append(names, p.Name)
		}
	}
	return names
}

// fields returns the names of the fields of an operation's body, in order.
func (d *door) fields(op *huma.Operation) []string {
	if op.RequestBody == nil {
		return nil
	}
	schema := op.RequestBody.Content["application/json"].Schema
	if schema.Ref != "" {
		schema = d.huma.OpenAPI().Components.Schemas.SchemaFromRef(schema.Ref)
	}
	var names []string
	for name := range schema.Properties {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
