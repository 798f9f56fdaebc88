package phoneuser_test

import (
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/base/fault"
	"hubline/base/sheet"
	"hubline/product/account"
	"hubline/product/phoneuser"
	"hubline/product/phoneuser/phoneusertest"
)

func outcomes(i phoneuser.Import) string {
	var words []string
	for _, row := range i.Rows {
		words = append(words, fmt.Sprintf("%d:%s:%s", row.Line, row.Cells["extension"], row.Outcome))
	}
	return strings.Join(words, " ")
}

const team = "Extension,Display name,Email,Local prefix,Caller ID,Hide caller ID,SMS number,App\r\n" +
	"101,Mary Chen,mary@harbour.example,02,02 5550 0142,no,,yes\r\n" +
	"102,\"Okafor, Tom\",tom@harbour.example,2,'+61255500142,yes,0491 570 156,yes\r\n" +
	",Ana Lim,,,,,,no\r\n" +
	"\r\n" +
	"104,Bad Prefix,bad@harbour.example,09,,,,yes\r\n" +
	"105,Bad Number,num@harbour.example,,02 5550 9999,maybe,,\r\n" +
	"101,Twin,twin@harbour.example,,,,,\r\n" +
	"112,Sos,,,,,,\r\n"

// The dry run says what would happen to every row; a correction counts; the good rows go in; the same file again changes nothing.
func TestImport(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		admin := r.Open("harbour")
		r.Numbers.Own(admin.Account, "+61255500142", "+61491570156")
		i := must(r.Phones.Review(t.Context(), admin.Actor(), "\ufeff"+team))(t)
		if got, want := outcomes(i), "2:101:add 3:102:add 4:103:add 6:104:problem 7:105:problem 8:101:problem 9:112:problem"; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		var told []string
		for _, row := range i.Rows {
			for _, f := range row.Faults {
				told = append(told, strconv.Itoa(row.Line)+" "+f.Field+": "+f.Message)
			}
		}
		want := []string{"6 local_prefix: Choose a local prefix from 02, 03, 07 and 08, or leave it empty",
			`7 hide_caller_id: Hide caller ID must be yes or no. This says "maybe"`,
			"7 caller_id: 02 5550 9999 is not on your account. Choose one of yours, or leave it empty",
			"8 extension: Extension 101 is also in row 2. Give this row another one",
			"9 extension: 112 is kept for emergency calls. Choose another extension"}
		if !slices.Equal(told, want) {
			t.Errorf("told %q", told)
		}
		if used, _, _ := r.Phones.Count(t.Context(), admin.Actor()); used != 0 || len(must(r.Phones.Imports(t.Context(), admin.Actor()))(t)) != 0 {
			t.Errorf("the dry run added %d", used)
		}
		i = must(r.Phones.Correct(t.Context(), admin.Actor(), i.ID, []phoneuser.Fix{{Line: 6, Field: "local_prefix", Value: "03"}, {Line: 9, Field: "extension", Value: ""}, {Line: 2, Field: "nonsense", Value: "x"}}))(t)
		if got, want := outcomes(i), "2:101:add 3:102:add 4:103:add 6:104:add 7:105:problem 8:101:problem 9:107:add"; got != want {
			t.Errorf("corrected: %s", got)
		}
		check(t, second(r.Phones.RunImport(t.Context(), admin.Actor(), i.ID, true)))
		check(t, second(r.Phones.RunImport(t.Context(), admin.Actor(), i.ID, true))) // pressed twice
		_, err := r.Phones.Correct(t.Context(), admin.Actor(), i.ID, nil)
		refused(t, err, "import-started")
		r.RunJobs()
		done := must(r.Phones.ImportByID(t.Context(), admin.Actor(), i.ID))(t)
		if done.State != phoneuser.Finished || done.Done != 7 || done.Total != 7 || done.Count(phoneuser.Adds) != 5 || done.Count(phoneuser.Problem) != 2 || done.EndedAt == 0 {
			t.Errorf("%+v", done)
		}
		tom := must(r.Phones.ByExtension(t.Context(), admin.Account.ID, "102"))(t)
		if tom.Settings != (phoneuser.Settings{Extension: "102", DisplayName: "Okafor, Tom", Email: "tom@harbour.example", LocalPrefix: "02",
			CallerID: "+61255500142", HideCallerID: true, SMSNumber: "+61491570156", AppEnabled: true}) {
			t.Errorf("%+v", tom.Settings)
		}
		if n := len(r.Mails.To("tom@harbour.example")); n != 1 {
			t.Errorf("%d mails to Tom", n)
		}
		again := must(r.Phones.Review(t.Context(), admin.Actor(), team))(t)
		if got := outcomes(again); !strings.HasPrefix(got, "2:101:unchanged 3:102:unchanged 4:103:unchanged") {
			t.Errorf("again: %s", got)
		}
		check(t, second(r.Phones.RunImport(t.Context(), admin.Actor(), again.ID, true)))
		r.RunJobs()
		if u := must(r.Phones.ByExtension(t.Context(), admin.Account.ID, "102"))(t); u.Version != tom.Version || len(r.Mails.To("tom@harbour.example")) != 1 {
			t.Errorf("the second run changed %+v", u)
		}
		if list := must(r.Phones.Imports(t.Context(), admin.Actor()))(t); len(list) != 2 || list[0].ID != again.ID {
			t.Errorf("%+v", list)
		}
		log, _, err := r.AuditLog(t.Context(), admin.Actor(), account.AuditFilter{SubjectID: i.ID})
		if check(t, err); len(log) != 1 || log[0].Sentence() != "Admin imported 7 rows" || log[0].After != "5 added, 0 updated, 2 skipped" {
			t.Errorf("%+v", log)
		}
	})
}

