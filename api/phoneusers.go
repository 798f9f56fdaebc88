package api

import (
	"context"
	"strconv"
	"strings"
	"time"

	"hubline/product/account"
	"hubline/product/phoneuser"
)

// PhoneUser is a seat of the account: an extension, what its calls show, and the phones that ring for it.
type PhoneUser struct {
	ID            string     `json:"id" doc:"ID of the phone user." example:"q3vq5zr2yb7m4xw6ct2ahsn5de"`
	Extension     string     `json:"extension" doc:"What other phone users dial." example:"101"`
	DisplayName   string     `json:"display_name" doc:"What reports show as the answering point, and what colleagues see when the phone user calls." example:"Mary Chen"`
	Email         string     `json:"email" doc:"Where set-up links go; empty without one." example:"mary.chen@harbourdental.example"`
	LocalPrefix   string     `json:"local_prefix" doc:"The area code put in front of eight digits; empty for none." example:"02"`
	CallerID      string     `json:"caller_id" doc:"The number of the account shown to people who are called, in E.164; empty for none." example:"+61255500142"`
	HideCallerID  bool       `json:"hide_caller_id" doc:"Whether calls show no number at all." example:"false"`
	SMSNumber     string     `json:"sms_number" doc:"The mobile number of the account that text messages are sent from, in E.164; empty for none." example:"+61491570156"`
	AppEnabled    bool       `json:"app_enabled" doc:"Whether phones may sign in." example:"true"`
	State         string     `json:"state" enum:"app-off,not-set-up,away,available,on-a-call" doc:"What the phones do right now; away means set up, but not signed in." example:"available"`
	Devices       int        `json:"devices" doc:"How many phones are set up." example:"1"`
	Details       string     `json:"details,omitempty" enum:"queued,sent,refused" doc:"How far the newest set-up link got; absent before the first. refused means that the receiving server said no for good." example:"sent"`
	DetailsSentAt *time.Time `json:"details_sent_at,omitempty" doc:"When the newest set-up link was made; absent before the first." example:"2026-11-25T09:30:00Z"`
	CreatedAt     time.Time  `json:"created_at" doc:"When the phone user was added." example:"2026-11-25T09:30:00Z"`
	UpdatedAt     time.Time  `json:"updated_at" doc:"When it was last changed." example:"2026-11-25T10:02:00Z"`
}

// PhoneUsers is one page of phone users.
type PhoneUsers struct {
	Items []PhoneUser `json:"items" nullable:"false" doc:"The phone users."`
	NextPage
}

// NewPhoneUser is what it takes to add a phone user. Numbers may be written in any form.
type NewPhoneUser struct {
	Extension    string `json:"extension" doc:"2 to 6 digits that do not begin with 0; free in the account. It never changes." example:"107"`
	DisplayName  string `json:"display_name" doc:"At most 40 characters." example:"Priya Nair"`
	Email        string `json:"email,omitempty" doc:"Needed while the app is on." example:"priya.nair@harbourdental.example"`
	LocalPrefix  string `json:"local_prefix,omitempty" doc:"An area code; empty for none." example:"02"`
	CallerID     string `json:"caller_id,omitempty" doc:"A local or mobile number of the account; empty for none." example:"+61255500142"`
	HideCallerID bool   `json:"hide_caller_id,omitempty" doc:"Whether calls show no number at all." example:"false"`
	SMSNumber    string `json:"sms_number,omitempty" doc:"A mobile number of the account; empty for none." example:"+61491570156"`
	AppEnabled   bool   `json:"app_enabled,omitempty" doc:"Whether phones may sign in. With true, a set-up link is mailed at once." example:"true"`
}

