//go:build linux && (amd64 || arm64 || riscv64)

package sip

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

// batchMost is how many datagrams one call to the kernel takes or hands over.
const batchMost = 32

// mmsghdr is struct mmsghdr of recvmmsg(2) on 64-bit Linux.
type mmsghdr struct {
	syscall.Msghdr
	n uint32
	_ [4]byte
}

// batch is what a reader reads into, and where it gathers the answers that need no transaction. It belongs to the goroutine that reads
// its socket, and the kernel is called without telling Go's scheduler, since none of these calls waits.
type batch struct {
	s    *udpSocket
	in   [batchMost]mmsghdr
	vec  [batchMost]syscall.Iovec
	from [batchMost]syscall.RawSockaddrInet6
	room [batchMost][]byte

	out      [batchMost]mmsghdr
	outVec   [batchMost]syscall.Iovec
	outTo    [batchMost]syscall.RawSockaddrInet6
	answers  [batchMost][]byte
	to       [batchMost]netip.AddrPort
	waiting  int
	answered int // at the last look
}

func newBatch(s *udpSocket) *batch {
	b := &batch{s: s}
	for i := range b.in {
		b.room[i] = make([]byte, 64<<10) // the kernel gives no page that no datagram is written to
		b.vec[i] = syscall.Iovec{Base: &b.room[i][0], Len: uint64(len(b.room[i]))}
		b.in[i].Name, b.in[i].Iov, b.in[i].Iovlen = (*byte)(unsafe.Pointer(&b.from[i])), &b.vec[i], 1
		b.out[i].Name, b.out[i].Iov, b.out[i].Iovlen = (*byte)(unsafe.Pointer(&b.outTo[i])), &b.outVec[i], 1
	}
	return b
}

const (
	crowd = 2                // answers at one look after which more are likely to be asked for
	pause = time.Millisecond // until the next look then, for others to come
)

// read handles datagrams until the socket is closed, as they come. Only where several were answered at once, as when many phones keep their bindings
// alive, the next look follows after a pause: waking up for each would cost a quarter more.
func (s *udpSocket) read() error {
	raw, err := s.port.wait.SyscallConn()
	if err != nil {
		return err
	}
	b := newBatch(s)
	s.out = b
	var failed error
	err = raw.Read(func(uintptr) bool {
		s.port.heard()
		for n := b.take(); (n == batchMost || b.answered >= crowd) && !s.e.isClosed(); n = b.take() {
			if n < batchMost {
				time.Sleep(pause)
			}
		}
		failed = s.port.arm(syscall.EPOLL_CTL_MOD)
		return failed != nil
	})
	return errors.Join(err, failed)
}

// take reads what is there, at most one batch, and handles it.
func (b *batch) take() int {
	b.answered = 0
	for i := range b.in {
		b.in[i].Namelen = syscall.SizeofSockaddrInet6
	}
	n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVMMSG, uintptr(b.s.port.fd), uintptr(unsafe.Pointer(&b.in[0])), batchMost, syscall.MSG_DONTWAIT, 0, 0)
	switch errno {
	case 0:
	case syscall.EAGAIN:
		return 0
	default:
		return batchMost // an interruption, or an ICMP error about something sent earlier: look again
	}
	for i := range int(n) {
		b.s.datagram(b.room[i][:b.in[i].n], peerOf(&b.from[i]))
	}
	b.flush()
	return int(n)
}

func peerOf(raw *syscall.RawSockaddrInet6) netip.AddrPort {
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&raw.Port))[:])
	if raw.Family == syscall.AF_INET {
		four := (*syscall.RawSockaddrInet4)(unsafe.Pointer(raw))
		return netip.AddrPortFrom(netip.AddrFrom4(four.Addr), port)
	}
	addr := netip.AddrFrom16(raw.Addr).Unmap()
	if raw.Scope_id != 0 && addr.Is6() {
		addr = addr.WithZone(strconv.FormatUint(uint64(raw.Scope_id), 10))
	}
	return netip.AddrPortFrom(addr, port)
}

// answer sends a message with what else answers the datagrams of this batch; only the goroutine that reads the socket may call it.
func (b *batch) answer(m *Message, to netip.AddrPort) {
	i := b.waiting
	b.answers[i], b.to[i] = m.AppendTo(b.answers[i][:0]), to
	if b.waiting++; b.waiting == batchMost {
		b.flush()
	}
}

// flush sends what waits. What the kernel does not take at once goes out one by one, as everything else does.
func (b *batch) flush() {
	all := b.waiting
	b.waiting = 0
	b.answered += all
	if all == 0 {
		return
	}
	b.s.e.count.sent.Add(int64(all))
	sent := 0
	if ready := b.aim(all); ready > 0 {
		n, _, errno := syscall.RawSyscall6(sysSendmmsg, uintptr(b.s.port.fd), uintptr(unsafe.Pointer(&b.out[0])), uintptr(ready), syscall.MSG_DONTWAIT, 0, 0)
		if errno == 0 {
			sent = int(n)
		}
	}
	for i := sent; i < all; i++ {
		_ = b.s.send(b.answers[i], b.to[i]) // there is nobody to tell
	}
}

// aim writes where the answers go and returns for how many it could: up to the first that is too large or has no address here.
func (b *batch) aim(all int) int {
	for i := range all {
		if len(b.answers[i]) > mostDatagram || !b.s.reaches(b.to[i].Addr()) {
			return i
		}
		b.out[i].Namelen = aim(&b.outTo[i], b.to[i], b.s.port.four)
		b.outVec[i] = syscall.Iovec{Base: &b.answers[i][0], Len: uint64(len(b.answers[i]))}
	}
	return all
}
