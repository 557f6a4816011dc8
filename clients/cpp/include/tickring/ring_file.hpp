// The slots of a segment in a file of their own, on a hugetlbfs.
#pragma once

#include <cstdint>
#include <string>

#include "geometry.hpp"
#include "name.hpp"
#include "system.hpp"

namespace tickring::detail {

inline constexpr std::uint64_t hugetlbfs_magic = 0x958458f6;

// huge_page is the page size of the hugetlbfs on which a file lies; 0 if it lies on another file system.
inline std::uint64_t huge_page(const file& f) {
    struct statfs s {};
    if (retry([&] { return ::fstatfs(f.fd(), &s); }) != 0) {
        fail(errno);
    }
    return static_cast<std::uint64_t>(s.f_type) == hugetlbfs_magic ? static_cast<std::uint64_t>(s.f_bsize) : 0;
}

// A ring file, open, with what munmap needs to know of it.
struct ring_file {
    file f;
    std::uint64_t page;  // bytes

    mapping map(const geometry& g, bool writable) const {
        return {f, round_up(g.ring_offset + g.ring_size(), page), writable};
    }
};

// create_ring_file makes the ring file of g, whose path is new, locks it at once, and reserves its storage.
inline ring_file create_ring_file(const geometry& g, mode_t mode) {
    const std::string dir = g.ring_file.substr(0, g.ring_file.rfind('/') + 1);
    const std::uint64_t page = huge_page(open(dir, O_PATH | O_DIRECTORY));
    if (page == 0) {
        fail(EINVAL, quoted(dir) + " is not on a hugetlbfs: give the place where one is mounted");
    }
    ring_file r{open(g.ring_file, O_RDWR | O_CREAT | O_EXCL, mode), page};
    try {
        if (!try_lock(r.f)) {  // tells those who clean up that its maker lives
            fail(EAGAIN, "somebody locked the new ring file");
        }
        set_mode(r.f, mode);
        reserve(r.f, round_up(g.ring_size(), page));
    } catch (const failure&) {
        unlink(g.ring_file);
        throw;
    }
    return r;
}

// open_ring_file opens the ring file of g, which is hostile until it is checked: only a file of the owner of the
// object, so that nobody can name that of another, and only on a hugetlbfs, so that opening it does nothing.
inline ring_file open_ring_file(const geometry& g, const std::string& name, uid_t owner, bool writable) {
    const std::string what = "ring file " + quoted(g.ring_file);
    if (g.ring_file.substr(g.ring_file.rfind('/') + 1) != ring_file_name(name, g.created)) {
        fail(error::geometry, what + " is another segment's");
    }
    const file found(retry([&] { return ::open(g.ring_file.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC); }));
    if (found.fd() < 0) {
        fail(errno, what);
    }
    const struct stat s = status_of(found);
    const std::uint64_t page = huge_page(found);
    if (!S_ISREG(s.st_mode) || page == 0) {
        fail(error::not_regular, what + " is not a file on a hugetlbfs");
    }
    if (s.st_uid != owner) {
        fail(EACCES, what + " belongs to user " + std::to_string(s.st_uid));
    }
    if (static_cast<std::uint64_t>(s.st_size) < g.ring_offset + g.ring_size()) {
        fail(error::truncated, what + " has " + std::to_string(s.st_size) + " bytes");
    }
    const std::string same = "/proc/self/fd/" + std::to_string(found.fd());
    const int flags = writable ? O_RDWR : O_RDONLY;  // without waiting for whoever has a lease on it
    ring_file r{file(retry([&] { return ::open(same.c_str(), flags | O_CLOEXEC | O_NONBLOCK); })), page};
    if (r.f.fd() < 0) {
        const int number = errno;
        if (number == ENOENT && ::access("/proc/self/fd", F_OK) != 0) {
            fail(error::no_proc);
        }
        fail(number, what);
    }
    return r;
}

// remove_ring_file removes the ring file of a segment whose object owner has, if it is what its header says.
inline void remove_ring_file(const geometry& g, const std::string& name, uid_t owner) {
    const std::size_t slash = g.ring_file.rfind('/') + 1;
    const std::string dir = g.ring_file.substr(0, slash), last = g.ring_file.substr(slash);
    if (last != ring_file_name(name, g.created)) {
        return;
    }
    const file place(retry([&] { return ::open(dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC); }));
    if (place.fd() < 0 || huge_page(place) == 0) {
        return;
    }
    struct stat s {};
    if (::fstatat(place.fd(), last.c_str(), &s, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(s.st_mode) && s.st_uid == owner &&
        ::unlinkat(place.fd(), last.c_str(), 0) != 0 && errno != ENOENT) {
        fail(errno, "remove ring file " + quoted(g.ring_file));
    }
}

}  // namespace tickring::detail
