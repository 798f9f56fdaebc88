package switchboard

import (
	"errors"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"hubline/product/phoneuser"
)

// mostContacts is how many contacts one device may have; a further one takes the place of the oldest.
const mostContacts = 5

// seat is a phone user as the switchboard knows it: extensions and numbers lead to seats, devices belong to one.
type seat struct{ account, user string }

// binding is one contact of a device (RFC 3261 section 10). Its ExpiresAt is what the phone was told.
//
// In the store it lives longer by the interval it was granted for. A refresh comes before the told time is over and grants the same
// interval, so it never reaches beyond what is stored: what was acknowledged is callable after a crash even if its refresh was
// not written yet.
type binding struct {
	phoneuser.Location
	granted int64 // milliseconds
	stored  int64 // ExpiresAt as the store has it
}

// registration is a REGISTER that was checked: what a device asks for.
type registration struct {
	of        phoneuser.Location // everything but ContactKey, Contact and ExpiresAt
	removeAll bool               // Contact: *
	contacts  []contact
}

// contact is one Contact of a REGISTER. ttl 0 takes it away.
type contact struct {
	key, uri string
	ttl      time.Duration
}

// errOutOfOrder says that a REGISTER is older than what is bound (RFC 3261 10.3 step 7).
var errOutOfOrder = errors.New("switchboard: a later REGISTER of the same Call-ID was here before")

// registrar holds the bindings of this node. The store has a copy of them for the next start.
type registrar struct {
	seed   maphash.Seed
	shards [64]registrarShard
	saver  *saver
}

type registrarShard struct {
	sync.Mutex
	seats map[seat][]binding
}

func newRegistrar(s *saver) *registrar {
	r := &registrar{seed: maphash.MakeSeed(), saver: s}
	for i := range r.shards {
		r.shards[i].seats = make(map[seat][]binding)
	}
	return r
}

func (r *registrar) shard(of seat) *registrarShard {
	return &r.shards[maphash.String(r.seed, of.user)%uint64(len(r.shards))]
}

// load takes bindings from the store at the start.
func (r *registrar) load(locations []phoneuser.Location) {
	for _, l := range locations {
		at := seat{l.AccountID, l.PhoneUserID}
		s := r.shard(at)
		s.Lock()
		s.seats[at] = append(s.seats[at], binding{Location: l, stored: l.ExpiresAt})
		s.Unlock()
	}
}

// register does what a REGISTER asks for, in memory, and returns the contacts that its device has then. A batch that is not nil must be
// committed before the phone is told.
func (r *registrar) register(reg registration, now time.Time) (bound []binding, wait *batch, err error) {
	at := seat{reg.of.AccountID, reg.of.PhoneUserID}
	s := r.shard(at)
	s.Lock()
	defer s.Unlock()
	all := s.seats[at]
	if err := inOrder(all, reg); err != nil {
		return nil, nil, err
	}
	u := update{reg: reg, now: now.UnixMilli(), bindings: all}
	u.run()
	s.put(at, u.bindings)
	// Handed over while the shard is locked, so that the store sees changes of one contact in their order.
	if len(u.saves)+len(u.removes) > 0 {
		wait = r.saver.put(u.saves, u.removes, u.urgent)
	}
	if !u.urgent {
		wait = nil
	}
	return ofDevice(u.bindings, reg.of.DeviceID, u.now), wait, nil
}

func (s *registrarShard) put(at seat, bindings []binding) {
	if len(bindings) == 0 {
		delete(s.seats, at)
		return
	}
	s.seats[at] = bindings
}

// refreshes tells whether a REGISTER does no more than keep alive what is bound: then nobody has to wait for the store.
func (r *registrar) refreshes(reg registration) bool {
	return r.every(reg, func(b *binding, c contact) bool { return c.ttl > 0 && !changed(*b, reg.of, c) })
}

// repeats tells whether a REGISTER is the one that made what is bound, come again over the same way.
func (r *registrar) repeats(reg registration) bool {
	return r.every(reg, func(b *binding, _ contact) bool {
		return b.CallID == reg.of.CallID && b.CSeq == reg.of.CSeq && b.Flow == reg.of.Flow
	})
}

