// Which record is read next.
#pragma once

#include <algorithm>
#include <cstdint>

namespace tickring {

namespace detail {

// Its version is the last even number of 64 bits. A larger number would have the version of a smaller one, so no head is
// above it by more than one.
constexpr std::uint64_t last_number = (std::uint64_t{1} << 63) - 2;

}  // namespace detail

// Where a reader starts, or where it resumes after it was lapped.
class position {
public:
    // The oldest record that the ring still holds plus a quarter of the ring, so that a reader which resumes there is
    // not lapped again at once. It is what a position is unless set.
    static constexpr position oldest_safe() noexcept { return {kind::oldest_safe, 0}; }

    // The oldest record that the ring still holds. While the writer is busy it may be gone before it is read: the
    // reader is then lapped, and told so.
    static constexpr position oldest() noexcept { return {kind::oldest, 0}; }

    // The newest finished record; in an empty ring, the first.
    static constexpr position newest() noexcept { return {kind::newest_minus, 0}; }

    // The record n before the newest, or the oldest if the ring does not reach back so far.
    static constexpr position newest_minus(std::uint64_t n) noexcept { return {kind::newest_minus, n}; }

    // Record n. If it is gone, the reader is lapped at its first poll, with the exact range; one not yet published is
    // waited for, and one beyond the last number that there is, for ever. As a resume policy it is oldest_safe.
    static constexpr position at(std::uint64_t n) noexcept { return {kind::at, std::min(n, detail::last_number)}; }

    constexpr position() noexcept = default;

    constexpr bool is_oldest() const noexcept { return kind_ == kind::oldest; }
    constexpr bool is_at() const noexcept { return kind_ == kind::at; }

    // The number of the record, in a ring of slots of which head records are finished.
    constexpr std::uint64_t resolve(std::uint64_t slots, std::uint64_t head) const noexcept {
        const std::uint64_t first = head - std::min(head, slots);
        const std::uint64_t newest = std::max<std::uint64_t>(head, 1) - 1;
        switch (kind_) {
        case kind::oldest: return first;
        case kind::newest_minus: return std::max(first, newest - std::min(newest, n_));
        case kind::at: return n_;
        case kind::oldest_safe: break;
        }
        if (head <= slots) {
            return first;  // no slot was ever used twice: nothing to keep a distance from
        }
        // The record in flight already has the place of the oldest, hence at least one.
        return std::min(newest, first + std::max<std::uint64_t>(1, slots / 4));
    }

private:
    enum class kind : std::uint8_t { oldest_safe, oldest, newest_minus, at };

    constexpr position(kind k, std::uint64_t n) noexcept : kind_(k), n_(n) {}

    kind kind_ = kind::oldest_safe;
    std::uint64_t n_ = 0;
};

}  // namespace tickring