func TestImportUpdates(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		admin := r.Open("harbour")
		mary := r.Add(admin, "101", "Mary")
		dev := r.Device(admin, mary.ID, phoneuser.Phone)
		check(t, second(r.Phones.Credential(t.Context(), dev.Username)))
		// Pasted from a spreadsheet, with columns of its own and fewer of ours.
		i := must(r.Phones.Review(t.Context(), admin.Actor(), "Ext.\tFull name\tDesk\n101\tMary Chen\tfront\n102\tTom Okafor\tback\n"))(t)
		if got := outcomes(i); got != "2:101:update 3:102:add" || !slices.Equal(i.Ignored, []string{"Desk"}) {
			t.Errorf("%s, ignored %q", got, i.Ignored)
		}
		check(t, second(r.Phones.RunImport(t.Context(), admin.Actor(), i.ID, false)))
		r.RunJobs()
		u := must(r.Phones.ByID(t.Context(), admin.Actor(), mary.ID))(t)
		if u.DisplayName != "Mary Chen" || u.Email != mary.Email || !u.AppEnabled || u.LocalPrefix != "02" {
			t.Errorf("%+v", u.Settings)
		}
		if c := must(r.Phones.Credential(t.Context(), dev.Username))(t); c.DisplayName != "Mary Chen" {
			t.Errorf("the credential still says %s", c.DisplayName)
		}
	})
}

// What is downloaded can be uploaded: nothing changes, whatever the values are.
func TestExportAndImport(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		admin := r.Open("harbour")
		r.Numbers.Own(admin.Account, "+61255500142", "+61491570156")
		for n, s := range []phoneuser.Settings{
			{DisplayName: "=Mary", Email: "mary@harbour.example", LocalPrefix: "02", CallerID: "0255500142", SMSNumber: "0491570156", HideCallerID: true, AppEnabled: true},
			{DisplayName: `Tom "T", Okafor`, LocalPrefix: "08"}, {DisplayName: "-"},
		} {
			s.Extension = strconv.Itoa(101 + n)
			check(t, second(r.Phones.Add(t.Context(), admin.Actor(), s, "")))
		}
		var text strings.Builder
		file := csv.NewWriter(&text)
		var heads []string
		for _, c := range phoneuser.Columns {
			heads = append(heads, c.Heading)
		}
		check(t, file.Write(heads))
		check(t, r.Phones.Each(t.Context(), admin.Actor(), phoneuser.Filter{}, func(u phoneuser.User) error {
			cells := r.Phones.Cells(u)
			for i, cell := range cells {
				if cell != "" && strings.ContainsRune("=+-@", rune(cell[0])) {
					cells[i] = "'" + cell // as the door does
				}
			}
			return file.Write(cells)
		}))
		file.Flush()
		i := must(r.Phones.Review(t.Context(), admin.Actor(), text.String()))(t)
		if i.Count(phoneuser.Unchanged) != 3 {
			t.Errorf("%s %+v\n%s", outcomes(i), i.Rows, text.String())
		}
	})
}

// "Not yet" sends nothing; details can be sent later.
func TestImportWithoutMails(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		admin := r.Open("harbour")
		i := must(r.Phones.Review(t.Context(), admin.Actor(), "Display name;Email\nMary;mary@harbour.example\n"))(t)
		check(t, second(r.Phones.RunImport(t.Context(), admin.Actor(), i.ID, false)))
		r.RunJobs()
		u := must(r.Phones.ByExtension(t.Context(), admin.Account.ID, "101"))(t)
		if !u.AppEnabled || u.DetailsSentAt != 0 || u.Delivery != phoneuser.None || len(r.Mails.To(u.Email)) != 0 {
			t.Errorf("%+v", u)
		}
		check(t, second(r.Phones.SendDetails(t.Context(), admin.Actor(), u.ID)))
		if r.Link(u.Email) == "" {
			t.Error("no link")
		}
	})
}

