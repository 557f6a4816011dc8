// old_producer NAME: makes the shared memory, then stores what it reads, a line for each record:
// price timestamp volume valid. It says "ready", and "stored" after each.
#include <cinttypes>
#include <cstdio>
#include <iostream>
#include <sstream>

#include "shared_memory.hpp"

int main(int argc, char** argv) {
    if (argc != 2) {
        std::cerr << "usage: old_producer NAME\n";
        return 2;
    }
    try {
        SharedMemory<TradingData> shm(argv[1], true);
        std::cout << "ready" << std::endl;
        std::string line;
        while (std::getline(std::cin, line)) {
            double price;
            std::uint64_t timestamp;
            std::int32_t volume;
            int valid;
            if (std::sscanf(line.c_str(), "%la %" SCNu64 " %" SCNd32 " %d", &price, &timestamp, &volume, &valid) != 4) {
                std::cerr << "not a record: " << line << "\n";
                return 2;
            }
            shm.get()->price.store(price);
            shm.get()->volume.store(volume);
            shm.get()->timestamp.store(timestamp);
            shm.get()->valid.store(valid != 0);
            std::cout << "stored" << std::endl;
        }
    } catch (const std::system_error& error) {
        if (error.code() == std::errc::file_exists) {
            std::cout << "EEXIST: attach instead" << std::endl;
        }
        std::cerr << error.what() << "\n";
        return 1;
    }
    return 0;
}
