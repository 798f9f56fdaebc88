package web

import (
	"bytes"
	"html/template"
	"strings"
	"sync"
	"time"
)

// markup writes HTML for the rows of long lists. A template asks by reflection for every value of every row; fifty rows of it took
// most of a page's time. What is no literal of this program can only come in through text, address and the writers made of them,
// which escape it for text between tags and for attributes in double quotes: the only two places where rows have values.
type markup struct {
	buf    []byte
	portal *Portal
}

// literal is markup that stands in this program's source. A string that was put together at run time does not become one by itself.
type literal string

func (p *Portal) markup() *markup {
	m := markups.Get().(*markup)
	m.portal, m.buf = p, m.buf[:0]
	return m
}

// HTML is all that was written. The markup must not be used after it.
func (m *markup) HTML() template.HTML {
	html := template.HTML(m.buf)
	markups.Put(m)
	return html
}

// onto writes markup to the page itself, behind what the template wrote: given back to the template it would be copied twice.
func (m *markup) onto(page *bytes.Buffer) {
	page.Write(m.buf)
	markups.Put(m)
}

var markups = sync.Pool{New: func() any { return &markup{} }}

// raw writes our own markup.
func (m *markup) raw(text literal) *markup {
	m.buf = append(m.buf, text...)
	return m
}

// text writes words, escaped as html/template escapes them.
func (m *markup) text(words string) *markup {
	clean := 0 // what lies before is written
	for i := range len(words) {
		var instead literal
		switch words[i] {
		case '<':
			instead = "&lt;"
		case '>':
			instead = "&gt;"
		case '&':
			instead = "&amp;"
		case '"':
			instead = "&#34;"
		case '\'':
			instead = "&#39;"
		case 0:
			instead = "\uFFFD"
		default:
			continue
		}
		m.buf = append(append(m.buf, words[clean:i]...), instead...)
		clean = i + 1
	}
	m.buf = append(m.buf, words[clean:]...)
	return m
}

// address writes the value of an attribute that is an address of this portal. Anything else leads nowhere.
func (m *markup) address(path string) *markup {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.HasPrefix(path, `/\`) {
		return m.raw("#")
	}
	return m.text(path)
}

// already writes what a function for templates made.
func (m *markup) already(html template.HTML) *markup {
	m.buf = append(m.buf, html...)
	return m
}

// icon draws one symbol of icons.svg.
func (m *markup) icon(name string) *markup {
	return m.raw(`<svg aria-hidden="true"><use href="`).text(m.portal.assets.byName["icons.svg"].url).raw(`#i-`).text(name).raw(`"/></svg>`)
}

// breaks lets a long address break after its @.
func (m *markup) breaks(mail string) *markup {
	if at := strings.IndexByte(mail, '@'); at >= 0 {
		return m.text(mail[:at+1]).raw("<wbr>").text(mail[at+1:])
	}
	return m.text(mail)
}

// tag is a status in words.
func (m *markup) tag(kind, text, icon string) *markup {
	return m.raw(`<span class="tag `).text(kind).raw(`">`).icon(icon).text(text).raw(`</span>`)
}

// time writes a moment: words for reading, the exact time for pointing at and for programs.
func (m *markup) time(t time.Time, text string) *markup {
	m.raw(`<time datetime="`)
	m.buf = t.UTC().AppendFormat(m.buf, time.RFC3339)
	m.raw(`" title="`)
	m.buf = t.AppendFormat(m.buf, "2 January 2006, 3:04:05 pm MST") // no zone's name has a character to escape
	return m.raw(`">`).text(text).raw(`</time>`)
}

// menu is the "…" of a row with what it opens.
func (m *markup) menu(menu RowMenu) *markup {
	m.raw(`<button class="btn quiet sm icon" type="button" popovertarget="`).text(menu.ID).raw(`" aria-label="`).text(menu.Label).raw(`">`).icon("more").raw("</button>\n")
	m.raw(`<div class="menu" id="`).text(menu.ID).raw(`" popover>`)
	for _, item := range menu.Items {
		m.menuItem(item)
	}
	return m.raw(`</div>`)
}

func (m *markup) menuItem(item MenuItem) {
	if item.Post {
		m.raw(`<form method="post" action="`).address(item.Path).raw(`"><button`)
	} else {
		m.raw(`<a href="`).address(item.Path).raw(`"`)
	}
	if item.Danger {
		m.raw(` class="bad"`)
	}
	if item.Dialog != "" && !item.Post {
		m.raw(` data-open="`).text(item.Dialog).raw(`"`)
	}
	if item.Fill != "" && !item.Post {
		m.raw(` data-fill="`).text(item.Fill).raw(`"`)
	}
	m.raw(`>`)
	if item.Icon != "" {
		m.icon(item.Icon)
	}
	m.text(item.Label)
	if item.Post {
		m.raw(`</button></form>`)
	} else {
		m.raw(`</a>`)
	}
}
