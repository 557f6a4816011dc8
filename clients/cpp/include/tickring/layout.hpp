// The numbers of a segment's layout, version 1: docs/LAYOUT.md says what they mean.
//
// One constant a line, all of one type and under the names that the Go package internal/layout has in another
// spelling: a test compares the two.
#pragma once

#include <cstdint>

namespace tickring::layout {

// Offsets into the object in /dev/shm, in bytes.
inline constexpr std::uint64_t view_offset = 0;
inline constexpr std::uint64_t view_version_offset = 24;
inline constexpr std::uint64_t identity_offset = 64;
inline constexpr std::uint64_t identity_size = 128;
inline constexpr std::uint64_t head_offset = 256;
inline constexpr std::uint64_t life_offset = 384;
inline constexpr std::uint64_t epoch_offset = 384;
inline constexpr std::uint64_t epoch_first_offset = 392;
inline constexpr std::uint64_t pid_offset = 400;
inline constexpr std::uint64_t start_time_offset = 408;
inline constexpr std::uint64_t state_offset = 416;
inline constexpr std::uint64_t heartbeat_offset = 512;
inline constexpr std::uint64_t schema_offset = 640;

// Offsets of the identity's words, from the start of the object.
inline constexpr std::uint64_t magic_offset = 64;
inline constexpr std::uint64_t version_offset = 72;
inline constexpr std::uint64_t min_reader_version_offset = 76;
inline constexpr std::uint64_t byte_order_offset = 80;
inline constexpr std::uint64_t header_size_offset = 84;
inline constexpr std::uint64_t record_size_offset = 88;
inline constexpr std::uint64_t slot_stride_offset = 92;
inline constexpr std::uint64_t slots_offset = 96;
inline constexpr std::uint64_t ring_offset_offset = 104;
inline constexpr std::uint64_t segment_size_offset = 112;
inline constexpr std::uint64_t backing_offset = 120;
inline constexpr std::uint64_t view_offset_offset = 124;
inline constexpr std::uint64_t view_version_offset_offset = 128;
inline constexpr std::uint64_t schema_offset_offset = 132;
inline constexpr std::uint64_t schema_size_offset = 136;
inline constexpr std::uint64_t ring_file_offset_offset = 140;
inline constexpr std::uint64_t ring_file_size_offset = 144;
inline constexpr std::uint64_t flags_offset = 148;
inline constexpr std::uint64_t created_offset = 152;
inline constexpr std::uint64_t fallback_offset_offset = 160;
inline constexpr std::uint64_t fallback_size_offset = 164;
inline constexpr std::uint64_t checksum_offset = 184;

// Values and limits.
inline constexpr std::uint64_t magic = 0x474e49524b434954;
inline constexpr std::uint64_t version = 1;
inline constexpr std::uint64_t min_reader_version = 1;
inline constexpr std::uint64_t byte_order_mark = 0x0a0b0c0d;
inline constexpr std::uint64_t sharing_distance = 128;
inline constexpr std::uint64_t page_size = 4096;
inline constexpr std::uint64_t slot_header = 8;
inline constexpr std::uint64_t view_record_size = 24;
inline constexpr std::uint64_t bare_size = 24;
inline constexpr std::uint64_t min_slots = 2;
inline constexpr std::uint64_t max_slots = 1099511627776;
inline constexpr std::uint64_t max_record_size = 1048576;
inline constexpr std::uint64_t max_header_size = 4194304;
inline constexpr std::uint64_t max_fields = 256;
inline constexpr std::uint64_t name_size = 48;
inline constexpr std::uint64_t max_path_size = 4095;
inline constexpr std::uint64_t fallback_size = 256;

// The doorbell, an object of its own.
inline constexpr std::uint64_t doorbell_magic = 0x4c4c45424b434954;
inline constexpr std::uint64_t doorbell_size = 4096;
inline constexpr std::uint64_t doorbell_ticket_offset = 128;
inline constexpr std::uint64_t doorbell_waiting_offset = 256;

// States of the writer, and where the slots lie.
inline constexpr std::uint64_t state_created = 0;
inline constexpr std::uint64_t state_open = 1;
inline constexpr std::uint64_t state_closed = 2;
inline constexpr std::uint64_t backing_object = 0;
inline constexpr std::uint64_t backing_hugetlbfs = 1;

static_assert(view_version_offset == view_offset + view_record_size);
static_assert(identity_offset >= view_version_offset + 8);
static_assert(checksum_offset + 8 == identity_offset + identity_size);
static_assert(fallback_size_offset + 4 <= checksum_offset);
static_assert(head_offset >= identity_offset + identity_size);
static_assert(life_offset >= head_offset + sharing_distance);
static_assert(heartbeat_offset >= life_offset + sharing_distance);
static_assert(state_offset + 8 <= life_offset + sharing_distance);
static_assert(schema_offset >= heartbeat_offset + sharing_distance);
static_assert((head_offset | life_offset | heartbeat_offset | schema_offset) % sharing_distance == 0);
static_assert(max_slots == std::uint64_t{1} << 40 && max_record_size == 1 << 20 && max_header_size == 1 << 22);

}  // namespace tickring::layout
