// The reading end of a ring.
#pragma once

#include <cstddef>
#include <cstdint>

#include "follower.hpp"

namespace tickring {

// Follows a ring of records of type T. It has one user at a time; any number of readers may follow one ring, in any
// process, and none of them is seen by the writer or by the others. Its memory must outlive it.
template <class T>
class reader : public follower {
public:
    // Makes a reader of the ring in m. Throws error::schema with the first field that differs if its records are not
    // Ts, error::bare, and error::no_doorbell if it is to block and cannot.
    explicit reader(const memory& m, const reader_options& o = {}) : follower(m, open(m, o), o) {}

    // Copies the next record to out, or says at once why not. Makes no system call and does not allocate. Unless ready,
    // out holds no record.
    TICKRING_DETAIL_HOT result poll(T& out) noexcept {
        const detail::word n = next_, want = detail::finished(n);
        const detail::word* slot = ring_.slot(n);
        const detail::word seen = detail::load_cell(slot, slot + 1, out, want);
        if (__builtin_expect(seen != want, false)) {
            return {missed_record(seen), n};
        }
        next_ = n + 1;
        return {status::ready, n};
    }

    // Copies as many of the next records as there are, and fit, to out, at most count. Ready: at least one. Otherwise
    // the status says why not.
    batch_result poll(T* out, std::size_t count) noexcept {
        const detail::ring ring = ring_;  // a copy that no store below can be suspected to change
        const detail::word first = next_;
        detail::word n = first, seen = 0;
        for (const T* end = out + count; out != end; ++out, ++n) {
            const detail::word want = detail::finished(n);
            const detail::word* slot = ring.slot(n);
            seen = detail::load_cell(slot, slot + 1, *out, want);
            if (seen != want) {
                break;
            }
        }
        next_ = n;
        if (n > first) {
            return {status::ready, first, static_cast<std::size_t>(n - first)};
        }
        return {count == 0 ? status::empty : missed_record(seen), first, 0};
    }

    // Copies the newest finished record to out; empty if there is none yet. It waits for nobody, and does not move the
    // reader: to follow on from there, seek(position::at(number + 1)). It is never an older record than this reader has
    // read. Lapped means that the writer overtook every attempt; nothing is lost by that.
    result latest(T& out) const noexcept {
        for (int tries = 0; tries < latest_tries; ++tries) {
            const detail::word head = finished_head();
            if (head == 0) {
                if (ring_.version(0) > detail::finished(0)) {
                    continue;  // a whole lap was published since the head was loaded
                }
                return {lost() ? status::truncated : status::empty, 0};
            }
            const detail::word n = head - 1, want = detail::finished(n);
            const detail::word* slot = ring_.slot(n);
            if (detail::load_cell(slot, slot + 1, out, want) == want) {
                return {status::ready, n};
            }
        }
        return {lost() ? status::truncated : status::lapped, 0};
    }

    // Copies the next record to out, waiting for it as the wait policy says, until limit: `next(trade)`,
    // `next(trade, 10ms)`, `next(trade, stop)`. What can come instead of a record: lapped, restarted, dead, closed,
    // corrupt, timeout, stopped. It can be called again after each of them; behind dead it waits for another writer.
    // Throws what the system says if it cannot wait.
    result next(T& out, const until& limit = {}) {
        detail::pauser p;
        for (;;) {
            const result r = poll(out);
            if (r.status != status::empty) {
                return r;
            }
            if (const status s = pause(p, limit); s != status::empty) {
                return {not_ready(s), r.number};
            }
        }
    }

    // Calls record(number, value) for each record from the reader's position on, waiting for each as next does, and
    // event(status) for what comes between them: lapped, restarted, dead. Returns what ended it: closed, corrupt,
    // timeout, stopped.
    template <class OnRecord, class OnEvent>
    status follow(OnRecord record, OnEvent event, const until& limit = {}) {
        for (T value{};;) {
            const result r = next(value, limit);
            switch (r.status) {
            case status::ready: record(r.number, static_cast<const T&>(value)); break;
            case status::lapped:
            case status::restarted:
            case status::dead: event(r.status); break;
            default: return r.status;
            }
        }
    }

private:
    static detail::ring open(const memory& m, const reader_options& o) {
        return detail::during("read", m.name(), [&] {
            const detail::ring ring = detail::ring_of<T>(m);
            if (o.wait.how() == wait_policy::kind::block && !m.has_doorbell()) {
                detail::fail(error::no_doorbell);
            }
            return ring;
        });
    }

    // A writer would have to overtake latest that often in a row, which only damaged memory or a ring of a few slots
    // can bring about.
    static constexpr int latest_tries = 1 << 12;
};

}  // namespace tickring
