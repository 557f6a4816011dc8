// What reading can come to.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tickring {

enum class status : std::uint8_t {
    empty,      // nothing new yet
    ready,      // a record was copied, whole
    lapped,     // the writer overtook the reader: gap() is what was lost; the reader has resumed behind it
    closed,     // the writer closed the ring, and every record of it was read
    restarted,  // another writer took over, once for each: epoch() says which; nothing was lost
    corrupt,    // the memory contradicts itself: the reader does not go on
    dead,       // of next: the writer is gone without closing, and all that it published was read; once for each
    timeout,    // of next: the deadline came
    stopped,    // of next: the stop flag was set
    truncated,  // the memory was taken away, from a program that called survive_truncation: nothing follows
};

constexpr const char* to_string(status s) noexcept {
    switch (s) {
    case status::empty: return "empty";
    case status::ready: return "ready";
    case status::lapped: return "lapped";
    case status::closed: return "closed";
    case status::restarted: return "restarted";
    case status::corrupt: return "corrupt";
    case status::dead: return "dead";
    case status::timeout: return "timeout";
    case status::stopped: return "stopped";
    case status::truncated: return "truncated";
    }
    return "invalid";
}

// The outcome of reading one record.
struct result {
    tickring::status status;
    std::uint64_t number;  // of the record, if ready

    explicit operator bool() const noexcept { return status == status::ready; }
};

// The outcome of reading several.
struct batch_result {
    tickring::status status;
    std::uint64_t first;  // the number of the first record, if ready
    std::size_t count;    // of records, which follow each other; 0 unless ready

    explicit operator bool() const noexcept { return status == status::ready; }
};

// The records that a reader did not get: first up to, not including, next.
struct gap {
    std::uint64_t first = 0;
    std::uint64_t next = 0;

    std::uint64_t count() const noexcept { return next - first; }
};

}  // namespace tickring
