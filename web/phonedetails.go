package web

import (
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"rsc.io/qr"

	"hubline/base/fault"
	"hubline/product/phoneuser"
)

// sendDetails mails a new set-up link; the one before stops working.
func (p *Portal) sendDetails(r *Request) error {
	u, err := p.Phones.SendDetails(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return p.phoneUserRefused(r, err)
	}
	return r.Go(r.to("phone-users", u.ID), Banner{Text: "Set-up details are on their way to " + u.Email + ".", More: "The link works for 48 hours and once. Earlier links stopped working."})
}

// phoneUserRefused shows the person's page with what stands in the way of an action.
func (p *Portal) phoneUserRefused(r *Request, err error) error { return r.Again(err, p.phoneUser) }

func (p *Portal) askResetPhones(r *Request) error {
	u, err := p.Phones.ByID(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	return p.askPhones(r, u, phoneReset(r, u))
}

// resetPhones ends every device of the phone user and mails a new set-up link.
func (p *Portal) resetPhones(r *Request) error {
	u, err := p.Phones.Reset(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return p.phoneUserRefused(r, err)
	}
	done := Banner{Text: "The phones of " + u.DisplayName + " were reset. Their old details no longer work."}
	if u.Email != "" {
		done.More = "A new set-up link is on its way to " + u.Email + "."
	}
	return r.Go(r.to("phone-users", u.ID), done)
}

// endDevice ends one device; the others go on.
func (p *Portal) endDevice(r *Request) error {
	if err := p.Phones.EndDevice(r.Context(), r.Viewer.Actor, r.PathValue("id"), r.PathValue("device")); err != nil {
		return err
	}
	return r.Go(r.to("phone-users", r.PathValue("id")), Banner{Text: "That device was ended. It can no longer connect."})
}

// setUpPage is what the holder of a set-up link sees before using it.
type setUpPage struct {
	phoneuser.SetUp
	Action string
	Dead   *Empty
}

// setUp shows what a set-up link is for. Opening it changes nothing, as mail scanners follow links.
func (p *Portal) setUp(r *Request) error {
	s, err := p.Phones.SetUp(r.Context(), r.PathValue("token"))
	data := setUpPage{SetUp: s, Action: r.URL.Path}
	if err != nil {
		f, ok := fault.Of(err)
		if !ok {
			return err
		}
		data.Dead = &Empty{Kind: "none", Icon: "clock", Title: "This set-up link does not work", Text: f.Message}
		r.status, r.visit.fault = meanings[f.Kind].status, f.Code
		return r.Render("phoneuser/set-up.html", Page{Title: "Set up a phone", Layout: "card", Data: data})
	}
	return r.Render("phoneuser/set-up.html", Page{Title: "Set up a phone", Layout: "card", Data: data})
}

// detailsPage shows a new device's details, this once.
type detailsPage struct {
	phoneuser.Details
	QR template.HTML
}

// takeDetails uses the link up and shows what it yields.
func (p *Portal) takeDetails(r *Request) error {
	var in struct {
		Kind string `form:"kind,hidden"`
	}
	if err := r.Decode(&in); err != nil {
		return err
	}
	d, err := p.Phones.TakeDetails(r.Context(), r.PathValue("token"), in.Kind, r.UserAgent(), p.address(r.Request))
	if err != nil {
		if _, broken := p.Phones.SetUp(r.Context(), r.PathValue("token")); broken != nil {
			return p.setUp(r) // says why the link no longer works
		}
		return r.againHere(err, p.setUp)
	}
	r.W.Header().Set("Cache-Control", "no-store")
	data := detailsPage{Details: d}
	title := "Details for extension " + d.Extension
	if d.ProvisionURL != "" {
		if data.QR, err = qrCode(d.ProvisionURL); err != nil {
			return err
		}
		title = "Scan this code"
	}
	return r.Render("phoneuser/details.html", Page{Title: title, Layout: "card", Data: data})
}

// provision hands an app its document, once.
func (p *Portal) provision(r *Request) error {
	xml, err := p.Phones.Provision(r.Context(), r.PathValue("token"))
	if err != nil {
		return err
	}
	h := r.W.Header()
	h.Set("Content-Type", "application/xml; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	r.W.WriteHeader(http.StatusOK)
	_, err = r.W.Write(xml)
	return err
}

// qrCode draws a text as a QR code, dark on light in both themes, as readers want it, with the quiet zone of four modules that the
// standard asks for (ISO/IEC 18004 section 6.3.8).
func qrCode(text string) (template.HTML, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return "", fmt.Errorf("draw a QR code: %w", err)
	}
	const quiet = 4
	var path strings.Builder
	for y := range code.Size {
		for x := range code.Size {
			if code.Black(x, y) {
				fmt.Fprintf(&path, "M%d %dh1v1h-1z", x+quiet, y+quiet)
			}
		}
	}
	side := code.Size + 2*quiet
	return template.HTML(fmt.Sprintf(`<svg class="qr-code" viewBox="0 0 %d %d" role="img" aria-label="QR code with the set-up address" shape-rendering="crispEdges"><path class="qr-paper" d="M0 0h%dv%dH0z"/><path class="qr-ink" d="%s"/></svg>`,
		side, side, side, side, path.String())), nil
}
