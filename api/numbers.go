package api

import (
	"context"
	"strings"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/number"
)

// PhoneNumber is a phone number of the account.
type PhoneNumber struct {
	Number      string      `json:"number" doc:"In E.164." example:"+61255500142"`
	Kind        string      `json:"kind" enum:"local,mobile,1300,1800,13,international" doc:"Only local and mobile numbers can be caller ID; only mobile numbers can send text messages." example:"local"`
	ServiceName string      `json:"service_name" doc:"What lists and reports call it." example:"Main line"`
	Route       NumberRoute `json:"route" doc:"Where its calls lead."`
	AssignedAt  time.Time   `json:"assigned_at" doc:"When the account got it." example:"2026-11-25T09:30:00Z"`
}

// NumberRoute is where the calls of a number lead.
type NumberRoute struct {
	Kind        string `json:"kind" enum:"phone-user,nowhere" doc:"phone-user rings a phone user; nowhere tells callers that the number is not in service." example:"phone-user"`
	PhoneUserID string `json:"phone_user_id,omitempty" doc:"Whom it rings." example:"q3vq5zr2yb7m4xw6ct2ahsn5de"`
	Extension   string `json:"extension,omitempty" doc:"The phone user's extension." example:"101"`
	DisplayName string `json:"display_name,omitempty" doc:"The phone user's name." example:"Mary Chen"`
}

// PhoneNumbers is one page of numbers.
type PhoneNumbers struct {
	Items []PhoneNumber `json:"items" nullable:"false" doc:"The numbers."`
	NextPage
}

// PhoneNumberChange is what can be changed of a number. What is left out stays as it is.
type PhoneNumberChange struct {
	ServiceName *string            `json:"service_name,omitempty" doc:"At most 60 characters. Calls keep the name they were made under." example:"Main line"`
	Route       *NumberRouteChange `json:"route,omitempty" doc:"Where calls lead, from the next one on. It needs the scope numbers.change too."`
}

// NumberRouteChange chooses where the calls of a number lead.
type NumberRouteChange struct {
	Kind        string `json:"kind" enum:"phone-user,nowhere" doc:"phone-user or nowhere." example:"phone-user"`
	PhoneUserID string `json:"phone_user_id,omitempty" doc:"Of kind phone-user: whom it rings." example:"q3vq5zr2yb7m4xw6ct2ahsn5de"`
}

// OneNumber names one number of an account.
type OneNumber struct {
	InAccount
	Number string `path:"number" doc:"The number in E.164, with its plus sign." example:"+61255500142"`
}

type NumberFilter struct {
	Query string `query:"q" maxLength:"200" doc:"Only those whose number in any form, service name or phone user holds this text." example:"02 5550"`
	Sort  string `query:"sort" enum:"number,-number,service_name,-service_name" default:"number" doc:"Order by number or service name; with a minus from the end." example:"service_name"`
}

func (f NumberFilter) numbers() number.Filter {
	return number.Filter{Search: f.Query, Sort: number.Sort(strings.TrimPrefix(f.Sort, "-")), Descending: strings.HasPrefix(f.Sort, "-")}
}

func (d *door) listNumbers(ctx context.Context, actor account.Actor, in *struct {
	InAccount
	NumberFilter
	Paging
}) (*listing[PhoneNumbers], error) {
	f := in.numbers()
	f.Limit, f.After = in.Limit, in.After
	list, next, err := d.Numbers.List(ctx, actor, f)
	if err != nil {
		return nil, err
	}
	page := PhoneNumbers{Items: make([]PhoneNumber, len(list)), NextPage: NextPage{next}}
	for i, n := range list {
		page.Items[i] = phoneNumber(n)
	}
	return &listing[PhoneNumbers]{page}, nil
}

func (d *door) numbersCSV(_ context.Context, actor account.Actor, in *struct {
	InAccount
	NumberFilter
}) (*stream, error) {
	return d.csv(actor.Account.Slug+"-numbers.csv",
		[]string{"number", "kind", "service_name", "route", "phone_user_id", "extension", "display_name", "assigned_at"},
		func(ctx context.Context, write func(...string) error) error {
			return d.Numbers.Each(ctx, actor, in.numbers(), func(n number.Number) error {
				to := route(n)
				return write(n.Number, string(n.Kind), n.ServiceName, to.Kind, to.PhoneUserID, to.Extension, to.DisplayName, csvTime(n.AssignedAt))
			})
		}), nil
}

func (d *door) number(ctx context.Context, actor account.Actor, in *struct {
	OneNumber
	Reading
}) (*item[PhoneNumber], error) {
	n, err := d.Numbers.ByNumber(ctx, actor, in.Number)
	return numberItem(n, in.IfNoneMatch), err
}

func (d *door) changeNumber(ctx context.Context, actor account.Actor, in *struct {
	OneNumber
	Changing
	Body PhoneNumberChange
}) (*item[PhoneNumber], error) {
	version, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	change := number.Change{ServiceName: in.Body.ServiceName}
	if to := in.Body.Route; to != nil {
		if (to.Kind == routeNowhere) != (to.PhoneUserID == "") {
			return nil, fault.Field("route-form", "route", "Send a phone_user_id with the kind phone-user, and none with the kind nowhere")
		}
		change.PhoneUserID = &to.PhoneUserID
	}
	n, err := d.Numbers.Change(ctx, actor, in.Number, change, version)
	return numberItem(n, ""), err
}

const (
	routePhoneUser = "phone-user"
	routeNowhere   = "nowhere"
)

func route(n number.Number) NumberRoute {
	if n.PhoneUserID == "" {
		return NumberRoute{Kind: routeNowhere}
	}
	return NumberRoute{routePhoneUser, n.PhoneUserID, n.Extension, n.PhoneUserName}
}

func phoneNumber(n number.Number) PhoneNumber {
	return PhoneNumber{Number: n.Number, Kind: string(n.Kind), ServiceName: n.ServiceName, Route: route(n), AssignedAt: at(n.AssignedAt)}
}

func numberItem(n number.Number, ifNoneMatch string) *item[PhoneNumber] {
	return answer(phoneNumber(n), etag(n.Version, ""), ifNoneMatch)
}
