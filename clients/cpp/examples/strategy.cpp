// Strategy follows the trades in /trading_data and keeps a volume-weighted average price: a frame for a real one, in
// which decide() is the part that earns the money.
#include <atomic>
#include <csignal>
#include <iostream>

#include <tickring/tickring.hpp>

namespace {

std::atomic<bool> stop{false};

void decide(std::uint64_t number, const tickring::TradingData& trade) {
    static double value = 0, volume = 0;
    if (!trade.valid) {  // broken by the exchange
        return;
    }
    value += trade.price * trade.volume;
    volume += trade.volume;
    if (number % 1000 == 0 && volume > 0) {
        std::cout << number << ": average price " << value / volume << std::endl;
    }
}

}  // namespace

int main() {
    using tickring::position;
    using tickring::status;
    std::signal(SIGINT, [](int) { stop = true; });
    try {
        const auto memory = tickring::segment::attach("/trading_data");  // read-only: a strategy cannot harm the feed
        tickring::reader_options options;
        options.start = position::oldest();
        options.resume = position::oldest_safe();            // after falling a whole ring behind
        options.wait = tickring::wait_policy::backoff();     // spin() on a core of its own
        tickring::reader<tickring::TradingData> reader(memory, options);
        const auto event = [&](status s) {
            if (s == status::lapped) {
                std::cout << "lost " << reader.gap().count() << " records: positions are stale" << std::endl;
            } else {
                std::cout << "writer " << to_string(s) << std::endl;  // nothing was lost
            }
        };
        const status end = reader.follow(decide, event, stop);
        std::cout << to_string(end) << std::endl;
        return end == status::corrupt ? 1 : 0;
    } catch (const tickring::failure& e) {
        std::cerr << e.what() << "\n";
        return 1;
    }
}
