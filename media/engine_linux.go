//go:build linux && (amd64 || arm64 || riscv64)

package media

import (
	"encoding/binary"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// epoll is the engine for Linux: one thread waits for all its sockets and calls the kernel without telling Go's scheduler, since none
// of those calls blocks. A goroutine for each socket costs more at every packet.
type epoll struct {
	since  func() time.Duration
	fd     int
	wake   [2]int // a pipe that ends the thread
	thread sync.WaitGroup

	mu    sync.Mutex
	slots []slot
	free  []int32
}

type epollSocket struct {
	engine  *epoll
	e       *Endpoint
	control bool
	fd      int
	local   int
	slot    int32
	six     bool // an IPv6 socket; IPv4 peers are mapped
	closed  bool
	direct  *epollSocket // of the same port, connected to the peer; nil while the peer may change
	alone   bool         // the system gave no such socket

	// The peer's address as the kernel wants it, made anew when it changes.
	to   netip.AddrPort
	raw  syscall.RawSockaddrInet6
	size uintptr
}

// slot is a socket that is watched, with what is needed to read from it at hand.
type slot struct {
	socket *epollSocket
	e      *Endpoint
	fd     int
}

// events is how many ready sockets one call to the kernel tells about.
const events = 512

// pause is the least time between two looks at the sockets. Under load the thread then wakes a thousand times a second instead of for
// every packet, which costs as much as a packet does; a phone alone never meets it, since its packets are further apart. Where a look
// finds less than enough, waking is still a part of the cost, and the next one is twice as far away: a tenth of a frame of sound.
const (
	pause  = time.Millisecond
	enough = 64 // sockets
)

// expedited is the type of service of voice, DSCP EF (RFC 4594).
const expedited = 46 << 2

func newEngine(since func() time.Duration) (engine, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	l := &epoll{since: since, fd: fd}
	if err := syscall.Pipe2(l.wake[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK); err != nil {
		_ = syscall.Close(fd)
		return nil, os.NewSyscallError("pipe2", err)
	}
	if err := l.watch(l.wake[0], -1); err != nil {
		l.release()
		return nil, err
	}
	l.thread.Go(l.run)
	return l, nil
}

func (l *epoll) watch(fd int, slot int32) error {
	event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: slot} // the kernel only keeps what stands in Fd
	return os.NewSyscallError("epoll_ctl", syscall.EpollCtl(l.fd, syscall.EPOLL_CTL_ADD, fd, &event))
}

func (l *epoll) close() {
	_, _ = syscall.Write(l.wake[1], []byte{0})
	l.thread.Wait()
	l.release()
}

func (l *epoll) release() {
	for _, fd := range []int{l.fd, l.wake[0], l.wake[1]} {
		_ = syscall.Close(fd)
	}
}

func (l *epoll) open(e *Endpoint, addr netip.AddrPort, control bool) (socket, error) {
	s := &epollSocket{engine: l, e: e, control: control, six: addr.Addr().Is6(), slot: -1}
	family := syscall.AF_INET6
	var bound syscall.Sockaddr = &syscall.SockaddrInet6{Port: int(addr.Port()), Addr: addr.Addr().As16()}
	if !s.six {
		family, bound = syscall.AF_INET, &syscall.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}
	}
	var err error
	if s.fd, err = syscall.Socket(family, syscall.SOCK_DGRAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0); err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err = s.bind(bound); err != nil {
		_ = syscall.Close(s.fd)
		return nil, err
	}
	if s.local = int(addr.Port()); s.local == 0 {
		s.local, err = localPort(s.fd)
	}
	return s, err
}

func (s *epollSocket) bind(addr syscall.Sockaddr) error {
	if s.six {
		// IPv4 as well on the unspecified address, whatever the system's default is.
		if err := syscall.SetsockoptInt(s.fd, syscall.IPPROTO_IPV6, syscall.IPV6_V6ONLY, 0); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
		_ = syscall.SetsockoptInt(s.fd, syscall.IPPROTO_IPV6, syscall.IPV6_TCLASS, expedited)
	}
	_ = syscall.SetsockoptInt(s.fd, syscall.IPPROTO_IP, syscall.IP_TOS, expedited) // networks that care send voice first; others lose nothing
	return os.NewSyscallError("bind", syscall.Bind(s.fd, addr))
}