// every tells whether a condition holds for the bindings of all contacts of a REGISTER, of which there is at least one.
func (r *registrar) every(reg registration, holds func(*binding, contact) bool) bool {
	if reg.removeAll || len(reg.contacts) == 0 {
		return false
	}
	at := seat{reg.of.AccountID, reg.of.PhoneUserID}
	s := r.shard(at)
	s.Lock()
	defer s.Unlock()
	all := s.seats[at]
	for _, c := range reg.contacts {
		i := slices.IndexFunc(all, func(b binding) bool { return b.DeviceID == reg.of.DeviceID && b.ContactKey == c.key })
		if i < 0 || !holds(&all[i], c) {
			return false
		}
	}
	return true
}

func changed(b binding, l phoneuser.Location, c contact) bool {
	return b.Contact != c.uri || b.Flow != l.Flow || b.Path != l.Path || b.UserAgent != l.UserAgent
}

// inOrder checks every contact before any is changed: a REGISTER is done wholly or not at all.
func inOrder(all []binding, reg registration) error {
	for i := range all {
		b := &all[i]
		if b.DeviceID != reg.of.DeviceID || b.CallID != reg.of.CallID || reg.of.CSeq > b.CSeq {
			continue
		}
		if reg.removeAll || slices.ContainsFunc(reg.contacts, func(c contact) bool { return c.key == b.ContactKey }) {
			return errOutOfOrder
		}
	}
	return nil
}

// update is one REGISTER being done.
type update struct {
	reg      registration
	now      int64
	bindings []binding
	saves    []phoneuser.Location
	removes  []phoneuser.Location
	urgent   bool // something other than a refresh
}

func (u *update) run() {
	u.bindings = slices.DeleteFunc(slices.Clone(u.bindings), func(b binding) bool {
		if b.ExpiresAt <= u.now {
			return true
		}
		gone := u.reg.removeAll && b.DeviceID == u.reg.of.DeviceID
		if gone {
			u.remove(b)
		}
		return gone
	})
	for _, c := range u.reg.contacts {
		u.contact(c)
	}
	u.evict()
}

func (u *update) remove(b binding) {
	u.removes = append(u.removes, b.Location)
	u.urgent = true
}

func (u *update) contact(c contact) {
	i := slices.IndexFunc(u.bindings, func(b binding) bool {
		return b.DeviceID == u.reg.of.DeviceID && b.ContactKey == c.key
	})
	if c.ttl <= 0 {
		if i >= 0 {
			u.remove(u.bindings[i])
			u.bindings = slices.Delete(u.bindings, i, i+1)
		}
		return
	}
	b := binding{Location: u.reg.of, granted: c.ttl.Milliseconds()}
	b.ContactKey, b.Contact = c.key, c.uri
	b.ExpiresAt = u.now + b.granted
	if i < 0 {
		u.bindings = append(u.bindings, u.save(b, true))
		return
	}
	old := u.bindings[i]
	b.stored = old.stored
	changed := changed(old, u.reg.of, c)
	if !changed && b.ExpiresAt <= b.stored && b.stored-b.ExpiresAt >= b.granted/2 {
		u.bindings[i] = b // the store holds enough of it
		return
	}
	u.bindings[i] = u.save(b, changed || b.ExpiresAt > b.stored)
}

// save notes that the store needs the binding.
func (u *update) save(b binding, urgent bool) binding {
	b.stored = b.ExpiresAt + b.granted
	l := b.Location
	l.ExpiresAt = b.stored
	u.saves = append(u.saves, l)
	u.urgent = u.urgent || urgent
	return b
}

