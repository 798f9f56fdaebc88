package phoneuser

// Watching reports whether Run hears of changes.
func (r *Room) Watching() bool { return r.watching.Load() }
