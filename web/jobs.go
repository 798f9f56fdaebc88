package web

import (
	"time"

	"hubline/base/job"
	"hubline/product/account"
)

type jobsPage struct {
	Pages        pages
	Queued, Dead int
	Oldest       time.Time // since when the longest waiting job is due
	List         []job.Job
}

// jobList shows staff what failed for good, and how long the queue is.
func (p *Portal) jobList(r *Request) error {
	queued, dead, oldest, err := p.Jobs.Counts(r.Context())
	if err != nil {
		return err
	}
	list, next, err := p.Jobs.Dead(r.Context(), r.URL.Query().Get("after"), consolePage)
	if err != nil {
		return err
	}
	data := jobsPage{r.pages(next), queued, dead, oldest, list}
	return r.Render("console/jobs.html", Page{Title: "Jobs", Data: data})
}

func (p *Portal) retryJob(r *Request) error {
	if err := p.Account.RetryJob(r.Context(), r.Viewer.Actor, r.PathValue("id")); err != nil {
		return err
	}
	return r.Go("/console/jobs", Banner{Text: "The job runs again now"})
}

// askDiscardJob is the question before a failed job is forgotten, as a page.
func (p *Portal) askDiscardJob(r *Request) error {
	return r.Render("console/confirm.html", Page{Title: "Discard this job?", Section: "console/jobs", Crumbs: []Link{toJobs}, Data: Confirm{
		Text: "It will not run again, and what it was for does not happen: a mail is not sent.", Path: "/console/jobs/" + r.PathValue("id") + "/discard",
		Keep: "Keep job", Do: "Discard job", Busy: "Discarding…", Next: "/console/jobs"}})
}

func (p *Portal) discardJob(r *Request) error {
	if err := p.Account.DiscardJob(r.Context(), r.Viewer.Actor, r.PathValue("id")); err != nil {
		return err
	}
	return r.Go("/console/jobs", Banner{Text: "The job is discarded"})
}

type recordPage struct {
	Pages  pages
	List   []account.AuditEntry
	Search string
}

// providerLog is the provider's own audit log.
func (p *Portal) providerLog(r *Request) error {
	query := r.URL.Query()
	search := query.Get("q")
	list, next, err := p.Account.AuditLog(r.Context(), r.Viewer.Actor, account.AuditFilter{Search: search, After: query.Get("after"), Limit: consolePage})
	if err != nil {
		return err
	}
	return r.Render("console/audit-log.html", Page{Title: "Audit log", Data: recordPage{r.pages(next), list, search}})
}
