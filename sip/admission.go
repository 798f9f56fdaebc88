package sip

// Admit decides about a message before any transaction sees it: 0 lets it in, -1 means that it is dropped without an answer, anything else
// is the status of a stateless answer.
func Admit(m *Message) (status int, reason string) {
	if m.fault.status != 0 {
		if m.IsResponse() {
			return -1, ""
		}
		return m.fault.status, m.fault.reason
	}
	return 0, ""
}
