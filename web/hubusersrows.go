package web

import (
	"html/template"
	"time"
)

// PeopleRows writes the lines of the list of people; it returns nothing more to write.
func (v *View) PeopleRows(rows []personRow) template.HTML {
	m := v.portal.markup()
	for i := range rows {
		v.personCells(m, &rows[i])
	}
	m.onto(v.out)
	return ""
}

func (v *View) personCells(m *markup, row *personRow) {
	m.raw("\n" + `<tr role="row"><td role="cell"><a class="who`)
	if row.Name == "" {
		m.raw(` mail" href="`).address(row.Path).raw(`">`).breaks(row.Email).raw(`</a></td>`)
	} else {
		m.raw(`" href="`).address(row.Path).raw(`">`).text(row.Name).raw(`</a>`)
		if row.You {
			m.raw(` <span class="opt">(you)</span>`)
		}
		m.raw(`<span class="sub">`).breaks(row.Email).raw(`</span></td>`)
	}
	m.raw("\n" + `<td role="cell" data-th="Access" class="nowrap">`).text(row.Roles.String())
	if why := row.Why(); why != "" {
		m.raw(`<span class="sr">, </span><span class="sub">`).text(why).raw(`</span>`)
	}
	m.raw(`</td>`)
	m.raw("\n"+`<td role="cell" data-th="Status">`).tag(row.Status.Kind, row.Status.Text, row.Status.Icon).raw(`</td>`)
	m.raw("\n" + `<td role="cell" data-th="Invitation sent" class="num p3`)
	if !row.Invited {
		m.raw(` less`)
	}
	v.dayInto(m.raw(`">`), row.SentAt)
	v.dayInto(m.raw("</td>\n"+`<td role="cell" data-th="Accepted" class="num p3 less">`), row.AcceptedAt)
	m.raw("</td>\n" + `<td role="cell" data-th="Last signed in" class="num`)
	if row.SeenAt == 0 {
		m.raw(` empty`)
	}
	v.whenInto(m.raw(`">`), row.SeenAt)
	m.raw("</td>\n" + `<td role="cell"><div class="act">`)
	row.Button.into(m)
	if len(row.Menu) > 0 {
		m.raw("\n").menu(row.RowMenu())
	}
	m.raw(`</div></td></tr>`)
}

// into writes the one worded action of a line.
func (b rowButton) into(m *markup) {
	switch {
	case b.Post:
		m.raw(`<form method="post" action="`).address(b.Path).raw(`"><button class="btn sm" data-busy="Sending…">`)
	case b.Path != "":
		m.raw(`<a class="btn sm" href="`).address(b.Path).raw(`">`)
	default:
		return
	}
	m.text(b.Label).raw(`<span class="sr">`).text(b.About).raw(`</span>`)
	if b.Post {
		m.raw(`</button></form>`)
	} else {
		m.raw(`</a>`)
	}
}

// dayInto is Day for a row.
func (v *View) dayInto(m *markup, at int64) {
	if at == 0 {
		m.already(none("Not yet"))
		return
	}
	t := time.UnixMilli(at).In(v.zone)
	m.time(t, v.day(t))
}

// whenInto is When for a row.
func (v *View) whenInto(m *markup, at int64) {
	if at == 0 {
		m.already(none("Not yet"))
		return
	}
	t := time.UnixMilli(at).In(v.zone)
	m.time(t, v.near(t))
}
