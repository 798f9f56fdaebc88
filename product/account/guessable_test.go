package account

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// The words that many people choose, in the ways in which people stretch them to fifteen characters.
func TestStretchedPasswordsAreRefused(t *testing.T) {
	t.Parallel()
	about := []string{"priya.nair@harbourdental.example", "Priya Nair", "Harbour Dental Group"}
	var all []string
	for _, base := range []string{"password", "qwerty", "letmein", "welcome", "iloveyou", "dragon", "sunshine", "monkey", "football", "princess", "hubline", "priya", "harbour",
		"admin", "michael", "liverpool", "starwars", "superman", "trustno1", "charlie", "australia", "butterfly", "computer", "secret"} {
		title := strings.ToUpper(base[:1]) + base[1:]
		all = append(all, base+base+base, base+" "+base+" "+base, base+"-"+base+"-"+base, base+"1"+base+"2"+base+"3",
			base+"1234567890", "1234567890"+base, title+"123456789", title+"123456789!", base+"qwertyuiop", "1q2w3e4r5t6y"+base, base+"1qaz2wsx3edc",
			base+"2024"+base+"2025", title+"20242025", base+"aaaaaaaaaaaa", base+"1111111111", base+"!!!!!!!!!!!",
			strings.NewReplacer("a", "@", "o", "0", "e", "3", "s", "$", "i", "1").Replace(base)+"12345678", backwards([]rune(base))+"123456789",
			strings.ToUpper(base)+"123456789", base+"password", base+"password1", base+"letmein123")
	}
	all = append(all, "1234567890qwertyuiop", "qwertyuiopasdfghjkl", "1qaz2wsx3edc4rfv", "zaq12wsxcde34rfv", "abcdefghijklmnop", "zyxwvutsrqponmlk", "qazwsxedcrfvtgb",
		"passwordpassword1", "PasswordPassword1!", "P@ssw0rdP@ssw0rd", "thisismypassword", "letmeinletmein99", "iloveyouforever1", "Tr0ub4dourTr0ub4dour",
		"priya.nair.2024!", "HarbourDental2025", "harbourdentalgroup1", "Welcome to Hubline", "hubline password 1", "1357924680246813",
		"password01011990", "Michael21031984", "monkey19991231")
	for _, password := range all {
		if len(password) < PasswordLeast {
			continue
		}
		if guessable(password, about) == "" {
			t.Errorf("%q may be used", password)
		}
	}
}

func TestReasonsFit(t *testing.T) {
	t.Parallel()
	about := []string{"priya.nair@harbourdental.example", "Priya Nair", "Harbour Dental Group"}
	for password, want := range map[string]kind{
		"HarbourDental!!":        ownWord,
		"priya nair priya!":      ownWord,
		"abcabcabcabcabc":        repeated,
		"x9x9x9x9x9x9x9x9x9!":    repeated,
		"qwertyuiop[]asdfg":      run,
		"abcdefghijklm1234":      run,
		"sunshine football":      word,
		"Pa$$w0rd letme1n":       word,
		"Hubline 19840321":       date,
		"wattle tram quince":     unknown,
		"plum orbit yard 77 ink": unknown,
	} {
		if got := guessable(password, about); got != reasons[want] && (want != unknown || got != "") {
			t.Errorf("%q: %q, want %q", password, got, reasons[want])
		}
	}
}

// Whoever lets a generator choose, or takes four words that mean nothing together, is never told to choose again.
func TestChosenAtRandom(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	list := common()
	var words []string
	for text, rank := range list.ranks {
		if rank > 500 && !strings.ContainsAny(text, "0123456789") {
			words = append(words, text)
		}
	}
	for range 2000 {
		letters := make([]byte, PasswordLeast+random.IntN(20))
		for i := range letters {
			letters[i] = byte('!' + random.IntN('~'-'!'))
		}
		if why := guessable(string(letters), nil); why != "" {
			t.Fatalf("seed %d: %q is refused: %s", seed, letters, why)
		}
		phrase := words[random.IntN(len(words))]
		for range 3 {
			phrase += " " + words[random.IntN(len(words))]
		}
		distinct := map[string]bool{}
		for _, text := range strings.Fields(phrase) {
			distinct[text] = true
		}
		if why := guessable(phrase, nil); why != "" && len(distinct) == 4 {
			t.Fatalf("seed %d: %q is refused: %s", seed, phrase, why)
		}
	}
}

func TestCommonWords(t *testing.T) {
	t.Parallel()
	list := common()
	if list.count < 2000 || list.ranks["password"] != 1 {
		t.Fatalf("%d words, password is number %d", list.count, list.ranks["password"])
	}
	listed := map[string]bool{}
	for line := range strings.Lines(commonText) {
		for _, text := range strings.Fields(line) {
			if listed[text] && !strings.HasPrefix(line, "#") {
				t.Errorf("%q stands in the list twice", text)
			}
			listed[text] = !strings.HasPrefix(line, "#")
		}
	}
	for text := range list.ranks {
		if len(text) < leastPiece || text != strings.ToLower(text) {
			t.Errorf("%q can't be found", text)
		}
	}
}

func BenchmarkGuessable(b *testing.B) {
	common()
	b.ReportAllocs()
	for b.Loop() {
		guessable("wattle tram quince 41, and whatever else somebody likes to type here", []string{"priya.nair@harbourdental.example", "Priya Nair"})
	}
}
