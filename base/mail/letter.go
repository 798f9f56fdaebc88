package mail

// Provider is who writes: the company whose name and contact stand in every mail.
type Provider struct {
	Name, Phone, Address, Support, From string
}

// Letter describes one mail; Render makes its text and HTML parts from it.
type Letter struct {
	ID, To, ReplyTo, Subject, Preheader, Title string
	Blocks                                     []Block
	Footer                                     []string
}

// Block is one element of a letter: Paragraph, Code, Quote, Facts, Button or Small.
type Block struct{}

// Span is a run of words inside a paragraph.
type Span struct {
	Text   string
	Strong bool
}

// Fact is one row of a Facts table.
type Fact struct{ Label, Value string }

// Text is plain words.
func Text(s string) Span { return Span{Text: s} }

// Strong is words in bold.
func Strong(s string) Span { return Span{Text: s, Strong: true} }

// Paragraph is running text.
func Paragraph(text string, more ...Span) Block { return Block{} }

// Code is a one-time code in large figures.
func Code(code string) Block { return Block{} }

// Quote is what a person wrote, shown as text and marked as a quotation.
func Quote(text string) Block { return Block{} }

// Facts is a small table of labels and values.
func Facts(facts ...Fact) Block { return Block{} }

// Button is the one link of a letter.
func Button(text, url string) Block { return Block{} }

// Small is small print.
func Small(text string) Block { return Block{} }

// Render makes the mail.
func Render(p Provider, l Letter) (Message, error) { return Message{}, nil }
