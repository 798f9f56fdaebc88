package main

import (
	"context"
	"log/slog"
	"net"
	"net/url"

	"hubline/base/mail"
	"hubline/base/tel"
	"hubline/product/account"
	"hubline/product/number"
	"hubline/product/phoneuser"
	"hubline/product/support"
	"hubline/product/webhook"
)

// rooms are the rooms of the product, from left to right.
type rooms struct {
	room    *account.Room
	phones  *phoneuser.Room
	numbers *number.Room
	support *support.Room
	hooks   *webhook.Room
}

// furnish makes the rooms on the system's ground and tells them of each other where a rule needs a room to its right.
func (s *system) furnish(ctx context.Context, log *slog.Logger, send sender) (err error) {
	plan := tel.For(s.cfg.Country)
	people := s.cfg.room(s.store, s.jobs, s.ring, log, send)
	if err := s.cfg.signIn(&people); err != nil {
		return err
	}
	s.room = account.New(people)
	domain, err := s.sipDomain(ctx)
	if err != nil {
		return err
	}
	s.phones = phoneuser.New(phoneuser.Config{DB: s.store, Jobs: s.jobs, Keys: s.ring, Account: s.room, Feed: s.feed, Plan: plan, Log: log,
		BaseURL: s.cfg.BaseURL, Domain: domain, Server: s.cfg.SIPServer})
	s.numbers = number.New(number.Config{DB: s.store, Keys: s.ring, Account: s.room, Phones: s.phones, Feed: s.feed, Plan: plan, Log: log})
	s.phones.Owns, s.phones.LeadsTo, s.phones.OnDelete = s.numbers.Owns, s.numbers.LeadsTo, s.numbers.Forget
	s.support = support.New(support.Config{DB: s.store, Jobs: s.jobs, Keys: s.ring, Account: s.room, Mail: send, Log: log, BaseURL: s.cfg.BaseURL,
		Provider: mail.Provider{Name: s.cfg.Provider, Phone: s.cfg.SupportPhone, Support: s.cfg.SupportEmail}})
	guard, err := s.cfg.outward()
	if err != nil {
		return err
	}
	s.hooks = webhook.New(webhook.Config{DB: s.store, Jobs: s.jobs, Keys: s.ring, Account: s.room, Guard: guard, Log: log})
	return nil
}

// sipDomain is fixed at the installation's first start: every stored digest is bound to it (outside.md section 5).
func (s *system) sipDomain(ctx context.Context) (string, error) {
	domain := s.cfg.SIPDomain
	if domain == "" {
		base, err := url.Parse(s.cfg.BaseURL)
		if err != nil {
			return "", err
		}
		if domain = base.Hostname(); net.ParseIP(domain) != nil || domain == "" {
			domain = "sip.hubline.test"
		}
	}
	fixed, err := phoneuser.Installation(ctx, s.store, "sip-domain", domain)
	if err == nil && s.cfg.SIPDomain != "" && s.cfg.SIPDomain != fixed {
		return "", usagef("--sip-domain %s: this installation has %s since its first start, and every phone's credential is bound to it", s.cfg.SIPDomain, fixed)
	}
	return fixed, err
}
