// The part of a reader that does not depend on the record's type: where it is, and what it means when the next record
// is not there.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "position.hpp"
#include "ring.hpp"
#include "status.hpp"
#include "wait.hpp"

namespace tickring {

// How a reader follows.
struct reader_options {
    position start;    // the first record to read
    position resume;   // where to go on after being lapped
    wait_policy wait;  // how next waits
};

class follower {
public:
    // Moves the reader to a position of the ring as it is now. Records passed over this way count neither as received
    // nor as missed.
    void seek(tickring::position p) noexcept {
        const detail::word head = finished_head();
        detail::word n = p.resolve(ring_.slot_count(), head);
        if (p.is_oldest() && head > 0 && ring_.version(n) != detail::finished(n)) {
            ++n;  // the record in flight has its place already
        }
        passed_ += n - next_;
        next_ = origin_ = n;
    }

    // The records lost when the reader was last lapped.
    tickring::gap gap() const noexcept { return gap_; }

    // The number of records lost so far: exactly those of all gaps.
    std::uint64_t missed() const noexcept { return missed_; }

    // The number of records read so far.
    std::uint64_t received() const noexcept { return next_ - passed_ - missed_; }

    // The number of the record that is read next.
    std::uint64_t position() const noexcept { return next_; }

    // The number of records that the writer has published.
    std::uint64_t head() const noexcept { return detail::load_acquire(ring_.head); }

    // The epoch that the reader has come to, and that epoch's first record. Each writer of a ring has its own, from 1;
    // 0 is a ring without a writer so far.
    std::uint64_t epoch() const noexcept { return epoch_; }
    std::uint64_t epoch_first() const noexcept { return epoch_first_; }

    // Whether the ring has a writer at present. May make a system call, and throw what that says.
    bool writer_alive() const { return lock_fd_ < 0 || detail::locked(lock_fd_); }

protected:
    follower(const memory& m, const detail::ring& ring, const reader_options& o)
        : ring_(ring),
          resume_(o.resume.is_at() ? tickring::position::oldest_safe() : o.resume),
          wait_(o.wait),
          bell_(m.bell()),
          lost_(m.lost_word()),
          lock_fd_(m.lock_fd()) {
        load_epoch(epoch_, epoch_first_);
        seek(o.start);
    }

    // The number of records that are finished: the head, or more, if the writer is in, or died in, a batch of which the
    // head does not know yet.
    detail::word finished_head() const noexcept {
        detail::word head = load_head();
        if (next_ > origin_) {
            head = std::max(head, next_);  // what this reader has read is finished
        }
        for (std::uint64_t i = 0; i < ring_.slot_count() && head <= detail::last_number &&
                                  ring_.version(head) == detail::finished(head); ++i) {
            ++head;
        }
        return head;
    }

    // missed_record says what it means that the slot of the next record has version v, which is not the finished one.
    // It compares with the unfinished one: behind the last number there is no finished one.
    status missed_record(detail::word v) noexcept { return not_ready(look_at(v)); }

    // not_ready tells the compiler, which would otherwise warn of records that are used without having been read.
    static status not_ready(status s) noexcept {
        if (s == status::ready) {
            __builtin_unreachable();
        }
        return s;
    }

    // pause lets time pass between two polls. Anything but empty ends the wait.
    status pause(detail::pauser& p, const until& limit) {
        using how = wait_policy::kind;
        ++p.rounds;
        const bool spins = wait_.how() == how::spin || (wait_.how() != how::every && p.rounds <= detail::spin_rounds);
        if (spins && p.rounds % detail::check_rounds != 0) {
            detail::pause();
            return status::empty;
        }
        const auto now = until::clock::now();
        if (limit.stopped()) {
            return status::stopped;
        }
        if (limit.passed(now)) {
            return status::timeout;
        }
        if (writer_died(p, now)) {
            return status::dead;
        }
        switch (wait_.how()) {
        case how::spin: break;
        case how::every: sleep_every(limit); break;
        case how::block: block(p, limit.left(now, detail::block_slice)); break;
        case how::backoff: back_off(p, limit, now); break;
        }
        return status::empty;
    }

    // Whether the memory was taken away, as far as the loads before this know.
    bool lost() const noexcept {
        detail::fence_before_check();
        return detail::load_acquire(lost_) != 0;
    }

