package switchboard

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"

	"hubline/sip"
)

// Reach asks the carrier's hosts whether they are there, from a port of its own, and returns how many of them answered. It is for
// checking an installation that does not run.
func (c Carrier) Reach(ctx context.Context) (up, all int, err error) {
	t := newTrunks([]Carrier{c}, netip.Addr{}, slog.New(slog.DiscardHandler)).list[0]
	t.resolve(ctx, false)
	e := sip.New(sip.Config{Log: t.log})
	defer func() {
		now, cancel := context.WithCancel(ctx)
		cancel()
		_ = e.Close(now) // nothing goes on
	}()
	if _, err := e.ListenUDP(ctx, ":0"); err != nil {
		return 0, 0, fmt.Errorf("switchboard: %w", err)
	}
	for _, at := range t.all() {
		all++
		if t.answers(ctx, e, at) && ctx.Err() == nil {
			up++
		}
	}
	return up, all, nil
}
