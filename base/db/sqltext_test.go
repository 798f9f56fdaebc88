package db_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"hubline/base/db"
	"hubline/base/db/dbtest"
)

// root is the module's folder, seen from this package.
const root = "../.."

// rules name what only one engine takes, or what the two understand differently. Each has a text that it must find.
var rules = []struct {
	name    string
	pattern string // of the text without literals and comments, in any case
	way     string
	red     string
}{
	{"ILIKE", `\bILIKE\b|\bSIMILAR\s+TO\b`, "search a column that Go has folded, with LIKE", "SELECT 1 WHERE name ILIKE $1"},
	{"regular expression", `!?~\*?\s*('|\$\d)|\b(GLOB|REGEXP|MATCH)\b`, "decide it in Go", "SELECT 1 WHERE name ~* $1"},
	{"clock", `\bnow\s*\(|\bCURRENT_(TIME|DATE|TIMESTAMP)\b|\b(clock_timestamp|statement_timestamp|localtime|localtimestamp)\b`, "pass the time from Go", "UPDATE t SET at = now()"},
	{"date function", `\b(strftime|datetime|julianday|unixepoch|date|time|timediff|date_trunc|date_part|to_char|to_date|to_timestamp|age|make_interval)\s*\(|\bEXTRACT\s*\(|\bAT\s+TIME\s+ZONE\b|\bINTERVAL\b`, "compute it in Go", "SELECT strftime('%s', at) FROM t"},
	{"cast by ::", `::`, "write CAST(x AS BIGINT)", "SELECT n::text FROM t"},
	{"counting key", `\b(BIG|SMALL)?SERIAL\b|\bAUTOINCREMENT\b|\bAUTO_INCREMENT\b|\bAS\s+IDENTITY\b|\bSEQUENCE\b|\b(nextval|currval|last_insert_rowid|gen_random_uuid)\s*\(`, "make the ID in Go", "CREATE TABLE t (id SERIAL)"},
	{"JSON in SQL", `->|#>|@>|<@|\bJSONB?\b|\bjsonb?_\w+\s*\(|\bto_jsonb?\s*\(`, "keep JSON as TEXT and read it in Go", "SELECT body->>'x' FROM t"},
	{"array", `\b(ANY|ALL)\s*\(\s*(\$|ARRAY|'|\x00)|\bARRAY\b|\[\s*\]|\b(unnest|array_agg|array_length|cardinality)\s*\(`, "write IN ($1, $2) with db.In", "SELECT 1 FROM t WHERE id = ANY($1)"},
	{"row lock", `\bFOR\s+(NO\s+KEY\s+)?(UPDATE|SHARE|KEY)\b|\bSKIP\s+LOCKED\b|\bNOWAIT\b|\bLOCK\s+TABLE\b|\bpg_\w*advisory\w*`, "claim with one UPDATE that matches only what is open", "SELECT id FROM t FOR UPDATE"},
	{"parameter", `\?|[\s(=,<>][:@][a-z_]\w*`, "write $1, $2", "SELECT 1 FROM t WHERE id = ?"},
	{"code in the store", `\bTRIGGER\b|\b(CREATE|DROP)\s+(OR\s+REPLACE\s+)?(FUNCTION|PROCEDURE|RULE|EXTENSION|AGGREGATE)\b|\bDO\s+\$`, "write it in Go", "CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END"},
	{"type of its own", `\bENUM\b|\bCREATE\s+(TYPE|DOMAIN)\b`, "use TEXT", "CREATE TYPE state AS ENUM ('a')"},
	{"narrow or missing type", `\b(SMALLINT|INTEGER|INT[248]?|TINYINT|REAL|FLOAT[48]?|DECIMAL|NUMERIC|MONEY|BLOB|CLOB|UUID|INET|CIDR|HSTORE|CHAR|VARCHAR|NVARCHAR|CITEXT|TIMESTAMPTZ?|DATETIME|INTERVAL)\b|\b(DATE|TIME)\s+(NOT\s+NULL|NULL|DEFAULT|,)`, "use TEXT, BIGINT, DOUBLE PRECISION, BOOLEAN or BYTEA", "CREATE TABLE t (n INTEGER NOT NULL)"},
	{"SQLite table form", `\bWITHOUT\s+ROWID\b|\)\s*STRICT\b|\bROWID\b|\bVIRTUAL\s+TABLE\b`, "leave it out", "CREATE TABLE t (a TEXT) STRICT"},
	{"PostgreSQL table form", `\bCONCURRENTLY\b|\bUSING\s+(gin|gist|brin|hash|btree)\b|\bINCLUDE\s*\(|\bTABLESPACE\b|\bUNLOGGED\b|\bINHERITS\b|\bPARTITION\s+(BY|OF)\s+(RANGE|LIST|HASH)\b|\bMATERIALIZED\s+VIEW\b`, "leave it out", "CREATE INDEX CONCURRENTLY x ON t (a)"},
	{"conflict by OR", `\bOR\s+(REPLACE|IGNORE|ABORT|FAIL|ROLLBACK)\b|\bREPLACE\s+INTO\b`, "write ON CONFLICT (…) DO", "INSERT OR IGNORE INTO t (a) VALUES ($1)"},
	{"collation", `\bCOLLATE\b`, "order by a column that Go has folded", "SELECT a FROM t ORDER BY a COLLATE NOCASE"},
	{"letter case", `\b(lower|upper|initcap)\s*\(`, "fold in Go: SQLite knows ASCII only", "SELECT 1 FROM t WHERE LOWER(a) = $1"},
	{"function of one engine", `\b(ifnull|iif|instr|printf|typeof|group_concat|total|random|randomblob|hex|char|unicode|glob|greatest|least|left|right|position|split_part|regexp_\w+|md5|sha256|digest|encode|decode|generate_series|bool_and|bool_or|every|string_to_array|quote_literal)\s*\(`, "use what both have, or Go", "SELECT IFNULL(a, b) FROM t"},
	{"query form of one engine", `\bDISTINCT\s+ON\b|\bLATERAL\b|\bTABLESAMPLE\b|\bFETCH\s+(FIRST|NEXT)\b|\bDELETE\s+FROM\s+\w+\s+USING\b|\bMERGE\s+INTO\b|\bINDEXED\s+BY\b|==`, "use what both have", "SELECT DISTINCT ON (a) a FROM t"},
	{"quoting", "`|(^|[\\s,(])\\[\\w+\\]", "leave names bare", "SELECT `a` FROM t"},
	{"dollar quoting", `\$\$|\$[a-z_]+\$`, "write 'text'", "SELECT $$a$$"},
	{"catalogue", `\bsqlite_\w+|\bpg_\w+|\binformation_schema\b|\bcurrent_setting\b`, "ask base/db", "SELECT name FROM sqlite_master"},
	{"command of one engine", `^\s*(PRAGMA|VACUUM|ATTACH|DETACH|REINDEX|TRUNCATE|COPY|LISTEN|UNLISTEN|NOTIFY|SHOW|SET|RESET|LOCK|GRANT|REVOKE|COMMENT|CLUSTER|REFRESH)\b|^\s*(CREATE|DROP|ALTER)\s+(DATABASE|SCHEMA|ROLE|USER)\b`, "leave it to base/db", "PRAGMA user_version"},
}

