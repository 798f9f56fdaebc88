package api

import "time"

// What operations take and answer in common. The tags are the documentation: the OpenAPI document is made from them.

// InAccount is the part of every request that names the account.
type InAccount struct {
	Slug string `path:"slug" doc:"The account's web address, as in the portal." example:"harbour"`
}

// OneItem names one item of an account.
type OneItem struct {
	InAccount
	ID string `path:"id" doc:"The item's ID." pattern:"^[a-z2-7]{26}$" patternDescription:"an ID" example:"k3vq5zr2yb7m4xw6ct2ahsn5de"`
}

// Reading is a request for one item.
type Reading struct {
	IfNoneMatch string `header:"If-None-Match" doc:"An ETag from an earlier answer. If the item is still the same, the answer is 304 without a body." example:"\"3\""`
}

// Writing is a request that changes something. guard sees to the key.
type Writing struct {
	IdempotencyKey string `header:"Idempotency-Key" doc:"A text of your own, 1 to 255 characters. The same request with the same key within a day is carried out once and answered alike." example:"5f0c7a52-4d2e-4f1a-9a53-0b6f6a1f2f11"`
}

// Changing is Writing to an item that may have changed meanwhile.
type Changing struct {
	Writing
	IfMatch string `header:"If-Match" doc:"The ETag you saw. If somebody changed the item since, nothing happens and the answer is 412." example:"\"3\""`
}

// Paging asks for one page of a list.
type Paging struct {
	Limit int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many items at most." example:"50"`
	After string `query:"after" maxLength:"500" doc:"Where to go on: the next of the page before, unchanged."`
}

// NextPage is the end of every list.
type NextPage struct {
	Next string `json:"next,omitempty" doc:"Send it as after to get the next page. It is absent on the last page."`
}

// item is an answer with one item.
type item[T any] struct {
	Status int
	ETag   string `header:"ETag" doc:"Stands for the item as it is; see If-Match and If-None-Match."`
	Cache  string `header:"Cache-Control" hidden:"true"`
	Body   T
}

const (
	ok          = 200
	notModified = 304
)

// answer returns the item, or 304 when the reader has it already.
func answer[T any](body T, tag, ifNoneMatch string) *item[T] {
	out := &item[T]{Status: ok, ETag: tag, Cache: "private, no-cache", Body: body}
	if ifNoneMatch != "" && unchanged(ifNoneMatch, tag) {
		out.Status = notModified
	}
	return out
}

// made is an answer with an item that did not exist before.
type made[T any] struct {
	Location string `header:"Location" doc:"Where the new item is."`
	ETag     string `header:"ETag" doc:"Stands for the item as it is; see If-Match and If-None-Match."`
	Body     T
}

// listing is an answer with one page.
type listing[T any] struct{ Body T }

// nothing is an answer without a body.
type nothing struct{}

// moment is a time of the store as the API shows it; 0 is no time.
func moment(ms int64) *time.Time {
	if ms == 0 {
		return nil
	}
	t := at(ms)
	return &t
}

func at(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
