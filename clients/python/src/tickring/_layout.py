"""The bytes of a segment, version 1: the constants of docs/LAYOUT.md.

A test of the project compares this file with the normative constants, line by line: each is a name and one number.
"""

# Offsets into the object in /dev/shm, in bytes.

# One-record view of records of up to VIEW_RECORD_SIZE bytes, and its version (u64).
VIEW_OFFSET = 0
VIEW_VERSION_OFFSET = 24

IDENTITY_OFFSET = 64
IDENTITY_SIZE = 128

# u64: records published, all epochs together.
HEAD_OFFSET = 256

# u64 each: writers so far, first record of the epoch, process number, its start in clock ticks since boot, state.
LIFE_OFFSET = 384
EPOCH_OFFSET = 384
EPOCH_FIRST_OFFSET = 392
PID_OFFSET = 400
START_TIME_OFFSET = 408
STATE_OFFSET = 416

# u64: CLOCK_BOOTTIME in ns when the writer last said that its loop turns.
HEARTBEAT_OFFSET = 512

# The schema's place in headers that this version writes.
SCHEMA_OFFSET = 640

# Offsets within the identity, from the start of the object: u64 or u32, as docs/LAYOUT.md says.
MAGIC_OFFSET = 64
VERSION_OFFSET = 72
MIN_READER_VERSION_OFFSET = 76
BYTE_ORDER_OFFSET = 80
HEADER_SIZE_OFFSET = 84
RECORD_SIZE_OFFSET = 88
SLOT_STRIDE_OFFSET = 92
SLOTS_OFFSET = 96
RING_OFFSET_OFFSET = 104
SEGMENT_SIZE_OFFSET = 112
BACKING_OFFSET = 120
VIEW_OFFSET_OFFSET = 124
VIEW_VERSION_OFFSET_OFFSET = 128
SCHEMA_OFFSET_OFFSET = 132
SCHEMA_SIZE_OFFSET = 136
RING_FILE_OFFSET_OFFSET = 140
RING_FILE_SIZE_OFFSET = 144
FLAGS_OFFSET = 148
CREATED_OFFSET = 152
FALLBACK_OFFSET_OFFSET = 160
FALLBACK_SIZE_OFFSET = 164
CHECKSUM_OFFSET = 184

# Values and limits. The magic is "TICKRING" as eight bytes.
MAGIC = 0x474E49524B434954
VERSION = 1
MIN_READER_VERSION = 1
BYTE_ORDER_MARK = 0x0A0B0C0D

SHARING_DISTANCE = 128
PAGE_SIZE = 4096
SLOT_HEADER = 8

VIEW_RECORD_SIZE = 24
BARE_SIZE = 24

MIN_SLOTS = 2
MAX_SLOTS = 1099511627776
MAX_RECORD_SIZE = 1048576
MAX_HEADER_SIZE = 4194304
MAX_FIELDS = 256
NAME_SIZE = 48
MAX_PATH_SIZE = 4095
FALLBACK_SIZE = 256

# The doorbell is an object of its own. Its magic is "TICKBELL".
DOORBELL_MAGIC = 0x4C4C45424B434954
DOORBELL_SIZE = 4096
DOORBELL_TICKET_OFFSET = 128
DOORBELL_WAITING_OFFSET = 256

# States of a segment's writer.
STATE_CREATED = 0
STATE_OPEN = 1
STATE_CLOSED = 2

# Where the slots lie: behind the header, or in a file on a hugetlbfs.
BACKING_OBJECT = 0
BACKING_HUGETLBFS = 1
