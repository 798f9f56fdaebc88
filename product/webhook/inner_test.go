package webhook_test

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"hubline/base/outward/outwardtest"
	"hubline/product/webhook"
)

// Abuse case A56: webhooks are made to ask the network around the server. No address that leads inside is taken, in whatever form.
func TestA56WebhooksTakeNoInnerAddress(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx := t.Context()
		w, _ := r.add(r.to.URL, "call.ended")
		for _, host := range outwardtest.Inner {
			for _, address := range []string{"https://" + host, "https://" + host + ":8443/x", "http://" + host + ":1", "https://user@" + host, "//" + host, host} {
				_, _, err := r.room.Add(ctx, r.admin.Actor(), webhook.Wanted{URL: &address, Events: &[]string{"call.ended"}})
				if code := codeOf(err); code != "url-inner" && code != "url-form" {
					t.Errorf("adding %s gave %v", address, err)
				}
				if _, err := r.room.Change(ctx, r.admin.Actor(), w.ID, webhook.Wanted{URL: &address}, 0); codeOf(err) != "url-inner" && codeOf(err) != "url-form" {
					t.Errorf("changing to %s gave %v", address, err)
				}
			}
		}
	})
}

// Abuse case A56: what a name resolves to counts when it is asked, also where it was good before, or stands in the store by another way.
func TestA56WebhooksAskNoInnerAddress(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ctx := t.Context()
		inner := receive(t)
		w, _ := r.add(r.to.URL, "call.ended")
		for _, address := range []string{"https://localhost:" + port(inner.URL), inner.URL, "https://127.0.0.1:" + port(inner.URL), "http://localhost:" + port(inner.URL), "https://169.254.169.254/latest/meta-data"} {
			if _, err := r.DB.ExecContext(ctx, `UPDATE webhooks SET url = $1 WHERE id = $2`, address, w.ID); err != nil {
				t.Fatal(err)
			}
			d, err := r.room.SendTest(ctx, r.admin.Actor(), w.ID)
			must(t, err)
			r.flush()
			_, tries, err := r.room.Delivery(ctx, r.admin.Actor(), w.ID, d.ID)
			must(t, err)
			if len(tries) != 1 || tries[0].Status != 0 || !strings.HasSuffix(tries[0].Error, "nothing was sent") || strings.Contains(tries[0].Error, "127.") {
				t.Errorf("asking %s: %+v", address, tries)
			}
		}
		if got := inner.take(); len(got) != 0 {
			t.Errorf("the inner machine was asked: %+v", got)
		}
	})
}

// Abuse case A56: a redirect is an answer, and leads nowhere.
func TestA56WebhooksFollowNoRedirect(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		inner := receive(t)
		w, _ := r.add(r.to.URL, "call.ended")
		for _, status := range []int{301, 302, 303, 307, 308} {
			r.to.answers(func(w http.ResponseWriter, req *http.Request) { http.Redirect(w, req, inner.URL, status) })
			_, err := r.room.SendTest(t.Context(), r.admin.Actor(), w.ID)
			must(t, err)
			r.flush()
			if d := r.log(w.ID)[0]; d.Status != status || d.State != webhook.Waiting || !strings.Contains(d.Error, "Redirects are not followed") {
				t.Errorf("answered %d: %+v", status, d)
			}
		}
		if got := inner.take(); len(got) != 0 {
			t.Errorf("the redirect was followed: %+v", got)
		}
	})
}

func port(address string) string {
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(address, "http://"))
	return port
}