// PhoneUserChange is what can be changed of a phone user. What is left out stays as it is.
type PhoneUserChange struct {
	Extension    *string `json:"extension,omitempty" doc:"Fixed: another one than the phone user has is refused." example:"101"`
	DisplayName  *string `json:"display_name,omitempty" doc:"At most 40 characters. Calls keep the name they were made under." example:"Mary Chen"`
	Email        *string `json:"email,omitempty" doc:"Needed while the app is on; a new address gets a set-up link." example:"mary.chen@harbourdental.example"`
	LocalPrefix  *string `json:"local_prefix,omitempty" doc:"An area code; empty for none." example:"03"`
	CallerID     *string `json:"caller_id,omitempty" doc:"A local or mobile number of the account; empty for none." example:"+61255500142"`
	HideCallerID *bool   `json:"hide_caller_id,omitempty" doc:"Whether calls show no number at all." example:"true"`
	SMSNumber    *string `json:"sms_number,omitempty" doc:"A mobile number of the account; empty for none." example:"+61491570156"`
	AppEnabled   *bool   `json:"app_enabled,omitempty" doc:"false ends what is signed in within a second; true for somebody without a phone mails a set-up link." example:"true"`
}

// Device is a phone or an app that signs in for a phone user, with a credential of its own that nobody can read again.
type Device struct {
	ID        string     `json:"id" doc:"ID of the device." example:"d3vq5zr2yb7m4xw6ct2ahsn5de"`
	Name      string     `json:"name" doc:"What it was set up as." example:"SIP phone"`
	Username  string     `json:"username" doc:"What it signs in as." example:"mk3vq5zr2yb7m4xw6ct2a"`
	Algorithm string     `json:"algorithm" enum:"MD5,SHA-256" doc:"The digest algorithm it signs in with (RFC 8760)." example:"MD5"`
	Online    bool       `json:"online" doc:"Whether it can be reached now." example:"true"`
	SeenAt    *time.Time `json:"seen_at,omitempty" doc:"When it last signed in, to about a minute; absent before the first time." example:"2026-11-25T10:02:00Z"`
	Address   string     `json:"address,omitempty" doc:"The network address it last signed in from." example:"203.0.113.7"`
	UserAgent string     `json:"user_agent,omitempty" doc:"What it calls itself." example:"baresip v1.0.0"`
	CreatedAt time.Time  `json:"created_at" doc:"When it was set up." example:"2026-11-25T09:41:00Z"`
}

// Devices are the devices of one phone user; there is one page.
type Devices struct {
	Items []Device `json:"items" nullable:"false" doc:"The devices, the oldest first."`
}

type PhoneUserFilter struct {
	Query string `query:"q" maxLength:"200" doc:"Only those whose extension, name, address or numbers hold this text; numbers in any form." example:"02 5550"`
	Sort  string `query:"sort" enum:"extension,-extension,name,-name" default:"extension" doc:"Order by extension or name; with a minus from the end." example:"name"`
}

func (f PhoneUserFilter) users() phoneuser.Filter {
	return phoneuser.Filter{Search: f.Query, Sort: phoneuser.Sort(strings.TrimPrefix(f.Sort, "-")), Descending: strings.HasPrefix(f.Sort, "-")}
}

func (d *door) listPhoneUsers(ctx context.Context, actor account.Actor, in *struct {
	InAccount
	PhoneUserFilter
	Paging
}) (*listing[PhoneUsers], error) {
	f := in.users()
	f.Limit, f.After = in.Limit, in.After
	list, next, err := d.Phones.List(ctx, actor, f)
	if err != nil {
		return nil, err
	}
	page := PhoneUsers{Items: make([]PhoneUser, len(list)), NextPage: NextPage{next}}
	for i, u := range list {
		page.Items[i] = phoneUser(u)
	}
	return &listing[PhoneUsers]{page}, nil
}

func (d *door) phoneUsersCSV(_ context.Context, actor account.Actor, in *struct {
	InAccount
	PhoneUserFilter
}) (*stream, error) {
	return d.csv(actor.Account.Slug+"-phone-users.csv",
		[]string{"id", "extension", "display_name", "email", "local_prefix", "caller_id", "hide_caller_id", "sms_number", "app_enabled", "state", "devices", "created_at", "updated_at"},
		func(ctx context.Context, write func(...string) error) error {
			return d.Phones.Each(ctx, actor, in.users(), func(u phoneuser.User) error {
				return write(u.ID, u.Extension, u.DisplayName, u.Email, u.LocalPrefix, u.CallerID, strconv.FormatBool(u.HideCallerID), u.SMSNumber,
					strconv.FormatBool(u.AppEnabled), string(u.State()), strconv.Itoa(u.Devices), csvTime(u.CreatedAt), csvTime(u.UpdatedAt))
			})
		}), nil
}

