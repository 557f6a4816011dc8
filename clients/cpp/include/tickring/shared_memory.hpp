// The interface of the programs from before the ring: one record of atomic fields, under a name in shared memory.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "bare.hpp"
#include "header.hpp"
#include "name.hpp"
#include "seqlock.hpp"
#include "system.hpp"
#include "trading_data.hpp"

namespace tickring {

// A TradingData of which each field can be loaded and stored by itself.
struct AtomicTradingData {
    std::atomic<double> price;
    std::atomic<std::uint64_t> timestamp;
    std::atomic<std::int32_t> volume;
    std::atomic<bool> valid;
};

static_assert(sizeof(AtomicTradingData) == sizeof(TradingData));

// How a T lies in a SharedMemory<T>: `fields` is what get() points to, `record` what read() fills.
template <class T>
struct shared_form {
    using fields = T;
    using record = T;
};
template <>
struct shared_form<TradingData> {
    using fields = AtomicTradingData;
    using record = TradingData;
};
template <>
struct shared_form<AtomicTradingData> : shared_form<TradingData> {};

// What SharedMemory::read came to.
enum class snapshot : std::uint8_t {
    whole,        // the record was copied, and is not torn
    empty,        // no record was published yet
    busy,         // the writer was always in the midst of a record, or died in it: nothing was copied
    unprotected,  // a bare segment: each field is whole, the record need not be
};

// One T in shared memory.
//
// `create` makes a bare segment, as it ever did: a T, and no version. Without `create` it attaches: to a bare segment,
// for reading and writing; or to the view of a ring's segment, for reading only, where get() has the newest record and
// a store ends the program. Such a segment must hold the same record.
//
// Threads may share one. The record has one writer; what else is stored into a field is that field's last value.
template <class T>
class SharedMemory {
public:
    using fields = typename shared_form<T>::fields;
    using record = typename shared_form<T>::record;

    // mode is that of a new object, less the umask.
    //
    // Throws std::system_error: EEXIST, ENOENT, EACCES, ENOMEM, ENOSPC as the system says, error::truncated for an
    // object that is too short, error::schema for another record, and what else makes a header invalid.
    SharedMemory(const std::string& name, bool create, mode_t mode = 0666) {
        detail::during(create ? "create" : "attach", detail::canonical(name), [&] {
            const std::string path = detail::object_path(name);
            if (create) {
                make(path, mode);
            } else {
                attach(path);
            }
        });
    }

    SharedMemory(const SharedMemory&) = delete;
    SharedMemory& operator=(const SharedMemory&) = delete;

    fields* get() noexcept { return fields_; }
    const fields* get() const noexcept { return fields_; }

    // Copies the whole record to out, whatever the writer does meanwhile. It waits for nobody.
    snapshot read(record& out) const noexcept {
        if (version_ == nullptr) {
            detail::read_unprotected(payload(), out);
            return snapshot::unprotected;
        }
        for (int tries = 0; tries < most_tries; ++tries) {
            const detail::word version = detail::load_acquire(version_);
            if (version == 0) {
                return snapshot::empty;
            }
            if (version % 2 == 0 && detail::load_cell(version_, payload(), out, version) == version) {
                return snapshot::whole;
            }
        }
        return snapshot::busy;
    }

    // Whether read protects against tearing: there is a version beside the record.
    bool versioned() const noexcept { return version_ != nullptr; }

private:
    static constexpr int most_tries = 1 << 12;

    const detail::word* payload() const noexcept { return reinterpret_cast<const detail::word*>(fields_); }

    void make(const std::string& path, mode_t mode) {
        const detail::file f = detail::open_unnamed(detail::shm_dir, mode);
        detail::reserve(f, sizeof(fields));
        mapped_ = detail::mapping(f, sizeof(fields), true);
        fields_ = reinterpret_cast<fields*>(mapped_.start());
        detail::link(f, path);  // as the last step: whoever finds the name finds all of it
    }

    void attach(const std::string& path) {
        bool writable = true;
        detail::file f;
        try {
            f = detail::open(path, O_RDWR);
        } catch (const failure& e) {
            if (e.code() != std::errc::permission_denied) {
                throw;
            }
            writable = false;
            f = detail::open(path, O_RDONLY);
        }
        const struct stat s = detail::status_of(f);
        if (!S_ISREG(s.st_mode)) {
            detail::fail(error::not_regular);
        }
        const auto size = static_cast<std::uint64_t>(s.st_size);
        if (size != layout::bare_size && has_magic(f)) {
            attach_view(f, size);
            return;
        }
        if (size < sizeof(fields)) {
            detail::fail(error::truncated, std::to_string(size) + " bytes, not " + std::to_string(sizeof(fields)));
        }
        if (!writable) {
            detail::fail(EACCES);
        }
        mapped_ = detail::mapping(f, sizeof(fields), true);
        fields_ = reinterpret_cast<fields*>(mapped_.start());
    }

    static bool has_magic(const detail::file& f) {
        unsigned char magic[8]{};
        return detail::read_at(f, layout::magic_offset, magic, sizeof magic) == sizeof magic &&
               detail::load<std::uint64_t>(magic) == layout::magic;
    }

    void attach_view(const detail::file& f, std::uint64_t size) {
        const geometry g = detail::decode(size, [&](std::uint64_t offset, unsigned char* to, std::uint64_t n) {
            return detail::read_at(f, offset, to, n);
        });
        // A larger record's view lies elsewhere, and the start of its object is zero, "not valid", for ever: programs
        // from before the ring have always been let in there.
        const bool elsewhere = g.view_offset != layout::view_offset && sizeof(record) <= layout::view_record_size;
        if (!elsewhere) {
            g.record.require(describe<record>());
        }
        mapped_ = detail::mapping(f, g.header_size, false);
        const auto at = [&](std::uint64_t offset) { return mapped_.start() + offset; };
        fields_ = reinterpret_cast<fields*>(at(elsewhere ? layout::view_offset : g.view_offset));
        version_ = reinterpret_cast<const detail::word*>(
            at(elsewhere ? layout::view_version_offset : g.view_version_offset));
    }

    detail::mapping mapped_;
    fields* fields_ = nullptr;
    const detail::word* version_ = nullptr;  // of the view; null for a bare segment
};

}  // namespace tickring
