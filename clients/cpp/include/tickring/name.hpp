// Names of segments, and the paths that belong to them.
#pragma once

#include <algorithm>
#include <string>

#include "errors.hpp"
#include "header.hpp"

namespace tickring::detail {

inline const std::string shm_dir = "/dev/shm";  // where POSIX shared memory lies on Linux
inline constexpr std::size_t max_name = 200;    // leaves room for the suffixes within NAME_MAX

inline bool ends_in(const std::string& text, const std::string& end) {
    return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// base is a name without its slash.
inline std::string base(const std::string& name) { return name.substr(!name.empty() && name[0] == '/' ? 1 : 0); }

// canonical is a name with its slash.
inline std::string canonical(const std::string& name) { return name.empty() || name[0] != '/' ? '/' + name : name; }

// object_path checks a name ("/trading_data"; the slash may be left out) and returns the object's path.
inline std::string object_path(const std::string& name) {
    const std::string b = base(name);
    const auto wrong = [&](const char* problem) {
        fail(error::name, "\"" + quoted(name.substr(0, 300)) + "\" " + problem);
    };
    if (b.empty()) {
        wrong("is empty");
    }
    if (b == "." || b == ".." || b.find('/') != std::string::npos) {
        wrong("would leave /dev/shm: a name has one slash, in front");
    }
    if (b.size() > max_name) {
        wrong("is longer than 200 bytes");
    }
    if (ends_in(b, ".bell")) {
        wrong("ends in .bell, as doorbells do");
    }
    if (std::any_of(b.begin(), b.end(), [](char c) { return c <= ' ' || c > '~'; })) {
        wrong("has other than printable ASCII characters");
    }
    return shm_dir + "/" + b;
}

inline std::string doorbell_path(const std::string& object, std::uint64_t created) {
    return object + "." + hex(created) + ".bell";
}

// ring_file_name is the last element of the path of a segment's ring file.
inline std::string ring_file_name(const std::string& name, std::uint64_t created) {
    return base(name) + ring_file_suffix(created);
}

}  // namespace tickring::detail
