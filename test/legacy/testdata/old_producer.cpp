// A producer from before the ring: for each line on standard input, a volume, it stores a record and says so.
#include "shared_memory.hpp"

#include <iostream>

int main(int, char** argv) try {
    SharedMemory<TradingData> shm(argv[1], true);
    std::cout << "ready" << std::endl;
    for (std::int32_t volume; std::cin >> volume;) {
        shm.get()->price.store(volume / 4.0);
        shm.get()->volume.store(volume);
        shm.get()->timestamp.store(static_cast<std::uint64_t>(volume) * 1000);
        shm.get()->valid.store(volume % 2 == 1);
        std::cout << "stored " << volume << std::endl;
    }
    return 0;
} catch (const std::system_error& e) {
    std::cout << "error " << (e.code() == std::errc::file_exists ? "EEXIST" : e.what()) << std::endl;
    return 1;
}
