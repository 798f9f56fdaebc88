package api

import (
	"context"
	"time"

	"hubline/product/account"
)

// APIKey is a program's way into the account. Its secret is nowhere to be read.
type APIKey struct {
	ID         string     `json:"id" doc:"ID of the key." example:"k3vq5zr2yb7m4xw6ct2ahsn5de"`
	Name       string     `json:"name" doc:"What it is for." example:"CRM"`
	Owner      string     `json:"owner" doc:"Name of the hub user for whom it acts; empty when they are gone." example:"Mary Chen"`
	Scopes     []string   `json:"scopes" nullable:"false" doc:"What it may do, as far as its owner may." example:"[\"calls.view\"]"`
	State      string     `json:"state" enum:"works,stopped,expired,revoked" doc:"A stopped key's owner has no access at this moment." example:"works"`
	CreatedAt  time.Time  `json:"created_at" doc:"When it was made." example:"2026-11-25T09:30:00Z"`
	ExpiresAt  time.Time  `json:"expires_at" doc:"When it stops." example:"2027-02-23T09:30:00Z"`
	LastUsedAt *time.Time `json:"last_used_at" doc:"When it was last used, to the minute; null: not yet." example:"2026-11-26T10:00:00Z"`
	RevokedAt  *time.Time `json:"revoked_at" doc:"When it was revoked; null: it was not." example:"2026-11-27T10:00:00Z"`
}

// APIKeys is one page of keys.
type APIKeys struct {
	Items []APIKey `json:"items" nullable:"false" doc:"The keys, newest first, those that ended too."`
	NextPage
}

func (d *door) apiKeys(ctx context.Context, actor account.Actor, in *struct {
	InAccount
	Paging
}) (*listing[APIKeys], error) {
	list, next, err := d.Account.APIKeys(ctx, actor, account.KeyFilter{After: in.After, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	page := APIKeys{Items: make([]APIKey, len(list)), NextPage: NextPage{next}}
	for i, k := range list {
		shown := APIKey{ID: k.ID, Name: k.Name, Owner: k.Maker, Scopes: make([]string, len(k.Scopes)), State: "works", CreatedAt: at(k.CreatedAt), ExpiresAt: at(k.ExpiresAt),
			LastUsedAt: moment(k.LastUsedAt), RevokedAt: moment(k.RevokedAt)}
		for j, scope := range k.Scopes {
			shown.Scopes[j] = string(scope)
		}
		switch {
		case k.RevokedAt > 0:
			shown.State = "revoked"
		case k.ExpiresAt <= d.Now().UnixMilli():
			shown.State = "expired"
		case k.MakerState != account.Active:
			shown.State = "stopped"
		}
		page.Items[i] = shown
	}
	return &listing[APIKeys]{page}, nil
}

func (d *door) revokeAPIKey(ctx context.Context, actor account.Actor, in *struct {
	OneItem
	Writing
}) (*nothing, error) {
	return nil, d.Account.RevokeKey(ctx, actor, in.ID)
}
