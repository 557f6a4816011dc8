// The writing end of a ring.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "recover.hpp"

namespace tickring {

// Publishes records of type T. It never waits: not for a reader, not for a lock, not for the kernel. It has one user at
// a time: no two of its functions may run concurrently. Its memory must outlive it.
//
// A writer that ends without close looks to readers like one that crashed, as soon as its segment is closed.
template <class T>
class writer {
public:
    // Makes the process the writer of the ring in m, which must be writable and hold records of type T. In a ring that
    // was written before, by whomever, it goes on: records that were finished but not yet counted are kept, one that
    // was cut short is written again under its number, the one-record view is mended, and readers learn that the writer
    // restarted.
    //
    // Throws error::schema with the first field that differs, error::read_only, error::bare, error::corrupt, error::exhausted.
    explicit writer(const memory& m) {
        detail::during("publish to", m.name(), [&] { open(m); });
    }

    writer(const writer&) = delete;
    writer& operator=(const writer&) = delete;

    // Writes the next record and returns its number. Makes no system call, unless a reader sleeps on the doorbell, and
    // does not allocate. Padding is stored as zero. Ends the program if the writer was closed.
    //
    // Throws error::truncated if the program asked for survive_truncation, and somebody truncated the segment.
    TICKRING_DETAIL_HOT std::uint64_t publish(const T& record) {
        require_open();
        const detail::word n = next_;
        store(ring_, record, n);
        finish(ring_, record, n);
        wake_sleepers();
        return n;
    }

    // Writes count records as the next ones and returns the number of the first. Readers may read each record as soon
    // as it is written; view and head are brought up to date once per half ring or 256 records, whichever is less.
    std::uint64_t publish(const T* records, std::size_t count) {
        require_open();
        const detail::ring ring = ring_;  // a copy that no store below can be suspected to change
        const detail::word first = next_;
        detail::word n = first;
        while (count > 0) {
            const std::size_t run = std::min(count, run_);
            for (const T* end = records + run; records != end; ++records, ++n) {
                store(ring, *records, n);
            }
            finish(ring, records[-1], n - 1);
            count -= run;
        }
        wake_sleepers();
        return first;
    }

    // The number of records published so far, by all writers of the ring: the number of the next one.
    std::uint64_t head() const noexcept { return next_; }

    // Stores that the writer's loop turns. Call it now and then when idle; a writer that publishes shows by its head
    // that it lives. Reads the clock.
    void heartbeat() noexcept { detail::store_release(ring_.heartbeat, detail::nanoseconds(CLOCK_BOOTTIME)); }

    // Tells the readers that no record follows. The memory stays as it is, to be read, and to be taken over by another
    // writer. A second close does nothing.
    void close() noexcept {
        if (closed_) {
            return;
        }
        closed_ = true;
        // After the head of the last publish: a reader that sees "closed" sees every record.
        detail::store_release(ring_.state, layout::state_closed);
        ring_bell();
    }

private:
    static constexpr std::size_t most_in_a_run = 256;

    void open(const memory& m) {
        ring_ = detail::ring_of<T>(m);
        if (!m.writable()) {
            detail::fail(error::read_only);
        }
        bell_ = m.bell();
        lost_ = m.lost_word();
        name_ = m.name();
        if (bell_) {
            waiting_ = bell_.waiting;
        }
        run_ = static_cast<std::size_t>(std::min<std::uint64_t>(m.shape().slots / 2, most_in_a_run));
        next_ = detail::recover<T>(ring_);
        // Readers take the state before the epoch, so "open" must not come later than the new epoch, and the epoch must
        // not come before its first record.
        detail::store_release(ring_.epoch_first, next_);
        detail::store_release(ring_.state, layout::state_open);
        detail::store_release(ring_.epoch, detail::load_relaxed(ring_.epoch) + 1);
        ring_bell();  // those who sleep learn of the restart
        if (m.lost()) {
            detail::fail(error::truncated);
        }
    }

    TICKRING_DETAIL_HOT static void store(const detail::ring& ring, const T& record, detail::word n) noexcept {
        detail::word* slot = ring.slot(n);
        detail::store_cell(slot, slot + 1, record, n);
    }

    // The view behind the slots, and the head behind both: whoever sees a head sees the records that it counts.
    TICKRING_DETAIL_HOT void finish(const detail::ring& ring, const T& last, detail::word n) noexcept {
        detail::store_cell(ring.view_version, ring.view, last, n);
        detail::store_release(ring.head, n + 1);
        next_ = n + 1;
    }

    TICKRING_DETAIL_HOT void wake_sleepers() {
        // Holds the compiler back; for the CPU, a reader's barrier stands here when it matters (doorbell.hpp).
        std::atomic_signal_fence(std::memory_order_seq_cst);
        if (__builtin_expect((detail::load_relaxed(waiting_) | detail::load_relaxed(lost_)) != 0, false)) {
            wake_all();
        }
    }

    // What is written to memory that is gone, nobody sees.
    [[gnu::noinline, gnu::cold]] void wake_all() const {
        ring_bell();
        if (detail::load_relaxed(lost_) != 0) {
            throw failure("publish to", name_, failure(error::truncated, ""));
        }
    }

    void ring_bell() const noexcept {
        if (bell_) {
            bell_.ring();
        }
    }

    void require_open() const noexcept {
        if (__builtin_expect(closed_, false)) {
            refuse();
        }
    }

    // Readers that were told of the end would lose the record without a word.
    [[noreturn, gnu::noinline, gnu::cold]] static void refuse() noexcept {
        std::fputs("tickring: publish on a writer that was closed\n", stderr);
        std::abort();
    }

    detail::ring ring_;
    detail::word next_ = 0;
    const std::uint32_t* waiting_ = &detail::never;
    const std::uint32_t* lost_ = &detail::never;
    std::size_t run_ = 0;
    bool closed_ = false;
    detail::doorbell bell_;
    std::string name_;
};

}  // namespace tickring
