package phoneuser

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"hubline/base/change"
	"hubline/base/db"
	"hubline/base/fault"
	"hubline/product/account"
)

const (
	// locationsAtOnce is how many rows one statement has. More would cost SQLite more, whose driver looks every parameter up by walking
	// along all names.
	locationsAtOnce = 20
	seenEvery       = time.Minute // how exact Device.SeenAt is
)

// Location is where a device can be reached until ExpiresAt: a binding of RFC 3261 section 10.
type Location struct {
	AccountID, PhoneUserID, DeviceID string
	ContactKey                       string // tells the contacts of one device apart
	Contact                          string // the URI that a request is sent to
	Flow                             string // over which connection or pair of addresses
	Path                             string
	CallID                           string
	CSeq                             uint32
	UserAgent                        string
	Address                          string // network address of the device, without port
	Node                             string // that holds the flow
	ExpiresAt                        int64
	Comes                            bool // it is new or changed, so open pages are told; not stored
}

type locationKey struct{ account, device, contact string }

func (l Location) key() locationKey { return locationKey{l.AccountID, l.DeviceID, l.ContactKey} }

type deviceKey struct{ account, user, device string }

func (l Location) deviceKey() deviceKey { return deviceKey{l.AccountID, l.PhoneUserID, l.DeviceID} }

const locationColumns = `account_id, phone_user_id, device_id, contact_key, contact, flow, path, call_id, cseq, user_agent, address, node, expires_at`

func (l *Location) fields() []any {
	return []any{&l.AccountID, &l.PhoneUserID, &l.DeviceID, &l.ContactKey, &l.Contact, &l.Flow, &l.Path, &l.CallID, &l.CSeq, &l.UserAgent, &l.Address, &l.Node, &l.ExpiresAt}
}

// SaveLocations stores or renews locations in one transaction, and notes when and where their devices were
// seen. Within one Call-ID the highest CSeq wins (RFC 3261 section 10.3). Locations of devices that ended or may not sign in are left out.
func (r *Room) SaveLocations(ctx context.Context, list []Location) (err error) {
	defer fault.Wrap(&err, "phoneuser.SaveLocations")
	if len(list) == 0 {
		return nil
	}
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		for part := range slices.Chunk(newest(list), locationsAtOnce) {
			living, err := r.living(ctx, q, part)
			if err != nil {
				return err
			}
			part = slices.DeleteFunc(part, func(l Location) bool { _, ok := living[l.deviceKey()]; return !ok })
			if err := r.insertLocations(ctx, q, part); err != nil {
				return err
			}
			if err := r.noteSeen(ctx, q, part, living); err != nil {
				return err
			}
			if err := r.noticeOf(ctx, q, part, func(l Location) bool { return l.Comes }); err != nil {
				return err
			}
		}
		return nil
	})
}

// newest keeps of several locations with one key the last, but within one Call-ID the one with the highest CSeq.
func newest(list []Location) []Location {
	at := make(map[locationKey]int, len(list))
	var kept []Location
	for _, l := range list {
		i, twice := at[l.key()]
		switch {
		case !twice:
			at[l.key()] = len(kept)
			kept = append(kept, l)
		case l.CallID != kept[i].CallID || l.CSeq > kept[i].CSeq:
			kept[i] = l
		}
	}
	return kept
}

// seen is what the store knows of a device that may sign in.
type seen struct {
	at                 int64
	address, userAgent string
}

