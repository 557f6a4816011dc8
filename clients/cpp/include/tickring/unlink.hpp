// Removing a segment, and what belongs to it.
#pragma once

#include <dirent.h>

#include <cstdlib>
#include <map>
#include <string>

#include "segment.hpp"

namespace tickring {

namespace detail {

// doorbells returns the paths of the doorbells of an object, those of crashed creations included, by the time at which
// they were created.
inline std::map<std::uint64_t, std::string> doorbells(const std::string& object) {
    const std::string prefix = object.substr(shm_dir.size() + 1) + ".", suffix = ".bell";
    std::map<std::uint64_t, std::string> found;
    DIR* dir = ::opendir(shm_dir.c_str());
    if (dir == nullptr) {
        fail(errno, "list " + shm_dir);
    }
    while (const dirent* entry = ::readdir(dir)) {
        const std::string name = entry->d_name;
        if (name.size() != prefix.size() + 16 + suffix.size() || name.compare(0, prefix.size(), prefix) != 0 ||
            !ends_in(name, suffix)) {
            continue;
        }
        const std::string digits = name.substr(prefix.size(), 16);
        if (digits.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos) {
            found[std::strtoull(digits.c_str(), nullptr, 16)] = shm_dir + "/" + name;
        }
    }
    ::closedir(dir);
    return found;
}

// left_over says whether a doorbell that was created at a time can be no other than that of a creation that crashed, or
// of a segment that is gone. A young one may belong to a segment that is just being made.
inline bool left_over(std::uint64_t created) {
    constexpr std::uint64_t minute = 60'000'000'000;
    const std::uint64_t now = nanoseconds(CLOCK_REALTIME);
    return (now > created ? now - created : created - now) > minute;
}

}  // namespace detail

inline void segment::unlink(const std::string& name) {
    detail::during("unlink", detail::canonical(name), [&] {
        const std::string path = detail::object_path(name);
        // Before the name is free: then somebody may make a segment of that name, with a doorbell of its own.
        auto bells = detail::doorbells(path);
        segment s;
        bool readable = false, missing = false;
        try {
            s = open(name, O_RDONLY);
            readable = true;
            if (s.shape_.doorbell) {
                bells[s.shape_.created] = s.bell_path();
            }
        } catch (const failure& e) {
            missing = e.code() == std::errc::no_such_file_or_directory;
        }
        missing = !detail::unlink(path) || missing;
        for (const auto& [created, bell] : bells) {
            // Where nothing can be read of the segment, none of its doorbells is of use to anybody.
            const bool whole = !readable && !missing;
            if (whole || (readable && created == s.shape_.created) || detail::left_over(created)) {
                detail::unlink(bell);
            }
        }
        if (readable && !s.shape_.ring_file.empty()) {
            detail::remove_ring_file(s.shape_, s.name_, s.owner_);
        }
        if (missing) {
            detail::fail(ENOENT);
        }
    });
}

}  // namespace tickring
