package web

// table lists every page of the portal, room by room. Who may use a route stands beside it.
func (p *Portal) table() []Route {
	return []Route{}
}
