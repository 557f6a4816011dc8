// What a reader does while nothing is new.
#pragma once

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "system.hpp"

namespace tickring {

// How reader::next waits. Unless set, backoff of 50 µs.
class wait_policy {
public:
    enum class kind : std::uint8_t { backoff, spin, every, block };

    // Polls without a break but for one pause instruction: the lowest latency, at the cost of a core.
    static constexpr wait_policy spin() noexcept { return {kind::spin, {}}; }

    // Spins for a few microseconds, then yields to other threads, then sleeps: 1 µs at first and twice as long each
    // time, up to limit.
    static constexpr wait_policy backoff(std::chrono::nanoseconds limit = default_backoff) noexcept {
        return {kind::backoff, limit.count() > 0 ? limit : default_backoff};
    }

    // Sleeps for interval between two polls, from a microsecond up.
    static constexpr wait_policy every(std::chrono::nanoseconds interval) noexcept { return {kind::every, interval}; }

    // Sleeps in the kernel until the writer publishes: no CPU while idle, some microseconds to wake up, and a system
    // call for the writer whenever somebody sleeps. It needs a segment with a doorbell.
    static constexpr wait_policy block() noexcept { return {kind::block, {}}; }

    constexpr wait_policy() noexcept = default;

    constexpr kind how() const noexcept { return kind_; }
    constexpr std::chrono::nanoseconds sleep() const noexcept { return sleep_; }

private:
    static constexpr std::chrono::nanoseconds default_backoff{50'000};

    constexpr wait_policy(kind k, std::chrono::nanoseconds sleep) noexcept : kind_(k), sleep_(sleep) {}

    kind kind_ = kind::backoff;
    std::chrono::nanoseconds sleep_ = default_backoff;
};

// When reader::next gives up: never, at a deadline, after a time, or when a flag is set, which another thread or a
// signal handler may do. A reader that sleeps notices the flag within 100 ms.
class until {
public:
    using clock = std::chrono::steady_clock;

    until() noexcept = default;
    until(clock::time_point deadline) noexcept : deadline_(deadline) {}
    until(const std::atomic<bool>& stop) noexcept : stop_(&stop) {}
    until(clock::time_point deadline, const std::atomic<bool>& stop) noexcept : deadline_(deadline), stop_(&stop) {}

    // A limit that reaches beyond the end of the clock is none.
    template <class Rep, class Period>
    until(std::chrono::duration<Rep, Period> limit) {
        const auto now = clock::now();
        const auto left = std::chrono::duration<double>(clock::time_point::max() - now);
        deadline_ = std::chrono::duration<double>(limit) < left
                        ? now + std::chrono::duration_cast<clock::duration>(limit)
                        : clock::time_point::max();
    }

    bool stopped() const noexcept { return stop_ != nullptr && stop_->load(std::memory_order_relaxed); }

    // How much of d there is left at a time before the deadline.
    std::chrono::nanoseconds left(clock::time_point now, std::chrono::nanoseconds d) const noexcept {
        return std::min<std::chrono::nanoseconds>(d, deadline_ - now);
    }

    bool passed(clock::time_point now) const noexcept { return now >= deadline_; }

private:
    clock::time_point deadline_ = clock::time_point::max();
    const std::atomic<bool>* stop_ = nullptr;
};

namespace detail {

inline constexpr int spin_rounds = 64;    // polls before a reader that backs off or blocks stops spinning
inline constexpr int yield_rounds = 64;   // polls before one that backs off sleeps
inline constexpr int check_rounds = 512;  // polls of a spinning reader between two looks at its limit
inline constexpr std::chrono::milliseconds longest_sleep{20};    // in one piece, without a look at the stop flag
inline constexpr std::chrono::milliseconds liveness_period{50};  // of looks at whether the writer lives
inline constexpr std::chrono::milliseconds block_slice{100};     // how late one that sleeps notices a dead writer

// The state of one wait.
struct pauser {
    int rounds = 0;
    bool armed = false;
    std::uint32_t ticket = 0;
    until::clock::time_point looked{};  // when liveness was last looked at
};

// A moment for the core, without touching memory.
inline void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory");
#endif
}

}  // namespace detail

}  // namespace tickring
