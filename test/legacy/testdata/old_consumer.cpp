// A consumer from before the ring: prints the record whenever it has changed.
#include "shared_memory.hpp"

#include <chrono>
#include <cstdio>
#include <iostream>
#include <thread>

int main(int, char** argv) try {
    SharedMemory<TradingData> shm(argv[1], false);
    std::cout << "ready" << std::endl;
    for (std::uint64_t last = 0;;) {
        std::uint64_t timestamp = shm.get()->timestamp.load();
        if (timestamp != last) {
            last = timestamp;
            // Nothing but time keeps an old consumer from reading in the middle of a store.
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
            std::printf("%g %llu %d %d\n", shm.get()->price.load(), static_cast<unsigned long long>(shm.get()->timestamp.load()),
                        shm.get()->volume.load(), shm.get()->valid.load() ? 1 : 0);
            std::fflush(stdout);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
} catch (const std::system_error& e) {
    std::cout << "error " << e.what() << std::endl;
    return 1;
}
