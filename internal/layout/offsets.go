package layout

// Offsets into the object in /dev/shm, in bytes.
const (
	ViewOffset        = 0  // one-record view of records of up to ViewRecordSize bytes
	ViewVersionOffset = 24 // u64: 2n+2 while the view holds record n, odd while it is written

	IdentityOffset = 64
	IdentitySize   = 128

	HeadOffset = 256 // u64: records published, all epochs together

	LifeOffset       = 384
	EpochOffset      = 384 // u64: writers so far; 0 before the first
	EpochFirstOffset = 392 // u64: the first record of this epoch
	PIDOffset        = 400 // u64: the writer's process number, in its own PID namespace
	StartTimeOffset  = 408 // u64: the writer's start, clock ticks since boot (proc(5), stat field 22)
	StateOffset      = 416 // u64: State

	HeartbeatOffset = 512 // u64: CLOCK_BOOTTIME in ns when the writer last said that its loop turns

	SchemaOffset = 640 // the schema's place in headers that this version writes
)

// Offsets within the identity, from the start of the object.
const (
	magicOffset             = 64  // u64
	versionOffset           = 72  // u32
	minReaderVersionOffset  = 76  // u32
	byteOrderOffset         = 80  // u32
	headerSizeOffset        = 84  // u32
	recordSizeOffset        = 88  // u32
	slotStrideOffset        = 92  // u32
	slotsOffset             = 96  // u64
	ringOffsetOffset        = 104 // u64
	segmentSizeOffset       = 112 // u64
	backingOffset           = 120 // u32
	viewOffsetOffset        = 124 // u32
	viewVersionOffsetOffset = 128 // u32
	schemaOffsetOffset      = 132 // u32
	schemaSizeOffset        = 136 // u32
	ringFileOffsetOffset    = 140 // u32
	ringFileSizeOffset      = 144 // u32
	flagsOffset             = 148 // u32
	createdOffset           = 152 // u64, ns since the Unix epoch
	fallbackOffsetOffset    = 160 // u32
	fallbackSizeOffset      = 164 // u32
	checksumOffset          = 184 // u64, FNV-1a 64 of the identity before it, schema, ring file's path, fallback
)

// Values and limits.
const (
	Magic            = 0x474e_4952_4b43_4954 // "TICKRING" as eight bytes
	Version          = 1                     // of the layout that this package writes
	MinReaderVersion = 1                     // the oldest reader that can read what this package writes
	byteOrderMark    = 0x0a0b_0c0d

	SharingDistance = 128  // bytes between words with different writers or readers
	PageSize        = 4096 // slots start at a multiple of it, on every architecture
	SlotHeader      = 8    // the version word before a slot's payload

	ViewRecordSize = 24 // a record of up to this size has its view at offset 0
	BareSize       = 24 // an object of just this size was made by a program from before the ring

	MinSlots      = 2
	MaxSlots      = 1 << 40
	MaxRecordSize = 1 << 20
	MaxHeaderSize = 1 << 22
	MaxFields     = 256
	NameSize      = 48   // of a record's or field's name, zero padded
	MaxPathSize   = 4095 // of the ring file's path: PATH_MAX, less its NUL
	fallbackSize  = 256
)

// The doorbell is an object of its own, which its readers map for writing.
const (
	DoorbellMagic         = 0x4c4c_4542_4b43_4954 // "TICKBELL" as eight bytes, @0
	DoorbellSize          = 4096
	DoorbellTicketOffset  = 128 // u32: the futex; each ring adds one
	DoorbellWaitingOffset = 256 // u32: not zero while somebody may be asleep
)

// State of a segment's writer, as stored.
type State uint64

// States.
const (
	StateCreated State = iota // no writer yet
	StateOpen                 // a writer has it, or died with it
	StateClosed               // the last writer closed it: no record follows in this epoch
)

func (s State) String() string {
	switch s {
	case StateCreated:
		return "created"
	case StateOpen:
		return "open"
	case StateClosed:
		return "closed"
	}
	return "invalid"
}

// Backing says where the slots lie.
type Backing uint32

// Backings.
const (
	BackingObject    Backing = iota // behind the header, in the object in /dev/shm
	BackingHugetlbfs                // in a file of a hugetlbfs
)

// What the compiler holds us to: an array of negative length does not build, so both of a pair of
// mirrored lines hold only if the two numbers are equal.
type (
	_ [ViewVersionOffset - (ViewOffset + ViewRecordSize)]byte
	_ [IdentityOffset - (ViewVersionOffset + 8)]byte
	_ [checksumOffset - (fallbackSizeOffset + 4)]byte
	_ [checksumOffset + 8 - (IdentityOffset + IdentitySize)]byte
	_ [IdentityOffset + IdentitySize - (checksumOffset + 8)]byte
	_ [HeadOffset - (IdentityOffset + IdentitySize)]byte
	_ [LifeOffset - (HeadOffset + SharingDistance)]byte
	_ [HeartbeatOffset - (LifeOffset + SharingDistance)]byte
	_ [LifeOffset + SharingDistance - (StateOffset + 8)]byte
	_ [SchemaOffset - (HeartbeatOffset + SharingDistance)]byte
	_ [-((HeadOffset | LifeOffset | HeartbeatOffset | SchemaOffset) % SharingDistance)]byte
)
