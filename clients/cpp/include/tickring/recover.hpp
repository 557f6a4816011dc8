// What a writer finds that takes a ring over.
#pragma once

#include <algorithm>
#include <string>

#include "position.hpp"
#include "ring.hpp"

namespace tickring::detail {

// mend_view makes the view hold record next-1, the newest, whose slot this process alone may write.
template <class T>
void mend_view(const ring& r, word next) {
    const word version = load_acquire(r.view_version);
    if (next == 0) {
        if (version != 0) {  // by no crash: the slot of record 0 comes before its view
            for (std::size_t i = 0; i < word_count<T>; ++i) {
                store_relaxed(r.view + i, word{0});
            }
            store_release(r.view_version, word{0});
        }
        return;
    }
    if (version != finished(next - 1)) {
        const word* slot = r.slot(next - 1);
        store_relaxed(r.view_version, 2 * (next - 1) + 1);
        fence_after_odd();
        for (std::size_t i = 0; i < word_count<T>; ++i) {
            store_payload(r.view + i, load_relaxed(slot + 1 + i) & ~masks<T>.padding[i]);
        }
        store_release(r.view_version, finished(next - 1));
    }
}

// room is how many numbers a writer must find left, so that it never runs out of them and publishing need not look: at a
// record a nanosecond they last for two years.
constexpr word room = word{1} << 56;

// recover makes a ring consistent whose writer may have stopped between any two of its stores, and returns the number
// of the next record. The caller is the only writer. Readers go on meanwhile.
//
// A writer stores a slot, (more slots of a batch,) the view, the head. So what it can have left is: slots from head on
// that are finished, which readers may have read, and which must therefore keep their numbers; then one slot that is
// odd, which nobody has read, and which is written again; a view that is odd or behind. All of that follows from the
// slot versions.
//
// Nothing is stored in a ring that is refused.
template <class T>
word recover(const ring& r) {
    const word head = load_acquire(r.head);
    const auto contradicts = [&](word n) {
        fail(error::corrupt, "head is " + std::to_string(head) + ", but the slot of record " + std::to_string(n) +
                                 " has version " + std::to_string(r.version(n)));
    };
    if (head > last_number + 1 || (head > 0 && r.version(head - 1) != finished(head - 1))) {
        contradicts(head - 1);
    }
    word next = head;
    for (std::uint64_t i = 0; i < r.slot_count() && r.version(next) == finished(next); ++i) {
        ++next;
    }
    if (r.version(next) > unfinished(next)) {
        contradicts(next);
    }
    if (std::max(head, next) > last_number + 1 - room) {
        fail(error::exhausted, "the next record would be " + std::to_string(next) + ", and " +
                                   std::to_string(last_number) + " is the last");
    }
    mend_view<T>(r, next);
    store_release(r.head, next);
    return next;
}

}  // namespace tickring::detail
