package api

import (
	"context"
	"strconv"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/phoneuser"
)

// OneImport names one import of an account.
type OneImport struct {
	InAccount
	ID string `path:"import" doc:"The import's ID." pattern:"^[0-9a-f]{16}[a-z2-7]{12}$" patternDescription:"an ID" example:"01a2001f970000005bsq3vq5zr2y"`
}

// CellFix is a corrected cell of an import.
type CellFix struct {
	Line  int    `json:"line" minimum:"2" doc:"The line in the file, the headings being line 1." example:"7"`
	Field string `json:"field" doc:"The cell's field, as the line names it." example:"roles"`
	Value string `json:"value" maxLength:"1000" doc:"What the cell is to hold." example:"Billing"`
}

// CellFault is what is to be said about a cell.
type CellFault struct {
	Field   string `json:"field,omitempty" doc:"The cell's field; absent when it is about the whole line." example:"roles"`
	Message string `json:"message" doc:"What is wrong, and the way out." example:"There is no role \"Boss\". Write Admin, Billing, both with a comma between, or Standard"`
}

// HubUserImport is a list of people who are to be invited: a dry run, or what became of it.
type HubUserImport struct {
	ID        string        `json:"id" doc:"ID of the import." example:"01a2001f970000005bsq3vq5zr2y"`
	State     string        `json:"state" enum:"reviewed,running,done,stopped" doc:"reviewed: a dry run, nothing was sent. stopped: whoever started it lost the right to invite." example:"done"`
	By        string        `json:"by" doc:"Who brought the list." example:"Mary Chen"`
	Message   string        `json:"message" doc:"Goes with every invitation; may be empty." example:"Welcome to the team."`
	Lines     int           `json:"lines" doc:"Lines with something in them, without the headings." example:"12"`
	Total     int           `json:"total" doc:"Lines that were to be invited when it was started." example:"9"`
	Done      int           `json:"done" doc:"Of those, how many it came past." example:"9"`
	Ignored   []string      `json:"ignored" nullable:"false" doc:"Headings that mean nothing here."`
	Counts    *ImportCounts `json:"counts,omitempty" doc:"How many lines have which outcome; absent in the list of imports."`
	CreatedAt time.Time     `json:"created_at" doc:"When the list was brought." example:"2026-11-25T09:30:00Z"`
	EndedAt   *time.Time    `json:"ended_at,omitempty" doc:"When it was done or stopped." example:"2026-11-25T09:31:00Z"`
}

// ImportCounts counts the lines of an import of people.
type ImportCounts struct {
	ToInvite       int `json:"to_invite" doc:"Would be invited; once it was started, what it did not come to yet." example:"0"`
	Invited        int `json:"invited" doc:"Were invited by this import." example:"9"`
	AlreadyHere    int `json:"already_here" doc:"Have access, or are deactivated." example:"1"`
	AlreadyInvited int `json:"already_invited" doc:"Have an open invitation." example:"1"`
	Refused        int `json:"refused" doc:"Have a cell that can't be used, or are over a limit." example:"1"`
}

// HubUserImports are the newest imports of people; there is one page.
type HubUserImports struct {
	Items []HubUserImport `json:"items" nullable:"false" doc:"The imports that were started, newest first, without the counts of those that are not asked for one by one."`
}

// NewHubUserImport is a list of people.
type NewHubUserImport struct {
	CSV     string `json:"csv" maxLength:"900000" doc:"The list as CSV text, at most 5000 lines. The first line has the headings: Email, First name, Last name, Roles, Groups, in any order and usual spelling; only Email is needed." example:"Email,First name,Last name,Roles\nsam.okafor@harbourdental.example,Sam,Okafor,Billing\n"`
	Message string `json:"message,omitempty" doc:"Words of yours in every mail, at most 500 characters, plain text." example:"Welcome to the team."`
	DryRun  bool   `json:"dry_run,omitempty" doc:"true: only say what would happen. It can be started later." example:"true"`
}

// HubUserImportChange puts a dry run right.
type HubUserImportChange struct {
	Message *string   `json:"message,omitempty" doc:"Another message." example:"Welcome."`
	Fixes   []CellFix `json:"fixes,omitempty" nullable:"false" maxItems:"1000" doc:"Cells to correct."`
}

