// The header of a segment: encoding, and the checks that a hostile one does not pass.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "geometry.hpp"

namespace tickring::detail {

inline constexpr std::uint32_t flag_doorbell = 1;
inline constexpr std::uint64_t max_ring_offset = std::uint64_t{1} << 40;

using bytes = std::vector<unsigned char>;

// hex is n in as many digits as file names have it.
inline std::string hex(std::uint64_t n) {
    char text[17];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(n));
    return text;
}

// ring_file_suffix is what the path of a ring file ends in, behind the segment's name.
inline std::string ring_file_suffix(std::uint64_t created) { return "." + hex(created) + ".ring"; }

class checksum {  // FNV-1a, 64 bits
public:
    void add(const unsigned char* b, std::uint64_t n) {
        for (const unsigned char* end = b + n; b != end; ++b) {
            sum_ = (sum_ ^ *b) * 0x100000001b3;
        }
    }
    std::uint64_t sum() const { return sum_; }

private:
    std::uint64_t sum_ = 0xcbf29ce484222325;
};

// check_machine refuses one that stores its words the other way round: live words and records are used in place.
inline void check_machine() {
    const std::uint16_t one = 1;
    if (*reinterpret_cast<const unsigned char*>(&one) != 1) {
        fail(error::byte_order, "segments are little-endian");
    }
}

// encode returns the first header_size bytes of a new segment: identity and texts, all live words zero.
inline bytes encode(const geometry& g) {
    check_machine();
    bytes b(g.header_size);
    const auto put32 = [&](std::uint64_t at, std::uint64_t n) { store(&b[at], static_cast<std::uint32_t>(n)); };
    const auto put64 = [&](std::uint64_t at, std::uint64_t n) { store(&b[at], n); };
    const auto put_text = [&](std::uint64_t at, const std::string& text) {
        std::copy(text.begin(), text.end(), b.begin() + static_cast<std::ptrdiff_t>(at));
    };
    const std::uint64_t schema_size = encoded_size(g.record);
    const std::uint64_t fallback_at = layout::schema_offset + schema_size, path_at = ring_file_place(g.record);
    const std::string fallback = g.fallback.substr(0, layout::fallback_size);

    put64(layout::magic_offset, layout::magic);
    put32(layout::version_offset, layout::version);
    put32(layout::min_reader_version_offset, layout::min_reader_version);
    put32(layout::byte_order_offset, layout::byte_order_mark);
    put32(layout::header_size_offset, g.header_size);
    put32(layout::record_size_offset, g.record.size);
    put32(layout::slot_stride_offset, g.slot_stride);
    put64(layout::slots_offset, g.slots);
    put64(layout::ring_offset_offset, g.ring_offset);
    put64(layout::segment_size_offset, g.segment_size);
    put32(layout::backing_offset, g.ring_file.empty() ? layout::backing_object : layout::backing_hugetlbfs);
    put32(layout::view_offset_offset, g.view_offset);
    put32(layout::view_version_offset_offset, g.view_version_offset);
    put32(layout::schema_offset_offset, layout::schema_offset);
    put32(layout::schema_size_offset, schema_size);
    put32(layout::ring_file_offset_offset, g.ring_file.empty() ? 0 : path_at);
    put32(layout::ring_file_size_offset, g.ring_file.size());
    put32(layout::flags_offset, g.doorbell ? flag_doorbell : 0);
    put64(layout::created_offset, g.created);
    put32(layout::fallback_offset_offset, fallback_at);
    put32(layout::fallback_size_offset, fallback.size());
    encode(g.record, &b[layout::schema_offset]);
    put_text(fallback_at, fallback);
    put_text(path_at, g.ring_file);

    checksum sum;
    sum.add(&b[layout::identity_offset], layout::checksum_offset - layout::identity_offset);
    sum.add(&b[layout::schema_offset], schema_size);
    sum.add(b.data() + path_at, g.ring_file.size());
    sum.add(b.data() + fallback_at, fallback.size());
    put64(layout::checksum_offset, sum.sum());
    return b;
}

// check_path holds the path of a ring file to what a maker writes: it is absolute, printable, and its last element
// says to which segment the file belongs.
inline void check_path(const geometry& g) {
    const std::string& path = g.ring_file;
    const auto wrong = [&](const char* what) {
        fail(error::geometry, "ring file \"" + quoted(path) + "\": " + what);
    };
    if (path.empty() || path[0] != '/' || quoted(path) != path || path.size() > layout::max_path_size) {
        wrong("not an absolute path of printable ASCII characters");
    }
    for (const char* detour : {"//", "/./", "/../"}) {
        if ((path + "/").find(detour) != std::string::npos) {
            wrong("not the shortest way there");
        }
    }
    const std::string last = path.substr(path.rfind('/') + 1), suffix = ring_file_suffix(g.created);
    if (last.size() <= suffix.size() || last.compare(last.size() - suffix.size(), suffix.size(), suffix) != 0) {
        wrong("its last element is not a segment's name and creation");
    }
}

