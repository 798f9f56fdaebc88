package main

import (
	"context"
	"errors"
	"log/slog"
	"net"

	"hubline/base/mail"
)

type serveCommand struct {
	Config
	NoMigrate bool `group:"store" help:"Refuse to start on an older store instead of migrating it."`
}

func (c *serveCommand) Run(ctx context.Context, std *streams) error {
	if err := c.settle(); err != nil {
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
	log := c.logger(std.err)
	s, err := c.assemble(ctx, listener, log)
	if err != nil {
		if metrics != nil {
			err = errors.Join(err, metrics.Close())
		}
		return errors.Join(err, listener.Close())
	}
	if c.SMTPAddr == "" {
		log.Warn("no mail server is configured; invitations, codes and notices wait and are given up in the end", "set", "--smtp-addr")
	}
	return s.run(ctx, listener, metrics, func() {
		b := thisBuild()
		log.Info("ready", "portal", c.BaseURL, "listen", listener.Addr().String(), "sip", s.sipText(), "store", s.store.Engine(), "version", b.Version, "schema", b.Schema)
	})
}

// assemble wires the system and its doors; links begin with the address that the listener really has.
func (c *serveCommand) assemble(ctx context.Context, listener net.Listener, log *slog.Logger) (*system, error) {
	if err := c.Site.settle(listener.Addr().String()); err != nil {
		return nil, err
	}
	s, err := assemble(ctx, &c.Config, !c.NoMigrate, log, c.sender())
	if err != nil {
		return nil, err
	}
	if err := errors.Join(s.openPhones(ctx), s.mount(nil)); err != nil {
		return nil, errors.Join(err, s.store.Close())
	}
	return s, nil
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
