// The system calls: files, mappings, the writer's lock, clocks. All but the destructors throw tickring::failure with
// the errno.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <sstream>
#include <string>
#include <utility>

#include "errors.hpp"
#include "truncation.hpp"

namespace tickring::detail {

// retry repeats a call that a signal interrupted, and returns what it returned: less than 0 is an error.
template <class Call>
auto retry(Call call) {
    auto result = call();
    while (result < 0 && errno == EINTR) {
        result = call();
    }
    return result;
}

// An open file.
class file {
public:
    explicit file(int fd = -1) noexcept : fd_(fd) {}
    file(file&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    file& operator=(file&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~file() {
        if (fd_ >= 0) {
            ::close(fd_);  // nothing is buffered: there is nothing to be done about an error
        }
    }
    int fd() const noexcept { return fd_; }

private:
    int fd_;
};

// A range of mapped memory.
class mapping {
public:
    mapping() = default;
    mapping(mapping&& other) noexcept
        : start_(std::exchange(other.start_, nullptr)),
          size_(std::exchange(other.size_, 0)),
          place_(std::exchange(other.place_, nullptr)) {}
    mapping& operator=(mapping&& other) noexcept {
        std::swap(start_, other.start_);
        std::swap(size_, other.size_);
        std::swap(place_, other.place_);
        return *this;
    }
    ~mapping() {
        leave_place(place_);
        if (start_ != nullptr) {
            ::munmap(start_, size_);
        }
    }

    // Of the first size bytes of a file, shared, and faulted in, so that no first access pays for it. A file with holes
    // is not faulted in: that would reserve storage for all of what somebody may have made only to look large.
    mapping(const file& f, std::uint64_t size, bool writable) : size_(size) {
        const int access = writable ? PROT_READ | PROT_WRITE : PROT_READ;
        struct stat s {};
        if (::fstat(f.fd(), &s) != 0) {
            fail(errno);
        }
        const bool stored = static_cast<std::uint64_t>(s.st_blocks) * 512 >= size;
        void* start = ::mmap(nullptr, size, access, MAP_SHARED | (stored ? MAP_POPULATE : 0), f.fd(), 0);
        if (start == MAP_FAILED) {
            fail(errno, "map " + std::to_string(size) + " bytes");
        }
        start_ = static_cast<std::byte*>(start);
    }

    // From now on lost is set when somebody truncates the file, if the program asked for survive_truncation.
    void watch(std::uint32_t* lost, bool writable) { place_ = take_place(start_, size_, writable, lost); }

    std::byte* start() const noexcept { return start_; }
    std::uint64_t size() const noexcept { return size_; }

private:
    std::byte* start_ = nullptr;
    std::uint64_t size_ = 0;
    mapped_place* place_ = nullptr;
};

// open opens a file without following a link and without waiting for the peer of a fifo.
inline file open(const std::string& path, int flags, mode_t mode = 0) {
    file f(retry([&] { return ::open(path.c_str(), flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, mode); }));
    if (f.fd() < 0) {
        if (errno == EISDIR || errno == ENXIO) {  // a directory, or a socket
            fail(error::not_regular);
        }
        fail(errno);
    }
    return f;
}

// set_mode gives a file a mode, whatever the umask says.
inline void set_mode(const file& f, mode_t mode) {
    if (::fchmod(f.fd(), mode) != 0) {
        fail(errno);
    }
}

// open_unnamed makes a file in dir that has no name until link gives it one.
inline file open_unnamed(const std::string& dir, mode_t mode) {
    file f(retry([&] { return ::open(dir.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, mode); }));
    if (f.fd() < 0) {
        fail(errno);
    }
    return f;
}

inline void link(const file& f, const std::string& path) {
    const std::string from = "/proc/self/fd/" + std::to_string(f.fd());
    if (::linkat(AT_FDCWD, from.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) != 0) {
        const int number = errno;
        if (number == ENOENT && ::access("/proc/self/fd", F_OK) != 0) {
            fail(error::no_proc);
        }
        fail(number);
    }
}

// unlink removes a name, and returns whether there was one.
inline bool unlink(const std::string& path) {
    if (::unlink(path.c_str()) == 0) {
        return true;
    }
    if (errno != ENOENT) {
        fail(errno, "remove " + quoted(path));
    }
    return false;
}

inline struct stat status_of(const file& f) {
    struct stat s {};
    if (::fstat(f.fd(), &s) != 0) {
        fail(errno);
    }
    return s;
}

// permit_size refuses what RLIMIT_FSIZE forbids: asked for it, the kernel would send SIGXFSZ, of which a process dies.
inline void permit_size(const file& f, std::uint64_t n) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_FSIZE, &limit) != 0) {
        fail(errno);
    }
    if (n > limit.rlim_cur && n > static_cast<std::uint64_t>(status_of(f).st_size)) {
        fail(EFBIG, "reserve " + std::to_string(n) + " bytes");
    }
}

