// SharedMemory<T> as the programs from before the ring had it.
#pragma once

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct TradingData {
    std::atomic<double> price;
    std::atomic<std::uint64_t> timestamp;
    std::atomic<std::int32_t> volume;
    std::atomic<bool> valid;
};
static_assert(sizeof(TradingData) == 24, "the record is 24 bytes");

template <typename T>
class SharedMemory {
public:
    SharedMemory(const std::string& name, bool create) {
        int fd = shm_open(name.c_str(), create ? O_CREAT | O_EXCL | O_RDWR : O_RDWR, 0600);
        if (fd < 0) throw std::system_error(errno, std::generic_category(), "shm_open " + name);
        if (create && ftruncate(fd, sizeof(T)) != 0) throw std::system_error(errno, std::generic_category(), "ftruncate");
        void* p = mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
        if (p == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
        data_ = static_cast<T*>(p);
    }
    ~SharedMemory() { munmap(static_cast<void*>(data_), sizeof(T)); }
    T* get() { return data_; }

private:
    T* data_;
};
