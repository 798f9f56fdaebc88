package web

func (p *Portal) components(r *Request) error {
	return r.Render("dev/components.html", Page{Title: "Components", Layout: "card"})
}
