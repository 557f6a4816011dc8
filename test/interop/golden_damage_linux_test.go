package interop

import (
	"math"

	"github.com/tickring/tickring/internal/layout"
)

// goldenDamage are rings under a good header whose slots and words contradict each other. A reader never
// makes a record of them that is not there.
func goldenDamage() []golden {
	trades := func() *image { return newImage("TradingData", 8) }
	return []golden{
		{"corrupt-other-slot", trades().published(3).slot(3, 10), `
# The slot of record 3 says that it holds record 4, whose slot is another.
attach NAME TradingData => ok
reader at:2 oldest => ok
poll => ready 2 $2
poll => corrupt
poll => corrupt
batch 4 => corrupt
position => 3
missed => 0
received => 1
latest => ready 2 $2
detach => ok
takeover NAME TradingData => error corrupt
publish $3 => error usage
`},
		{"corrupt-beyond-the-head", trades().published(3).slot(3, 2*43+2), `
# Record 43 would be in this slot, but the head cannot lag behind so far.
attach NAME TradingData => ok
reader oldest oldest => ok
batch 9 => ready 0 3 @0+3
poll => corrupt
batch 9 => corrupt
latest => ready 2 $2
detach => ok
takeover NAME TradingData => error corrupt
`},
		{"corrupt-all-ones", trades().published(3).slot(3, math.MaxUint64).slot(7, math.MaxUint64), `
attach NAME TradingData => ok
reader at:3 oldest => ok
poll => corrupt
position => 3
reader at:7 newest => ok
poll => corrupt
position => 7
detach => ok
takeover NAME TradingData => error corrupt
`},
		{"corrupt-half-a-lap-ahead", trades().published(3).slot(3, 2*11+2), `
# Record 11 is as far as a head of 3 can lag; a reader cannot tell it from a writer that is busy, so it
# is lapped. A takeover can: there is nobody who writes.
attach NAME TradingData => ok
reader at:3 newest => ok
poll => lapped 3 10
position => 10
poll => empty
detach => ok
takeover NAME TradingData => error corrupt
`},
		{"corrupt-odd-of-another-slot", trades().published(3).slot(3, 2*12+1), `
attach NAME TradingData => ok
reader at:3 oldest => ok
poll => corrupt
`},
		{"slots-without-versions", trades().published(3).slot(1, 0).slot(2, 0), `
# The head counts records that are not there: they are waited for, and nothing is made up.
attach NAME TradingData => ok
reader oldest oldest => ok
poll => ready 0 $0
poll => empty
batch 9 => empty
latest => lapped
detach => ok
takeover NAME TradingData => error corrupt
`},
		{"head-alone", trades().life(1, 0, layout.StateOpen).head(1 << 62), `
attach NAME TradingData => ok
head => 4611686018427387904
reader newest oldest => ok
position => 4611686018427387903
poll => empty
latest => lapped
reader at:0 oldest => ok
poll => empty
detach => ok
takeover NAME TradingData => error corrupt
`},
		{"head-of-old", trades().published(20).head(2), `
# The head went back, or never came along. What is finished behind it cannot be this ring's.
attach NAME TradingData => ok
reader at:0 oldest => ok
poll => corrupt
reader at:12 oldest => ok
poll => ready 12 $12
detach => ok
takeover NAME TradingData => error corrupt
`},
		{"head-of-2-63", newImage("TradingData", 8).life(1, 0, layout.StateOpen).head(1 << 63), headBeyond},
		{"head-of-all-ones", newImage("TradingData", 8).life(1, 0, layout.StateOpen).head(math.MaxUint64), headBeyond},
		{"head-beyond-a-ring", trades().published(20).head(1<<63 + 20), `
# The version of record 2^63 + n would be that of record n.
attach NAME TradingData => ok
reader oldest oldest => ok
position => 9223372036854775800
poll => empty
latest => lapped
reader newest-minus:3 oldest => ok
batch 9 => empty
reader at:12 oldest => ok
batch 9 => ready 12 8 @12+8
poll => empty
detach => ok
takeover NAME TradingData => error corrupt
`},
	}
}

// headBeyond is for heads that no writer comes to: 2^63 numbers have a version, but for the last, whose version would be
// that of a slot never written.
const headBeyond = `
attach NAME TradingData => ok
latest => error usage
reader newest oldest => ok
position => 9223372036854775806
poll => empty
batch 9 => empty
latest => lapped
reader oldest-safe oldest => ok
poll => empty
latest => lapped
reader at:0 newest => ok
poll => empty
detach => ok
takeover NAME TradingData => error corrupt
`
