// The record that is built in.
#pragma once

#include <cstdint>

#include "record.hpp"

namespace tickring {

// One trade: 24 bytes, laid out as the programs from before the ring lay it out.
struct TradingData {
    double price;             // in the quote currency
    std::uint64_t timestamp;  // of the trade at the exchange, nanoseconds since the Unix epoch
    std::int32_t volume;      // whole units: contracts or shares
    bool valid;               // false: this trade was broken (cancelled) by the exchange

    // Prices compare as their bits do not: NaN is unequal to itself.
    friend bool operator==(const TradingData& a, const TradingData& b) {
        return a.price == b.price && a.timestamp == b.timestamp && a.volume == b.volume && a.valid == b.valid;
    }
    friend bool operator!=(const TradingData& a, const TradingData& b) { return !(a == b); }
};

}  // namespace tickring

TICKRING_RECORD(tickring::TradingData, price, timestamp, volume, valid);

static_assert(sizeof(tickring::TradingData) == tickring::layout::bare_size);
