// Feedhandler publishes trades of a random walk, a thousand a second: a frame for a real feed handler, in which
// receive() takes the exchange's packets apart.
#include <chrono>
#include <csignal>
#include <iostream>
#include <random>
#include <thread>

#include <tickring/tickring.hpp>

namespace {

volatile std::sig_atomic_t stopped = 0;

tickring::TradingData receive() {
    static std::mt19937_64 random;
    static double price = 100;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    price += static_cast<double>(random() % 3) / 100 - 0.01;
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto nanoseconds = static_cast<std::uint64_t>(std::chrono::nanoseconds(now).count());
    return {price, nanoseconds, static_cast<std::int32_t>(random() % 500), true};
}

}  // namespace

int main() {
    std::signal(SIGINT, [](int) { stopped = 1; });
    try {
        // 65,536 records of 24 bytes: a reader may fall that far behind before it loses any. After a crash of this
        // program the segment is still there, and so are its readers.
        auto memory = tickring::segment::create_or_take_over<tickring::TradingData>("/trading_data", 1 << 16);
        tickring::writer<tickring::TradingData> writer(memory);
        std::cout << "publishing to " << memory.name() << " from record " << writer.head() << " on" << std::endl;
        while (stopped == 0) {
            writer.publish(receive());
        }
        writer.close();  // readers learn that this is the end, not a crash
    } catch (const tickring::failure& e) {
        std::cerr << e.what() << "\n";
        return 1;
    }
}