// allowed lists the files that speak to one engine on purpose. Short it stays.
var allowed = map[string]string{
	"bench/sip/database.go":      "gives each server of a comparison a database of its own",
	"bench/sip/hubline.go":       "gives each server of a comparison a database of its own",
	"base/backup/catalog.go":     "lists the tables of a store, whatever they are",
	"base/db/catalog.go":         "lists the tables that have a column, whatever they are",
	"base/db/postgres.go":        "asks the server for its encoding when it opens a store",
	"base/db/dbtest/frozen.go":   "lists the tables of a store, whatever they are",
	"base/db/dbtest/postgres.go": "makes and drops the databases of tests",
	"base/db/open_test.go":       "looks at the settings of each engine",
	"base/db/migrate_test.go":    "empties a PostgreSQL database",
	"base/db/sqltext_test.go":    "holds the texts that the rules must find",
	"bench/sip/kamailio.go":      "makes a store of Kamailio's",

	"product/account/list_test.go": "makes a PostgreSQL database that sorts by the rules of a language",
}

func TestSQLTextsSuitBothEngines(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	texts := programTexts(t, root)
	if len(texts) < 20 {
		t.Fatalf("only %d texts were found below %s", len(texts), root)
	}
	for _, s := range texts {
		for _, finding := range findings(s.text) {
			if used[s.file] = true; allowed[s.file] == "" {
				t.Errorf("%s: %s\n\t%s", s.where(), finding, strings.Join(strings.Fields(s.text), " "))
			}
		}
	}
	for file := range allowed {
		if !used[file] {
			t.Errorf("%s needs no exception any more", file)
		}
	}
}

var (
	literals = regexp.MustCompile(`'(?:[^']|'')*'`)
	comments = regexp.MustCompile(`--[^\n]*|(?s)/\*.*?\*/`)
)

// compiled are the patterns of rules, in their order.
var compiled = func() []*regexp.Regexp {
	var all []*regexp.Regexp
	for _, r := range rules {
		all = append(all, regexp.MustCompile(`(?i)`+r.pattern))
	}
	return all
}()

// findings returns what the rules say about a text.
func findings(text string) []string {
	text = literals.ReplaceAllString(text, "''")
	text = comments.ReplaceAllString(text, " ")
	var found []string
	for i, r := range rules {
		if m := compiled[i].FindString(text); m != "" {
			found = append(found, fmt.Sprintf("%s (%s): %s", r.name, strings.TrimSpace(m), r.way))
		}
	}
	return found
}