    detail::ring ring_;
    detail::word next_ = 0;    // the record to read next
    detail::word origin_ = 0;  // where seek last placed the reader

private:
    [[gnu::noinline]] status look_at(detail::word v) noexcept {
        if (lost()) {
            return status::truncated;
        }
        if (v > detail::unfinished(next_)) {
            return lapped(v);
        }
        // The life words change only when a writer comes or goes: this line stays in the reader's cache.
        detail::word epoch, first;
        load_epoch(epoch, first);
        if (lost()) {  // in between: what was loaded may be zeros
            return status::truncated;
        }
        if (epoch < epoch_) {
            return status::corrupt;  // no writer counts down
        }
        if (epoch > epoch_) {
            const bool started = epoch_ == 0;  // the first writer came; that is no restart
            if (!started && next_ < first) {
                return status::empty;  // records of the old epoch are still to be read
            }
            epoch_ = epoch;
            epoch_first_ = first;
            if (!started) {
                return status::restarted;
            }
        }
        // Every record was stored before that state. If this one was not, it never will be.
        if (state() == layout::state_closed && ring_.version(next_) <= detail::unfinished(next_) &&
            detail::load_acquire(ring_.epoch) == epoch_ && !lost()) {
            return status::closed;
        }
        return status::empty;
    }

    // load_head returns the head, or as much of it as there are numbers: the version of a number beyond would be that of
    // a slot never written.
    detail::word load_head() const noexcept {
        return std::min(detail::load_acquire(ring_.head), detail::word{detail::last_number + 1});
    }

    detail::word state() const noexcept { return detail::load_acquire(ring_.state); }

    // The writer stores the first record before the epoch that it belongs to; should another takeover come between the
    // two loads, the record is of a later epoch, which the next call corrects.
    void load_epoch(detail::word& epoch, detail::word& first) const noexcept {
        epoch = detail::load_acquire(ring_.epoch);
        first = detail::load_acquire(ring_.epoch_first);
    }

    // lapped skips to where the policy resumes. v is the version that the slot of the next record has: that of record
    // taken, so everything before taken is finished, or about to be.
    status lapped(detail::word v) noexcept {
        const detail::word taken = (v - 1) / 2;
        // v may come from the relaxed load that ends a load_cell. A head from before it could be a lap older, and a
        // sound ring would look damaged.
        detail::fence_before_check();
        const detail::word head = load_head();
        if (lost()) {
            return status::truncated;
        }
        // The head lags behind the slots by one run of records at the most, which is half a ring.
        if ((taken & ring_.mask) != (next_ & ring_.mask) || taken > head + ring_.slot_count()) {
            return status::corrupt;
        }
        const detail::word to =
            std::max(next_ + 1, resume_.resolve(ring_.slot_count(), std::max(head, taken)));
        gap_ = {next_, to};
        missed_ += gap_.count();
        next_ = to;
        return status::lapped;
    }

    void sleep_every(const until& limit) const {
        const auto end = until::clock::now() + wait_.sleep();
        for (auto now = until::clock::now(); now < end && !limit.stopped() && !limit.passed(now);
             now = until::clock::now()) {
            detail::sleep(limit.left(now, std::min<std::chrono::nanoseconds>(end - now, detail::longest_sleep)));
        }
    }

    void back_off(const detail::pauser& p, const until& limit, until::clock::time_point now) const {
        const int sleeps = p.rounds - detail::spin_rounds - detail::yield_rounds;
        if (sleeps <= 0) {
            ::sched_yield();
            return;
        }
        const std::chrono::microseconds d{std::uint32_t{1} << std::min(sleeps - 1, 30)};
        detail::sleep(limit.left(now, std::min<std::chrono::nanoseconds>(d, wait_.sleep())));
    }

    // block announces the sleep in one round and sleeps in the next: the poll between them is the one that the doorbell
    // asks for. A sleep that ended by itself needs no new announcement, and so no barrier, which would disturb the
    // writer: nobody has rung, so the mark is still set.
    void block(detail::pauser& p, std::chrono::nanoseconds slice) const {
        if (!p.armed) {
            p.ticket = bell_.arm();
            p.armed = true;
            return;
        }
        p.armed = !bell_.wait(p.ticket, slice);
    }

    // writer_died says that the writer of the reader's epoch went without closing: once an epoch.
    bool writer_died(detail::pauser& p, until::clock::time_point now) {
        if (p.looked == until::clock::time_point{}) {
            p.looked = now;  // a wait that is short never looks
        }
        if (now - p.looked < detail::liveness_period || dead_epoch_ == epoch_ || state() != layout::state_open) {
            return false;
        }
        p.looked = now;
        // It may have published before it died, or somebody may have taken over since.
        if (writer_alive() || ring_.version(next_) > detail::unfinished(next_) || state() != layout::state_open) {
            return false;
        }
        dead_epoch_ = epoch_;
        return true;
    }

    detail::word passed_ = 0;  // next, less what was received and missed: what seek passed over, modulo 2^64
    tickring::gap gap_;        // of the last lap
    std::uint64_t missed_ = 0;
    detail::word epoch_ = 0;
    detail::word epoch_first_ = 0;
    detail::word dead_epoch_ = 0;  // the epoch whose writer was reported dead
    tickring::position resume_;
    wait_policy wait_;
    detail::doorbell bell_;
    const std::uint32_t* lost_;
    int lock_fd_;
};

}  // namespace tickring
