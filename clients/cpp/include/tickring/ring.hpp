// The shared words of a ring, as its reader and its writer use them.
#pragma once

#include <cstdint>

#include "errors.hpp"
#include "layout.hpp"
#include "memory.hpp"
#include "seqlock.hpp"

namespace tickring::detail {

struct ring {
    std::byte* slots = nullptr;
    std::uint64_t stride = 0;
    std::uint64_t mask = 0;  // number of slots - 1
    word* view = nullptr;
    word* view_version = nullptr;
    word* head = nullptr;
    word* epoch = nullptr;
    word* epoch_first = nullptr;
    word* state = nullptr;
    word* heartbeat = nullptr;

    // The slot in which record n lies, lay, or will lie: its version, and the payload behind that.
    word* slot(word n) const noexcept { return reinterpret_cast<word*>(slots + (n & mask) * stride); }

    word version(word n) const noexcept { return load_acquire(slot(n)); }

    std::uint64_t slot_count() const noexcept { return mask + 1; }
};

// ring_of maps the words of m, whose records must be Ts.
template <class T>
ring ring_of(const memory& m) {
    const geometry& g = m.shape();
    if (m.slots() == nullptr) {
        if (m.header() != nullptr) {
            fail(error::bare);
        }
        fail(error::geometry, "the segment was closed");
    }
    g.record.require(describe<T>());
    const auto at = [&](std::uint64_t offset) { return reinterpret_cast<word*>(m.header() + offset); };
    ring r;
    r.slots = m.slots();
    r.stride = g.slot_stride;
    r.mask = g.slots - 1;
    r.view = at(g.view_offset);
    r.view_version = at(g.view_version_offset);
    r.head = at(layout::head_offset);
    r.epoch = at(layout::epoch_offset);
    r.epoch_first = at(layout::epoch_first_offset);
    r.state = at(layout::state_offset);
    r.heartbeat = at(layout::heartbeat_offset);
    return r;
}

}  // namespace tickring::detail
