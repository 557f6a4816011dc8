// One value that one writer changes while any number of readers look: every memory order of the hot paths is here.
//
// A cell is a version word followed by payload words, all of eight bytes, eight-byte aligned. The writer of value n
//
//   W1  stores version = 2n+1, relaxed
//       release fence
//   W2  stores the payload, relaxed
//   W3  stores version = 2n+2, release
//
// and a reader that wants value n
//
//   R1  loads the version, acquire: it must be 2n+2
//   R2  loads the payload, relaxed
//       acquire fence
//   R3  loads the version, relaxed: it must still be 2n+2
//
// A copy that is accepted is whole, by the C++ memory model:
//
//   Nothing older.  R1 read what W3 of n stored (a version is stored once), so W3 synchronises with R1, W2 of n happens
//                   before R2, and R2 cannot see what was there before it.
//   Nothing newer.  Suppose R2 read a word that W2 of m > n stored. A release fence is sequenced before that store, an
//                   acquire fence after that load, so the one synchronises with the other: W1 of m happens before R3,
//                   and R3 reads 2m+1 or a later version. The copy is refused.
//
// Every access is atomic, so there is no data race. "Even, and the same before and after" would not do for a ring: it
// accepts the record of another lap.
//
// On x86-64 none of it costs an instruction: relaxed, acquire and release are plain MOVs, and the two fences only hold
// the compiler back.
//
// ThreadSanitizer does not know fences. For it the fences are left out, and W2 is release and R2 acquire instead, which
// makes the same two orders: each store of W2 carries W1 before it, each load of R2 keeps R3 behind it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "record.hpp"

#if defined(__SANITIZE_THREAD__)
#define TICKRING_DETAIL_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TICKRING_DETAIL_TSAN 1
#endif
#endif

namespace tickring::detail {

// What is inlined whatever the compiler thinks of its size: a call for each cell costs more than the cell.
#define TICKRING_DETAIL_HOT [[gnu::always_inline]] inline

// A word of shared memory. C++17 has no std::atomic_ref; these are what it is made of.
using word = std::uint64_t;

template <class Word>
Word load_relaxed(const Word* w) noexcept {
    return __atomic_load_n(w, __ATOMIC_RELAXED);
}
template <class Word>
Word load_acquire(const Word* w) noexcept {
    return __atomic_load_n(w, __ATOMIC_ACQUIRE);
}
template <class Word>
void store_relaxed(Word* w, Word v) noexcept {
    __atomic_store_n(w, v, __ATOMIC_RELAXED);
}
template <class Word>
void store_release(Word* w, Word v) noexcept {
    __atomic_store_n(w, v, __ATOMIC_RELEASE);
}

#ifdef TICKRING_DETAIL_TSAN
inline void store_payload(word* w, word v) noexcept { store_release(w, v); }
inline word load_payload(const word* w) noexcept { return load_acquire(w); }
inline void fence_after_odd() noexcept {}
inline void fence_before_check() noexcept {}
#else
inline void store_payload(word* w, word v) noexcept { store_relaxed(w, v); }
inline word load_payload(const word* w) noexcept { return load_relaxed(w); }
inline void fence_after_odd() noexcept { std::atomic_thread_fence(std::memory_order_release); }
inline void fence_before_check() noexcept { std::atomic_thread_fence(std::memory_order_acquire); }
#endif

// finished is the version of a cell that holds value n.
constexpr word finished(word n) noexcept { return 2 * n + 2; }

// unfinished is that of a cell while value n is being written.
constexpr word unfinished(word n) noexcept { return 2 * n + 1; }

// word_of is word I of a record, without its padding.
template <std::size_t I, class T>
word word_of(const T& record) noexcept {
    constexpr std::size_t left = sizeof(T) - 8 * I;
    word w = 0;
    std::memcpy(&w, reinterpret_cast<const unsigned char*>(&record) + 8 * I, left < 8 ? left : 8);
    return w & ~masks<T>.padding[I];
}

// put_word is its reverse.
template <std::size_t I, class T>
void put_word(T& record, word w) noexcept {
    constexpr std::size_t left = sizeof(T) - 8 * I;
    w &= ~masks<T>.no_bool[I];
    std::memcpy(reinterpret_cast<unsigned char*>(&record) + 8 * I, &w, left < 8 ? left : 8);
}

// Records of up to so many words are copied through registers, without a loop.
inline constexpr std::size_t most_unrolled = 16;

template <class T, std::size_t... I>
TICKRING_DETAIL_HOT void store_words(word* payload, const T& record, std::index_sequence<I...>) noexcept {
    (store_payload(payload + I, word_of<I>(record)), ...);
}

template <class T>
TICKRING_DETAIL_HOT void store_words(word* payload, const T& record) noexcept {
    constexpr std::size_t words = word_count<T>;
    if constexpr (words <= most_unrolled) {
        store_words(payload, record, std::make_index_sequence<words>{});
    } else {
        const auto* from = reinterpret_cast<const unsigned char*>(&record);
        for (std::size_t i = 0; i < words - 1; ++i, from += 8) {
            word w;
            std::memcpy(&w, from, sizeof w);
            store_payload(payload + i, w & ~masks<T>.padding[i]);
        }
        store_payload(payload + words - 1, word_of<words - 1>(record));
    }
}

// store_cell makes a cell hold value n.
template <class T>
TICKRING_DETAIL_HOT void store_cell(word* version, word* payload, const T& record, word n) noexcept {
    store_relaxed(version, 2 * n + 1);  // W1
    fence_after_odd();
    store_words(payload, record);         // W2
    store_release(version, finished(n));  // W3
}

template <class T, std::size_t... I>
TICKRING_DETAIL_HOT word load_words(const word* version, const word* payload, T& record, word want,
                                    std::index_sequence<I...>) noexcept {
    const word copy[] = {load_payload(payload + I)...};  // R2
    fence_before_check();
    const word seen = load_relaxed(version);  // R3
    if (seen == want) {
        (put_word<I>(record, copy[I]), ...);
    }
    return seen;
}

// load_cell copies the value to record if its version is want before and after, and returns the version that it saw: if
// that is not want, record holds nothing. It never waits.
template <class T>
TICKRING_DETAIL_HOT word load_cell(const word* version, const word* payload, T& record, word want) noexcept {
    constexpr std::size_t words = word_count<T>;
    word seen = load_acquire(version);  // R1
    if (__builtin_expect(seen != want, false)) {
        return seen;
    }
    if constexpr (words <= most_unrolled) {
        return load_words(version, payload, record, want, std::make_index_sequence<words>{});
    } else {
        auto* to = reinterpret_cast<unsigned char*>(&record);
        for (std::size_t i = 0; i < words - 1; ++i) {
            const word w = load_payload(payload + i) & ~masks<T>.no_bool[i];  // R2
            std::memcpy(to + 8 * i, &w, sizeof w);
        }
        put_word<words - 1>(record, load_payload(payload + words - 1));
        fence_before_check();
        seen = load_relaxed(version);  // R3
        if (seen != want) {
            std::memset(to, 0, sizeof record);  // never leave a torn record where somebody might use it
        }
        return seen;
    }
}

}  // namespace tickring::detail
