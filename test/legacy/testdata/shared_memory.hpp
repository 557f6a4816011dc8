// The shared memory of the programs from before the ring: one record, 24 bytes, no version.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <string>
#include <system_error>

struct TradingData {
    std::atomic<double> price;
    std::atomic<std::uint64_t> timestamp;
    std::atomic<std::int32_t> volume;
    std::atomic<bool> valid;
};

static_assert(sizeof(TradingData) == 24, "8 + 8 + 4 + 1, and 3 of padding");

template <typename T>
class SharedMemory {
public:
    SharedMemory(const std::string& name, bool create) {
        int flags = create ? O_CREAT | O_EXCL | O_RDWR : O_RDWR;
        fd_ = shm_open(name.c_str(), flags, 0666);
        if (fd_ < 0) {
            throw std::system_error(errno, std::generic_category(), "shm_open " + name);
        }
        if (create && ftruncate(fd_, sizeof(T)) < 0) {
            fail("ftruncate " + name);
        }
        void* memory = mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
        if (memory == MAP_FAILED) {
            fail("mmap " + name);
        }
        data_ = static_cast<T*>(memory);
    }

    ~SharedMemory() {
        munmap(data_, sizeof(T));
        close(fd_);
    }

    SharedMemory(const SharedMemory&) = delete;
    SharedMemory& operator=(const SharedMemory&) = delete;

    T* get() { return data_; }

private:
    [[noreturn]] void fail(const std::string& what) {
        int error = errno;
        close(fd_);
        throw std::system_error(error, std::generic_category(), what);
    }

    int fd_ = -1;
    T* data_ = nullptr;
};
