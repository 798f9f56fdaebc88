package web

import (
	"net/http/httptest"
	"net/url"
	"strconv"
	"testing"
)

// A list goes back the way that it came, and from further on to its first page.
func TestPagesGoBack(t *testing.T) {
	t.Parallel()
	at := func(address, next string) pages {
		return (&Request{Request: httptest.NewRequest("GET", address, nil)}).pages(next)
	}
	address, seen := "/harbour/numbers?q=02&sort=", []string{"/harbour/numbers?q=02"}
	for i := range backMost + 5 {
		p := at(address, "mark "+strconv.Itoa(i))
		if i > 0 && p.First != seen[0] {
			t.Fatalf("page %d: the first is %q", i, p.First)
		}
		address = p.Next
		seen = append(seen, address)
	}
	if p := at(address, ""); p.Next != "" {
		t.Errorf("the last page leads on to %q", p.Next)
	}
	for i := len(seen) - 2; i >= len(seen)-1-backMost; i-- {
		address = at(address, "").Previous
		if after(t, address) != after(t, seen[i]) {
			t.Fatalf("back to %q, not %q", address, seen[i])
		}
	}
	if address = at(address, "").Previous; address != seen[0] {
		t.Errorf("from further on back to %q", address)
	}
	if p := at(address, ""); p != (pages{}) {
		t.Errorf("a list of one page leads on: %+v", p)
	}
}

func after(t *testing.T, address string) string {
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get("after")
}