func (d *door) addPhoneUser(ctx context.Context, actor account.Actor, in *struct {
	InAccount
	Writing
	Body NewPhoneUser
}) (*made[PhoneUser], error) {
	u, err := d.Phones.Add(ctx, actor, phoneuser.Settings(in.Body), "")
	if err != nil {
		return nil, err
	}
	return &made[PhoneUser]{Location: prefix + "/accounts/" + actor.Account.Slug + "/phone-users/" + u.ID, ETag: phoneUserTag(u), Body: phoneUser(u)}, nil
}

func (d *door) phoneUser(ctx context.Context, actor account.Actor, in *struct {
	OneItem
	Reading
}) (*item[PhoneUser], error) {
	u, err := d.Phones.ByID(ctx, actor, in.ID)
	return phoneUserItem(u, in.IfNoneMatch), err
}

func (d *door) changePhoneUser(ctx context.Context, actor account.Actor, in *struct {
	OneItem
	Changing
	Body PhoneUserChange
}) (*item[PhoneUser], error) {
	version, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	u, err := d.Phones.Change(ctx, actor, in.ID, phoneuser.Change(in.Body), version)
	return phoneUserItem(u, ""), err
}

func (d *door) deletePhoneUser(ctx context.Context, actor account.Actor, in *struct {
	OneItem
	Changing
}) (*nothing, error) {
	version, err := ifMatch(in.IfMatch)
	if err == nil {
		_, err = d.Phones.Delete(ctx, actor, in.ID, version)
	}
	return nil, err
}

func (d *door) sendDetails(ctx context.Context, actor account.Actor, in *struct {
	OneItem
	Writing
}) (*item[PhoneUser], error) {
	u, err := d.Phones.SendDetails(ctx, actor, in.ID)
	return phoneUserItem(u, ""), err
}

func (d *door) resetPassword(ctx context.Context, actor account.Actor, in *struct {
	OneItem
	Writing
}) (*item[PhoneUser], error) {
	u, err := d.Phones.Reset(ctx, actor, in.ID)
	return phoneUserItem(u, ""), err
}

func (d *door) listDevices(ctx context.Context, actor account.Actor, in *OneItem) (*listing[Devices], error) {
	list, err := d.Phones.Devices(ctx, actor, in.ID)
	page := Devices{Items: make([]Device, len(list))}
	for i, one := range list {
		page.Items[i] = Device{ID: one.ID, Name: one.Name, Username: one.Username, Algorithm: one.Algorithm, Online: one.Online, SeenAt: moment(one.SeenAt),
			Address: one.Address, UserAgent: one.UserAgent, CreatedAt: at(one.CreatedAt)}
	}
	return &listing[Devices]{page}, err
}

func (d *door) endDevice(ctx context.Context, actor account.Actor, in *struct {
	OneItem
	Device string `path:"device" doc:"The device's ID." example:"d3vq5zr2yb7m4xw6ct2ahsn5de"`
	Writing
}) (*nothing, error) {
	return nil, d.Phones.EndDevice(ctx, actor, in.ID, in.Device)
}

func phoneUser(u phoneuser.User) PhoneUser {
	return PhoneUser{ID: u.ID, Extension: u.Extension, DisplayName: u.DisplayName, Email: u.Email, LocalPrefix: u.LocalPrefix, CallerID: u.CallerID,
		HideCallerID: u.HideCallerID, SMSNumber: u.SMSNumber, AppEnabled: u.AppEnabled, State: string(u.State()), Devices: u.Devices,
		Details: string(u.Delivery), DetailsSentAt: moment(u.DetailsSentAt), CreatedAt: at(u.CreatedAt), UpdatedAt: at(u.UpdatedAt)}
}

func phoneUserItem(u phoneuser.User, ifNoneMatch string) *item[PhoneUser] {
	return answer(phoneUser(u), phoneUserTag(u), ifNoneMatch)
}

// phoneUserTag adds to the version what changes without anybody editing: phones that sign in, links that go out.
func phoneUserTag(u phoneuser.User) string {
	return etag(u.Version, "-"+string(u.State())+"-"+strconv.Itoa(u.Devices)+"-"+string(u.Delivery)+strconv.FormatInt(u.DetailsSentAt, 36))
}
