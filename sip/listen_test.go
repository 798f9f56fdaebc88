package sip

import (
	"errors"
	"net"
	"syscall"
	"testing"
)

func TestListenTakesOnePortForBoth(t *testing.T) {
	t.Parallel()
	e, _ := engine(t, Config{})
	at, err := e.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.ListenUDP(t.Context(), at.String()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("UDP is not served on %s: %v", at, err)
	}
	if _, err := e.ListenTCP(t.Context(), at.String()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("TCP is not served on %s: %v", at, err)
	}
}

// A port that another program has for TCP is refused, and is not served for UDP alone.
func TestListenLeavesAPortThatIsTaken(t *testing.T) {
	t.Parallel()
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	e := New(quick(Config{}))
	t.Cleanup(func() { e.Close(expired) })
	if _, err := e.Listen(t.Context(), other.Addr().String()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("Listen on a port that is taken: %v", err)
	}
	if len(*e.udp.Load()) > 0 || len(e.closers) > 0 {
		t.Error("the port is served for UDP after a refusal")
	}
}
