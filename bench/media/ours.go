package main

import (
	"context"
	"encoding/json"
	"io"
	"net/netip"
	"os"
	"os/exec"

	"hubline/media"
)

// plan is what the measuring process tells the relay: the two peers of each call.
type plan struct{ Left, Right []netip.AddrPort }

// serve is the relay's process: it reads a plan, answers with its ports and relays until its input ends.
func serve(context.Context) error {
	var p plan
	in := json.NewDecoder(os.Stdin)
	if err := in.Decode(&p); err != nil {
		return err
	}
	s := media.New(media.Config{})
	defer s.Close()
	var ports [][2]int
	for i := range p.Left {
		a, err := s.Endpoint()
		if err != nil {
			return err
		}
		b, err := s.Endpoint()
		if err != nil {
			return err
		}
		for e, addr := range map[*media.Endpoint]netip.AddrPort{a: p.Left[i], b: p.Right[i]} {
			e.SetCodecs(media.PCMA)
			e.SetPeer(addr, addr.Addr())
		}
		media.Bridge(a, b)
		ports = append(ports, [2]int{a.Port(), b.Port()})
	}
	if err := json.NewEncoder(os.Stdout).Encode(ports); err != nil {
		return err
	}
	io.Copy(io.Discard, os.Stdin)
	return nil
}

// ours is a relay of this command, or of another build of it.
type ours struct {
	label string
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   io.Reader
}

func startOurs(ctx context.Context, label, path, kind string) (_ peer, err error) {
	o := &ours{label: label, cmd: onFirst(ctx, path, "-relay", kind)}
	o.cmd.Stderr = os.Stderr
	if o.in, err = o.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if o.out, err = o.cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	return o, o.cmd.Start()
}

func (o *ours) name() string { return o.label }
func (o *ours) pid() int     { return o.cmd.Process.Pid }

func (o *ours) open(_ context.Context, left, right []string) (ports [][2]int, err error) {
	var p plan
	for i := range left {
		p.Left, p.Right = append(p.Left, netip.MustParseAddrPort(left[i])), append(p.Right, netip.MustParseAddrPort(right[i]))
	}
	if err := json.NewEncoder(o.in).Encode(p); err != nil {
		return nil, err
	}
	return ports, json.NewDecoder(o.out).Decode(&ports)
}

func (o *ours) close() {
	o.in.Close()
	o.cmd.Wait()
}
