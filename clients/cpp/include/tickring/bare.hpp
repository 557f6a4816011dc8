// The one record of a program from before the ring.
#pragma once

#include <array>

#include "seqlock.hpp"
#include "memory.hpp"
#include "trading_data.hpp"

namespace tickring {

namespace detail {

// read_unprotected copies a record that has no version. Nothing protects it against being read half old, half new:
// each field is whole, the record need not be. It reads until two copies agree, a few times at the most: that makes a
// torn record rare.
template <class T>
void read_unprotected(const word* from, T& record) noexcept {
    const auto copy = [&](std::array<word, word_count<T>>& to) {
        for (std::size_t i = 0; i < to.size(); ++i) {
            to[i] = load_acquire(from + i) & ~masks<T>.no_bool[i];
        }
    };
    std::array<word, word_count<T>> last, again;
    copy(last);
    for (int tries = 0; tries < 8; ++tries) {
        copy(again);
        if (again == last) {
            break;
        }
        last = again;
    }
    std::memcpy(static_cast<void*>(&record), last.data(), sizeof record);
}

}  // namespace detail

// Reads the TradingData of such a segment, which segment::attach_bare maps.
class bare_reader {
public:
    explicit bare_reader(const memory& m) : record_(reinterpret_cast<const detail::word*>(m.header())) {
        if (record_ == nullptr || m.shape().header_size != 0) {
            throw failure("read", m.name(), failure(error::not_bare, ""));
        }
    }

    // The record as it is now, without protection against tearing.
    TradingData read() const noexcept {
        TradingData record;
        detail::read_unprotected(record_, record);
        return record;
    }

private:
    const detail::word* record_;
};

}  // namespace tickring
