package main

import (
	"net/http"
	"time"

	"hubline/api"
	"hubline/base/idempotent"
	"hubline/web"
)

// doors builds the door for people and the door for programs. Both take the client's address from RemoteAddr, which
// realAddress has set by then, so neither needs to know the proxies.
func (s *system) doors() (*web.Portal, http.Handler, error) {
	zone, err := s.cfg.zone()
	if err != nil {
		return nil, nil, err
	}
	portal, err := web.New(web.Config{
		BaseURL:  s.cfg.BaseURL,
		Hosts:    s.hosts,
		Provider: s.cfg.Provider,
		Zone:     zone,
		Dev:      s.dev,
		Ring:     s.ring,
		Account:  s.room,
		Phones:   s.phones,
		Numbers:  s.numbers,
		Calls:    s.calls,
		Reports:  s.reports,
		Support:  s.support,
		Webhooks: s.hooks,
		Plan:     s.numbers.Plan,
		Jobs:     s.jobs,
		Changes:  s.feed,
		Log:      s.log,
		Observe:  s.metrics.observe,
	})
	if err != nil {
		return nil, nil, err
	}
	answers := &idempotent.Store{DB: s.store, Keys: s.room.Keys, Log: s.log}
	s.jobs.Every("idempotent.tidy", time.Hour, answers.Tidy)
	programs, err := api.New(api.Config{
		Account:     s.room,
		Phones:      s.phones,
		Numbers:     s.numbers,
		Calls:       s.calls,
		Reports:     s.reports,
		Support:     s.support,
		Webhooks:    s.hooks,
		Idempotency: answers,
		BaseURL:     s.cfg.BaseURL,
		Hosts:       s.hosts,
		Log:         s.log,
		Observe:     s.metrics.observe,
	})
	return portal, programs, err
}