// reserve gives a file at least the size n, and reserves the storage for all of it, so that no later access fails for
// want of memory. Piece by piece: older kernels give up the whole of a fallocate when a signal comes, and each piece that
// was given up is tried at half its length.
inline void reserve(const file& f, std::uint64_t n, int mode = 0) {
    if (n > std::uint64_t{1} << 62) {
        fail(ENOSPC);
    }
    permit_size(f, n);
    std::uint64_t step = n;
    for (std::uint64_t at = 0; at < n;) {
        const std::uint64_t length = std::min(n - at, step);
        if (::fallocate(f.fd(), mode, static_cast<off_t>(at), static_cast<off_t>(length)) == 0) {
            at += length;
        } else if (errno == EINTR) {
            step = std::max<std::uint64_t>(step / 2, 4096);
        } else {
            fail(errno, "reserve " + std::to_string(n) + " bytes");
        }
    }
}

// fill_holes reserves the storage for the first n bytes of a file that may be cut short meanwhile: it stays as short,
// where reserve would put zeros in the place of what was lost.
inline void fill_holes(const file& f, std::uint64_t n) { reserve(f, n, FALLOC_FL_KEEP_SIZE); }

// read_at reads n bytes at an offset, or what there is, and returns how many.
inline std::uint64_t read_at(const file& f, std::uint64_t offset, unsigned char* to, std::uint64_t n) {
    std::uint64_t have = 0;
    while (have < n) {
        const auto got = retry([&] { return ::pread(f.fd(), to + have, n - have, static_cast<off_t>(offset + have)); });
        if (got < 0) {
            fail(errno);
        }
        if (got == 0) {
            break;
        }
        have += static_cast<std::uint64_t>(got);
    }
    return have;
}

// write_start writes n bytes to the start of a file.
inline void write_start(const file& f, const unsigned char* from, std::uint64_t n) {
    for (std::uint64_t done = 0; done < n;) {
        const auto put = retry([&] { return ::pwrite(f.fd(), from + done, n - done, static_cast<off_t>(done)); });
        if (put < 0) {
            fail(errno);
        }
        done += static_cast<std::uint64_t>(put);
    }
}

// lock_range is the byte of the object that its writer locks.
inline struct flock lock_range(short type) {
    struct flock range {};
    range.l_type = type;
    range.l_whence = SEEK_SET;
    range.l_len = 1;
    return range;
}

// try_lock takes the writer's lock for the open file description; false if another has it. The kernel releases it with
// the description, however the process ends.
inline bool try_lock(const file& f) {
    struct flock range = lock_range(F_WRLCK);
    if (retry([&] { return ::fcntl(f.fd(), F_OFD_SETLK, &range); }) == 0) {
        return true;
    }
    if (errno != EAGAIN && errno != EACCES) {
        fail(errno, "lock");
    }
    return false;
}

// locked says whether another open file description holds the writer's lock. The file may be open read-only.
inline bool locked(int fd) {
    struct flock range = lock_range(F_RDLCK);  // conflicts with a writer's lock, not with another reader's
    if (retry([&] { return ::fcntl(fd, F_OFD_GETLK, &range); }) != 0) {
        fail(errno, "look for the lock");
    }
    return range.l_type == F_WRLCK;
}

inline std::uint64_t nanoseconds(clockid_t clock) {
    timespec t{};
    ::clock_gettime(clock, &t);
    return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(t.tv_nsec);
}

// start_time is when this process started, in clock ticks since boot. Of the first thread, which is the process's. It is
// for people: 0 if /proc is not there, or is that of another PID namespace.
inline std::uint64_t start_time() {
    const std::string path = "/proc/self/task/" + std::to_string(::getpid()) + "/stat";
    const file f(retry([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); }));
    if (f.fd() < 0) {
        if (errno == ENOENT) {
            return 0;
        }
        fail(errno, path);
    }
    unsigned char text[4096];
    std::string line(reinterpret_cast<const char*>(text), read_at(f, 0, text, sizeof text));
    // Field 2 is the command's name in parentheses and may hold anything; field 22 is the start.
    std::istringstream fields(line.substr(line.rfind(')') + 1));
    std::string skipped;
    for (int field = 3; field < 22; ++field) {
        fields >> skipped;
    }
    std::uint64_t ticks = 0;
    if (!(fields >> ticks)) {
        fail(EINVAL, path + " has no start time");
    }
    return ticks;
}

// sleep suspends the thread for d, or until a signal.
inline void sleep(std::chrono::nanoseconds d) {
    using namespace std::chrono_literals;
    if (d <= 0ns) {
        return;
    }
    if (d < 100us) {
        ::prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);  // the default slack of 50 µs would be most of the sleep
    }
    timespec t{};
    t.tv_sec = static_cast<time_t>(d / 1s);
    t.tv_nsec = static_cast<long>((d % 1s).count());
    ::nanosleep(&t, nullptr);
}

}  // namespace tickring::detail
