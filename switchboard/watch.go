package switchboard

import (
	"context"
	"strings"
	"time"

	"hubline/product/phoneuser"
)

// secondLook is how long after a notice its device is looked at again: a REGISTER that was let in by a credential which this process had
// not dropped yet is undone then.
const secondLook = 400 * time.Millisecond

// watch ends what devices have open here that ended, or may no longer sign in, wherever that was decided.
func (b *Board) watch(ctx context.Context) {
	prefix := phoneuser.DeviceTopic("")
	ended, cancel := b.feed.SubscribePrefix(prefix)
	defer cancel()
	for {
		select {
		case <-ctx.Done():
			return
		case topic := <-ended:
			device := strings.TrimPrefix(topic, prefix)
			if device == "" { // too many to name
				b.recheck(ctx)
				continue
			}
			b.endDevice(device)
			time.AfterFunc(secondLook, func() { b.endDevice(device) })
		}
	}
}

// endDevice forgets the bindings of a device and ends its calls.
func (b *Board) endDevice(device string) {
	b.registrar.dropDevice(device)
	b.live.stopDevice(device)
}

// recheck compares what is bound here with the store, which has nothing of a device that ended.
func (b *Board) recheck(ctx context.Context) {
	bound := b.registrar.devices()
	for _, device := range b.live.devices() {
		bound[device] = true
	}
	b.saver.flush(ctx)
	locations, err := b.phones.LocationsOfNode(ctx, b.node)
	if err != nil {
		b.log.Error("bindings could not be compared with the store", "error", err)
		return
	}
	for _, l := range locations {
		delete(bound, l.DeviceID)
	}
	for device := range bound {
		b.endDevice(device)
	}
}
