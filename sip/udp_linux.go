//go:build linux && (amd64 || arm64 || riscv64)

package sip

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"syscall"
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

	out     [batchMost]mmsghdr
	outVec  [batchMost]syscall.Iovec
	outTo   [batchMost]syscall.RawSockaddrInet6
	answers [batchMost][]byte
	to      [batchMost]netip.AddrPort
	waiting int
	fd      uintptr
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

// read handles datagrams until the socket is closed.
//
// Everything happens inside one Read of the raw connection: what arrives while datagrams are handled wakes the next wait, so that a batch
// that was not full needs no second look.
func (s *udpSocket) read() error {
	raw, err := s.pc.SyscallConn()
	if err != nil {
		return err
	}
	b := newBatch(s)
	s.out = b
	return raw.Read(func(fd uintptr) bool {
		b.fd = fd
		for b.take() == batchMost {
		}
		return false
	})
}

// take reads what is there, at most one batch, and handles it.
func (b *batch) take() int {
	for i := range b.in {
		b.in[i].Namelen = syscall.SizeofSockaddrInet6
	}
	n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVMMSG, b.fd, uintptr(unsafe.Pointer(&b.in[0])), batchMost, syscall.MSG_DONTWAIT, 0, 0)
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
	if all == 0 {
		return
	}
	b.s.e.count.sent.Add(int64(all))
	sent := 0
	if ready := b.aim(all); ready > 0 {
		n, _, errno := syscall.RawSyscall6(sysSendmmsg, b.fd, uintptr(unsafe.Pointer(&b.out[0])), uintptr(ready), syscall.MSG_DONTWAIT, 0, 0)
		if errno == 0 {
			sent = int(n)
		}
	}
	for i := sent; i < all; i++ {
		_ = b.s.send(b.answers[i], b.to[i]) // there is nobody to tell
	}
}

// aim writes where the answers go and returns for how many it could: up to the first whose address only the package net can write.
func (b *batch) aim(all int) int {
	for i := range all {
		to := b.to[i]
		if to.Addr().Zone() != "" || len(b.answers[i]) == 0 || len(b.answers[i]) > mostDatagram || !b.s.reaches(to.Addr()) {
			return i
		}
		raw := &b.outTo[i]
		*raw = syscall.RawSockaddrInet6{Family: syscall.AF_INET6, Addr: to.Addr().As16()}
		b.out[i].Namelen = syscall.SizeofSockaddrInet6
		if b.s.local.Addr().Is4() {
			four := (*syscall.RawSockaddrInet4)(unsafe.Pointer(raw))
			*four = syscall.RawSockaddrInet4{Family: syscall.AF_INET, Addr: to.Addr().As4()}
			b.out[i].Namelen = syscall.SizeofSockaddrInet4
		}
		binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&raw.Port))[:], to.Port())
		b.outVec[i] = syscall.Iovec{Base: &b.answers[i][0], Len: uint64(len(b.answers[i]))}
	}
	return all
}
