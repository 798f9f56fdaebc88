package account

import (
	"context"

	"hubline/base/fault"
	"hubline/base/listing"
)

// HubUserAcceptance is what a hub user of an account accepted, and when. From where they did is theirs and the provider's to know.
type HubUserAcceptance struct {
	MembershipID string
	Email        string
	Name         string
	Version      int
	AcceptedAt   int64
	key          string
}

// AcceptedFilter says what to list.
type AcceptedFilter struct {
	Version int // 0: all versions
	After   string
	Limit   int // 0 means 50
}

// AcceptedTerms lists what the hub users of the actor's account accepted, by name and version, and the cursor of the next or "".
func (r *Room) AcceptedTerms(ctx context.Context, actor Actor, f AcceptedFilter) (list []HubUserAcceptance, next string, err error) {
	defer fault.Wrap(&err, "account.AcceptedTerms")
	if err := actor.Require(ViewHubUsers); err != nil {
		return nil, "", err
	}
	mark := "accepted " + actor.Account.ID
	at, err := listing.Read(r.Keys, mark, f.After)
	if err != nil {
		return nil, "", err
	}
	limit := listing.PageSize(f.Limit)
	rows, err := r.DB.QueryContext(ctx, `
		SELECT m.id, m.email, m.name, x.version, x.accepted_at, m.search FROM memberships m JOIN terms_acceptances x ON x.person_id = m.person_id
		WHERE m.account_id = $1 AND m.state <> 'removed' AND (x.version = $2 OR $2 = 0) AND (m.search, m.id, x.version) > ($3, $4, $5)
		ORDER BY m.search, m.id, x.version LIMIT $6`, actor.Account.ID, f.Version, at.Text, at.ID, at.Time, limit+1)
	if err != nil {
		return nil, "", err
	}
	defer rows.Close()
	for rows.Next() {
		var a HubUserAcceptance
		if err := rows.Scan(&a.MembershipID, &a.Email, &a.Name, &a.Version, &a.AcceptedAt, &a.key); err != nil {
			return nil, "", err
		}
		list = append(list, a)
	}
	if len(list) > limit {
		list = list[:limit]
		last := list[limit-1]
		next = listing.Write(r.Keys, mark, listing.Cursor{Text: last.key, ID: last.MembershipID, Time: int64(last.Version)})
	}
	return list, next, rows.Err()
}
