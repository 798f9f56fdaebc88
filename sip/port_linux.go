//go:build linux && (amd64 || arm64 || riscv64)

package sip

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"syscall"
	"unsafe"
)

// port is a bound socket outside of Go's poller, which would be woken by every datagram that comes and by every one that has left. An epoll set of its
// own holds the socket and stands in Go's poller in its place; it says once that something is there, and then nothing until it is armed again.
type port struct {
	wait *os.File // the epoll set
	set  int      // its descriptor

	mu   sync.RWMutex
	fd   int // -1 once released
	four bool
}

// newPort takes the socket over.
func newPort(pc *net.UDPConn) (*port, error) {
	defer pc.Close()
	raw, err := pc.SyscallConn()
	if err != nil {
		return nil, err
	}
	var fd uintptr
	var errno syscall.Errno
	if err := raw.Control(func(own uintptr) {
		fd, _, errno = syscall.Syscall(syscall.SYS_FCNTL, own, syscall.F_DUPFD_CLOEXEC, 0)
	}); err != nil {
		return nil, err
	}
	if errno != 0 {
		return nil, os.NewSyscallError("fcntl", errno)
	}
	p := &port{fd: int(fd), set: -1, four: pc.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Is4()}
	if err := p.prepare(); err != nil {
		p.release()
		return nil, err
	}
	return p, nil
}

func (p *port) prepare() (err error) {
	if err := syscall.SetNonblock(p.fd, false); err != nil { // for datagrams that leave when there is no room; reading never waits
		return os.NewSyscallError("fcntl", err)
	}
	if p.set, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if err := syscall.SetNonblock(p.set, true); err != nil { // so that Go's poller takes it
		_ = syscall.Close(p.set)
		return os.NewSyscallError("fcntl", err)
	}
	p.wait = os.NewFile(uintptr(p.set), "sip")
	return p.arm(syscall.EPOLL_CTL_ADD)
}

// once is EPOLLONESHOT, of which package syscall has no constant.
const once = 1 << 30

// arm has the set tell once more that datagrams are there, those that came meanwhile too.
func (p *port) arm(how int) error {
	event := syscall.EpollEvent{Events: syscall.EPOLLIN | once}
	return os.NewSyscallError("epoll_ctl", syscall.EpollCtl(p.set, how, p.fd, &event))
}

// heard takes what the set tells, after which it is silent until it is armed.
func (p *port) heard() {
	var event syscall.EpollEvent
	_, _, _ = syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(p.set), uintptr(unsafe.Pointer(&event)), 1, 0, 0, 0) // nothing is there when the set was closed meanwhile
}

// Close ends reading; who reads releases the socket then.
func (p *port) Close() error { return p.wait.Close() }

// release closes everything. It may follow Close.
func (p *port) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fd >= 0 {
		_ = syscall.Close(p.fd)
		p.fd = -1
	}
	if p.wait != nil {
		p.wait.Close()
	}
}

// write sends a datagram, and waits only when the kernel has no room for it.
func (p *port) write(b []byte, to netip.AddrPort) error {
	var raw syscall.RawSockaddrInet6
	size := aim(&raw, to, p.four)
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.fd < 0 {
		return net.ErrClosed
	}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(p.fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), syscall.MSG_DONTWAIT,
		uintptr(unsafe.Pointer(&raw)), uintptr(size))
	for errno == syscall.EAGAIN || errno == syscall.EINTR {
		_, _, errno = syscall.Syscall6(syscall.SYS_SENDTO, uintptr(p.fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0,
			uintptr(unsafe.Pointer(&raw)), uintptr(size))
	}
	if errno != 0 {
		return os.NewSyscallError("sendto", errno)
	}
	return nil
}

// aim writes an address as the kernel reads it, for a socket of IPv4 or of both, and returns its length.
func aim(raw *syscall.RawSockaddrInet6, to netip.AddrPort, four bool) (size uint32) {
	*raw = syscall.RawSockaddrInet6{Family: syscall.AF_INET6, Addr: to.Addr().As16()}
	size = syscall.SizeofSockaddrInet6
	if four {
		in := (*syscall.RawSockaddrInet4)(unsafe.Pointer(raw))
		*in = syscall.RawSockaddrInet4{Family: syscall.AF_INET, Addr: to.Addr().Unmap().As4()}
		size = syscall.SizeofSockaddrInet4
	} else if zone := to.Addr().Zone(); zone != "" {
		raw.Scope_id = scopeOf(zone)
	}
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&raw.Port))[:], to.Port())
	return size
}

// scopeOf returns the number of a network interface; 0 when there is none of that name.
func scopeOf(zone string) uint32 {
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n)
	}
	if ifc, err := net.InterfaceByName(zone); err == nil {
		return uint32(ifc.Index)
	}
	return 0
}