// evict takes the oldest contacts of the device away when it has too many.
func (u *update) evict() {
	for {
		count, oldest := 0, -1
		for i := range u.bindings {
			if u.bindings[i].DeviceID != u.reg.of.DeviceID {
				continue
			}
			count++
			if oldest < 0 || u.bindings[i].ExpiresAt < u.bindings[oldest].ExpiresAt {
				oldest = i
			}
		}
		if count <= mostContacts {
			return
		}
		u.remove(u.bindings[oldest])
		u.bindings = slices.Delete(u.bindings, oldest, oldest+1)
	}
}

func ofDevice(all []binding, device string, now int64) []binding {
	var own []binding
	for _, b := range all {
		if b.DeviceID == device && b.ExpiresAt > now {
			own = append(own, b)
		}
	}
	return own
}

// bindings returns the live bindings of one device.
func (r *registrar) bindings(at seat, device string, now time.Time) []binding {
	s := r.shard(at)
	s.Lock()
	defer s.Unlock()
	return ofDevice(s.seats[at], device, now.UnixMilli())
}

// holds tells whether a live binding of a device meets a condition, which must not keep it.
func (r *registrar) holds(at seat, device string, now time.Time, condition func(*binding) bool) bool {
	s := r.shard(at)
	s.Lock()
	defer s.Unlock()
	all := s.seats[at]
	for i := range all {
		if all[i].DeviceID == device && all[i].ExpiresAt > now.UnixMilli() && condition(&all[i]) {
			return true
		}
	}
	return false
}

// live returns the live bindings of all devices of a seat.
func (r *registrar) live(at seat, now time.Time) []binding {
	s := r.shard(at)
	s.Lock()
	defer s.Unlock()
	var live []binding
	for _, b := range s.seats[at] {
		if b.ExpiresAt > now.UnixMilli() {
			live = append(live, b)
		}
	}
	return live
}

// dropDevice forgets the bindings of a device, in memory and in the store.
func (r *registrar) dropDevice(device string) {
	for i := range r.shards {
		s := &r.shards[i]
		s.Lock()
		for at, all := range s.seats {
			if own := ofDevice(all, device, 0); len(own) > 0 {
				s.put(at, slices.DeleteFunc(slices.Clone(all), func(b binding) bool { return b.DeviceID == device }))
				r.saver.put(nil, []phoneuser.Location{{AccountID: at.account, PhoneUserID: at.user, DeviceID: device}}, true)
			}
		}
		s.Unlock()
	}
}

// undo takes back what a REGISTER bound when the store did not take it: the phone is told that it failed, and tries again.
func (r *registrar) undo(reg registration) {
	at := seat{reg.of.AccountID, reg.of.PhoneUserID}
	s := r.shard(at)
	s.Lock()
	defer s.Unlock()
	s.put(at, slices.DeleteFunc(slices.Clone(s.seats[at]), func(b binding) bool {
		return b.DeviceID == reg.of.DeviceID && b.CallID == reg.of.CallID && b.CSeq == reg.of.CSeq
	}))
}

// sweep forgets what has expired. The store's copy is the room's to tidy.
func (r *registrar) sweep(now time.Time) {
	for i := range r.shards {
		s := &r.shards[i]
		s.Lock()
		for at, all := range s.seats {
			if slices.ContainsFunc(all, func(b binding) bool { return b.ExpiresAt <= now.UnixMilli() }) {
				s.put(at, slices.DeleteFunc(slices.Clone(all), func(b binding) bool { return b.ExpiresAt <= now.UnixMilli() }))
			}
		}
		s.Unlock()
	}
}

// count returns how many bindings live.
func (r *registrar) count(now time.Time) (n int) {
	for i := range r.shards {
		s := &r.shards[i]
		s.Lock()
		for _, all := range s.seats {
			for _, b := range all {
				if b.ExpiresAt > now.UnixMilli() {
					n++
				}
			}
		}
		s.Unlock()
	}
	return n
}

// devices returns every device that has a binding.
func (r *registrar) devices() map[string]bool {
	devices := make(map[string]bool)
	for i := range r.shards {
		s := &r.shards[i]
		s.Lock()
		for _, all := range s.seats {
			for _, b := range all {
				devices[b.DeviceID] = true
			}
		}
		s.Unlock()
	}
	return devices
}
