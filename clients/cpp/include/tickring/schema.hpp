// The description of a record, as it stands in a segment's header.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "errors.hpp"
#include "layout.hpp"

namespace tickring {

// The type of a field's elements, as stored.
enum class kind : std::uint32_t { boolean = 1, i8, i16, i32, i64, u8, u16, u32, u64, f32, f64 };

namespace detail {

struct kind_facts {
    const char* name;
    std::uint64_t size;  // of one element, bytes
};

inline constexpr std::array<kind_facts, 12> kinds{{{"", 0},
                                                   {"bool", 1},
                                                   {"i8", 1},
                                                   {"i16", 2},
                                                   {"i32", 4},
                                                   {"i64", 8},
                                                   {"u8", 1},
                                                   {"u16", 2},
                                                   {"u32", 4},
                                                   {"u64", 8},
                                                   {"f32", 4},
                                                   {"f64", 8}}};

inline bool known(kind k) { return k >= kind::boolean && k <= kind::f64; }
inline const kind_facts& facts(kind k) { return kinds[known(k) ? static_cast<std::size_t>(k) : 0]; }

// The numbers of a header are little-endian, and so is every machine that attach lets in.
template <class Number>
Number load(const unsigned char* at) {
    Number n;
    std::memcpy(&n, at, sizeof n);
    return n;
}

template <class Number>
void store(unsigned char* at, Number n) {
    std::memcpy(at, &n, sizeof n);
}

inline bool valid_name(const std::string& name) {
    return !name.empty() && name.size() <= layout::name_size &&
           std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c <= '~'; });
}

inline std::string padded_text(const unsigned char* at) {
    const auto* text = reinterpret_cast<const char*>(at);
    return {text, std::find(text, text + layout::name_size, '\0')};
}

inline constexpr std::uint64_t schema_entry_size = 64;  // of the heading, and of each field

}  // namespace detail

// One field of a record.
struct field {
    std::string name;  // a nested field has its path: "bid.price", "levels[0].size"
    kind type;
    std::uint64_t count;   // elements: 1, or the length of an array
    std::uint64_t offset;  // from the start of the record, bytes

    // Of the whole field, in bytes.
    std::uint64_t size() const { return detail::facts(type).size * count; }

    std::string to_string() const {
        const std::string length = count == 1 ? "" : "[" + std::to_string(count) + "]";
        return name + " " + detail::facts(type).name + length + " @" + std::to_string(offset);
    }

    bool operator==(const field& other) const {
        return name == other.name && type == other.type && count == other.count && offset == other.offset;
    }
};

// A record: enough for a program that does not know its type to decode it.
struct schema {
    std::string name;
    std::uint64_t size = 0;  // of the record, bytes, padding included
    std::vector<field> fields;  // in the order of their offsets

    // The number of 8-byte words that hold one record.
    std::uint64_t words() const { return (size + 7) / 8; }

    // Throws error::schema if this describes no record.
    void validate() const {
        const auto wrong = [](const std::string& what) { detail::fail(error::schema, what); };
        if (size < 1 || size > layout::max_record_size) {
            wrong("record size " + std::to_string(size) + " is not in 1…" + std::to_string(layout::max_record_size));
        }
        if (fields.empty() || fields.size() > layout::max_fields) {
            wrong(std::to_string(fields.size()) + " fields, not 1…" + std::to_string(layout::max_fields));
        }
        if (!detail::valid_name(name)) {
            wrong("record name \"" + detail::quoted(name) + "\" is not 1…48 printable ASCII characters");
        }
        std::uint64_t end = 0;
        std::set<std::string> names;
        for (const field& f : fields) {
            const std::string called = "field \"" + detail::quoted(f.name) + "\"";
            if (!detail::valid_name(f.name)) {
                wrong(called + ": its name is not 1…48 printable ASCII characters");
            }
            if (!names.insert(f.name).second) {
                wrong("two fields are named \"" + f.name + "\"");
            }
            if (!detail::known(f.type)) {
                wrong(called + " has unknown kind " + std::to_string(static_cast<std::uint32_t>(f.type)));
            }
            // In this order: a count within the record's size is what keeps the field's size from overflowing.
            if (f.count < 1 || f.count > size || f.offset < end || f.size() > size || f.offset > size - f.size()) {
                wrong(called + " overlaps another or leaves the record of " + std::to_string(size) + " bytes");
            }
            end = f.offset + f.size();
        }
    }

    // Throws error::schema, with the first field that differs, if a program's record is not the segment's, which this
    // is. The records' names may differ.
    void require(const schema& program) const {
        const auto differ = [](const std::string& field, const std::string& here, const std::string& there) {
            detail::fail(error::schema, "record type does not match the segment: field " + field + ": segment has " +
                                            here + ", program has " + there);
        };
        for (std::size_t i = 0; i < std::max(fields.size(), program.fields.size()); ++i) {
            if (i >= program.fields.size()) {
                differ(fields[i].name, fields[i].to_string(), "no such field");
            }
            if (i >= fields.size()) {
                differ(program.fields[i].name, "no such field", program.fields[i].to_string());
            }
            if (!(fields[i] == program.fields[i])) {
                differ(fields[i].name, fields[i].to_string(), program.fields[i].to_string());
            }
        }
        if (size != program.size) {
            differ("(size)", std::to_string(size) + " bytes", std::to_string(program.size) + " bytes");
        }
    }
};

namespace detail {

inline std::uint64_t encoded_size(const schema& s) { return schema_entry_size * (1 + s.fields.size()); }

// encode writes encoded_size bytes, which are zero so far.
inline void encode(const schema& s, unsigned char* to) {
    std::memcpy(to, s.name.data(), s.name.size());
    store(to + 48, static_cast<std::uint32_t>(s.size));
    store(to + 52, static_cast<std::uint32_t>(s.fields.size()));
    for (const field& f : s.fields) {
        to += schema_entry_size;
        std::memcpy(to, f.name.data(), f.name.size());
        store(to + 48, static_cast<std::uint32_t>(f.type));
        store(to + 52, static_cast<std::uint32_t>(f.count));
        store(to + 56, static_cast<std::uint32_t>(f.offset));
    }
}

// decode reads a private copy of a schema.
inline schema decode_schema(const std::vector<unsigned char>& b) {
    const std::size_t entries = b.size() / schema_entry_size;
    if (entries < 1 || entries > 1 + layout::max_fields || b.size() % schema_entry_size != 0) {
        fail(error::schema, std::to_string(b.size()) + " bytes of schema");
    }
    schema s{padded_text(b.data()), load<std::uint32_t>(b.data() + 48), {}};
    if (load<std::uint32_t>(b.data() + 52) != entries - 1) {
        fail(error::schema, "its number of fields does not agree with its " + std::to_string(b.size()) + " bytes");
    }
    for (std::size_t i = 1; i < entries; ++i) {
        const unsigned char* e = b.data() + i * schema_entry_size;
        s.fields.push_back({padded_text(e), static_cast<kind>(load<std::uint32_t>(e + 48)),
                            load<std::uint32_t>(e + 52), load<std::uint32_t>(e + 56)});
    }
    s.validate();
    return s;
}

}  // namespace detail

}  // namespace tickring