func localPort(fd int) (int, error) {
	switch a, err := syscall.Getsockname(fd); a := a.(type) {
	case *syscall.SockaddrInet4:
		return a.Port, err
	case *syscall.SockaddrInet6:
		return a.Port, err
	default:
		return 0, os.NewSyscallError("getsockname", err)
	}
}

// start lets packets in.
func (l *epoll) start(opened socket) error {
	s := opened.(*epollSocket)
	l.mu.Lock()
	if n := len(l.free); n > 0 {
		s.slot, l.free = l.free[n-1], l.free[:n-1]
	} else {
		s.slot = int32(len(l.slots))
		l.slots = append(l.slots, slot{})
	}
	l.slots[s.slot] = slot{s, s.e, s.fd}
	l.mu.Unlock()
	return l.watch(s.fd, s.slot)
}

// run passes on what arrives until the engine is closed. A slot that found another socket meanwhile does no harm: nothing is there to read.
func (l *epoll) run() {
	var ready [events]syscall.EpollEvent
	var slots [events]slot
	packet := make([]byte, largestPacket)
	at, n := l.since(), 0
	for {
		rest := pause
		if n < enough {
			rest *= 2
		}
		nap(min(rest, rest-(l.since()-at)))
		var err error
		n, err = syscall.EpollWait(l.fd, ready[:], -1)
		if err != nil && err != syscall.EINTR {
			panic(os.NewSyscallError("epoll_wait", err)) // a programming error; there is no sound without it
		}
		l.mu.Lock()
		for i := range max(n, 0) {
			if ready[i].Fd < 0 {
				l.mu.Unlock()
				return
			}
			slots[i] = l.slots[ready[i].Fd]
		}
		l.mu.Unlock()
		at = l.since()
		for i := range max(n, 0) {
			slots[i].receive(packet, at)
		}
	}
}

// nap sleeps in the kernel; Go's timers would wake a second thread.
func nap(d time.Duration) {
	if d > 0 {
		t := syscall.NsecToTimespec(int64(d))
		_ = syscall.Nanosleep(&t, nil)
	}
}

// receive reads one packet; if more wait, the kernel tells of the socket again. A settled peer's is known by its descriptor, which saves
// fetching the socket.
func (s *slot) receive(packet []byte, at time.Duration) {
	if s.e == nil {
		return
	}
	var raw syscall.RawSockaddrInet6
	size := uint32(syscall.SizeofSockaddrInet6)
	s.e.mu.Lock()
	settled := s.fd == s.e.settled
	if !settled && s.socket.closed {
		s.e.mu.Unlock()
		return
	}
	n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(s.fd), uintptr(unsafe.Pointer(&packet[0])), uintptr(len(packet)),
		0, uintptr(unsafe.Pointer(&raw)), uintptr(unsafe.Pointer(&size)))
	if errno != 0 { // nothing there, or word of an earlier packet that could not be delivered
		s.e.mu.Unlock()
		return
	}
	s.e.receive(packet[:n], source(&raw), !settled && s.socket.control, at)
}

func source(raw *syscall.RawSockaddrInet6) netip.AddrPort {
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&raw.Port))[:])
	if raw.Family == syscall.AF_INET {
		four := (*syscall.RawSockaddrInet4)(unsafe.Pointer(raw))
		return netip.AddrPortFrom(netip.AddrFrom4(four.Addr), port)
	}
	return netip.AddrPortFrom(netip.AddrFrom16(raw.Addr).Unmap(), port)
}

func (s *epollSocket) port() int { return s.local }

