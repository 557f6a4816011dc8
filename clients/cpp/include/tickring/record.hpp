// C++ types as records: TICKRING_RECORD, and what is derived from it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

#include "each.hpp"
#include "layout.hpp"
#include "schema.hpp"

// TICKRING_RECORD(Quote, bid, ask, sizes) makes struct Quote a record that can be shared. It stands outside of every
// namespace, after the struct, and names all members in their order. A member is a bool, a sized integer or an
// enumeration of one, a char (a u8), a float, a double, a struct that was itself made a record before, or an array of
// those. A member whose name begins with "padding" belongs to no field, and is stored as zero.
//
// The fields have the names of the members: a Go program of the same record has BestBid where this has best_bid.
#define TICKRING_RECORD(TYPE, ...)                                                                          \
    template <>                                                                                             \
    struct tickring::schema_of<TYPE> {                                                                      \
        using record = TYPE;                                                                                \
        static constexpr const char* name = #TYPE;                                                          \
        template <class Visitor>                                                                            \
        static constexpr void fields(Visitor& visit) {                                                      \
            TICKRING_DETAIL_EACH(TICKRING_DETAIL_FIELD, __VA_ARGS__)                                        \
        }                                                                                                   \
        static void names_every_member(record& value) { [[maybe_unused]] auto& [__VA_ARGS__] = value; }     \
    };                                                                                                      \
    static_assert(tickring::detail::masks<TYPE>.ordered, "TICKRING_RECORD: name the members in their order")

#define TICKRING_DETAIL_FIELD(MEMBER) \
    visit.template field<decltype(record::MEMBER)>(#MEMBER, offsetof(record, MEMBER));

namespace tickring {

// What TICKRING_RECORD says of a type. It can be specialised by hand for a type that cannot be named member by member:
// name, and a function that calls visit.field<type>("name", offset) for each field, in the order of the offsets.
template <class T>
struct schema_of;

namespace detail {

template <class T, class = void>
inline constexpr bool described = false;
template <class T>
inline constexpr bool described<T, std::void_t<decltype(schema_of<T>::name)>> = true;

// What T is an array of, and how long: 0 if it is none.
template <class T>
struct array_of {
    using element = T;
    static constexpr std::size_t length = 0;
};
template <class T, std::size_t N>
struct array_of<T[N]> {
    using element = T;
    static constexpr std::size_t length = N;
};
template <class T, std::size_t N>
struct array_of<std::array<T, N>> : array_of<T[N]> {};

// The kind of a T, or none (0) if it is no single number.
template <class T>
constexpr kind kind_of() {
    if constexpr (std::is_enum_v<T>) {
        return kind_of<std::underlying_type_t<T>>();
    } else if constexpr (std::is_same_v<T, bool>) {
        return kind::boolean;
    } else if constexpr (std::is_same_v<T, float>) {
        return kind::f32;
    } else if constexpr (std::is_same_v<T, double>) {
        return kind::f64;
    } else if constexpr (std::is_integral_v<T> && !std::is_same_v<T, wchar_t>) {
        constexpr kind first = std::is_signed_v<T> && !std::is_same_v<T, char> ? kind::i8 : kind::u8;
        constexpr std::uint32_t doublings = sizeof(T) == 1 ? 0 : sizeof(T) == 2 ? 1 : sizeof(T) == 4 ? 2 : 3;
        return static_cast<kind>(static_cast<std::uint32_t>(first) + doublings);
    }
    return kind{};
}

template <class T>
inline constexpr bool is_number = kind_of<T>() != kind{};

constexpr bool is_padding(const char* name) {
    const char* prefix = "padding";
    while (*prefix != '\0' && *name == *prefix) {
        ++name, ++prefix;
    }
    return *prefix == '\0';
}

template <class T>
inline constexpr std::size_t word_count = (sizeof(T) + 7) / 8;

// For each word of a T, the bits of padding, and the bits that no bool has: one that is neither 0 nor 1 is not a value
// to C++. Both are set where there is something to set, since compilers bound the steps of what they compute.
template <class T>
struct mask_table {
    std::uint64_t padding[word_count<T>]{};
    std::uint64_t no_bool[word_count<T>]{};
    std::size_t end = 0;
    bool ordered = true;

    constexpr mask_table() {
        nested all{*this, 0};
        schema_of<T>::fields(all);
        set(padding, end, 8 * word_count<T>, 0xff);
    }

    struct nested {
        mask_table& table;
        std::size_t base;
        template <class Member>
        constexpr void field(const char* name, std::size_t offset) {
            if (!is_padding(name)) {
                table.template cover<Member>(base + offset);
            }
        }
    };

    template <class Member>
    constexpr void cover(std::size_t offset) {
        using element = typename array_of<Member>::element;
        if constexpr (is_number<element>) {
            ordered = ordered && offset >= end;
            set(padding, end, offset, 0xff);
            end = offset + sizeof(Member);
            if (std::is_same_v<element, bool>) {
                set(no_bool, offset, end, 0xfe);
            }
        } else if constexpr (array_of<Member>::length > 0) {
            for (std::size_t i = 0; i < array_of<Member>::length; ++i) {
                cover<element>(offset + i * sizeof(element));
            }
        } else {
            static_assert(described<Member>,
                          "a member is neither a sized number nor a bool nor a struct with its own TICKRING_RECORD");
            nested inner{*this, offset};
            schema_of<Member>::fields(inner);
        }
    }

    // set makes the bytes from one offset to another byte in a mask.
    static constexpr void set(std::uint64_t* mask, std::size_t from, std::size_t to, std::uint64_t byte) {
        for (; from < to; ++from) {
            mask[from / 8] |= byte << (8 * (from % 8));
        }
    }
};

template <class T>
inline constexpr mask_table<T> masks{};

struct schema_builder {
    schema& to;
    std::string path;
    std::size_t base;

    template <class Member>
    void field(const char* name, std::size_t offset) const {
        if (!is_padding(name)) {
            append<Member>(path + name, base + offset);
        }
    }

    template <class Member>
    void append(const std::string& name, std::size_t offset) const {
        using element = typename array_of<Member>::element;
        constexpr std::size_t length = array_of<Member>::length;
        if constexpr (is_number<element>) {
            to.fields.push_back({name, kind_of<element>(), length == 0 ? 1 : length, offset});
        } else if constexpr (length > 0) {
            for (std::size_t i = 0; i < length; ++i) {
                append<element>(name + "[" + std::to_string(i) + "]", offset + i * sizeof(element));
            }
        } else {
            const schema_builder inner{to, name + ".", offset};
            schema_of<Member>::fields(inner);
        }
    }
};

}  // namespace detail

// describe is the schema of T. Throws error::schema for one that no segment can have: more than 256 fields, a name of
// more than 48 bytes.
template <class T>
schema describe() {
    static_assert(std::is_trivially_copyable_v<T> && std::is_standard_layout_v<T>,
                  "a record is copied word by word: it must be trivially copyable and of standard layout");
    static_assert(sizeof(T) <= layout::max_record_size, "a record has at most a mebibyte");
    static_assert(alignof(T) <= 4096);
    const std::string qualified = schema_of<T>::name;
    const std::string name = qualified.substr(qualified.rfind(':') + 1);  // npos + 1 is 0
    schema s{detail::valid_name(name) ? name : "record", sizeof(T), {}};
    const detail::schema_builder all{s, "", 0};
    schema_of<T>::fields(all);
    s.validate();
    return s;
}

}  // namespace tickring
