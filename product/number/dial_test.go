package number_test

import (
	"testing"

	"hubline/product/number"
	"hubline/product/phoneuser"
)

// TestS14Dial follows the order of product.md section 20: help, the echo test, colleagues, what is barred, who may be shown to be calling.
func TestS14Dial(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		inside := r.staff.Inside(r.admin.Account)
		_, err := r.numbers.Assign(t.Context(), r.staff.Inside(r.north.Account), "03 5550 0199", "")
		must(t, err)
		jo, err := r.phones.Add(t.Context(), r.admin.Actor(), phoneuser.Settings{Extension: "1021", DisplayName: "Jo Baptiste", LocalPrefix: "02", CallerID: mobile, HideCallerID: true}, "")
		must(t, err)
		nobody, err := r.phones.Add(t.Context(), r.admin.Actor(), phoneuser.Settings{Extension: "103", DisplayName: "Lobby"}, "")
		must(t, err)
		sam, err := r.phones.Add(t.Context(), r.north.Actor(), phoneuser.Settings{Extension: "555", DisplayName: "Sam"}, "")
		must(t, err)

		stranger := jo
		stranger.CallerID = another // northside's
		service := jo
		service.CallerID = n1300 // owned, but of a kind that is never shown

		shown := func(e164 string) number.Destination {
			return number.Destination{Number: e164, CallerID: mobile, ServiceName: "Mary's mobile", Hidden: true}
		}
		for _, tt := range []struct {
			name    string
			from    phoneuser.User
			dialled string
			want    number.Destination
		}{
			{"a landline", jo, "0355500123", shown("+61355500123")},
			{"eight digits and the prefix", jo, "55500123", shown("+61255500123")},
			{"from abroad's view", jo, "+61355500123", shown("+61355500123")},
			{"an own number goes the same way", jo, "0255500142", shown(main)},
			{"a free call", jo, "1800160401", shown("+611800160401")},
			{"the echo test", nobody, "*43", number.Destination{Number: "*43", Echo: true}},
			{"nothing that anybody has", jo, "999", number.Destination{Number: "999", Barred: number.NoSuchNumber}},
			{"an extension of another account", jo, sam.Extension, number.Destination{Number: "555", Barred: number.NoSuchNumber}},
			{"words", jo, "mary", number.Destination{Number: "mary", Barred: number.NoSuchNumber}},
			{"a premium number", jo, "1900654321", number.Destination{Number: "+611900654321", Barred: number.PremiumBarred}},
			{"abroad", jo, "001164215550123", number.Destination{Number: "+64215550123", Barred: number.InternationalBarred}},
			{"what is barred comes before who calls", nobody, "1900654321", number.Destination{Number: "+611900654321", Barred: number.PremiumBarred}},
			{"no caller ID", nobody, "0355500123", number.Destination{Number: "+61355500123", Barred: number.CallerIDMissing}},
			{"another account's caller ID", stranger, "0355500123", number.Destination{Number: "+61355500123", Barred: number.CallerIDNotOwned}},
			{"a 1300 number as caller ID", service, "0355500123", number.Destination{Number: "+61355500123", Barred: number.CallerIDNotOwned}},
			{"help, never hidden", jo, "000", number.Destination{Number: "000", Emergency: true, CallerID: mobile, ServiceName: "Mary's mobile"}},
			{"help with another's caller ID", stranger, "112", number.Destination{Number: "112", Emergency: true, CallerID: main, ServiceName: "Main line"}},
			{"help without caller ID", nobody, "000", number.Destination{Number: "000", Emergency: true, CallerID: main, ServiceName: "Main line"}},
			{"help with a number that is never shown", service, "000", number.Destination{Number: "000", Emergency: true, CallerID: main, ServiceName: "Main line"}},
		} {
			to, err := r.numbers.Dial(t.Context(), tt.from, tt.dialled)
			if err != nil || to != tt.want {
				t.Errorf("%s: %+v, %v; want %+v", tt.name, to, err, tt.want)
			}
		}

		for _, extension := range []string{"101", "1021"} {
			to, err := r.numbers.Dial(t.Context(), nobody, extension)
			if err != nil || to.Colleague.Extension != extension || to.Colleague.AccountID != r.admin.Account.ID || to.Barred != "" {
				t.Errorf("%s leads to %+v, %v", extension, to, err)
			}
		}

		for _, step := range []struct {
			number, leads, want string
		}{{mobile, nobody.ID, mobile}, {main, nobody.ID, main}, {main, jo.ID, mobile}} { // what rings whoever asks for help; of several a local one
			n, err := r.numbers.ByNumber(t.Context(), r.admin.Actor(), step.number)
			must(t, err)
			_, err = r.numbers.Lead(t.Context(), r.admin.Actor(), step.number, step.leads, n.Version)
			must(t, err)
			if to, err := r.numbers.Dial(t.Context(), nobody, "000"); err != nil || to.CallerID != step.want {
				t.Errorf("%s leads to %s: help is shown %q, %v; want %s", step.number, step.leads, to.CallerID, err, step.want)
			}
		}

		must(t, r.numbers.Withdraw(t.Context(), inside, mobile)) // jo is as the call began, and the number is asked for again
		if to, err := r.numbers.Dial(t.Context(), jo, "0355500123"); err != nil || to.Barred != number.CallerIDNotOwned {
			t.Errorf("a withdrawn caller ID: %+v, %v", to, err)
		}
	})
}
