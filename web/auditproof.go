package web

import (
	"net/http"
	"time"

	"hubline/product/account"
)

// auditProofPage is the page "Proof of the log": the tree behind an audit log, what was signed of it, and how others check it.
type auditProofPage struct {
	account.AuditProof
	Console bool
	New     int    // entries that wait for their place
	Covers  int    // entries under the last checkpoint
	File    string // address of the export
	Sign    string // where the form posts that signs now
	Keep    string // where the form about keeping entries posts; "": nobody here decides that
	Years   []Option
}

// keepForm is the rule of how long the text of entries is kept.
type keepForm struct {
	Years int `form:"years"`
}

// auditProof shows how the tree of a log stands, an account's or the provider's own.
func (p *Portal) auditProof(r *Request) error {
	proof, err := p.Account.AuditProof(r.Context(), r.Viewer.Actor)
	if err != nil {
		return err
	}
	log := r.auditPath()
	data := auditProofPage{AuditProof: proof, Console: r.Viewer.Account == nil, File: log + ".jsonl", Sign: log + "/proof"}
	data.New = int(proof.Waiting)
	if proof.Last != nil {
		data.Covers = int(proof.Last.Size)
	}
	if r.may(account.ChangeSettings) {
		r.Fill(keepForm{Years: proof.Years})
		data.Keep = log + "/keeping"
		data.Years = settingSteps(proof.Years, []int{0, 1, 2, 3, 5, 7, 10}, keptWords)
	}
	page := Page{Title: "Proof of the log", Section: "console/audit-log", Data: data}
	if !data.Console {
		page.Section, page.Crumbs = "audit-log", accountCrumbs(r, Link{"Audit log", log})
	}
	return r.Render("account/audit-proof.html", page)
}

// auditPath is the address of the log that the page is about.
func (r *Request) auditPath() string {
	if r.Viewer.Account == nil {
		return "/console/audit-log"
	}
	return r.to("audit-log")
}

func keptWords(years int) string {
	words := account.KeptWords(years)
	if years == 0 {
		return "For ever"
	}
	return words
}

// signAudit signs what is in the log now, without waiting for the hour.
func (p *Portal) signAudit(r *Request) error {
	if err := p.Account.SignAudit(r.Context(), r.Viewer.Actor); err != nil {
		return err
	}
	return r.Go(r.auditPath()+"/proof", Banner{Text: "Signed. The checkpoint below covers everything in the log."})
}

// keepAudit sets how long the text of entries is kept.
func (p *Portal) keepAudit(r *Request) error {
	var in keepForm
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.auditProof)
	}
	if err := p.Account.KeepAudit(r.Context(), r.Viewer.Actor, in.Years); err != nil {
		return r.Again(err, p.auditProof)
	}
	done := Banner{Text: "Entries of the audit log are kept for " + account.KeptWords(in.Years) + "."}
	if in.Years == 0 {
		done.Text = "Entries of the audit log are kept for ever."
	}
	return r.Go(r.auditPath()+"/proof", done)
}

// auditExport sends the whole log with its proof, while it reads it.
func (p *Portal) auditExport(r *Request) error {
	name := "provider"
	if r.Viewer.Account != nil {
		name = r.Viewer.Account.Slug
	}
	h := r.W.Header()
	h.Set("Content-Type", "application/jsonl")
	h.Set("Content-Disposition", `attachment; filename="`+name+"-audit-log-"+r.portal.Now().In(r.zone()).Format(dateForm)+`.jsonl"`)
	ctrl, lines := http.NewResponseController(r.W), 0
	err := p.Account.ExportAudit(r.Context(), r.Viewer.Actor, func(line []byte) error {
		if lines++; lines%csvFlush == 0 {
			_ = ctrl.SetWriteDeadline(time.Now().Add(csvWrite)) // what can't be bounded is still written
		}
		_, err := r.W.Write(line)
		return err
	})
	if err != nil && r.out.status != 0 { // half a file must not look whole
		p.report(r, err)
		panic(http.ErrAbortHandler)
	}
	if err != nil {
		h.Del("Content-Type")
		h.Del("Content-Disposition")
	}
	return err
}
