package accounttest

import (
	"context"
	"slices"
	"sync"

	"hubline/base/mail"
)

// Mails keeps every mail in the order of sending.
type Mails struct {
	mu   sync.Mutex
	fail error
	all  []mail.Message
}

// Send implements the room's Mail.
func (m *Mails) Send(_ context.Context, message mail.Message) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	m.all = append(m.all, message)
	return nil
}

// Fail makes every further Send fail with err, until it is called with nil.
func (m *Mails) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

// To returns the mails to an address; "" stands for all.
func (m *Mails) To(address string) []mail.Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []mail.Message
	for _, message := range m.all {
		if address == "" || message.To == address {
			list = append(list, message)
		}
	}
	return list
}

// Subjects returns the subjects of the mails to an address, sorted; "" stands for all.
func (m *Mails) Subjects(address string) []string {
	var subjects []string
	for _, message := range m.To(address) {
		subjects = append(subjects, message.Subject)
	}
	slices.Sort(subjects)
	return subjects
}

// Clear forgets all mails.
func (m *Mails) Clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all = nil
}
