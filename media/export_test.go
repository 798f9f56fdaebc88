package media

// NewPortable returns a server on the engine of other systems.
func NewPortable(c Config) *Server {
	s := New(c)
	s.make = newPortable
	return s
}

// Payloads of a sound in A-law and µ-law.
func (s Sound) Payloads() (a, mu []byte) { return s.bytes(1), s.bytes(0) }