// check holds a decoded geometry to what the rest relies on; size is the object's. The limits keep every product
// below 2^62.
inline void check(const geometry& g, std::uint64_t backing, std::uint64_t size) {
    const auto wrong = [](const std::string& what) { fail(error::geometry, what); };
    const std::uint64_t view_end = g.view_offset + 8 * g.record.words();
    const bool small = g.view_offset == layout::view_offset && g.view_version_offset == layout::view_version_offset &&
                       view_end <= layout::view_version_offset;
    const bool large = g.view_offset >= layout::schema_offset + 8 && g.view_offset % 8 == 0 &&
                       g.view_version_offset == g.view_offset - 8 && view_end <= g.header_size;
    if (g.slots < layout::min_slots || g.slots > layout::max_slots || (g.slots & (g.slots - 1)) != 0) {
        wrong(std::to_string(g.slots) + " slots are not a power of two from 2 to 2^40");
    }
    if (g.slot_stride % 8 != 0 || g.slot_stride < layout::slot_header + 8 * g.record.words() ||
        g.slot_stride > 2 * layout::max_record_size) {
        wrong("slot stride " + std::to_string(g.slot_stride) + " for a record of " + std::to_string(g.record.size) +
              " bytes");
    }
    if (backing > layout::backing_hugetlbfs) {
        fail(error::version, "ring backing " + std::to_string(backing) + " is unknown to this program");
    }
    const bool apart = backing == layout::backing_hugetlbfs;
    if (g.ring_offset % layout::page_size != 0 || g.ring_offset > max_ring_offset ||
        (!apart && g.ring_offset < g.header_size)) {
        wrong("ring at " + std::to_string(g.ring_offset) + " with a header of " + std::to_string(g.header_size) +
              " bytes");
    }
    if (!small && !large) {
        wrong("view of " + std::to_string(g.record.size) + " bytes at " + std::to_string(g.view_offset) +
              ", its version at " + std::to_string(g.view_version_offset));
    }
    if (apart ? g.segment_size < g.header_size || g.segment_size % layout::page_size != 0
              : g.segment_size != g.ring_offset + g.ring_size()) {
        wrong("segment of " + std::to_string(g.segment_size) + " bytes for a ring of " +
              std::to_string(g.ring_size()) + " at " + std::to_string(g.ring_offset));
    }
    if (apart) {
        check_path(g);
    }
    if (size < g.segment_size) {
        fail(error::truncated, std::to_string(size) + " bytes, header says " + std::to_string(g.segment_size));
    }
}

// A decoder of one header. read(offset, to, n) copies n bytes of the object, fewer if it ends before, and returns how
// many; each byte is fetched once, so that what was checked cannot change behind the check.
template <class Read>
class decoder {
public:
    decoder(std::uint64_t size, Read read) : size_(size), read_(std::move(read)) {}

    geometry decode() {
        check_identity();
        geometry g;
        g.version = u32(layout::version_offset);
        g.header_size = header_size_;
        g.slot_stride = u32(layout::slot_stride_offset);
        g.slots = u64(layout::slots_offset);
        g.ring_offset = u64(layout::ring_offset_offset);
        g.segment_size = u64(layout::segment_size_offset);
        g.view_offset = u32(layout::view_offset_offset);
        g.view_version_offset = u32(layout::view_version_offset_offset);
        g.doorbell = (u32(layout::flags_offset) & flag_doorbell) != 0;
        g.created = u64(layout::created_offset);

        const bytes schema = text(layout::schema_offset_offset, layout::schema_size_offset);
        const bytes path = text(layout::ring_file_offset_offset, layout::ring_file_size_offset);
        const bytes fallback = text(layout::fallback_offset_offset, layout::fallback_size_offset);
        checksum sum;
        sum.add(&identity_[layout::identity_offset], layout::checksum_offset - layout::identity_offset);
        for (const bytes* part : {&schema, &path, &fallback}) {
            sum.add(part->data(), part->size());
        }
        if (const std::uint64_t said = u64(layout::checksum_offset); sum.sum() != said) {
            fail(error::checksum, "computed 0x" + hex(sum.sum()) + ", header says 0x" + hex(said));
        }
        g.fallback = quoted({fallback.begin(), fallback.end()});
        g.record = decode_schema(schema);
        if (const std::uint64_t n = u32(layout::record_size_offset); n != g.record.size) {
            fail(error::geometry,
                 "record of " + std::to_string(n) + " bytes, schema of " + std::to_string(g.record.size));
        }
        const std::uint64_t backing = u32(layout::backing_offset);
        if (backing == layout::backing_hugetlbfs) {
            g.ring_file.assign(path.begin(), path.end());
        }
        check(g, backing, size_);
        for (const span& t : texts_) {  // else a publish would write over what the checksum vouches for
            if (t.end > g.view_version_offset && t.start < g.view_offset + 8 * g.record.words()) {
                fail(error::geometry, "the view at " + std::to_string(g.view_offset) + " lies in the text at " +
                                          std::to_string(t.start));
            }
        }
        return g;
    }

private:
    struct span {
        std::uint64_t start, end;
    };

