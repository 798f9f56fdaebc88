package carrier

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"hubline/sip"
)

// The directions of calls.
const (
	FromSystem = "from_system"
	ToSystem   = "to_system"
)

const (
	anonymous      = "anonymous"
	outcomeCalling = "calling"
	mostCalls      = 100
	mostBody       = 4 << 10
)

// Call is one call that the network saw, in the form of /_carrier.json.
type Call struct {
	Time       time.Time  `json:"time"`
	Direction  string     `json:"direction"`
	From       string     `json:"from"`               // the calling number as presented in From; "anonymous" for a hidden one
	Name       string     `json:"name,omitempty"`     // the name beside it
	Asserted   string     `json:"asserted,omitempty"` // the number in P-Asserted-Identity, which only carriers see
	Privacy    string     `json:"privacy,omitempty"`  // as sent: "id" when the caller's number is not to be shown
	To         string     `json:"to"`                 // the called number as sent
	Outcome    string     `json:"outcome"`            // calling, ringing, answered, busy, refused, no answer, cancelled, not in service, failed
	Status     int        `json:"status,omitempty"`   // the final SIP status
	Digits     string     `json:"digits,omitempty"`   // keys that were pressed
	AnsweredAt *time.Time `json:"answered_at,omitempty"`
	EndedAt    *time.Time `json:"ended_at,omitempty"`
}

// calls are the last ones, the oldest first.
type calls struct {
	mu   sync.Mutex
	list []*noted
}

// noted is a call in the list while it changes.
type noted struct {
	calls *calls
	call  Call
}

func (c *calls) add(call Call) *noted {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := &noted{c, call}
	if c.list = append(c.list, n); len(c.list) > mostCalls {
		c.list = slices.Delete(c.list, 0, len(c.list)-mostCalls)
	}
	return n
}

// all returns the calls as they are now.
func (c *calls) all() []Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]Call, len(c.list))
	for i, n := range c.list {
		list[i] = n.call
	}
	return list
}

func (c *calls) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = nil
}

// seen is what an INVITE of the system shows.
func seen(m *sip.Message, at time.Time) Call {
	from := m.From()
	c := Call{Time: at.UTC(), Direction: FromSystem, From: from.URI.User, Name: from.Name, Privacy: m.Get("Privacy"), To: m.Target.User, Outcome: outcomeCalling}
	if list, err := sip.ParseAddresses(m.Get("P-Asserted-Identity")); err == nil && len(list) > 0 {
		c.Asserted = list[0].URI.User
	}
	return c
}

func (n *noted) change(fn func(c *Call)) {
	n.calls.mu.Lock()
	defer n.calls.mu.Unlock()
	if n.call.EndedAt == nil {
		fn(&n.call)
	}
}

func (n *noted) now() (c Call) {
	n.calls.mu.Lock()
	defer n.calls.mu.Unlock()
	return n.call
}

func (n *noted) says(outcome string) { n.change(func(c *Call) { c.Outcome = outcome }) }

func (n *noted) answered(at time.Time) {
	at = at.UTC()
	n.change(func(c *Call) { c.Outcome, c.Status, c.AnsweredAt = "answered", 200, &at })
}

func (n *noted) pressed(key byte) {
	n.change(func(c *Call) { c.Digits += string(key) })
}

// over ends a call; whoever says so first is right.
func (n *noted) over(at time.Time, outcome string, status int) {
	at = at.UTC()
	n.change(func(c *Call) { c.Outcome, c.Status, c.EndedAt = outcome, status, &at })
}

// outcomeOf says a final status in a word.
func outcomeOf(status int) string {
	switch status {
	case 200:
		return "answered"
	case 404, 484, 604:
		return "not in service"
	case 408, 480:
		return "no answer"
	case 486, 600:
		return "busy"
	case 487:
		return "cancelled"
	case 403, 603:
		return "refused"
	}
	return "failed"
}

// Calls returns the last hundred calls, the oldest first.
func (n *Network) Calls() []Call { return n.calls.all() }

// Handler serves /_carrier.json: GET lists the last calls, DELETE forgets them, POST {"from","to"} calls a number of the system from outside
// ("from" may be empty for a hidden caller).
func (n *Network) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_carrier.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		out := json.NewEncoder(w)
		out.SetIndent("", "  ")
		_ = out.Encode(n.Calls()) // the reader may be gone
	})
	mux.HandleFunc("DELETE /_carrier.json", func(w http.ResponseWriter, _ *http.Request) {
		n.calls.clear()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /_carrier.json", n.ring)
	return mux
}

// ring answers POST. The content type is one that a page of another site may not send without asking first.
func (n *Network) ring(w http.ResponseWriter, r *http.Request) {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
		http.Error(w, "Send application/json.", http.StatusUnsupportedMediaType)
		return
	}
	var ask struct {
		From string `json:"from"`
		To   string `json:"to"`
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostBody))
	if err != nil || json.Unmarshal(text, &ask) != nil || !isNumber(ask.To) || ask.From != "" && !isNumber(ask.From) {
		http.Error(w, `Send {"from": "+61491570006", "to": "+61255500142"}; leave "from" empty for a hidden caller.`, http.StatusBadRequest)
		return
	}
	n.mu.Lock()
	system := n.system
	n.mu.Unlock()
	if !system.IsValid() {
		http.Error(w, "The system takes no calls yet.", http.StatusServiceUnavailable)
		return
	}
	call := Call{Time: n.o.Now().UTC(), Direction: ToSystem, From: ask.From, Asserted: ask.From, To: ask.To, Outcome: outcomeCalling}
	if ask.From == "" {
		call.From, call.Privacy = anonymous, "id"
	}
	go n.place(system, call)
	w.WriteHeader(http.StatusAccepted)
}

func isNumber(s string) bool {
	digits := strings.TrimPrefix(s, "+")
	return digits != "" && len(digits) <= 15 && strings.Trim(digits, "0123456789") == ""
}
