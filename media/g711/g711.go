// Package g711 converts between 16-bit samples and the two laws of ITU-T G.711, through tables made at start.
// It knows samples and bytes only: no packets, no files.
package g711

// Law is one of the two ways G.711 writes a sample in a byte.
type Law uint8

const (
	Mu Law = iota // µ-law, PCMU: North America, Japan
	A             // A-law, PCMA: everywhere else
)

// Silence is the byte of the law for a sample of zero.
func (l Law) Silence() byte {
	if l == Mu {
		return 0xff
	}
	return 0xd5
}

var (
	decoded [2][256]int16
	encoded [2][1 << 14]byte // by the sample without its two lowest bits; µ-law resolves 14 bits, A-law 13
	crossed [2][256]byte     // from the law of the index to the other
)

func init() {
	for b := range 256 {
		decoded[Mu][b], decoded[A][b] = decodeMu(byte(b)), decodeA(byte(b))
	}
	for i := range 1 << 14 {
		sample := int16(uint16(i) << 2)
		encoded[Mu][i], encoded[A][i] = encodeMu(sample), encodeA(sample)
	}
	for b := range 256 {
		crossed[Mu][b] = A.Encode(decoded[Mu][b])
		crossed[A][b] = Mu.Encode(decoded[A][b])
	}
}

// Decode returns the sample that b stands for.
func (l Law) Decode(b byte) int16 { return decoded[l][b] }

// Encode returns the byte nearest to the sample.
func (l Law) Encode(sample int16) byte { return encoded[l][uint16(sample)>>2] }

// Other returns the table that turns a byte of this law into one of the other.
func (l Law) Other() *[256]byte { return &crossed[l] }

// Samples decodes a whole payload.
func (l Law) Samples(payload []byte) []int16 {
	samples := make([]int16, len(payload))
	for i, b := range payload {
		samples[i] = l.Decode(b)
	}
	return samples
}

// Bytes encodes samples.
func (l Law) Bytes(samples []int16) []byte {
	payload := make([]byte, len(samples))
	for i, s := range samples {
		payload[i] = l.Encode(s)
	}
	return payload
}

// muBias is added before the segment is found, so that each segment begins at a power of two.
const muBias = 132

// encodeMu follows G.711 table 2a: sign, three bits of segment, four of step, all inverted.
func encodeMu(sample int16) byte {
	level, sign := int32(sample), byte(0)
	if level < 0 {
		level, sign = -level, 0x80
	}
	level = min(level, 32635) + muBias
	segment := byte(7)
	for mask := int32(0x4000); segment > 0 && level&mask == 0; mask >>= 1 {
		segment--
	}
	return ^(sign | segment<<4 | byte(level>>(segment+3))&0x0f)
}

func decodeMu(b byte) int16 {
	b = ^b
	level := (int32(b&0x0f)<<3+muBias)<<(b>>4&7) - muBias
	if b&0x80 != 0 {
		return int16(-level)
	}
	return int16(level)
}

// encodeA follows G.711 table 1a: sign (set for positive), segment, step, with every even bit inverted.
func encodeA(sample int16) byte {
	level, sign := int32(sample)>>3, byte(0x80) // 13 bits
	if level < 0 {
		level, sign = -level-1, 0
	}
	segment := byte(0)
	for limit := int32(31); segment < 7 && level > limit; limit = limit<<1 | 1 {
		segment++
	}
	step := byte(level>>max(segment, 1)) & 0x0f
	return (sign | segment<<4 | step) ^ 0x55
}

func decodeA(b byte) int16 {
	b ^= 0x55
	level, segment := int32(b&0x0f)<<4+8, b>>4&7
	if segment > 0 {
		level = (level + 0x100) << (segment - 1)
	}
	if b&0x80 == 0 {
		return int16(-level)
	}
	return int16(level)
}
