// What becomes of a program whose memory is taken away: the end, unless it asked for something else.
//
// Whoever may write to an object may also truncate it. The next access to what is gone is a SIGBUS. The handler here
// replaces the whole mapping, not the page, by memory of zeros, and lets the access happen again.
//
// No reader takes such zeros, or a mixture, for a record:
//
//   - The load that faulted, and every later one of its thread, finds zeros. A copy ends with a look at the version,
//     behind the last load of the payload, on whatever page they lie; 0 is the version of no record.
//   - Another thread that reads meanwhile finds zeros only after the kernel has taken the old pages from all CPUs. If
//     one load of a copy found zeros, so do the later ones, and the version is the last.
//   - "Lost" is stored before the zeros can be seen, and looked at after the words that a poll decides by: none of what
//     zeros would mean elsewhere, such as a ring without a writer, is told.
//
// A writer's stores go to the zeros, where nobody sees them; the publish that made them throws.
#pragma once

#include <signal.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>

#include "errors.hpp"

namespace tickring {

namespace detail {

// A mapping that is looked after. A program has few, and a handler can look through an array without asking anybody.
struct mapped_place {
    std::uintptr_t start;  // 0: the place is free; 1: it is being taken
    std::size_t size;
    bool writable;
    std::uint32_t* lost;  // the word to be set
};

inline constexpr std::size_t most_places = 256;
inline mapped_place places[most_places];

inline struct sigaction previous_handler;
inline bool surviving = false;

// A word that stays 0: what is lost of memory that nobody looks after.
inline constexpr std::uint32_t never = 0;

// take_place has a mapping looked after, from now on; nullptr if that was not asked for.
inline mapped_place* take_place(void* start, std::size_t size, bool writable, std::uint32_t* lost) {
    if (!__atomic_load_n(&surviving, __ATOMIC_ACQUIRE)) {
        return nullptr;
    }
    for (mapped_place& p : places) {
        std::uintptr_t none = 0;
        if (__atomic_compare_exchange_n(&p.start, &none, 1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
            p.size = size;
            p.writable = writable;
            p.lost = lost;
            __atomic_store_n(&p.start, reinterpret_cast<std::uintptr_t>(start), __ATOMIC_RELEASE);
            return &p;
        }
    }
    fail(ENOMEM, "survive_truncation looks after " + std::to_string(most_places) + " mappings at a time");
}

inline void leave_place(mapped_place* p) noexcept {
    if (p != nullptr) {
        __atomic_store_n(&p->start, 0, __ATOMIC_RELEASE);
    }
}

// replace_lost puts zeros in the place of the mapping in which a lies, if it is one of ours.
inline bool replace_lost(std::uintptr_t a) noexcept {
    for (const mapped_place& p : places) {
        const std::uintptr_t start = __atomic_load_n(&p.start, __ATOMIC_ACQUIRE);
        if (start > 1 && a >= start && a - start < p.size) {
            __atomic_store_n(p.lost, 1, __ATOMIC_SEQ_CST);
            void* at = reinterpret_cast<void*>(start);
            const int access = p.writable ? PROT_READ | PROT_WRITE : PROT_READ;
            return ::mmap(at, p.size, access, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == at;
        }
    }
    return false;
}

// on_bus_error calls nothing but mmap and sigaction, plain system calls.
inline void on_bus_error(int number, siginfo_t* info, void* context) {
    const int before = errno;
    const bool ours = info->si_code == BUS_ADRERR && replace_lost(reinterpret_cast<std::uintptr_t>(info->si_addr));
    errno = before;
    if (ours) {
        return;
    }
    if ((previous_handler.sa_flags & SA_SIGINFO) != 0) {
        previous_handler.sa_sigaction(number, info, context);
    } else if (previous_handler.sa_handler != SIG_DFL && previous_handler.sa_handler != SIG_IGN) {
        previous_handler.sa_handler(number);
    } else {
        ::sigaction(number, &previous_handler, nullptr);  // the access happens again, and ends the program
    }
}

}  // namespace detail

// Lets the program go on when a segment that it has open is truncated. Without a call of this it ends, as with any
// mapped file. With it
//
//   - a reader's poll, latest and next return status::truncated;
//   - a writer's publish throws error::truncated: neither that record nor a later one is seen by anybody;
//   - what is neither, such as status(), reads zeros; segment::lost() tells.
//
// Call it once, from one thread, before segments are opened; those that are open already are not looked after. It
// installs a handler for SIGBUS, which passes on what is not of a segment to the one that there was. A program that
// installs its own later has to do the same. A segment that was lost can only be closed.
inline void survive_truncation() {
    if (detail::surviving) {
        return;
    }
    struct sigaction action {};
    action.sa_sigaction = detail::on_bus_error;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    ::sigemptyset(&action.sa_mask);
    if (::sigaction(SIGBUS, &action, &detail::previous_handler) != 0) {
        throw failure("survive", "truncation", failure({errno, std::generic_category()}, ""));
    }
    __atomic_store_n(&detail::surviving, true, __ATOMIC_RELEASE);
}

}  // namespace tickring
