package web

import (
	"strings"

	"hubline/product/account"
)

// guidance is what new people should know about signing in, on their first page until they put it away.
type guidance struct {
	Address string // what the address of the portal begins with
	Next    string // where putting it away leads
}

// guidance returns nil for those who have put it away.
func (p *Portal) guidance(r *Request) (*guidance, error) {
	if r.Viewer.Actor.Kind != account.Member { // somebody on a visit is not new here
		return nil, nil
	}
	due, err := p.Account.GuidanceDue(r.Context(), r.Viewer.Actor)
	if err != nil || !due {
		return nil, err
	}
	return p.safely(r), nil
}

func (p *Portal) safely(r *Request) *guidance {
	_, host, _ := strings.Cut(p.BaseURL, "://")
	return &guidance{host, r.URL.Path}
}

// putGuidanceAway remembers that it was read.
func (p *Portal) putGuidanceAway(r *Request) error {
	if err := p.Account.PutGuidanceAway(r.Context(), r.Viewer.Actor); err != nil {
		return err
	}
	return r.Go(r.Next(), Banner{Text: "Put away. You find it again under Your details."})
}
