package interop

import "github.com/tickring/tickring/internal/layout"

// goldenRings are sound segments, as writers leave them.
func goldenRings() []golden {
	trades := func(slots uint64) *image { return newImage("TradingData", slots) }
	return []golden{
		{"empty", trades(8), `
# Without a segment there is nothing to work on.
schema => error usage
shape => error usage
view => error usage
head => error usage
reader oldest oldest => error usage
poll => error usage
publish $0 => error usage
frobnicate => error usage

attach NAME TradingData => ok
schema => TradingData 24 price:f64@0 timestamp:u64@8 volume:i32@16 valid:bool@20
shape => slots=8 stride=32 backing=0 doorbell=0 fallback=
view => 000000000000000000000000000000000000000000000000
head => 0
epoch => 0
state => created
alive => no
# Attached, but without a reader and a writer.
poll => error usage
position => error usage
publish $0 => error usage
close => error usage

reader oldest oldest => ok
position => 0
poll => empty
batch 4 => empty
latest => empty
next 10 => error no-doorbell
position => 0
missed => 0
received => 0
reader oldest-safe oldest => ok
position => 0
reader newest oldest => ok
position => 0
reader newest-minus:3 oldest => ok
position => 0
reader at:5 oldest => ok
position => 5
poll => empty
rate poll 1 => error usage
`},
		{"few", trades(8).published(3), `
attach NAME TradingData => ok
head => 3
epoch => 1
state => open
alive => no
view => $2
reader oldest oldest => ok
poll => ready 0 $0
poll => ready 1 $1
# The newest does not move the reader.
latest => ready 2 $2
position => 2
poll => ready 2 $2
poll => empty
poll => empty
position => 3
received => 3
missed => 0
latest => ready 2 $2

# A batch is what there is, up to what fits.
reader oldest oldest => ok
batch 2 => ready 0 2 @0+2
batch 2 => ready 2 1 @2+1
batch 2 => empty
received => 3

# In a ring that was never full there is nothing to keep a distance from.
reader oldest-safe oldest => ok
poll => ready 0 $0
reader newest oldest => ok
poll => ready 2 $2
poll => empty
received => 1
reader newest-minus:0 oldest => ok
poll => ready 2 $2
reader newest-minus:1 oldest => ok
poll => ready 1 $1
reader newest-minus:2 oldest => ok
poll => ready 0 $0
reader newest-minus:99 oldest => ok
poll => ready 0 $0
reader at:1 oldest => ok
poll => ready 1 $1
# What is not yet published is waited for.
reader at:3 oldest => ok
poll => empty
reader at:7 oldest => ok
poll => empty
position => 7
reader at:1000000 oldest => ok
poll => empty
`},
		{"first-writer", trades(8), `
# The first writer that comes is no restart.
attach NAME TradingData => ok
reader oldest oldest => ok
takeover NAME TradingData => ok
poll => empty
publish $0 => 0
poll => ready 0 $0
poll => empty
close => ok
poll => closed
poll => closed
`},
		{"full", trades(8).published(8), `
# Exactly one lap: nothing is lost yet.
attach NAME TradingData => ok
head => 8
view => $7
reader oldest oldest => ok
batch 100 => ready 0 8 @0+8
poll => empty
reader oldest-safe oldest => ok
poll => ready 0 $0
reader at:0 newest => ok
poll => ready 0 $0
reader newest-minus:7 oldest => ok
poll => ready 0 $0
reader newest oldest => ok
poll => ready 7 $7
poll => empty
`},
		{"wrapped-exactly", trades(8).published(16), `
attach NAME TradingData => ok
head => 16
reader oldest oldest => ok
position => 8
batch 100 => ready 8 8 @8+8
poll => empty
latest => ready 15 $15
reader at:7 oldest => ok
poll => lapped 7 8
poll => ready 8 $8
reader at:8 oldest => ok
poll => ready 8 $8
`},
		{"wrapped-twice", trades(8).published(20), `
attach NAME TradingData => ok
latest => error usage
view => $19
# Where a reader starts.
reader oldest oldest => ok
position => 12
poll => ready 12 $12
reader oldest-safe oldest => ok
position => 14
poll => ready 14 $14
reader newest oldest => ok
position => 19
reader newest-minus:2 oldest => ok
position => 17
reader newest-minus:7 oldest => ok
position => 12
reader newest-minus:8 oldest => ok
position => 12
reader newest-minus:18446744073709551615 oldest => ok
position => 12
reader at:13 oldest => ok
poll => ready 13 $13
reader at:20 oldest => ok
poll => empty
reader at:27 oldest => ok
poll => empty
reader at:28 oldest => ok
poll => empty

# Where it resumes after being lapped, and what it has lost then.
reader at:0 oldest => ok
poll => lapped 0 12
missed => 12
received => 0
position => 12
latest => ready 19 $19
batch 100 => ready 12 8 @12+8
poll => empty
missed => 12
received => 8
reader at:0 oldest-safe => ok
poll => lapped 0 14
poll => ready 14 $14
missed => 14
reader at:0 newest => ok
batch 5 => lapped 0 19
batch 5 => ready 19 1 @19+1
missed => 19
received => 1
reader at:0 newest-minus:3 => ok
poll => lapped 0 16
poll => ready 16 $16
reader at:0 newest-minus:100 => ok
poll => lapped 0 12
# A number makes no sense to resume at: as oldest-safe.
reader at:0 at:3 => ok
poll => lapped 0 14
poll => ready 14 $14
# The last one that is gone.
reader at:11 oldest => ok
poll => lapped 11 12
reader at:11 newest => ok
poll => lapped 11 19
`},
		{"two-slots", trades(2).published(5), `
# The smallest ring; a quarter of it is nothing, and oldest-safe keeps a distance of one all the same.
attach NAME TradingData => ok
shape => slots=2 stride=32 backing=0 doorbell=0 fallback=
reader oldest oldest => ok
batch 9 => ready 3 2 @3+2
poll => empty
reader oldest-safe oldest => ok
position => 4
reader at:0 oldest-safe => ok
poll => lapped 0 4
reader at:0 oldest => ok
poll => lapped 0 3
reader newest-minus:1 oldest => ok
position => 3
`},
		{"sixty-four-slots", trades(64).published(1000), `
attach NAME TradingData => ok
reader oldest oldest => ok
batch 40 => ready 936 40 @936+40
batch 40 => ready 976 24 @976+24
batch 40 => empty
reader oldest-safe oldest => ok
position => 952
reader at:900 oldest-safe => ok
batch 1 => lapped 900 952
batch 1 => ready 952 1 @952+1
`},
		{"closed", trades(8).published(5).life(1, 0, layout.StateClosed), `
attach NAME TradingData => ok
state => closed
alive => no
reader oldest oldest => ok
batch 4 => ready 0 4 @0+4
# What was published is read before the end is told.
poll => ready 4 $4
poll => closed
batch 4 => closed
poll => closed
position => 5
received => 5
latest => ready 4 $4
reader at:9 oldest => ok
poll => closed
position => 9
`},
		{"closed-empty", trades(8).life(1, 0, layout.StateClosed), `
attach NAME TradingData => ok
state => closed
reader oldest oldest => ok
poll => closed
latest => empty
`},
		{"closed-wrapped", trades(8).published(20).life(1, 0, layout.StateClosed), `
attach NAME TradingData => ok
reader at:3 oldest => ok
poll => lapped 3 12
batch 100 => ready 12 8 @12+8
poll => closed
missed => 9
received => 8
`},
		{"reopened", trades(8).published(5).life(1, 0, layout.StateClosed), `
# A closed ring can be taken over, and goes on under the next number.
attach NAME TradingData => ok
reader at:4 oldest => ok
poll => ready 4 $4
poll => closed
takeover NAME TradingData => ok
poll => restarted 2 5
poll => empty
state => open
alive => yes
publish $5 $6 => 5
poll => ready 5 $5
publish $7 => 7
batch 9 => ready 6 2 @6+2
poll => empty
close => ok
poll => closed
state => closed
missed => 0
received => 4
`},
		{"taken-over", trades(8).published(6).life(2, 3, layout.StateOpen), `
# A reader that comes in the second epoch reads records of the first; it has not seen a restart.
attach NAME TradingData => ok
epoch => 2
reader at:0 oldest => ok
epoch => 2
batch 9 => ready 0 6 @0+6
poll => empty
# The next writer is one.
takeover NAME TradingData => ok
poll => restarted 3 6
poll => empty
epoch => 3
publish $6 => 6
poll => ready 6 $6
`},
		{"taken-over-unread", trades(8).published(6), `
# A restart is told when there is nothing else to read, once; and nothing is lost by it.
attach NAME TradingData => ok
reader at:2 oldest => ok
poll => ready 2 $2
takeover NAME TradingData => ok
publish $6 => 6
poll => ready 3 $3
batch 100 => ready 4 3 @4+3
poll => restarted 2 6
poll => empty
missed => 0
received => 5
`},
		{"mid-write", trades(8).published(3).half(3), `
# The writer stopped within record 3.
attach NAME TradingData => ok
view => $2
reader oldest oldest => ok
batch 9 => ready 0 3 @0+3
poll => empty
latest => ready 2 $2
reader at:3 oldest => ok
poll => empty
reader newest oldest => ok
poll => ready 2 $2
detach => ok
# The number of a record that nobody has read is used again.
takeover NAME TradingData => ok
head => 3
publish $3 => 3
detach => ok
attach NAME TradingData => ok
head => 4
epoch => 2
view => $3
reader oldest oldest => ok
batch 9 => ready 0 4 @0+4
poll => empty
`},
		{"mid-view", trades(8).published(3).slots(3, 4).halfView(3), `
# The writer stopped within the view of record 3, which readers of the ring have.
attach NAME TradingData => ok
head => 3
reader oldest oldest => ok
batch 9 => ready 0 4 @0+4
poll => empty
latest => ready 3 $3
reader newest oldest => ok
poll => ready 3 $3
reader newest-minus:1 oldest => ok
poll => ready 2 $2
detach => ok
takeover NAME TradingData => ok
detach => ok
attach NAME TradingData => ok
head => 4
view => $3
reader at:3 oldest => ok
poll => ready 3 $3
`},
		{"mid-first-view", trades(8).life(1, 0, layout.StateOpen).half(0).halfView(0), `
# Nothing was ever finished; the next writer leaves no half a record to those who read the view.
attach NAME TradingData => ok
reader oldest oldest => ok
position => 0
poll => empty
latest => empty
detach => ok
takeover NAME TradingData => ok
detach => ok
attach NAME TradingData => ok
head => 0
view => 000000000000000000000000000000000000000000000000
`},
		{"over-the-oldest", trades(8).published(12).half(12), `
# Record 12 is being written over record 4, which is gone.
attach NAME TradingData => ok
reader oldest oldest => ok
position => 5
batch 9 => ready 5 7 @5+7
poll => empty
reader at:4 oldest => ok
poll => lapped 4 5
poll => ready 5 $5
reader at:4 oldest-safe => ok
poll => lapped 4 6
reader at:4 newest => ok
poll => lapped 4 11
reader at:3 oldest => ok
poll => lapped 3 4
poll => lapped 4 5
missed => 2
reader at:12 oldest => ok
poll => empty
reader oldest-safe oldest => ok
position => 6
latest => ready 11 $11
detach => ok
takeover NAME TradingData => ok
publish $12 => 12
`},
		{"batch-cut-short", trades(8).published(3).slots(3, 5).half(5), `
# The writer stopped within the third record of a batch. The head does not know of the first two, but they are
# there, and whoever has read them must not see others under their numbers.
attach NAME TradingData => ok
head => 3
view => $2
latest => error usage
reader oldest oldest => ok
latest => ready 4 $4
batch 9 => ready 0 5 @0+5
poll => empty
latest => ready 4 $4
reader newest oldest => ok
poll => ready 4 $4
reader newest-minus:1 oldest => ok
poll => ready 3 $3
detach => ok
takeover NAME TradingData => ok
head => 5
publish $5 => 5
detach => ok
attach NAME TradingData => ok
head => 6
view => $5
reader oldest oldest => ok
batch 9 => ready 0 6 @0+6
`},
		{"batch-cut-short-wrapped", trades(8).published(10).slots(10, 14), `
# As far behind as a head can be: half the ring.
attach NAME TradingData => ok
head => 10
reader oldest oldest => ok
position => 6
reader oldest-safe oldest => ok
position => 8
reader at:2 oldest => ok
poll => lapped 2 3
# Record 3 has gone as well: the head that was seen lags behind.
poll => lapped 3 4
reader at:1 newest => ok
poll => lapped 1 9
batch 9 => ready 9 5 @9+5
latest => ready 13 $13
poll => empty
detach => ok
takeover NAME TradingData => ok
head => 14
detach => ok
attach NAME TradingData => ok
view => $13
`},
		{"numbers-near-2-62", trades(8).published(1<<62+5).life(3, 1<<62-20, layout.StateClosed), `
# Versions on both sides of 2^63: they have no sign.
attach NAME TradingData => ok
head => 4611686018427387909
view => $4611686018427387908
reader oldest oldest => ok
position => 4611686018427387901
poll => ready 4611686018427387901 $4611686018427387901
batch 4 => ready 4611686018427387902 4 @4611686018427387902+4
batch 4 => ready 4611686018427387906 3 @4611686018427387906+3
poll => closed
latest => ready 4611686018427387908 $4611686018427387908
reader at:0 oldest => ok
poll => lapped 0 4611686018427387901
missed => 4611686018427387901
received => 0
poll => ready 4611686018427387901 $4611686018427387901
received => 1
reader at:4611686018427387900 newest => ok
poll => lapped 4611686018427387900 4611686018427387908
reader newest-minus:4 oldest => ok
position => 4611686018427387904
detach => ok
takeover NAME TradingData => ok
publish $4611686018427387909 => 4611686018427387909
`},
		{"numbers-across-2-32", trades(8).published(1<<32 + 3), `
# Numbers on both sides of 2^32.
attach NAME TradingData => ok
head => 4294967299
view => $4294967298
reader oldest oldest => ok
position => 4294967291
batch 100 => ready 4294967291 8 @4294967291+8
poll => empty
reader at:3 oldest => ok
poll => lapped 3 4294967291
missed => 4294967288
takeover NAME TradingData => ok
publish $4294967299 => 4294967299
`},
		{"numbers-across-2-31", trades(8).published(1<<31 - 1), `
# The writer goes on across 2^31, whose versions are about 2^32, and two laps further.
takeover NAME TradingData => ok
attach NAME TradingData => ok
reader newest oldest => ok
poll => ready 2147483646 $2147483646
publish $2147483647 => 2147483647
publish $2147483648 $2147483649 $2147483650 => 2147483648
batch 9 => ready 2147483647 4 @2147483647+4
publish $2147483651 $2147483652 $2147483653 $2147483654 $2147483655 $2147483656 $2147483657 $2147483658 $2147483659 => 2147483651
poll => lapped 2147483651 2147483652
batch 9 => ready 2147483652 8 @2147483652+8
`},
		{"numbers-across-2-53", trades(8).published(1<<53 - 1), `
# Numbers that are not exact in a float64.
takeover NAME TradingData => ok
attach NAME TradingData => ok
reader newest oldest => ok
publish $9007199254740991 $9007199254740992 $9007199254740993 => 9007199254740991
batch 9 => ready 9007199254740990 4 @9007199254740990+4
latest => ready 9007199254740993 $9007199254740993
head => 9007199254740994
reader at:9007199254740993 oldest => ok
poll => ready 9007199254740993 $9007199254740993
position => 9007199254740994
`},
		{"numbers-that-last", trades(8).published(1<<63 - 1 - 1<<56), `
# 2^56 numbers are left, so a writer goes on; of the next one that would not be so.
takeover NAME TradingData => ok
publish $9151314442816847871 => 9151314442816847871
detach => ok
takeover NAME TradingData => error exhausted
publish $9151314442816847872 => error usage
attach NAME TradingData => ok
epoch => 2
reader newest oldest => ok
poll => ready 9151314442816847871 $9151314442816847871
`},
		{"numbers-to-the-last", trades(8).published(1<<63-1).life(1, 0, layout.StateClosed), `
# Up to the last number that there is.
attach NAME TradingData => ok
head => 9223372036854775807
view => $9223372036854775806
reader oldest oldest => ok
position => 9223372036854775799
batch 100 => ready 9223372036854775799 8 @9223372036854775799+8
position => 9223372036854775807
received => 8
poll => closed
batch 9 => closed
latest => ready 9223372036854775806 $9223372036854775806
reader newest oldest => ok
poll => ready 9223372036854775806 $9223372036854775806
reader at:9223372036854775806 oldest => ok
poll => ready 9223372036854775806 $9223372036854775806
poll => closed
reader at:0 oldest-safe => ok
poll => lapped 0 9223372036854775801
missed => 9223372036854775801
detach => ok
takeover NAME TradingData => error exhausted
attach NAME TradingData => ok
epoch => 1
state => closed
`},
		{"numbers-to-the-last-of-the-dead", trades(8).published(1<<63-5).slots(1<<63-5, 1<<63-1), `
# The same, of a writer that was cut short in its last batch. No reader goes beyond, or waits for something else.
attach NAME TradingData => ok
head => 9223372036854775803
reader newest oldest => ok
position => 9223372036854775806
latest => ready 9223372036854775806 $9223372036854775806
poll => ready 9223372036854775806 $9223372036854775806
poll => empty
position => 9223372036854775807
batch 9 => empty
latest => ready 9223372036854775806 $9223372036854775806
missed => 0
detach => ok
takeover NAME TradingData => error exhausted
`},
		{"no-doorbell-object", newImage("TradingData", 8, withDoorbell).published(3), `
# The header says that there is a doorbell; it was removed. A reader can do without it.
attach NAME TradingData => ok
shape => slots=8 stride=32 backing=0 doorbell=1 fallback=
reader at:2 oldest => ok
next 1000 => error no-doorbell
poll => ready 2 $2
next 1000 => error no-doorbell
poll => empty
detach => ok
# A writer makes it anew.
takeover NAME TradingData => ok
publish $3 => 3
attach NAME TradingData => ok
reader at:2 oldest => ok
next 20000 => ready 2 $2
next 20000 => ready 3 $3
next 10 => timeout
poll => empty
detach => ok
# That a writer is gone is told once.
attach NAME TradingData => ok
reader at:3 oldest => ok
alive => no
state => open
next 20000 => ready 3 $3
next 20000 => dead
next 10 => timeout
poll => empty
reader at:9 oldest => ok
next 20000 => dead
detach => ok
remove NAME => ok
remove NAME => error not-found
attach NAME TradingData => error not-found
`},
	}
}