// living reads the devices of the locations that may sign in. No location stands under another account's or phone user's name.
func (r *Room) living(ctx context.Context, q db.Q, list []Location) (map[deviceKey]seen, error) {
	args := make([]any, 2*locationsAtOnce) // always as many, so that there is one text to prepare
	for i := range locationsAtOnce {
		l := list[min(i, len(list)-1)]
		args[i], args[locationsAtOnce+i] = l.AccountID, l.DeviceID
	}
	rows, err := q.QueryContext(ctx, `
		SELECT d.account_id, d.phone_user_id, d.id, d.seen_at, d.address, d.user_agent FROM devices d
		JOIN phone_users p ON p.account_id = d.account_id AND p.id = d.phone_user_id AND p.deleted_at = 0 AND p.app_enabled = 1
		WHERE d.account_id IN (`+db.In(1, locationsAtOnce)+`) AND d.id IN (`+db.In(1+locationsAtOnce, locationsAtOnce)+`) AND d.ended_at = 0`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := map[deviceKey]seen{}
	for rows.Next() {
		var k deviceKey
		var s seen
		if err := rows.Scan(&k.account, &k.user, &k.device, &s.at, &s.address, &s.userAgent); err != nil {
			return nil, err
		}
		found[k] = s
	}
	return found, rows.Err()
}

func (r *Room) insertLocations(ctx context.Context, q db.Q, list []Location) error {
	if len(list) == 0 {
		return nil
	}
	const columns = 14
	now := r.now()
	values := make([]string, len(list))
	args := make([]any, 0, columns*len(list))
	for i, l := range list {
		values[i] = "(" + db.In(1+columns*i, columns) + ")"
		args = append(args, l.AccountID, l.PhoneUserID, l.DeviceID, l.ContactKey, l.Contact, l.Flow, l.Path, l.CallID, int64(l.CSeq),
			l.UserAgent, l.Address, l.Node, l.ExpiresAt, now)
	}
	_, err := q.ExecContext(ctx, `
		INSERT INTO locations (`+locationColumns+`, updated_at) VALUES `+strings.Join(values, ", ")+`
		ON CONFLICT (account_id, device_id, contact_key) DO UPDATE SET contact = excluded.contact, flow = excluded.flow, path = excluded.path,
			call_id = excluded.call_id, cseq = excluded.cseq, user_agent = excluded.user_agent, address = excluded.address, node = excluded.node,
			expires_at = excluded.expires_at, updated_at = excluded.updated_at
		WHERE locations.call_id <> excluded.call_id OR locations.cseq < excluded.cseq`, args...)
	return err
}

// noteSeen updates the devices whose address or program changed, or that were not seen for a minute.
func (r *Room) noteSeen(ctx context.Context, q db.Q, list []Location, known map[deviceKey]seen) error {
	now := r.now()
	late := map[string][]any{} // by account, of devices of which only the time is old
	for _, l := range list {
		was := known[l.deviceKey()]
		switch {
		case was.address != l.Address || was.userAgent != l.UserAgent:
			if _, err := q.ExecContext(ctx, `UPDATE devices SET seen_at = $3, address = $4, user_agent = $5 WHERE account_id = $1 AND id = $2`,
				l.AccountID, l.DeviceID, now, l.Address, l.UserAgent); err != nil {
				return err
			}
		case now-was.at >= seenEvery.Milliseconds():
			late[l.AccountID] = append(late[l.AccountID], l.DeviceID)
		}
		known[l.deviceKey()] = seen{now, l.Address, l.UserAgent}
	}
	for accountID, ids := range late {
		if _, err := q.ExecContext(ctx, `UPDATE devices SET seen_at = $1 WHERE account_id = $2 AND id IN (`+db.In(3, len(ids))+`)`,
			append([]any{now, accountID}, ids...)...); err != nil {
			return err
		}
	}
	return nil
}

// RemoveLocations forgets locations by account, device and contact key, in one transaction. An empty contact key stands for all contacts of
// the device.
func (r *Room) RemoveLocations(ctx context.Context, list []Location) (err error) {
	defer fault.Wrap(&err, "phoneuser.RemoveLocations")
	if len(list) == 0 {
		return nil
	}
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		for part := range slices.Chunk(list, locationsAtOnce) {
			conditions, args := make([]string, len(part)), make([]any, 0, 3*len(part))
			for i, l := range part {
				conditions[i] = fmt.Sprintf("(account_id = $%d AND device_id = $%d AND ($%d = '' OR contact_key = $%d))", 3*i+1, 3*i+2, 3*i+3, 3*i+3)
				args = append(args, l.AccountID, l.DeviceID, l.ContactKey)
			}
			if _, err := q.ExecContext(ctx, `DELETE FROM locations WHERE `+strings.Join(conditions, " OR "), args...); err != nil {
				return err
			}
			if err := r.noticeOf(ctx, q, part, func(Location) bool { return true }); err != nil {
				return err
			}
		}
		return nil
	})
}

// noticeOf tells the open pages of the accounts whose locations are wanted: who can be reached has changed.
func (r *Room) noticeOf(ctx context.Context, q db.Q, list []Location, wanted func(Location) bool) error {
	var topics []string
	for _, l := range list {
		if topic := account.PhoneTopic(l.AccountID); wanted(l) && !slices.Contains(topics, topic) {
			topics = append(topics, topic)
		}
	}
	return change.Post(ctx, q, r.Now(), topics...)
}

// LocationsOf returns where a phone user can be reached now, the newest first.
func (r *Room) LocationsOf(ctx context.Context, accountID, phoneUserID string) (list []Location, err error) {
	defer fault.Wrap(&err, "phoneuser.LocationsOf")
	return r.locations(ctx, `account_id = $1 AND phone_user_id = $2 AND expires_at > $3 ORDER BY updated_at DESC, device_id, contact_key`, accountID, phoneUserID, r.now())
}

// LocationsOfNode returns the locations that a node holds, for its start.
func (r *Room) LocationsOfNode(ctx context.Context, node string) (list []Location, err error) {
	defer fault.Wrap(&err, "phoneuser.LocationsOfNode")
	return r.locations(ctx, `node = $1 AND expires_at > $2 ORDER BY account_id, device_id, contact_key`, node, r.now())
}

func (r *Room) locations(ctx context.Context, where string, args ...any) (list []Location, err error) {
	return db.Collect(ctx, r.DB, (*Location).fields, `SELECT `+locationColumns+` FROM locations WHERE `+where, args...)
}

// TidyLocations deletes what ran out a minute ago or earlier. Nothing depends on it: readers look at the time.
func (r *Room) TidyLocations(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "phoneuser.TidyLocations")
	_, err = r.DB.ExecContext(ctx, `DELETE FROM locations WHERE expires_at < $1`, r.now()-clockSlack.Milliseconds())
	return err
}
