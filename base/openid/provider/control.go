package provider

import (
	"encoding/json"
	"net/http"
	"slices"
)

// control is what a test may change while the provider runs.
type control struct {
	Faults []string `json:"faults"` // all that are on
	Rotate bool     `json:"rotate"` // the keys, once
	Client *Client  `json:"client"` // to add, or to change by its ID
}

func (p *Provider) fault(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Contains(p.control.Faults, name)
}

func (p *Provider) setControl(w http.ResponseWriter, r *http.Request) {
	var c control
	if err := json.NewDecoder(r.Body).Decode(&c); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if c.Rotate {
		if err := p.rotate(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.control = c
	if c.Client != nil {
		p.Clients = append(slices.DeleteFunc(p.Clients, func(one Client) bool { return one.ID == c.Client.ID }), *c.Client)
	}
	w.WriteHeader(http.StatusNoContent)
}

func (p *Provider) getControl(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	answer(w, http.StatusOK, p.seen)
}
