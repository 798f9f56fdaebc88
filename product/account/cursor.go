package account

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/json"

	"hubline/base/fault"
)

// cursor is where a page of a list ended: the sort key and the ID of its last row.
type cursor struct {
	Text string `json:"t,omitempty"`
	Time int64  `json:"n,omitempty"`
	ID   string `json:"i"`
}

const cursorMAC = 12 // bytes

// cursor writes a cursor as an opaque text that only this installation can make, and only for that list of that account.
func (r *Room) cursor(list string, c cursor) string {
	body, _ := json.Marshal(c)
	return base64.RawURLEncoding.EncodeToString(append(r.Keys.MAC("cursor "+list, body)[:cursorMAC:cursorMAC], body...))
}

// readCursor refuses what r.cursor did not write for that list. The empty text is the beginning.
func (r *Room) readCursor(list, text string) (c cursor, err error) {
	if text == "" {
		return c, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	once := base64.RawURLEncoding.EncodeToString(raw) == text // the decoder skips line breaks and ignores spare bits
	if err == nil && once && len(raw) > cursorMAC && hmac.Equal(raw[:cursorMAC], r.Keys.MAC("cursor "+list, raw[cursorMAC:])[:cursorMAC]) &&
		json.Unmarshal(raw[cursorMAC:], &c) == nil {
		return c, nil
	}
	return c, fault.Field("cursor-unknown", "after", "That page mark does not belong to this list. Start again without it")
}
