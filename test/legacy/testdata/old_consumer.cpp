// old_consumer NAME MICROSECONDS: attaches to the shared memory, polls it, and prints each record that
// differs from the last: price (as bits) timestamp volume valid. It ends with its standard input.
#include <poll.h>

#include <chrono>
#include <cstring>
#include <iostream>
#include <thread>

#include "shared_memory.hpp"

namespace {

struct Copy {
    double price;
    std::uint64_t timestamp;
    std::int32_t volume;
    bool valid;

    bool operator==(const Copy& other) const {
        return std::memcmp(&price, &other.price, sizeof price) == 0 && timestamp == other.timestamp && volume == other.volume && valid == other.valid;
    }
};

bool finished() {
    pollfd input{0, POLLIN, 0};
    return ::poll(&input, 1, 0) > 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::cerr << "usage: old_consumer NAME MICROSECONDS\n";
        return 2;
    }
    try {
        SharedMemory<TradingData> shm(argv[1], false);
        std::chrono::microseconds interval(std::stol(argv[2]));
        for (bool first = true; !finished();) {
            static Copy last{};
            TradingData* data = shm.get();
            Copy now{data->price.load(), data->timestamp.load(), data->volume.load(), data->valid.load()};
            if (first || !(now == last)) {
                std::uint64_t bits;
                std::memcpy(&bits, &now.price, sizeof bits);
                std::cout << bits << ' ' << now.timestamp << ' ' << now.volume << ' ' << now.valid << std::endl;
                last = now;
                first = false;
            }
            std::this_thread::sleep_for(interval);
        }
    } catch (const std::system_error& error) {
        switch (error.code().value()) {
        case ENOENT:
            std::cout << "ENOENT" << std::endl;
            break;
        case EACCES:
            std::cout << "EACCES" << std::endl;
            break;
        }
        std::cerr << error.what() << "\n";
        return 1;
    }
    return 0;
}
