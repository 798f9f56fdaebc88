package tel_test

import (
	_ "embed"
	"strings"
	"testing"

	"hubline/base/tel"
)

func TestParseReadsWhatPeopleType(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text, want string
		kind       tel.Kind
		national   string
	}{
		{"02 5550 0142", "+61255500142", tel.Local, "02 5550 0142"},
		{"(02) 5550 0142", "+61255500142", tel.Local, "02 5550 0142"},
		{"+61 2 5550 0142", "+61255500142", tel.Local, "02 5550 0142"},
		{"+61 (0)2 5550 0142", "+61255500142", tel.Local, "02 5550 0142"},
		{"+610255500142", "+61255500142", tel.Local, "02 5550 0142"},
		{"61255500142", "+61255500142", tel.Local, "02 5550 0142"},
		{"255500142", "+61255500142", tel.Local, "02 5550 0142"}, // a spreadsheet took the 0
		{"0011 61 2 5550 0142", "+61255500142", tel.Local, "02 5550 0142"},
		{"tel:+61255500142", "+61255500142", tel.Local, "02 5550 0142"},
		{" 02\u00a05550\u20110142 ", "+61255500142", tel.Local, "02 5550 0142"},
		{"\u202a+61 2 5550 0142\u202c", "+61255500142", tel.Local, "02 5550 0142"}, // copied from a contact card
		{"03 5550 0142", "+61355500142", tel.Local, "03 5550 0142"},
		{"07 5550 0142", "+61755500142", tel.Local, "07 5550 0142"},
		{"08 5550 0142", "+61855500142", tel.Local, "08 5550 0142"},
		{"0491 570 006", "+61491570006", tel.Mobile, "0491 570 006"},
		{"0491570156", "+61491570156", tel.Mobile, "0491 570 156"},
		{"61491570156", "+61491570156", tel.Mobile, "0491 570 156"},
		{"491 570 156", "+61491570156", tel.Mobile, "0491 570 156"},
		{"1300 975 707", "+611300975707", tel.N1300, "1300 975 707"},
		{"+61 1300 975 707", "+611300975707", tel.N1300, "1300 975 707"},
		{"1800 160 401", "+611800160401", tel.N1800, "1800 160 401"},
		{"180 2345", "+611802345", tel.N1800, "180 2345"},
		{"13 11 14", "+61131114", tel.N13, "13 11 14"},
		{"131114", "+61131114", tel.N13, "13 11 14"},
		{"+61 13 11 14", "+61131114", tel.N13, "13 11 14"},
		{"1345 1234", "+6113451234", tel.N13, "1345 1234"},
		{"1900 654 321", "+611900654321", tel.Premium, "1900 654 321"},
		{"0147 123 456", "+61147123456", tel.Premium, "0147 123 456"},
		{"0198 333 444", "+61198333444", tel.Premium, "0198 333 444"},
		{"0500 123 456", "+61500123456", tel.Premium, "0500 123 456"},
		{"+64 21 555 018", "+6421555018", tel.International, "+64 21 555 018"},
		{"0011 64 21 555 018", "+6421555018", tel.International, "+64 21 555 018"},
		{"+1 212 555 0142", "+12125550142", tel.International, "+1 212-555-0142"},
		{"+44 20 7946 0018", "+442079460018", tel.International, "+44 20 7946 0018"},
		{"+44 909 879 0018", "+449098790018", tel.Premium, "+44 909 879 0018"},
		{"+1 900 555 0142", "+19005550142", tel.Premium, "+1 900-555-0142"},
		{"+881 6 1234 5678", "+881612345678", tel.Premium, "+881 6 123 45678"},
	} {
		t.Run(tt.text, func(t *testing.T) {
			t.Parallel()
			var plan tel.Plan
			got, ok := plan.Parse(tt.text)
			if !ok || got != tt.want {
				t.Fatalf("Parse = %q, %t, want %q", got, ok, tt.want)
			}
			if kind := plan.Kind(got); kind != tt.kind {
				t.Errorf("Kind = %q, want %q", kind, tt.kind)
			}
			if text := plan.National(got); text != tt.national {
				t.Errorf("National = %q, want %q", text, tt.national)
			}
		})
	}
}

func TestParseRefusesWhatIsNoNumber(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", " ", "+", "Mary Chen", "02 5550 014", "02 5550 01422", "5550 0142", "000", "112", "106", "101", "*43", "1223",
		"0255500142;ext=1", "1300 FLOWERS", "130 123", "1300 97570", "02 1550 0142", "06 5550 0142", "+61", "+61 2", "+999 123 456", "+0", "0011",
		"+12345678901234567890", strings.Repeat("0255500142", 20), "02 5550 0142 x", "०२५५५००१४२", "+61 000"} {
		if got, ok := (tel.Plan{}).Parse(text); ok {
			t.Errorf("Parse(%q) = %q", text, got)
		}
	}
}

