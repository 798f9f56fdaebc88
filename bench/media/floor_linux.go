//go:build linux && (amd64 || arm64 || riscv64)

package main

import (
	"encoding/json"
	"io"
	"net/netip"
	"os"
	"syscall"
	"time"
	"unsafe"
)

// bare is a socket of the floor, connected to the peer whose packets it passes on.
type bare struct {
	fd, port int
	other    int // descriptor of the call's other side
}

// floor is a relay that does nothing but wait, receive and send, one connected socket for each stream as the real one has: no look at the
// packet or its source, no numbers of its own, no reports, no lock. What it takes is the kernel's and the scheduler's part of a relay.
func floor() error {
	var p plan
	if err := json.NewDecoder(os.Stdin).Decode(&p); err != nil {
		return err
	}
	var sockets []bare
	var ports [][2]int
	for i := range p.Left {
		a, err := openBare(p.Left[i])
		if err != nil {
			return err
		}
		b, err := openBare(p.Right[i])
		if err != nil {
			return err
		}
		a.other, b.other = b.fd, a.fd
		sockets, ports = append(sockets, a, b), append(ports, [2]int{a.port, b.port})
	}
	poll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	for i, s := range sockets {
		event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(i)}
		if err := syscall.EpollCtl(poll, syscall.EPOLL_CTL_ADD, s.fd, &event); err != nil {
			return os.NewSyscallError("epoll_ctl", err)
		}
	}
	go passBare(poll, sockets)
	if err := json.NewEncoder(os.Stdout).Encode(ports); err != nil {
		return err
	}
	io.Copy(io.Discard, os.Stdin)
	return nil
}

func openBare(peer netip.AddrPort) (s bare, err error) {
	if s.fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0); err != nil {
		return s, os.NewSyscallError("socket", err)
	}
	if err := syscall.Bind(s.fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return s, os.NewSyscallError("bind", err)
	}
	local, err := syscall.Getsockname(s.fd)
	if err != nil {
		return s, os.NewSyscallError("getsockname", err)
	}
	s.port = local.(*syscall.SockaddrInet4).Port
	err = syscall.Connect(s.fd, &syscall.SockaddrInet4{Addr: peer.Addr().As4(), Port: int(peer.Port())})
	return s, os.NewSyscallError("connect", err)
}

// passBare looks at the sockets as often as package media does, until the process ends.
func passBare(poll int, sockets []bare) {
	const enough = 64
	var ready [512]syscall.EpollEvent
	packet := make([]byte, 2048)
	last, n := time.Now(), 0
	for {
		rest := time.Millisecond
		if n < enough {
			rest *= 2
		}
		if rest -= time.Since(last); rest > 0 {
			t := syscall.NsecToTimespec(int64(rest))
			_ = syscall.Nanosleep(&t, nil)
		}
		n, _ = syscall.EpollWait(poll, ready[:], -1)
		last = time.Now()
		for i := range max(n, 0) {
			s := &sockets[ready[i].Fd]
			size, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(s.fd), uintptr(unsafe.Pointer(&packet[0])), uintptr(len(packet)), 0, 0, 0)
			if errno == 0 {
				_, _, _ = syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(s.other), uintptr(unsafe.Pointer(&packet[0])), size, syscall.MSG_NOSIGNAL, 0, 0)
			}
		}
	}
}
