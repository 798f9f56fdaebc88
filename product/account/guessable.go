package account

import (
	_ "embed"
	"math"
	"strconv"
	"strings"
	"sync"

	"hubline/base/listing"
)

const (
	estimated  = 64  // characters of a password that are looked at; what comes after them only makes it stronger
	enough     = 7.5 // a password that takes 10^7.5 guesses or more is not among those that are tried first
	ofUnknown  = 1.2 // powers of ten for a character that nothing explains
	ofDigit    = 1.0
	ofCopy     = 0.5 // for saying again what stood before
	ofPiece    = 0.3 // each piece might stand elsewhere: twice the guesses
	ofVariant  = 0.3 // capitals, look-alike characters, written backwards: twice the guesses each
	leastPiece = 3   // characters of a word or of a repeat
	leastRun   = 4   // characters of a run
)

// guessable says why attackers would try a password early, or "" if they would not. It knows common passwords, names and words, walks
// over the keyboard, counting, dates, repeats, and the words of the person's own context.
func guessable(password string, context []string) string {
	low := []rune(strings.ToLower(password))
	if repeats(string(low)) > 0 {
		return reasons[repeated]
	}
	original := []rune(password)
	if len(low) != len(original) { // a few capitals have no lower case of one character
		original = low
	}
	n := min(len(low), estimated)
	e := estimate{original: original[:n], low: low[:n], own: map[string]bool{}}
	for _, word := range contextWords(context) {
		e.own[word] = true
	}
	power, why := e.cheapest()
	if power >= enough {
		return ""
	}
	return reasons[why]
}

// kind is what a piece of a password is.
type kind int

const (
	unknown kind = iota
	ownWord
	repeated
	run
	word
	date
)

// reasons end the sentence "That password is easy to guess: …".
var reasons = map[kind]string{
	unknown:  "too little of it can't be foreseen",
	ownWord:  "it is little more than your own name, address or account",
	repeated: "it repeats itself",
	run:      "it follows the keyboard or counts up",
	word:     "it is made of words or names that are tried first",
	date:     "it is made of dates",
}

// estimate is a password on its way to a number: how many guesses somebody needs who knows how people make passwords. It is cut into
// pieces so that the product of the guesses for each is the least.
type estimate struct {
	original, low []rune
	own           map[string]bool // words of the person's context
}

// piece is an explanation of some characters: so many guesses (as a power of ten) find them.
type piece struct {
	kind   kind
	length int
	power  float64
}

// cheapest returns the guesses for the whole password as a power of ten, and what most of its characters are.
func (e *estimate) cheapest() (power float64, why kind) {
	best := make([]float64, len(e.low)+1)
	last := make([]piece, len(e.low)+1) // the piece that ends here
	for i := range best[1:] {
		best[i+1] = math.Inf(1)
	}
	try := func(from int, p piece) {
		if power := best[from] + p.power; power < best[from+p.length] {
			best[from+p.length], last[from+p.length] = power, p
		}
	}
	for i := range e.low {
		price := ofUnknown
		if e.low[i] >= '0' && e.low[i] <= '9' {
			price = ofDigit
		}
		try(i, piece{unknown, 1, price})
		for _, explain := range []func(int) []piece{e.copies, e.runs, e.dates, e.words} {
			for _, p := range explain(i) {
				p.power += ofPiece
				try(i, p)
			}
		}
	}
	var covered [len(kinds)]int
	for end := len(e.low); end > 0; end -= last[end].length {
		covered[last[end].kind] += last[end].length
	}
	for _, k := range kinds {
		if covered[k] > covered[why] || why == unknown && covered[k] > 0 {
			why = k
		}
	}
	return best[len(e.low)], why
}

var kinds = [...]kind{unknown, ownWord, repeated, run, word, date}

// copies finds what stood in the password before: "x9!kx9!kx9!k" is four characters and a repeat.
func (e *estimate) copies(at int) (found []piece) {
	longest := 0
	for from := range at {
		length := 0
		for at+length < len(e.low) && e.low[from+length] == e.low[at+length] {
			length++
		}
		longest = max(longest, length)
	}
	for length := leastPiece; length <= longest; length++ {
		found = append(found, piece{repeated, length, ofCopy})
	}
	return found
}

// tracks are the ways along which fingers and counting go, forwards and backwards.
var tracks = func() []string {
	tracks := []string{
		"abcdefghijklmnopqrstuvwxyzabc", "01234567890123", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./", "!@#$%^&*()_+",
		"1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/", "1qazxsw23edcvfr45tgbnhy67ujm,ki89ol./;p0", "qazwsxedcrfvtgbyhnujmikolp",
		"1q2w3e4r5t6y7u8i9o0p", "q1w2e3r4t5y6u7i8o9p0", "zaq12wsxcde34rfvbgt56yhnmju78ik,", "a1b2c3d4e5f6g7h8i9j0", "1a2b3c4d5e6f7g8h9i0j", "123qweasdzxc", "qweasdzxcrtyfghvbn",
		"azertyuiopqsdfghjklmwxcvbn", "qwertzuiopasdfghjklyxcvbnm", "1357924680", "147258369", "159357", "112233445566778899", "aabbccddeeffgg",
	}
	for _, track := range tracks {
		back := []rune(track)
		for i, j := 0, len(back)-1; i < j; i, j = i+1, j-1 {
			back[i], back[j] = back[j], back[i]
		}
		tracks = append(tracks, string(back))
	}
	return tracks
}()