    std::uint32_t u32(std::uint64_t at) const { return load<std::uint32_t>(&identity_[at]); }
    std::uint64_t u64(std::uint64_t at) const { return load<std::uint64_t>(&identity_[at]); }

    bytes fetch(std::uint64_t at, std::uint64_t n) {
        bytes b(n);
        if (const std::uint64_t have = read_(at, b.data(), n); have < n) {
            fail(error::truncated, "it ends at " + std::to_string(at + have) + ", in the middle of its header");
        }
        return b;
    }

    void check_identity() {
        constexpr std::uint64_t end = layout::identity_offset + layout::identity_size;
        const auto too_short = [&] { fail(error::truncated, std::to_string(size_) + " bytes, less than a header"); };
        identity_ = fetch(0, std::min(size_, end));
        if (identity_.size() < layout::magic_offset + 8) {
            too_short();
        }
        if (const std::uint64_t magic = u64(layout::magic_offset); magic != layout::magic) {
            fail(error::magic, "magic 0x" + hex(magic) + ", want 0x" + hex(layout::magic));
        }
        if (identity_.size() < end) {
            too_short();
        }
        if (const std::uint64_t mark = u32(layout::byte_order_offset); mark != layout::byte_order_mark) {
            fail(error::byte_order, "mark 0x" + hex(mark) + ", want 0x" + hex(layout::byte_order_mark));
        }
        check_machine();
        const std::uint64_t version = u32(layout::version_offset), oldest = u32(layout::min_reader_version_offset);
        if (version < 1 || oldest > layout::version) {
            fail(error::version, "segment has version " + std::to_string(version) + " for readers of version " +
                                     std::to_string(oldest) + " or later, this program reads version " +
                                     std::to_string(layout::version));
        }
        header_size_ = u32(layout::header_size_offset);
        if (header_size_ < layout::schema_offset || header_size_ > layout::max_header_size) {
            fail(error::geometry, "header of " + std::to_string(header_size_) + " bytes");
        }
        if (header_size_ > size_) {
            fail(error::truncated,
                 std::to_string(size_) + " bytes, less than the header's " + std::to_string(header_size_));
        }
    }

    // text fetches one of the parts of variable length, whose place two words of the identity say.
    bytes text(std::uint64_t offset_at, std::uint64_t size_at) {
        const std::uint64_t start = u32(offset_at), n = u32(size_at);
        if (n == 0) {
            return {};
        }
        if (start < layout::schema_offset || start + n > header_size_) {
            fail(error::geometry, std::to_string(n) + " bytes at " + std::to_string(start) +
                                      " are not within the header of " + std::to_string(header_size_));
        }
        texts_.push_back({start, start + n});
        return fetch(start, n);
    }

    std::uint64_t size_;
    Read read_;
    bytes identity_;
    std::uint64_t header_size_ = 0;
    std::vector<span> texts_;
};

// decode validates the header of an object of a size, and returns its geometry.
template <class Read>
geometry decode(std::uint64_t size, Read read) {
    return decoder<Read>(size, std::move(read)).decode();
}

// validate checks a geometry of which a program means to make a segment.
inline void validate(const geometry& g) {
    check_machine();
    g.record.validate();
    const std::uint64_t texts = ring_file_place(g.record) + g.ring_file.size();
    if (g.header_size < texts || g.header_size > layout::max_header_size ||
        (g.view_offset > layout::view_offset && g.view_version_offset < texts)) {
        fail(error::geometry, "header of " + std::to_string(g.header_size) + " bytes, view at " +
                                  std::to_string(g.view_offset) + ": " + std::to_string(texts) +
                                  " are taken by identity and texts");
    }
    check(g, g.ring_file.empty() ? layout::backing_object : layout::backing_hugetlbfs, g.segment_size);
}

}  // namespace tickring::detail
