package api

import (
	"context"
	"strconv"
	"time"

	"hubline/product/account"
)

// Terms is one version of what the provider asks people to accept.
type Terms struct {
	Version     int       `json:"version" doc:"1 is the first; the greatest is the one that counts." example:"2"`
	Dated       string    `json:"dated" format:"date" doc:"The day that stands above the text." example:"2026-11-25"`
	PublishedAt time.Time `json:"published_at" doc:"When it was published." example:"2026-11-25T09:30:00Z"`
	Terms       string    `json:"terms,omitempty" doc:"The terms of use: plain paragraphs, separated by empty lines. Lists leave it out." example:"Be kind."`
	Privacy     string    `json:"privacy,omitempty" doc:"The privacy text. Lists leave it out." example:"We keep what the service needs."`
}

// TermsVersions are all versions; there is one page.
type TermsVersions struct {
	Items []Terms `json:"items" nullable:"false" doc:"The versions, newest first. Without any, nobody is asked to accept anything."`
}

// TermsAcceptance is what a hub user accepted, and when.
type TermsAcceptance struct {
	ID         string    `json:"id" doc:"ID of the hub user." example:"k3vq5zr2yb7m4xw6ct2ahsn5de"`
	Email      string    `json:"email" format:"email" doc:"Their address." example:"jo.baptiste@harbourdental.example"`
	Name       string    `json:"name" doc:"Their name." example:"Jo Baptiste"`
	Version    int       `json:"version" doc:"What they accepted." example:"2"`
	AcceptedAt time.Time `json:"accepted_at" doc:"When." example:"2026-11-25T09:30:00Z"`
}

// TermsAcceptances is one page of acceptances.
type TermsAcceptances struct {
	Items []TermsAcceptance `json:"items" nullable:"false" doc:"The acceptances, by name and version."`
	NextPage
}

// termsRoutes are about what the provider asks people to accept.
func termsRoutes(in string) []Route {
	return []Route{
		{"GET", in + "/terms", account.ViewHome, "list-terms", tagTerms, "List versions of the terms",
			"Lists the versions of the terms of use and the privacy text that your provider published. People accept them in the portal, each for themselves.", "", serve((*door).listTerms)},
		{"GET", in + "/terms/{version}", account.ViewHome, "get-terms", tagTerms, "Read a version of the terms",
			"Answers with both texts of one version.", "", serve((*door).terms)},
		{"GET", in + "/terms-acceptances", account.ViewHubUsers, "list-terms-acceptances", tagTerms, "List who accepted the terms",
			"Lists what the hub users of the account accepted. Whoever has not accepted the newest version is asked on their next click, and can do nothing before.", "", serve((*door).listAcceptances)},
	}
}

func (d *door) listTerms(ctx context.Context, actor account.Actor, _ *struct{ InAccount }) (*listing[TermsVersions], error) {
	list, err := d.Account.TermsHistory(ctx, actor)
	out := TermsVersions{Items: make([]Terms, len(list))}
	for i, t := range list {
		out.Items[i] = termsShown(t)
	}
	return &listing[TermsVersions]{out}, err
}

func (d *door) terms(ctx context.Context, actor account.Actor, in *struct {
	InAccount
	Version string `path:"version" doc:"Number of the version." example:"2"`
}) (*listing[Terms], error) {
	version, err := strconv.Atoi(in.Version)
	if err != nil {
		return nil, nothingHere()
	}
	t, err := d.Account.TermsVersion(ctx, actor, version)
	return &listing[Terms]{termsShown(t)}, err
}

func (d *door) listAcceptances(ctx context.Context, actor account.Actor, in *struct {
	InAccount
	Version int `query:"version" minimum:"0" maximum:"1000000" doc:"Only of this version; 0: of all." example:"2"`
	Paging
}) (*listing[TermsAcceptances], error) {
	list, next, err := d.Account.AcceptedTerms(ctx, actor, account.AcceptedFilter{Version: in.Version, After: in.After, Limit: in.Limit})
	out := TermsAcceptances{Items: make([]TermsAcceptance, len(list)), NextPage: NextPage{next}}
	for i, a := range list {
		out.Items[i] = TermsAcceptance{a.MembershipID, a.Email, a.Name, a.Version, at(a.AcceptedAt)}
	}
	return &listing[TermsAcceptances]{out}, err
}

func termsShown(t account.Terms) Terms {
	return Terms{Version: t.Version, Dated: t.Dated, PublishedAt: at(t.PublishedAt), Terms: t.Terms, Privacy: t.Privacy}
}
