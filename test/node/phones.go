package node

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"testing"

	"hubline/base/tel"
	"hubline/product/account"
	"hubline/product/number"
	"hubline/product/phoneuser"
)

// Domain is the SIP domain of the nodes that serve phones.
const Domain = "sip.hubline.test"

// Phones is the test's own way to the phone users and numbers of the system's account.
type Phones struct {
	*phoneuser.Room
	Numbers *number.Room
	system  *System
}

// Phones makes room for as many phone users in the account's plan.
func (s *System) Phones(t *testing.T, limit int) *Phones {
	t.Helper()
	p := &Phones{system: s}
	plan := tel.For("AU")
	p.Room = phoneuser.New(phoneuser.Config{DB: s.DB, Jobs: s.Room.Jobs, Keys: s.Room.Keys, Account: s.Room, Plan: plan, BaseURL: "http://localhost", Domain: Domain})
	p.Numbers = number.New(number.Config{DB: s.DB, Keys: s.Room.Keys, Account: s.Room, Phones: p.Room, Plan: plan})
	p.Owns, p.LeadsTo, p.OnDelete = p.Numbers.Owns, p.Numbers.LeadsTo, p.Numbers.Forget
	_, err := s.Room.SetPhoneUserLimit(t.Context(), account.Operate(), s.Admin.Actor.Account.ID, limit)
	must(t, err)
	return p
}

// Operator acts for the provider inside the account.
func (p *Phones) Operator() account.Actor {
	return account.Operate().Inside(p.system.Admin.Actor.Account)
}

// Seat is a phone user with devices.
type Seat struct {
	phoneuser.User
	Devices []phoneuser.Details
}

// Seat adds a phone user with the app on and so many devices.
func (p *Phones) Seat(ctx context.Context, extension string, devices int) (s Seat, err error) {
	actor, err := p.system.Room.UseKey(ctx, p.system.Key, Slug, "192.0.2.1")
	if err != nil {
		return s, err
	}
	s.User, err = p.Add(ctx, actor, phoneuser.Settings{Extension: extension, DisplayName: "Desk " + extension,
		Email: "desk" + extension + "@harbour.example", LocalPrefix: "02", AppEnabled: true}, "")
	for range devices {
		if err != nil {
			break
		}
		var d phoneuser.Details
		d, err = p.Provide(ctx, p.Operator(), s.ID, phoneuser.Phone)
		s.Devices = append(s.Devices, d)
	}
	return s, err
}

// Seats adds as many phone users, from extension 2000 on.
func (p *Phones) Seats(t *testing.T, count, devices int) []Seat {
	t.Helper()
	seats, errs := make([]Seat, count), make([]error, count)
	var wait sync.WaitGroup
	next := make(chan int)
	for range 4 {
		wait.Go(func() {
			for i := range next {
				seats[i], errs[i] = p.Seat(t.Context(), strconv.Itoa(2000+i), devices)
			}
		})
	}
	for i := range count {
		next <- i
	}
	close(next)
	wait.Wait()
	for _, err := range errs {
		must(t, err)
	}
	return seats
}

// Free finds an address that is free now for UDP and TCP, and that a node can take later or come back to: above the ports that systems give
// away, so that no connection of a test beside it takes it meanwhile.
func Free(t *testing.T) netip.AddrPort {
	t.Helper()
	for range 100 {
		at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(61000+rand.IntN(4500)))
		udp, err := net.ListenPacket("udp", at.String())
		if err != nil {
			continue
		}
		tcp, err := net.Listen("tcp", at.String())
		udp.Close()
		if err == nil {
			tcp.Close()
			return at
		}
	}
	t.Fatal("no port is free for UDP and TCP")
	return netip.AddrPort{}
}

// PhoneFlags are the flags of a node that serves phones at an address.
func PhoneFlags(name string, at netip.AddrPort, more ...string) []string {
	return append([]string{"--node", name, "--sip", at.String(), "--sip-domain", Domain, "--rtp-ports", ""}, more...)
}

// Resident returns how much memory a server takes now, in bytes.
func (n *Node) Resident(t *testing.T) int64 {
	t.Helper()
	size, err := resident(n.PID())
	must(t, err)
	return size
}

func resident(pid int) (bytes int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		return 0, err
	}
	return pages * int64(os.Getpagesize()), nil
}

// Call asks a node's API as the account's key and returns the status. An answer of 300 and more is an error too, unless it asks for patience
// (429).
func (s *System) Call(ctx context.Context, method, url string, body any) (status int, err error) {
	var text io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return 0, err
		}
		text = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, url, text)
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+s.Key)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode >= 300 && answer.StatusCode != http.StatusTooManyRequests {
		err = fmt.Errorf("%s %s: %s %s", method, url, answer.Status, said)
	}
	return answer.StatusCode, err
}
