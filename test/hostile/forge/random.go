package forge

import (
	"encoding/binary"
	"math/rand/v2"
)

// Random returns edits for [Make]: most of the time one or two, so that what comes of them is often nearly right.
func Random(r *rand.Rand) []byte {
	return random(r, func() byte { return byte(r.IntN(kinds)) })
}

// RandomHeader returns edits for [Make] that leave the slots as they are, though it may not look for them where they are.
func RandomHeader(r *rand.Rand) []byte {
	header := []byte{setField32, setField64, setWord, setSchema, grow, reshape}
	return random(r, func() byte { return header[r.IntN(len(header))] })
}

func random(r *rand.Rand, kind func() byte) []byte {
	var edits []byte
	for range 1 + r.IntN(2)*r.IntN(4) {
		edits = append(edits, kind())
		edits = binary.LittleEndian.AppendUint16(edits, uint16(r.IntN(256)))
		edits = binary.LittleEndian.AppendUint64(edits, Number(r))
	}
	return edits
}

// Number returns one of those at which programs go wrong: small, near a power of two, huge, or any.
func Number(r *rand.Rand) uint64 {
	switch r.IntN(4) {
	case 0:
		return r.Uint64N(130)
	case 1:
		return uint64(1)<<r.IntN(64) + r.Uint64N(5) - 2
	case 2:
		return -r.Uint64N(130)
	}
	return r.Uint64()
}
