package web

import (
	"maps"
	"net/url"
	"slices"
)

// pages are the ways through a list that is read by cursor: the addresses of its other pages, "" where there is none.
type pages struct{ First, Previous, Next string }

// backMost is how many pages back a list's address knows. From there, Previous leads to the first page.
const backMost = 20

// pages says how the list of this address goes on; next is the cursor of the page after this one, or "". A cursor tells only what comes
// after it, so those of the pages before travel along in the address, the nearest last.
func (r *Request) pages(next string) (p pages) {
	asked := r.URL.Query()
	after, back := asked.Get("after"), asked["back"]
	maps.DeleteFunc(asked, func(name string, values []string) bool {
		return name == "after" || name == "back" || !slices.ContainsFunc(values, func(v string) bool { return v != "" })
	})
	at := func(after string, back []string) string {
		query := maps.Clone(asked)
		query["after"], query["back"] = []string{after}, back
		return withQuery(r.URL.Path, query)
	}
	if after != "" {
		p.First = withQuery(r.URL.Path, asked)
		p.Previous = p.First
		if n := len(back); n > 0 {
			p.Previous = at(back[n-1], back[:n-1])
		}
		back = append(slices.Clip(back), after)
	}
	if next != "" {
		p.Next = at(next, back[max(0, len(back)-backMost):])
	}
	return p
}

// withQuery is the address of a page with what is asked of it.
func withQuery(page string, query url.Values) string {
	if len(query) == 0 {
		return page
	}
	return page + "?" + query.Encode()
}
