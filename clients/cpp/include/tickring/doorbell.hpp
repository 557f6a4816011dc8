// The object beside a segment on which its readers sleep.
//
// No wake-up is lost. A reader does: take the ticket; set the mark; barrier; poll; sleep while the ticket is the one
// taken. The writer does: publish; look at the mark; if it is set: clear it, count the ticket up, wake.
//
//   - The poll found nothing. Then the writer's look comes after the mark, because the barrier is one on the writer's
//     CPU as well: its publish and its look lie on both sides of it, and a publish before it would have been seen by
//     the poll. So the writer rings.
//   - The reader sleeps only if the ticket is still the same, which the kernel checks under a lock.
//   - A ring clears the mark of another reader only together with counting up the ticket that this reader holds, so
//     that its sleep does not begin.
//   - A reader that died leaves at most one mark: one ring for nobody.
//
// The barrier is membarrier(2), in the reader, who is about to sleep anyway. That keeps a fence out of publish: there,
// the look is held behind the publish for the compiler alone.
#pragma once

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <climits>
#include <cstdint>

#include "layout.hpp"
#include "name.hpp"
#include "seqlock.hpp"
#include "system.hpp"

namespace tickring::detail {

inline void membarrier(int command) {
    if (::syscall(SYS_membarrier, command, 0, 0) != 0) {
        fail(errno, "doorbell: membarrier");
    }
}

// The two words of a doorbell. They are mapped by whoever made this.
struct doorbell {
    std::uint32_t* ticket = nullptr;   // the futex; each ring adds one
    std::uint32_t* waiting = nullptr;  // not zero while somebody may be asleep

    explicit operator bool() const noexcept { return ticket != nullptr; }

    // Clears the mark and wakes all who wait. Waking can fail only on a broken mapping, and then those who sleep look
    // again by themselves.
    void ring() const noexcept {
        __atomic_store_n(waiting, 0, __ATOMIC_SEQ_CST);
        __atomic_add_fetch(ticket, 1, __ATOMIC_SEQ_CST);
        ::syscall(SYS_futex, ticket, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
    }

    // Announces a sleeper, and returns the ticket for wait. Poll once between the two.
    std::uint32_t arm() const {
        const std::uint32_t held = __atomic_load_n(ticket, __ATOMIC_SEQ_CST);
        __atomic_store_n(waiting, 1, __ATOMIC_SEQ_CST);
        membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED);
        return held;
    }

    // Sleeps until a ring after the arm that gave the ticket, or for limit; it may wake early. Returns whether there
    // was a ring, after which the ticket is used up.
    bool wait(std::uint32_t held, std::chrono::nanoseconds limit) const {
        timespec t{};
        t.tv_sec = static_cast<time_t>(limit.count() / 1'000'000'000);
        t.tv_nsec = static_cast<long>(limit.count() % 1'000'000'000);
        if (::syscall(SYS_futex, ticket, FUTEX_WAIT, held, &t, nullptr, 0) != 0 && errno != EAGAIN &&
            errno != ETIMEDOUT && errno != EINTR) {
            fail(errno, "doorbell: futex");
        }
        return __atomic_load_n(ticket, __ATOMIC_SEQ_CST) != held;
    }
};

inline mapping map_doorbell(const file& f) { return {f, layout::doorbell_size, true}; }

inline doorbell words_of(const mapping& m) {
    return {reinterpret_cast<std::uint32_t*>(m.start() + layout::doorbell_ticket_offset),
            reinterpret_cast<std::uint32_t*>(m.start() + layout::doorbell_waiting_offset)};
}

// register_barrier lets the barrier of any process order the memory accesses of this one, a writer.
inline void register_barrier() { membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED); }

inline mapping create_doorbell(const std::string& path) {
    register_barrier();
    const file f = open_unnamed(shm_dir, 0600);
    set_mode(f, 0600);
    try_lock(f);  // which the mapping then holds: whoever looks for what crashes left behind leaves it alone
    reserve(f, layout::doorbell_size);
    unsigned char magic[8];
    store(magic, layout::doorbell_magic);
    write_start(f, magic, sizeof magic);
    mapping m = map_doorbell(f);
    link(f, path);  // as the last step: nothing can be left behind
    return m;
}

// open_doorbell opens one to sleep on. It must belong to owner, the segment's, or to this process: whoever else made it
// could truncate it under the writer.
inline mapping open_doorbell(const std::string& path, uid_t owner) {
    const file f = open(path, O_RDWR);
    const struct stat s = status_of(f);
    if (!S_ISREG(s.st_mode) || static_cast<std::uint64_t>(s.st_size) < layout::doorbell_size) {
        fail(error::truncated, "doorbell");
    }
    if (s.st_uid != owner && s.st_uid != ::geteuid()) {
        fail(EACCES, "doorbell: made by user " + std::to_string(s.st_uid));
    }
    unsigned char magic[8]{};
    read_at(f, 0, magic, sizeof magic);
    if (load<std::uint64_t>(magic) != layout::doorbell_magic) {
        fail(error::magic, "doorbell");
    }
    return map_doorbell(f);
}

// reopen_doorbell is for a writer that takes over: it makes the doorbell anew if somebody removed it.
inline mapping reopen_doorbell(const std::string& path, uid_t owner) {
    register_barrier();
    try {
        return open_doorbell(path, owner);
    } catch (const failure& e) {
        if (e.code() != std::errc::no_such_file_or_directory) {
            throw;
        }
        return create_doorbell(path);
    }
}

}  // namespace tickring::detail