// HubUserImportLine is one line of a list of people.
type HubUserImportLine struct {
	Line    int               `json:"line" doc:"The line in the file, the headings being line 1." example:"2"`
	Cells   map[string]string `json:"cells" nullable:"false" doc:"What the line holds, by field: email, first_name, last_name, roles, groups, name." example:"{\"email\":\"sam.okafor@harbourdental.example\"}"`
	Outcome string            `json:"outcome" enum:"to-invite,invited,already-here,already-invited,refused" doc:"What would happen to it, or happened." example:"invited"`
	Faults  []CellFault       `json:"faults" nullable:"false" doc:"Why, for lines that are not invited."`
}

// HubUserImportLines is one page of lines.
type HubUserImportLines struct {
	Items []HubUserImportLine `json:"items" nullable:"false" doc:"The lines, in their order."`
	NextPage
}

func (d *door) importHubUsers(ctx context.Context, actor account.Actor, in *struct {
	InAccount
	Writing
	Body NewHubUserImport
}) (*made[HubUserImport], error) {
	i, err := d.Account.ReviewImport(ctx, actor, in.Body.CSV, in.Body.Message)
	if err == nil && !in.Body.DryRun {
		i, err = d.Account.RunImport(ctx, actor, i.ID)
	}
	if err != nil {
		return nil, inCSV(err)
	}
	return &made[HubUserImport]{Location: prefix + "/accounts/" + actor.Account.Slug + "/hub-user-imports/" + i.ID, ETag: peopleImportTag(i), Body: peopleImportShown(i)}, nil
}

func (d *door) listHubUserImports(ctx context.Context, actor account.Actor, _ *InAccount) (*listing[HubUserImports], error) {
	list, err := d.Account.Imports(ctx, actor)
	page := HubUserImports{Items: make([]HubUserImport, len(list))}
	for n, i := range list {
		page.Items[n] = peopleImportShown(i)
		page.Items[n].Counts = nil // the lines are not read
	}
	return &listing[HubUserImports]{page}, err
}

func (d *door) hubUserImport(ctx context.Context, actor account.Actor, in *struct {
	OneImport
	Reading
}) (*item[HubUserImport], error) {
	i, err := d.Account.ImportByID(ctx, actor, in.ID)
	if err != nil {
		return nil, err
	}
	return answer(peopleImportShown(i), peopleImportTag(i), in.IfNoneMatch), nil
}

func (d *door) changeHubUserImport(ctx context.Context, actor account.Actor, in *struct {
	OneImport
	Writing
	Body HubUserImportChange
}) (*item[HubUserImport], error) {
	fixes := make([]account.Fix, len(in.Body.Fixes))
	for n, fix := range in.Body.Fixes {
		fixes[n] = account.Fix(fix)
	}
	i, err := d.Account.CorrectImport(ctx, actor, in.ID, fixes, in.Body.Message)
	if err != nil {
		return nil, err
	}
	return answer(peopleImportShown(i), peopleImportTag(i), ""), nil
}

func (d *door) runHubUserImport(ctx context.Context, actor account.Actor, in *struct {
	OneImport
	Writing
}) (*item[HubUserImport], error) {
	i, err := d.Account.RunImport(ctx, actor, in.ID)
	if err != nil {
		return nil, err
	}
	return answer(peopleImportShown(i), peopleImportTag(i), ""), nil
}

