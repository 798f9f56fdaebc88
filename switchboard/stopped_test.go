package switchboard_test

import (
	"testing"
	"time"

	"hubline/media/mediatest"
	"hubline/product/call"
	"hubline/sip"
)

// S17, and product.md 14: within a second of its suspension, wherever that was decided, an account's phones call nobody and nobody reaches
// them, but help can be called all the time. They stay signed in, as many a phone dials not even 000 without. Enabled, they call as before.
func TestS17ASuspendedAccountCallsHelpAndNobodyElse(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		mary, tom, stranger := r.phone(r.mary), r.phone(r.tom), r.phone(r.stranger)
		going := mary.call("*43")
		want(t, going, sip.Answered)
		other := r.Node() // another node's room: this one hears of it by the change feed
		began := time.Now()
		_, err := other.Suspend(t.Context(), r.staff, r.admin.Account.ID, "Invoice 2041 is overdue")
		must(t, err)
		mediatest.Until(t, func() bool {
			works, err := r.Phones.Works(t.Context(), r.admin.Account.ID)
			return err == nil && !works
		})
		if took := time.Since(began); took > time.Second {
			t.Errorf("out after %v", took)
		}
		for _, p := range []*ua{mary, tom} {
			if res := p.register(300); res.Status != 200 {
				t.Errorf("a REGISTER got %d %s", res.Status, res.Reason)
			}
		}
		going.Hangup() // it was let finish
		for i, dialled := range []string{"0491570157", "102", "*43", "1900654321"} {
			spoken := next(t, mary.call(dialled))
			if spoken.Kind != sip.Ringing || spoken.Message.Status != 183 {
				t.Errorf("%s: no message is played: %v", dialled, spoken.Kind)
			}
			if c := r.allRecords(i + 2)[i+1]; c.Status != call.Unavailable || c.Cause != "account-stopped" || c.ToNumber != dialled {
				t.Errorf("%s: recorded %s", dialled, sentence(c))
			}
		}
		if res := refusal(t, r.network.dial(r, "0255500142")); res.Status != 480 {
			t.Errorf("a call in got %d", res.Status)
		}
		for _, dialled := range []string{"000", "112"} {
			leg := mary.call(dialled)
			z := r.network.ringing()
			if z.Request().Target.User != dialled || z.Request().From().URI.User != mainLine {
				t.Errorf("%s goes out as %v from %v", dialled, z.Request().Target, z.Request().From().URI)
			}
			must(t, z.Answer(r.network.offer()))
			want(t, leg, sip.Answered)
			leg.Hangup()
		}
		if r.board.State(r.stranger.AccountID, r.stranger.ID) != "available" || stranger.register(300).Status != 200 {
			t.Error("a phone of another account is out too")
		}

		_, err = other.Enable(t.Context(), r.staff, r.admin.Account.ID)
		must(t, err)
		mediatest.Until(t, func() bool { works, err := r.Phones.Works(t.Context(), r.admin.Account.ID); return err == nil && works })
		leg := mary.call("102")
		z := tom.ringing()
		must(t, z.Answer(tom.offer()))
		want(t, leg, sip.Answered)
		leg.Hangup()
	})
}

// allRecords returns the closed records of harbour, the oldest first, once there are as many. Nobody of a suspended account can ask for them.
func (r *rig) allRecords(count int) (list []call.Record) {
	r.t.Helper()
	admin := r.admin.Account.ID
	mediatest.Until(r.t, func() bool {
		list = nil
		rows, err := r.DB.QueryContext(r.t.Context(), `SELECT status, cause, to_number FROM calls WHERE account_id = $1 AND ended_at > 0 ORDER BY id`, admin)
		must(r.t, err)
		defer rows.Close()
		for rows.Next() {
			var c call.Record
			must(r.t, rows.Scan(&c.Status, &c.Cause, &c.ToNumber))
			list = append(list, c)
		}
		return len(list) >= count
	})
	return list
}