// settle opens a second socket of the port for a peer that stays where it is: the system keeps the way to it, instead of looking for it
// at every packet, and finds the socket of what comes from there. What comes from elsewhere stays with the first socket, and the source
// of every packet is looked at as before.
func (s *epollSocket) settle(to netip.AddrPort) (fd int) {
	if s.closed || s.alone || s.direct != nil {
		return none
	}
	d := &epollSocket{engine: s.engine, e: s.e, control: s.control, local: s.local, six: s.six, slot: -1, fd: -1}
	if err := d.beside(s, to); err != nil {
		if s.alone = true; d.fd >= 0 {
			_ = syscall.Close(d.fd)
		}
		return none
	}
	s.direct = d
	if s.engine.start(d) != nil {
		s.unsettle()
		return none
	}
	return d.fd
}

// unsettle closes the socket of settle: the peer may be elsewhere.
func (s *epollSocket) unsettle() {
	if s.direct != nil {
		s.direct.close()
		s.direct = nil
	}
}

// soReusePort lets sockets of one user share a port; package syscall does not have it everywhere.
const soReusePort = 15

// beside binds a socket to the port of another and connects it. They may share the port for this moment only, so that no other program and
// no other endpoint ever gets it.
func (s *epollSocket) beside(first *epollSocket, to netip.AddrPort) (err error) {
	bound, err := syscall.Getsockname(first.fd)
	if err != nil {
		return os.NewSyscallError("getsockname", err)
	}
	family := syscall.AF_INET
	if s.six {
		family = syscall.AF_INET6
	}
	if s.fd, err = syscall.Socket(family, syscall.SOCK_DGRAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0); err != nil {
		s.fd = -1
		return os.NewSyscallError("socket", err)
	}
	share := func(on int) error {
		for _, fd := range []int{first.fd, s.fd} {
			if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, soReusePort, on); err != nil {
				return os.NewSyscallError("setsockopt", err)
			}
		}
		return nil
	}
	if err = share(1); err == nil {
		err = s.bind(bound)
	}
	if off := share(0); err == nil {
		err = off
	}
	if err != nil {
		return err
	}
	s.aim(to)
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CONNECT, uintptr(s.fd), uintptr(unsafe.Pointer(&s.raw)), s.size); errno != 0 {
		return os.NewSyscallError("connect", errno)
	}
	return nil
}

// pass sends over the socket of settle. Word of an earlier packet that could not be delivered comes in place of a packet, which goes again.
func pass(fd int, packet []byte) bool {
	for range 2 {
		_, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&packet[0])), uintptr(len(packet)),
			syscall.MSG_NOSIGNAL, 0, 0)
		if errno != syscall.ECONNREFUSED {
			return errno == 0
		}
	}
	return false
}

func (s *epollSocket) send(packet []byte, to netip.AddrPort) bool {
	if to != s.to {
		s.aim(to)
	}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(&packet[0])), uintptr(len(packet)),
		syscall.MSG_NOSIGNAL, uintptr(unsafe.Pointer(&s.raw)), s.size)
	return errno == 0
}

func (s *epollSocket) aim(to netip.AddrPort) {
	s.to, s.raw = to, syscall.RawSockaddrInet6{}
	port := (*[2]byte)(unsafe.Pointer(&s.raw.Port))
	if s.six {
		s.raw.Family, s.raw.Addr, s.size = syscall.AF_INET6, to.Addr().As16(), syscall.SizeofSockaddrInet6
	} else if four := (*syscall.RawSockaddrInet4)(unsafe.Pointer(&s.raw)); to.Addr().Is4() {
		four.Family, four.Addr, s.size = syscall.AF_INET, to.Addr().As4(), syscall.SizeofSockaddrInet4
	} else {
		s.size = 0 // an IPv6 peer cannot be reached from here; the kernel says so
	}
	binary.BigEndian.PutUint16(port[:], to.Port())
}

func (s *epollSocket) close() {
	if s.closed {
		return
	}
	s.unsettle()
	s.closed = true
	_ = syscall.Close(s.fd) // which also takes it out of the epoll set
	if s.slot < 0 {
		return
	}
	s.engine.mu.Lock()
	s.engine.slots[s.slot] = slot{}
	s.engine.free = append(s.engine.free, s.slot)
	s.engine.mu.Unlock()
}