func (d *door) listHubUserImportLines(ctx context.Context, actor account.Actor, in *struct {
	OneImport
	Outcome string `query:"outcome" enum:"to-invite,invited,already-here,already-invited,refused" doc:"Only lines with this outcome." example:"refused"`
	Paging
}) (*listing[HubUserImportLines], error) {
	list, next, err := d.Account.ImportLines(ctx, actor, in.ID, account.LineFilter{Outcome: account.Outcome(in.Outcome), After: in.After, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	page := HubUserImportLines{Items: make([]HubUserImportLine, len(list)), NextPage: NextPage{next}}
	for n, l := range list {
		faults := make([]CellFault, len(l.Faults))
		for k, f := range l.Faults {
			faults[k] = CellFault(f)
		}
		page.Items[n] = HubUserImportLine{l.Line, l.Cells, string(l.Outcome), faults}
	}
	return &listing[HubUserImportLines]{page}, nil
}

func peopleImportShown(i account.PeopleImport) HubUserImport {
	return HubUserImport{ID: i.ID, State: string(i.State), By: i.By, Message: i.Message, Lines: i.Lines, Total: i.Total, Done: i.Done, Ignored: texts(i.Ignored),
		Counts:    &ImportCounts{i.Count(account.ToInvite), i.Count(account.Invited), i.Count(account.AlreadyHere), i.Count(account.AlreadyInvited), i.Count(account.LineRefused)},
		CreatedAt: at(i.CreatedAt), EndedAt: moment(i.EndedAt)}
}

func peopleImportTag(i account.PeopleImport) string {
	return etag(int64(i.Done), "-"+string(i.State)+"-"+strconv.Itoa(i.Count(account.ToInvite))+"-"+strconv.Itoa(i.Count(account.LineRefused)))
}

// PhoneUserImport is a list of phone users: a dry run, or what became of it.
type PhoneUserImport struct {
	ID        string     `json:"id" doc:"ID of the import." example:"01a2001f970000005bsq3vq5zr2y"`
	State     string     `json:"state" enum:"reviewed,running,done,stopped" doc:"reviewed: a dry run, nothing was changed. stopped: whoever started it lost the right to." example:"done"`
	By        string     `json:"by" doc:"Who brought the list." example:"Mary Chen"`
	Lines     int        `json:"lines" doc:"Lines with something in them, without the headings." example:"12"`
	Done      int        `json:"done" doc:"How many lines it came past." example:"12"`
	Ignored   []string   `json:"ignored" nullable:"false" doc:"Headings that mean nothing here."`
	Added     *int       `json:"added,omitempty" doc:"Lines that add a phone user. Absent in the list of imports." example:"9"`
	Updated   *int       `json:"updated,omitempty" doc:"Lines that change one. Absent in the list of imports." example:"1"`
	Unchanged *int       `json:"unchanged,omitempty" doc:"Lines that say what is stored. Absent in the list of imports." example:"1"`
	Skipped   *int       `json:"skipped,omitempty" doc:"Lines with a cell that can't be used, or over the plan. Absent in the list of imports." example:"1"`
	CreatedAt time.Time  `json:"created_at" doc:"When the list was brought." example:"2026-11-25T09:30:00Z"`
	EndedAt   *time.Time `json:"ended_at,omitempty" doc:"When it was done or stopped." example:"2026-11-25T09:31:00Z"`
}

// PhoneUserImports are the newest imports of phone users; there is one page.
type PhoneUserImports struct {
	Items []PhoneUserImport `json:"items" nullable:"false" doc:"The imports that were started, newest first, without the counts of those that are not asked for one by one."`
}

// NewPhoneUserImport is a list of phone users.
type NewPhoneUserImport struct {
	CSV         string `json:"csv" maxLength:"900000" doc:"The list as CSV text, at most 500 lines. The headings are those of the download of phone users in the portal; a line without an extension gets the next free one." example:"Extension,Display name,Email\n201,Sam Okafor,sam.okafor@harbourdental.example\n"`
	SendDetails bool   `json:"send_details,omitempty" doc:"Whether people get their set-up links at once." example:"false"`
	DryRun      bool   `json:"dry_run,omitempty" doc:"true: only say what would happen. It can be started later." example:"true"`
}

// PhoneUserImportChange puts a dry run right.
type PhoneUserImportChange struct {
	Fixes []CellFix `json:"fixes" nullable:"false" maxItems:"1000" doc:"Cells to correct."`
}

// PhoneUserImportRun starts a dry run.
type PhoneUserImportRun struct {
	SendDetails bool `json:"send_details" doc:"Whether people get their set-up links at once." example:"true"`
}

// PhoneUserImportLine is one line of a list of phone users.
type PhoneUserImportLine struct {
	Line    int               `json:"line" doc:"The line in the file, the headings being line 1." example:"2"`
	Cells   map[string]string `json:"cells" nullable:"false" doc:"What the line holds, by field." example:"{\"extension\":\"201\",\"display_name\":\"Sam Okafor\"}"`
	Outcome string            `json:"outcome" enum:"add,update,unchanged,problem" doc:"What would happen to it, or happened. problem: it is skipped." example:"add"`
	Faults  []CellFault       `json:"faults" nullable:"false" doc:"Why, for lines that are skipped."`
}

// PhoneUserImportLines are the lines of an import; there is one page.
type PhoneUserImportLines struct {
	Items []PhoneUserImportLine `json:"items" nullable:"false" doc:"The lines, in their order."`
}

func (d *door) importPhoneUsers(ctx context.Context, actor account.Actor, in *struct {
	InAccount
	Writing
	Body NewPhoneUserImport
}) (*made[PhoneUserImport], error) {
	i, err := d.Phones.Review(ctx, actor, in.Body.CSV)
	if err == nil && !in.Body.DryRun {
		i, err = d.Phones.RunImport(ctx, actor, i.ID, in.Body.SendDetails)
	}
	if err != nil {
		return nil, inCSV(err)
	}
	return &made[PhoneUserImport]{Location: prefix + "/accounts/" + actor.Account.Slug + "/phone-user-imports/" + i.ID, ETag: phoneImportTag(i), Body: phoneImportShown(i)}, nil
}

func (d *door) listPhoneUserImports(ctx context.Context, actor account.Actor, _ *InAccount) (*listing[PhoneUserImports], error) {
	list, err := d.Phones.Imports(ctx, actor)
	page := PhoneUserImports{Items: make([]PhoneUserImport, len(list))}
	for n, i := range list {
		page.Items[n] = phoneImportShown(i)
		page.Items[n].Added, page.Items[n].Updated, page.Items[n].Unchanged, page.Items[n].Skipped = nil, nil, nil, nil // the lines are not read
	}
	return &listing[PhoneUserImports]{page}, err
}

func (d *door) phoneUserImport(ctx context.Context, actor account.Actor, in *struct {
	OneImport
	Reading
}) (*item[PhoneUserImport], error) {
	i, err := d.Phones.ImportByID(ctx, actor, in.ID)
	if err != nil {
		return nil, err
	}
	return answer(phoneImportShown(i), phoneImportTag(i), in.IfNoneMatch), nil
}

func (d *door) changePhoneUserImport(ctx context.Context, actor account.Actor, in *struct {
	OneImport
	Writing
	Body PhoneUserImportChange
}) (*item[PhoneUserImport], error) {
	fixes := make([]phoneuser.Fix, len(in.Body.Fixes))
	for n, fix := range in.Body.Fixes {
		fixes[n] = phoneuser.Fix(fix)
	}
	i, err := d.Phones.Correct(ctx, actor, in.ID, fixes)
	if err != nil {
		return nil, err
	}
	return answer(phoneImportShown(i), phoneImportTag(i), ""), nil
}

func (d *door) runPhoneUserImport(ctx context.Context, actor account.Actor, in *struct {
	OneImport
	Writing
	Body PhoneUserImportRun
}) (*item[PhoneUserImport], error) {
	i, err := d.Phones.RunImport(ctx, actor, in.ID, in.Body.SendDetails)
	if err != nil {
		return nil, err
	}
	return answer(phoneImportShown(i), phoneImportTag(i), ""), nil
}

func (d *door) listPhoneUserImportLines(ctx context.Context, actor account.Actor, in *struct {
	OneImport
	Outcome string `query:"outcome" enum:"add,update,unchanged,problem" doc:"Only lines with this outcome." example:"problem"`
}) (*listing[PhoneUserImportLines], error) {
	i, err := d.Phones.ImportByID(ctx, actor, in.ID)
	page := PhoneUserImportLines{Items: []PhoneUserImportLine{}}
	for _, row := range i.Rows {
		if in.Outcome != "" && in.Outcome != string(row.Outcome) {
			continue
		}
		faults := make([]CellFault, len(row.Faults))
		for k, f := range row.Faults {
			faults[k] = CellFault(f)
		}
		page.Items = append(page.Items, PhoneUserImportLine{row.Line, row.Cells, string(row.Outcome), faults})
	}
	return &listing[PhoneUserImportLines]{page}, err
}

func phoneImportShown(i phoneuser.Import) PhoneUserImport {
	return PhoneUserImport{ID: i.ID, State: string(i.State), By: i.By, Lines: i.Total, Done: i.Done, Ignored: texts(i.Ignored), Added: new(i.Count(phoneuser.Adds)), Updated: new(i.Count(phoneuser.Updates)),
		Unchanged: new(i.Count(phoneuser.Unchanged)), Skipped: new(i.Count(phoneuser.Problem)), CreatedAt: at(i.CreatedAt), EndedAt: moment(i.EndedAt)}
}

func phoneImportTag(i phoneuser.Import) string {
	return etag(int64(i.Done), "-"+string(i.State)+"-"+strconv.Itoa(i.Count(phoneuser.Problem)))
}

// texts is a list that is never null.
func texts(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// importRoutes are lists of people and of phone users.
func importRoutes(in string) []Route {
	people, phones := in+"/hub-user-imports", in+"/phone-user-imports"
	return []Route{
		{"POST", people, account.InviteHubUsers, "import-hub-users", tagHubUsers, "Invite people by a list",
			"Invites everybody on a list whose line has no fault, in the background, or says with dry_run what would happen to each line. Whoever has access or an open invitation is left alone, so the same list can be sent again. The limits of inviting count.",
			`{"csv": "Email,First name,Last name,Roles\nsam.okafor@harbourdental.example,Sam,Okafor,Billing\nmary.chen@harbourdental.example,Mary,Chen,Boss\n", "message": "Welcome to the team.", "dry_run": true}`, serve((*door).importHubUsers)},
		{"GET", people, account.InviteHubUsers, "list-hub-user-imports", tagHubUsers, "List imports of hub users",
			"Lists the newest imports that were started, 50 at most. They are kept for 90 days.", "", serve((*door).listHubUserImports)},
		{"GET", people + "/{import}", account.InviteHubUsers, "get-hub-user-import", tagHubUsers, "Get an import of hub users",
			"Answers with how far it got and how many lines have which outcome.", "", serve((*door).hubUserImport)},
		{"GET", people + "/{import}/lines", account.InviteHubUsers, "list-hub-user-import-lines", tagHubUsers, "List the lines of an import of hub users",
			"Lists what would become of each line, or became, one page at a time.", "", serve((*door).listHubUserImportLines)},
		{"PATCH", people + "/{import}", account.InviteHubUsers, "change-hub-user-import", tagHubUsers, "Correct a dry run of hub users",
			"Changes cells or the message of an import that was not started, and reviews every line again.",
			`{"fixes": [{"line": 3, "field": "roles", "value": "Billing"}]}`, serve((*door).changeHubUserImport)},
		{"POST", people + "/{import}/run", account.InviteHubUsers, "run-hub-user-import", tagHubUsers, "Start a dry run of hub users",
			"Invites the people whose lines have no fault, in the background. One that was started goes on as it is.", "", serve((*door).runHubUserImport)},

		{"POST", phones, account.ChangePhoneUsers, "import-phone-users", tagPhoneUsers, "Add and change phone users by a list",
			"Adds and changes the phone users of a list whose line has no fault, in the background, or says with dry_run what would happen to each line. The same list again changes nothing.",
			`{"csv": "Extension,Display name,Email\n201,Sam Okafor,sam.okafor@harbourdental.example\n000,Zed Zero,\n", "dry_run": true}`, serve((*door).importPhoneUsers)},
		{"GET", phones, account.ChangePhoneUsers, "list-phone-user-imports", tagPhoneUsers, "List imports of phone users",
			"Lists the newest imports that were started, 50 at most. They are kept for 90 days.", "", serve((*door).listPhoneUserImports)},
		{"GET", phones + "/{import}", account.ChangePhoneUsers, "get-phone-user-import", tagPhoneUsers, "Get an import of phone users",
			"Answers with how far it got and how many lines have which outcome.", "", serve((*door).phoneUserImport)},
		{"GET", phones + "/{import}/lines", account.ChangePhoneUsers, "list-phone-user-import-lines", tagPhoneUsers, "List the lines of an import of phone users",
			"Lists what would become of each line, or became.", "", serve((*door).listPhoneUserImportLines)},
		{"PATCH", phones + "/{import}", account.ChangePhoneUsers, "change-phone-user-import", tagPhoneUsers, "Correct a dry run of phone users",
			"Changes cells of an import that was not started, and reviews every line again.",
			`{"fixes": [{"line": 3, "field": "extension", "value": "202"}]}`, serve((*door).changePhoneUserImport)},
		{"POST", phones + "/{import}/run", account.ChangePhoneUsers, "run-phone-user-import", tagPhoneUsers, "Start a dry run of phone users",
			"Adds and changes the phone users whose lines have no fault, in the background. One that was started goes on as it is.",
			`{"send_details": false}`, serve((*door).runPhoneUserImport)},
	}
}

// inCSV moves the fault of a list to the field that programs send it in.
func inCSV(err error) error {
	f, ok := fault.Of(err)
	if !ok || f.Field != "file" {
		return err
	}
	at := *f
	at.Field = "csv"
	return &at
}