// The plan counts row by row, in the dry run and when it runs.
func TestImportOverThePlan(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		admin := r.Open("harbour")
		text := "Extension,Display name\n"
		for n := range 12 {
			text += fmt.Sprintf("%d,Phone %d\n", 201+n, n)
		}
		i := must(r.Phones.Review(t.Context(), admin.Actor(), text))(t)
		if i.Count(phoneuser.Adds) != 10 || i.Count(phoneuser.Problem) != 2 || i.Rows[10].Faults[0].Message != "Row 12 is over the plan of 10 phone users. Ask for more, or leave this row out" {
			t.Errorf("%s %+v", outcomes(i), i.Rows[10].Faults)
		}
		r.Seats(admin, 4) // meanwhile
		check(t, second(r.Phones.RunImport(t.Context(), admin.Actor(), i.ID, false)))
		r.RunJobs()
		done := must(r.Phones.ImportByID(t.Context(), admin.Actor(), i.ID))(t)
		if used, _, _ := r.Phones.Count(t.Context(), admin.Actor()); used != 4 || done.Count(phoneuser.Adds) != 4 || done.Count(phoneuser.Problem) != 8 ||
			!strings.Contains(done.Rows[4].Faults[0].Message, "You are using 4 of 4 phone users") {
			t.Errorf("%d used: %s %+v", used, outcomes(done), done.Rows[4].Faults)
		}
	})
}

// Whoever loses the right while the import waits imports nothing.
func TestImportByAFormerAdmin(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		admin := r.Open("harbour")
		kim := r.Join(admin, "kim@harbour.example", account.Admin)
		i := must(r.Phones.Review(t.Context(), kim.Actor(), "Extension,Display name\n101,Mary\n"))(t)
		check(t, second(r.Phones.RunImport(t.Context(), kim.Actor(), i.ID, false)))
		_, err := r.ChangeHubUser(t.Context(), admin.Actor(), kim.ID(), account.Change{Roles: &account.Roles{}}, 0)
		check(t, err)
		r.RunJobs()
		after := must(r.Phones.ImportByID(t.Context(), admin.Actor(), i.ID))(t)
		if used, _, _ := r.Phones.Count(t.Context(), admin.Actor()); used != 0 || after.State != phoneuser.Stopped {
			t.Errorf("%d added, %s", used, after.State)
		}
	})
}

func TestListsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		actor := r.Open("harbour").Actor()
		for text, want := range map[string][2]string{
			"":                                 {"import-empty", "Choose a CSV file"},
			"Extension,Display name\n":         {"import-empty", "has headings and no rows"},
			"101,Mary\n102,Tom\n":              {"import-columns", "The first line has to name the columns"},
			"Extension,Email,E-mail\n1,a,b\n":  {"import-columns", "Two columns look like Email"},
			"Extension,Display name\n1,\xff\n": {"import-unreadable", "CSV UTF-8"},
			"PK\x03\x04\x00\x00":               {"import-unreadable", "CSV UTF-8"},
			"Display name\n" + strings.Repeat("Mary\n", 501):               {"import-large", "500 rows"},
			"Display name\n" + strings.Repeat("M", sheet.MostBytes) + "\n": {"import-large", "2 MB. The most is 1 MB"},
		} {
			_, err := r.Phones.Review(t.Context(), actor, text)
			refused(t, err, want[0], want[1])
		}
		if i, err := r.Phones.Review(t.Context(), actor, "Extension,Display name\n201,\"un\"quoted\" name\"\n202\n"); err != nil || i.Rows[1].Outcome != phoneuser.Problem {
			t.Errorf("%+v, %v", i.Rows, err)
		}
		if _, err := r.Phones.ImportByID(t.Context(), r.Open("northside").Actor(), "x"); !fault.Is(err, fault.NotFound) {
			t.Error(err)
		}
	})
}

// Five hundred rows: the time is told, not judged.
func TestImportOfFiveHundred(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := phoneusertest.New(t, d)
		admin := r.Open("harbour")
		r.Seats(admin, 1000)
		text := "Extension,Display name,Email,Local prefix,Caller ID,App\n"
		for n := range phoneuser.ImportMost {
			e164 := fmt.Sprintf("+612555%05d", n)
			r.Numbers.Own(admin.Account, e164)
			text += fmt.Sprintf("%d,Phone %d,p%d@harbour.example,02,%s,yes\n", 2000+n, n, n, e164)
		}
		began := time.Now()
		i := must(r.Phones.Review(t.Context(), admin.Actor(), text))(t)
		t.Logf("dry run: %v", time.Since(began).Round(time.Millisecond))
		if i.Count(phoneuser.Adds) != phoneuser.ImportMost {
			t.Fatalf("%+v", i.Rows[0])
		}
		began = time.Now()
		check(t, second(r.Phones.RunImport(t.Context(), admin.Actor(), i.ID, false)))
		r.RunJobs()
		t.Logf("import: %v", time.Since(began).Round(time.Millisecond))
		if used, _, _ := r.Phones.Count(t.Context(), admin.Actor()); used != phoneuser.ImportMost {
			t.Errorf("%d came in", used)
		}
	})
}
