package main

import (
	"crypto/rand"

	"hubline/base/openid/provider"
)

// The demo's sign-in provider: part of the demo's own address, and only there.
const (
	demoProviderName = "Demo sign-in"
	demoProviderID   = "demo-sign-in"
	demoProviderPath = "/_id"
)

// startProvider makes the demo's sign-in provider and adds it to the configuration, which may then ask its own address. Nothing is kept of
// it: who somebody is there follows from the address that they choose.
func (d *demo) startProvider(cfg *Config, host string) error {
	client := provider.Client{ID: "hubline", Secret: rand.Text(), Redirect: cfg.BaseURL + "/sign-in/with/" + demoProviderID + "/answer"}
	options := provider.Options{Issuer: "http://" + host + demoProviderPath, Title: demoProviderName, Clients: []provider.Client{client}}
	for _, set := range demoAccounts {
		for _, p := range set.people {
			options.People = append(options.People, provider.Person{Email: p.email, Name: p.name})
		}
	}
	p, err := provider.New(options)
	if err != nil {
		return err
	}
	d.provider = p
	cfg.OutwardAllow = append(cfg.OutwardAllow, host)
	cfg.SignInProviders = append(cfg.SignInProviders, "id="+demoProviderID+";name="+demoProviderName+";issuer="+options.Issuer+";client-id="+client.ID+";client-secret="+client.Secret)
	return nil
}
