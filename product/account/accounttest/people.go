package accounttest

import (
	"strings"

	"hubline/product/account"
)

// Password is everybody's password.
const Password = "wattle tram quince 41"

// UserAgent and Address are where everybody comes from.
const (
	UserAgent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
	Address   = "192.0.2.7"
)

// User is a person in one account, signed in.
type User struct {
	Email   string
	Name    string
	Account account.Account
	rig     *Rig
	login   *login
}

// Person returns a name for an address: Jo for jo@harbour.example.
func Person(email string) string {
	local, _, _ := strings.Cut(email, "@")
	return strings.ToUpper(local[:1]) + local[1:]
}

// Browser returns a browser that knows the person, or a new one for somebody who has not signed in.
func (u *User) Browser() account.Browser {
	return account.Browser{Address: Address, UserAgent: UserAgent, Device: u.login.device}
}

// Session returns the token of the person's session.
func (u *User) Session() string { return u.login.session }

// Device returns the token by which the person's browser is known.
func (u *User) Device() string { return u.login.device }

// Actor enters the account as a request of the person does, with the rights of this moment.
func (u *User) Actor() account.Actor {
	u.rig.t.Helper()
	actor, err := u.rig.Enter(u.rig.t.Context(), u.login.session, u.Account.Slug, Address)
	if err != nil {
		u.rig.t.Fatalf("%s enters %s: %v", u.Email, u.Account.Slug, err)
	}
	return actor
}

// ID returns the person's ID as a hub user of the account.
func (u *User) ID() string {
	u.rig.t.Helper()
	return u.Actor().MembershipID
}

// Check passes the step-up check with the code from the mail.
func (u *User) Check() *User {
	t := u.rig.t
	t.Helper()
	actor := u.Actor()
	if err := u.rig.SendCode(t.Context(), actor, u.Browser()); err != nil {
		t.Fatalf("send a code to %s: %v", u.Email, err)
	}
	session, err := u.rig.ConfirmCode(t.Context(), actor, u.rig.Code(u.Email))
	if err != nil {
		t.Fatalf("confirm the code of %s: %v", u.Email, err)
	}
	u.login.session = session
	return u
}

// SignIn gives the person a new session, as after the old one ended. It costs a password hash.
func (u *User) SignIn() *User {
	t := u.rig.t
	t.Helper()
	in, err := u.rig.Room.SignIn(t.Context(), u.Email, Password, u.Browser())
	if err != nil {
		t.Fatalf("%s signs in: %v", u.Email, err)
	}
	u.login.session, u.login.device = in.Session, in.Device
	return u
}

// As returns the same person in another account.
func (u *User) As(a account.Account) *User {
	other := *u
	other.Account = a
	return &other
}

// Open opens the account and returns its first admin, admin@<slug>.example with both roles, signed in and checked.
func (r *Rig) Open(slug string) *User {
	r.t.Helper()
	return r.OpenFor(slug, "admin@"+slug+".example")
}

// OpenFor is Open with the admin's address; a person the rig knows accepts with the session they have.
func (r *Rig) OpenFor(slug, email string) *User {
	r.t.Helper()
	a, invitation, err := r.Room.Open(r.t.Context(), account.Operate(), account.NewAccount{Name: strings.ToUpper(slug[:1]) + slug[1:] + " Group",
		Slug: slug, AdminEmail: email, AdminName: Person(email)})
	if err != nil {
		r.t.Fatalf("open %s: %v", slug, err)
	}
	return r.accept(a, invitation).Check()
}

// Invite invites an address and returns the invitation with the token of its link. The admin must be checked.
func (r *Rig) Invite(admin *User, email string, roles ...account.Role) (account.Invitation, string) {
	r.t.Helper()
	sent, err := r.Room.Invite(r.t.Context(), admin.Actor(), account.Invite{Offers: []account.Offer{{Email: email}}, Roles: roles})
	if err != nil {
		r.t.Fatalf("invite %s: %v", email, err)
	}
	return sent[0], r.Token(sent[0].ID)
}

// Join invites an address and accepts, with a new password or, for a person the rig knows, with the session they have.
func (r *Rig) Join(admin *User, email string, roles ...account.Role) *User {
	r.t.Helper()
	invitation, _ := r.Invite(admin, email, roles...)
	return r.accept(admin.Account, invitation)
}

func (r *Rig) accept(a account.Account, invitation account.Invitation) *User {
	r.t.Helper()
	ctx, token := r.t.Context(), r.Token(invitation.ID)
	w, err := r.Welcome(ctx, token)
	if err != nil {
		r.t.Fatalf("open the link for %s: %v", invitation.Email, err)
	}
	u := &User{Email: invitation.Email, Name: Person(invitation.Email), Account: a, rig: r, login: r.people[invitation.Email]}
	if u.login != nil {
		actor, err := r.SignedIn(ctx, u.login.session, Address)
		if err == nil {
			_, err = r.AcceptAs(ctx, actor, token, w.Shown)
		}
		if err != nil {
			r.t.Fatalf("%s accepts: %v", u.Email, err)
		}
		return u
	}
	in, _, err := r.AcceptNew(ctx, token, w.Shown, u.Name, Password, account.Browser{Address: Address, UserAgent: UserAgent})
	if err != nil {
		r.t.Fatalf("%s accepts: %v", u.Email, err)
	}
	u.login = &login{session: in.Session, device: in.Device}
	r.people[u.Email] = u.login
	return u
}

// Staff makes a person of the provider, signed in, and returns them as they act outside every account.
func (r *Rig) Staff(email string) account.Actor {
	r.t.Helper()
	ctx := r.t.Context()
	_, token, err := r.AddStaff(ctx, account.Operate(), email, Person(email))
	if err != nil {
		r.t.Fatalf("add staff: %v", err)
	}
	in, err := r.SetPassword(ctx, token, Password, account.Browser{Address: Address, UserAgent: UserAgent})
	if err != nil {
		r.t.Fatalf("set the password of %s: %v", email, err)
	}
	actor, err := r.SignedIn(ctx, in.Session, Address)
	if err != nil {
		r.t.Fatal(err)
	}
	return actor
}

// Key makes an API key on behalf of the user, with every scope when none is given, and returns its secret and the actor behind it.
func (r *Rig) Key(maker *User, scopes ...account.Permission) (secret string, actor account.Actor) {
	r.t.Helper()
	if len(scopes) == 0 {
		scopes = account.Scopes()
	}
	ctx := r.t.Context()
	_, secret, err := r.MakeKey(ctx, account.Operate().Inside(maker.Account), maker.ID(), "Test key", scopes, 0)
	if err == nil {
		actor, err = r.UseKey(ctx, secret, maker.Account.Slug, Address)
	}
	if err != nil {
		r.t.Fatalf("make a key: %v", err)
	}
	return secret, actor
}