func TestDial(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		dialled, prefix, want string
		kind                  tel.Kind
	}{
		{"000", "02", "000", tel.Emergency},
		{"112", "", "112", tel.Emergency},
		{"106", "", "106", tel.Emergency},
		{"0 0 0", "", "000", tel.Emergency},
		{"+61000", "", "000", tel.Emergency}, // a phone that puts the country in front of everything
		{"91464604", "02", "+61291464604", tel.Local},
		{"91464604", "07", "+61791464604", tel.Local},
		{"9146 4604", "08", "+61891464604", tel.Local},
		{"0291464604", "07", "+61291464604", tel.Local},
		{"61291464604", "07", "+61291464604", tel.Local},
		{"+61291464604", "07", "+61291464604", tel.Local},
		{"0491570156", "02", "+61491570156", tel.Mobile},
		{"61491570156", "02", "+61491570156", tel.Mobile},
		{"131114", "02", "+61131114", tel.N13},
		{"1300975707", "02", "+611300975707", tel.N1300},
		{"1800160401", "02", "+611800160401", tel.N1800},
		{"1900654321", "02", "+611900654321", tel.Premium},
		{"611900654321", "02", "+611900654321", tel.Premium},
		{"001119005550142", "02", "+19005550142", tel.Premium},
		{"195123", "02", "+61195123", tel.Premium},
		{"1234", "02", "1234", tel.Premium},
		{"1194", "02", "1194", tel.Short},
		{"001164215550180", "02", "+64215550180", tel.International},
		{"+6421555018", "", "+6421555018", tel.International},
		{"001161291464604", "", "+61291464604", tel.Local},
	} {
		got, err := tel.Plan{}.Dial(tt.dialled, tt.prefix)
		if err != nil || got != (tel.Dialled{Number: tt.want, Kind: tt.kind}) {
			t.Errorf("Dial(%q, %q) = %+v, %v, want %s %s", tt.dialled, tt.prefix, got, err, tt.want, tt.kind)
		}
	}
	for _, dialled := range []string{"", "101", "91464604", "9146460", "*43", "#", "00164215550180", "0011", "+", "mary", "11", "0000", "999", "911",
		"12345678"} {
		if got, err := (tel.Plan{}).Dial(dialled, ""); err == nil {
			t.Errorf("Dial(%q) without a prefix = %+v", dialled, got)
		}
	}
	if got, err := (tel.Plan{}).Dial("91464604", "04"); err == nil {
		t.Errorf("a prefix that is none was put in front: %+v", got)
	}
}

func TestEmergencyIsToldFromLookalikes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{"000": true, "112": true, "106": true, "0-0-0": true, "+61 000": true, "+61112": true,
		"0000": false, "00": false, "1120": false, "61000": false, "+64 111": false, "": false, "000x": false} {
		if got := (tel.Plan{}).Emergency(text); got != want {
			t.Errorf("Emergency(%q) = %t", text, got)
		}
	}
}

func TestOnlyLocalAndMobileNumbersAreShown(t *testing.T) {
	t.Parallel()
	for _, kind := range []tel.Kind{tel.N13, tel.N1300, tel.N1800, tel.International, tel.Premium, tel.Emergency, tel.Short, tel.Unknown} {
		if kind.Presentable() {
			t.Errorf("%s may be caller ID", kind)
		}
	}
	if !tel.Local.Presentable() || !tel.Mobile.Presentable() || tel.Local.Texts() || !tel.Mobile.Texts() {
		t.Error("local and mobile numbers may be caller ID, mobile ones text")
	}
}

func TestSearchFindsEveryForm(t *testing.T) {
	t.Parallel()
	held := tel.Plan{}.Search("+61255500142")
	for _, typed := range []string{"02 5550 0142", "+61 2 5550", "(02) 5550", "5550 0142", "61255500142", "0142", "+61 (0)2 5550", "55-50"} {
		digits, ok := tel.Typed(typed)
		if !ok || !strings.Contains(held, digits) {
			t.Errorf("Typed(%q) = %q, %t: not in %q", typed, digits, ok, held)
		}
	}
	if digits, ok := tel.Typed("Main line 2"); ok {
		t.Errorf("a name is digits %q", digits)
	}
	for digits, want := range map[string]string{"0491570": "+61491570", "0255": "+61255", "0011": "", "0": "", "1300": "", "61255": ""} {
		if got := (tel.Plan{}).Begin(digits); got != want {
			t.Errorf("Begin(%q) = %q, want %q", digits, got, want)
		}
	}
	if got := (tel.Plan{}).Search("+12125550142"); got != "12125550142" {
		t.Errorf("Search of a foreign number = %q", got)
	}
}

