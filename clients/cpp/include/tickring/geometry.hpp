// The shape of a segment.
#pragma once

#include <cstdint>
#include <string>

#include "errors.hpp"
#include "layout.hpp"
#include "record.hpp"
#include "schema.hpp"

namespace tickring {

// A segment's shape: what its header says. One from geometry_of, or of a segment that was opened, is valid.
struct geometry {
    schema record;
    std::uint64_t slot_stride = 0;  // bytes from one slot to the next
    std::uint64_t slots = 0;        // a power of two
    std::uint64_t header_size = 0;  // bytes of the object before anything of the ring; 0 for a bare segment
    std::uint64_t ring_offset = 0;  // of slot 0, in the object or in the ring file
    std::uint64_t segment_size = 0; // bytes of the object in /dev/shm
    std::uint64_t view_offset = layout::view_offset;
    std::uint64_t view_version_offset = layout::view_version_offset;
    std::uint64_t version = layout::version;  // of the layout
    std::uint64_t created = 0;                // ns since the Unix epoch
    bool doorbell = false;                    // there is an object to block on
    std::string ring_file;                    // of the slots, on a hugetlbfs; empty: they lie in the object
    std::string fallback;                     // why the maker did not get the huge pages that it preferred

    // Of all slots, in bytes.
    std::uint64_t ring_size() const { return slots * slot_stride; }

    // The oldest record that the ring can still hold when head records are published.
    std::uint64_t oldest(std::uint64_t head) const { return head - (head < slots ? head : slots); }
};

namespace detail {

constexpr std::uint64_t round_up(std::uint64_t n, std::uint64_t to) { return (n + to - 1) / to * to; }

constexpr std::uint64_t next_power_of_two(std::uint64_t n) {
    std::uint64_t power = layout::min_slots;
    while (power < n && power < layout::max_slots) {
        power *= 2;
    }
    return power;
}

// A slot of up to one cache line lies within one line, and a larger one on its own lines.
constexpr std::uint64_t default_stride(std::uint64_t words) {
    const std::uint64_t size = layout::slot_header + 8 * words;
    return size <= 64 ? next_power_of_two(size) : round_up(size, 64);
}

inline std::uint64_t ring_file_place(const schema& record) {
    return layout::schema_offset + encoded_size(record) + layout::fallback_size;
}

// arrange says where the parts of a new segment lie. The path of its ring file, if it has one, is known.
inline void arrange(geometry& g) {
    std::uint64_t end = ring_file_place(g.record) + g.ring_file.size();
    g.view_offset = layout::view_offset;
    g.view_version_offset = layout::view_version_offset;
    if (g.record.size > layout::view_record_size) {
        // The first 24 bytes stay zero: a program from before the ring reads "not valid" there.
        g.view_version_offset = round_up(end, layout::sharing_distance);
        g.view_offset = g.view_version_offset + 8;
        end = g.view_offset + 8 * g.record.words();
    }
    g.header_size = round_up(end, layout::page_size);
    g.ring_offset = g.ring_file.empty() ? g.header_size : 0;
    g.segment_size = g.ring_file.empty() ? g.header_size + g.ring_size() : g.header_size;
}

}  // namespace detail

// geometry_of is the shape of a segment for records of a schema. It touches no memory. slots is a power of two from 2
// to 2^40; for another number error::geometry is thrown, with one that would do.
inline geometry geometry_of(schema record, std::uint64_t slots) {
    record.validate();
    if (slots < layout::min_slots || slots > layout::max_slots || (slots & (slots - 1)) != 0) {
        detail::fail(error::geometry, std::to_string(slots) + " slots: give a power of two from 2 to 2^40, such as " +
                                          std::to_string(detail::next_power_of_two(slots)));
    }
    geometry g;
    g.record = std::move(record);
    g.slots = slots;
    g.slot_stride = detail::default_stride(g.record.words());
    detail::arrange(g);
    return g;
}

template <class T>
geometry geometry_of(std::uint64_t slots) {
    return geometry_of(describe<T>(), slots);
}

}  // namespace tickring
