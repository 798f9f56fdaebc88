package main

import (
	"context"
	"errors"
	"net"

	"hubline/base/mail"
)

type serveCommand struct {
	Config
	NoMigrate bool `group:"store" help:"Refuse to start on an older store instead of migrating it."`
}

func (c *serveCommand) Run(ctx context.Context, std *streams) (err error) {
	if err := c.settle(); err != nil {
		return err
	}
	log := c.logger(std.err)
	s, err := assemble(ctx, &c.Config, !c.NoMigrate, log, c.sender())
	if err != nil {
		return err
	}
	started := false
	defer func() {
		if !started {
			err = errors.Join(err, s.store.Close())
		}
	}()
	if err := s.mount(nil); err != nil {
		return err
	}
	listener, err := listen(ctx, c.HTTP, c.TLSCert, c.TLSKey, "--http")
	if err != nil {
		return err
	}
	var metrics net.Listener
	if c.MetricsAddr != "" {
		if metrics, err = listen(ctx, c.MetricsAddr, "", "", "--metrics-addr"); err != nil {
			return errors.Join(err, listener.Close())
		}
	}
	if c.SMTPAddr == "" {
		log.Warn("no mail server is configured; invitations, codes and notices wait and are given up in the end", "set", "--smtp-addr")
	}
	started = true
	return s.run(ctx, listener, metrics, func() {
		b := thisBuild()
		log.Info("ready", "portal", c.BaseURL, "listen", listener.Addr().String(), "store", s.store.Engine(), "version", b.Version, "schema", b.Schema)
	})
}

// sender returns what takes mails, by the configuration.
func (c *Config) sender() sender {
	if c.SMTPAddr == "" {
		return nowhere{}
	}
	return c.smtp()
}

func (c *Config) smtp() *mail.SMTP {
	return &mail.SMTP{Addr: c.SMTPAddr, Username: c.SMTPUsername, Password: c.SMTPPassword, From: c.from(), TLS: c.SMTPTLS}
}

// nowhere is the mail server of an installation that has none.
type nowhere struct{}

func (nowhere) Send(context.Context, mail.Message) error {
	return errors.New("no mail server is configured; set --smtp-addr")
}