func TestNumbersAbroad(t *testing.T) {
	t.Parallel()
	for e164, want := range map[string]string{"+61255500142": "+61 2 5550 0142", "+61491570156": "+61 491 570 156", "+611300975707": "+61 1300 975 707",
		"+61131114": "+61 13 11 14", "101": "101", "anonymous": "anonymous", "+999": "+999", "": ""} {
		if got := tel.Abroad(e164); got != want {
			t.Errorf("Abroad(%q) = %q, want %q", e164, got, want)
		}
	}
}

//go:embed testdata/examples.txt
var examples string

// One number of each kind of each country, as the library behind the table sees it.
func TestOtherCountries(t *testing.T) {
	t.Parallel()
	wrong := 0
	for line := range strings.SplitSeq(strings.TrimSpace(examples), "\n") {
		part := strings.Split(line, "\t")
		letters, e164, want, written := part[0], part[1], tel.Kind(part[2]), part[3]
		got, ok := tel.Plan{}.Parse(written)
		if !ok || got != e164 {
			t.Errorf("%s: Parse(%q) = %q, %t, want %s", letters, written, got, ok, e164)
		}
		if text := tel.Abroad(e164); text != written {
			t.Errorf("%s: Abroad(%s) = %q, want %q", letters, e164, text, written)
		}
		if kind := (tel.Plan{}).Kind(e164); kind != tel.International && kind != tel.Premium || want == tel.Premium && kind != want {
			t.Errorf("%s: seen from here %s is %q, want %q", letters, e164, kind, want)
		}
		if letters == "001" {
			continue
		}
		plan := tel.For(letters)
		if kind := plan.Kind(e164); kind != want && !(kind == tel.Local && want == tel.Mobile) { // in places nobody can tell them apart
			t.Errorf("%s: %s is %q at home, want %q", letters, e164, kind, want)
			wrong++
		}
		if home := plan.National(e164); wrong == 0 {
			if again, ok := plan.Parse(home); !ok || again != e164 {
				t.Errorf("%s: Parse(National(%s)) = Parse(%q) = %q, %t", letters, e164, home, again, ok)
			}
		}
	}
}

func TestPlansOfOtherCountries(t *testing.T) {
	t.Parallel()
	nz := tel.For("NZ")
	if got, err := nz.Dial("09 887 6543", ""); err != nil || got != (tel.Dialled{Number: "+6498876543", Kind: tel.Local}) {
		t.Errorf("New Zealand dials home: %+v, %v", got, err)
	}
	if got, err := nz.Dial("00 61 2 5550 0142", ""); err != nil || got != (tel.Dialled{Number: "+61255500142", Kind: tel.International}) {
		t.Errorf("New Zealand calls Australia: %+v, %v", got, err)
	}
	if !nz.Emergency("111") || nz.Emergency("000") && !nz.Emergency("111") {
		t.Error("New Zealand's emergency number is 111")
	}
	if us := tel.For("US"); us.Kind("+14165550142") != tel.International || us.Kind("+12125550142") != tel.Local {
		t.Errorf("countries that share +1 are told apart: %s, %s", us.Kind("+14165550142"), us.Kind("+12125550142"))
	}
	if got := tel.For("??").Country(); got != "AU" {
		t.Errorf("an unknown country's plan is %s", got)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"02 5550 0142", "+61 (0)2 5550 0142", "13 11 14", "000", "+1 212 555 0142", "0011 64 21 555 018", "9146 4604", "\xff", "+", "1900654321"} {
		f.Add(seed, "02")
	}
	f.Fuzz(func(t *testing.T, text, localPrefix string) {
		var plan tel.Plan
		dialled, err := plan.Dial(text, localPrefix)
		if err == nil && (dialled.Number == "" || dialled.Kind == tel.Unknown) {
			t.Fatalf("Dial(%q) = %+v", text, dialled)
		}
		e164, ok := plan.Parse(text)
		if !ok {
			return
		}
		if again, ok := plan.Parse(e164); !ok || again != e164 {
			t.Fatalf("Parse(%q) = %q, and of that %q, %t", text, e164, again, ok)
		}
		once, err := plan.Dial(e164, localPrefix)
		if err != nil || once.Number != e164 {
			t.Fatalf("Dial(Parse(%q)) = %+v, %v", text, once, err)
		}
		if home, ok := plan.Parse(plan.National(e164)); !ok || home != e164 {
			t.Fatalf("%q is written %q, which is read as %q, %t", e164, plan.National(e164), home, ok)
		}
		plan.Search(e164)
	})
}

func BenchmarkDial(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := (tel.Plan{}).Dial("91464604", "02"); err != nil {
			b.Fatal(err)
		}
	}
}