// runs finds stretches of a track.
func (e *estimate) runs(at int) (found []piece) {
	for length := leastRun; at+length <= len(e.low); length++ {
		text, on := string(e.low[at:at+length]), false
		for _, track := range tracks {
			on = on || strings.Contains(track, text)
		}
		if !on {
			break
		}
		found = append(found, piece{run, length, math.Log10(float64(len(tracks) * length))})
	}
	return found
}

// dates finds years from 1940 to 2039, and days with such a year in any order of day and month.
func (e *estimate) dates(at int) (found []piece) {
	number := func(from, length int) int {
		if from+length > len(e.low) {
			return -1
		}
		n, err := strconv.Atoi(string(e.low[from : from+length]))
		if err != nil {
			return -1
		}
		return n
	}
	year := func(from int) bool { n := number(from, 4); return n >= 1940 && n < 2040 }
	day := func(from int) bool {
		a, b := number(from, 2), number(from+2, 2)
		return a >= 1 && b >= 1 && a <= 31 && b <= 31 && min(a, b) <= 12
	}
	if year(at) {
		found = append(found, piece{date, 4, math.Log10(100)})
	}
	if year(at) && day(at+4) || day(at) && year(at+4) {
		found = append(found, piece{date, 8, math.Log10(100 * 366)})
	}
	return found
}

// words finds words of the list and of the person's context, with capitals, look-alike characters or backwards as well.
func (e *estimate) words(at int) (found []piece) {
	list := common()
	for length := leastPiece; length <= list.longest && at+length <= len(e.low); length++ {
		text := e.low[at : at+length]
		k, power := word, math.Inf(1)
		for i, form := range [...]string{string(text), alike(text, 'i'), alike(text, 'l'), backwards(text)} {
			price := 0.0
			if i > 0 {
				price = ofVariant
			}
			switch rank := list.ranks[form]; {
			case e.own[form] && price < power:
				k, power = ownWord, price
			case rank > 0 && math.Log10(float64(rank))+price < power:
				k, power = word, math.Log10(float64(rank))+price
			}
		}
		if !math.IsInf(power, 1) {
			found = append(found, piece{k, length, power + e.capitals(at, length)})
		}
	}
	return found
}

// capitals is the price of capitals: one variant for a first or for nothing but capitals, more for any other mixture.
func (e *estimate) capitals(at, length int) float64 {
	upper := 0
	for i := at; i < at+length; i++ {
		if e.original[i] != e.low[i] {
			upper++
		}
	}
	switch {
	case upper == 0:
		return 0
	case upper == length, upper == 1 && e.original[at] != e.low[at]:
		return ofVariant
	}
	return ofVariant * float64(1+min(upper, length-upper))
}

// alike undoes what people write for letters. The digit one stands for two of them.
func alike(text []rune, one rune) string {
	plain := make([]rune, len(text))
	for i, c := range text {
		switch c {
		case '1', '!', '|':
			c = one
		case '0':
			c = 'o'
		case '3', '€':
			c = 'e'
		case '4', '@':
			c = 'a'
		case '5', '$':
			c = 's'
		case '7', '+':
			c = 't'
		}
		plain[i] = c
	}
	return string(plain)
}

func backwards(text []rune) string {
	back := make([]rune, len(text))
	for i, c := range text {
		back[len(text)-1-i] = c
	}
	return string(back)
}

//go:embed common.txt
var commonText string

// wordList is the words of common.txt with their ranks from 1 to count.
type wordList struct {
	ranks   map[string]int
	count   int
	longest int // characters
}

// common reads the list when the first password is chosen: most processes never need it.
var common = sync.OnceValue(func() wordList {
	list := wordList{ranks: map[string]int{}}
	for line := range strings.Lines(commonText) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		for _, text := range strings.Fields(line) {
			list.count++
			list.ranks[text] = list.count
			if plain := alike([]rune(text), 'i'); list.ranks[plain] == 0 { // so that "trustno1" is found in "tru$tn01"
				list.ranks[plain] = list.count
			}
			list.longest = max(list.longest, len(text))
		}
	}
	return list
})

// contextWords are the parts of names and addresses, four letters and longer, that a person's own password should not be made of.
func contextWords(context []string) []string {
	words := []string{"hubline"}
	for _, text := range context {
		for word := range strings.FieldsFuncSeq(listing.Fold(text), func(c rune) bool { return !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9') }) {
			if len(word) >= 4 {
				words = append(words, word)
			}
		}
	}
	return words
}

// repeats returns the shortest period of the text ("abcabcabc" has 3), or 0 if it has none shorter than half of itself.
func repeats(text string) int {
	for period := 1; period <= len(text)/2; period++ {
		if text[period:] == text[:len(text)-period] {
			return period
		}
	}
	return 0
}