func TestRulesFindWhatTheyAreFor(t *testing.T) {
	t.Parallel()
	for _, r := range rules {
		if got := findings(r.red); !slices.ContainsFunc(got, func(f string) bool { return strings.HasPrefix(f, r.name+" ") }) {
			t.Errorf("%s does not find %q", r.name, r.red)
		}
	}
	for _, more := range []string{
		"SELECT id FROM jobs WHERE id IN (SELECT id FROM jobs LIMIT 1 FOR UPDATE SKIP LOCKED)",
		"UPDATE t SET body = jsonb_set(body, $1, $2)",
		"SELECT a FROM t WHERE b = @name",
		"SELECT a FROM t WHERE tags @> $1",
		"CREATE TABLE t (at TIMESTAMP DEFAULT CURRENT_TIMESTAMP)",
		"CREATE TABLE t (id BIGINT GENERATED ALWAYS AS IDENTITY)",
		"CREATE TABLE t (name VARCHAR(20))",
		"select datetime('now')",
		"SELECT COUNT(*)::bigint FROM t",
		"SELECT a FROM t WHERE b = ANY(" + gap + ")",
	} {
		if len(findings(more)) == 0 {
			t.Errorf("nothing is found in %q", more)
		}
	}
}

func TestRulesLeaveGoodTextsAlone(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"SELECT a, COUNT(*) FILTER (WHERE b = 'now() ?') FROM t WHERE c LIKE $1 GROUP BY a ORDER BY a NULLS FIRST LIMIT $2",
		"INSERT INTO t (a, left_at) VALUES ($1, $2) ON CONFLICT (a) DO UPDATE SET left_at = excluded.left_at RETURNING a -- what now?",
		"WITH x AS (SELECT a FROM t) SELECT CAST(a AS BIGINT), ROW_NUMBER() OVER (PARTITION BY a) FROM x LEFT JOIN y ON y.a = x.a",
		"CREATE UNIQUE INDEX t_live ON t (a, date) WHERE ended_at IS NULL",
		"CREATE TABLE t (a TEXT NOT NULL, n BIGINT, d DOUBLE PRECISION, b BOOLEAN, raw BYTEA, time_zone TEXT, PRIMARY KEY (a))",
		"UPDATE t SET n = n + 1, updated_at = $2 WHERE a = $1 AND (n, a) > ($3, $4)",
	} {
		if got := findings(good); len(got) > 0 {
			t.Errorf("%q: %v", good, got)
		}
	}
}

// beginsStatement tells a statement from a piece of one.
var beginsStatement = regexp.MustCompile(`^\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\s`)

// Every statement that is known in full before the program runs must have a meaning for both engines: tables, columns
// and the types of its parameters.
func TestStatementsPrepare(t *testing.T) {
	texts := slices.DeleteFunc(programTexts(t, root), func(s sqlText) bool {
		return !s.whole || !beginsStatement.MatchString(s.text) || strings.HasSuffix(s.file, "_test.go") || allowed[s.file] != ""
	})
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		for _, s := range texts {
			statement, err := d.Writer().PrepareContext(t.Context(), s.text)
			if err != nil {
				t.Errorf("%s: %v\n\t%s", s.where(), err, strings.Join(strings.Fields(s.text), " "))
				continue
			}
			must(t, statement.Close())
		}
		t.Logf("%d statements", len(texts))
	})
}

func TestFinder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "a.go", `package a
import "fmt"
const columns = "id, " + more
func f() {
	q.ExecContext(ctx, "select 1", "a prose argument FROM nowhere")
	q.QueryContext(ctx, "SELECT "+columns+" FROM t")
	where := "AND x ILIKE $1"
	_ = fmt.Sprintf("SELECT %s FROM t", g("DELETE FROM u"))
	_ = "SELECT a FROM " + table() + " WHERE b"
	_ = "From here, prose."
}`)
	write(t, dir, "b.go", "package a\nconst more = `name`\n")
	write(t, dir, "m/1.sql", "-- up\nCREATE TABLE a (b TEXT);\n\nDROP TABLE a;\n")
	write(t, dir, "testdata/c.go", "no go at all")
	var got []string
	for _, s := range programTexts(t, dir) {
		if strings.TrimSpace(s.text) != "" {
			got = append(got, fmt.Sprintf("%s %v %q", s.where(), s.whole, s.text))
		}
	}
	slices.Sort(got)
	want := []string{
		`a.go:5 true "a prose argument FROM nowhere"`,
		`a.go:5 true "select 1"`,
		`a.go:6 true "SELECT id, name FROM t"`,
		`a.go:7 true "AND x ILIKE $1"`,
		`a.go:8 false "DELETE FROM u"`,
		`a.go:8 false "SELECT %s FROM t"`,
		`a.go:9 false "SELECT a FROM \x00 WHERE b"`,
		`m/1.sql:1 false "-- up\nCREATE TABLE a (b TEXT);"`,
		`m/1.sql:4 false "\n\nDROP TABLE a;"`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
