// Where a ring lies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "doorbell.hpp"
#include "geometry.hpp"
#include "system.hpp"
#include "truncation.hpp"

namespace tickring {

// The memory of a ring: a segment's, or a heap's. Readers and writers keep its pointers, so it must outlive them.
class memory {
public:
    memory(const memory&) = delete;
    memory& operator=(const memory&) = delete;

    // Of the segment, with its slash.
    const std::string& name() const noexcept { return name_; }

    // A private, validated copy: the shared header is not read again. header_size is 0 for a bare segment.
    const geometry& shape() const noexcept { return shape_; }

    // The start of the object: header_size bytes, or all 24 of a bare segment.
    std::byte* header() const noexcept { return header_; }

    // Slot 0.
    std::byte* slots() const noexcept { return slots_; }

    // Whether this process is the writer. Memory that is not writable is mapped read-only.
    bool writable() const noexcept { return writable_; }

    // Whether readers can block, and a writer wakes them.
    bool has_doorbell() const noexcept { return static_cast<bool>(bell_); }
    detail::doorbell bell() const noexcept { return bell_; }

    // Whether some process is the writer. Makes a system call, unless this process is.
    bool writer_alive() const { return writable_ || detail::locked(lock_fd_); }

    // The file to ask for a writer's lock; -1 in the writer itself.
    int lock_fd() const noexcept { return writable_ ? -1 : lock_fd_; }

    // Whether somebody took the memory away; see survive_truncation, without which nobody gets to ask.
    bool lost() const noexcept { return detail::load_relaxed(lost_word()) != 0; }
    const std::uint32_t* lost_word() const noexcept { return lost_ ? lost_.get() : &detail::never; }

    // A live word of the header, by its offset in layout.hpp.
    std::uint64_t live(std::uint64_t offset) const noexcept {
        return detail::load_acquire(reinterpret_cast<const std::uint64_t*>(header_ + offset));
    }

protected:
    memory() = default;
    memory(memory&&) = default;
    memory& operator=(memory&&) = default;
    ~memory() = default;

    std::string name_;
    geometry shape_;
    std::byte* header_ = nullptr;
    std::byte* slots_ = nullptr;
    bool writable_ = false;
    int lock_fd_ = -1;
    detail::doorbell bell_;
    std::unique_ptr<std::uint32_t> lost_;  // of what is mapped, which a handler sets
};

}  // namespace tickring
