// bench: nanoseconds per record on a heap ring with nobody on the other side, and of a loop that was written by hand
// for one geometry. Medians, and the lowest and highest tenth, of rounds that take turns.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

#include <tickring/tickring.hpp>

using namespace tickring;
using detail::word;

namespace {

constexpr std::uint64_t slots = 1 << 12, records = 1 << 12, batch = 64;
constexpr int rounds = 401;

std::vector<TradingData> source(records), sink(batch);

// The protocol with everything in registers.
struct by_hand {
    word* slot0;
    word* header;
    word n;

    void publish(const TradingData& t) {
        const auto* from = reinterpret_cast<const unsigned char*>(&t);
        word a, b, c;
        std::memcpy(&a, from, 8), std::memcpy(&b, from + 8, 8), std::memcpy(&c, from + 16, 8);
        c &= 0xffffffffff;
        const auto cell = [&](word* version, word* payload) {
            detail::store_relaxed(version, 2 * n + 1);
            detail::fence_after_odd();
            detail::store_relaxed(payload, a);
            detail::store_relaxed(payload + 1, b);
            detail::store_relaxed(payload + 2, c);
            detail::store_release(version, 2 * n + 2);
        };
        word* slot = slot0 + 4 * (n & (slots - 1));
        cell(slot, slot + 1);
        cell(header + 3, header);
        detail::store_release(header + 32, ++n);
    }

    bool poll(TradingData& t) {
        const word* slot = slot0 + 4 * (n & (slots - 1));
        if (detail::load_acquire(slot) != 2 * n + 2) {
            return false;
        }
        const word a = detail::load_relaxed(slot + 1), b = detail::load_relaxed(slot + 2);
        const word c = detail::load_relaxed(slot + 3);
        detail::fence_before_check();
        if (detail::load_relaxed(slot) != 2 * n + 2) {
            return false;
        }
        auto* to = reinterpret_cast<unsigned char*>(&t);
        std::memcpy(to, &a, 8), std::memcpy(to + 8, &b, 8), std::memcpy(to + 16, &c, 8);
        ++n;
        return true;
    }
};

void need(bool there) {
    if (!there) {
        std::abort();
    }
}

void keep(const void* p) { __asm__ volatile("" ::"r"(p) : "memory"); }

}  // namespace

int main() {
    for (std::uint64_t n = 0; n < records; ++n) {
        source[n] = {static_cast<double>(n), n, static_cast<std::int32_t>(n), true};
    }
    const heap memory = heap_of<TradingData>(slots);
    auto* header = reinterpret_cast<word*>(memory.header());
    auto* slot0 = reinterpret_cast<word*>(memory.slots());
    writer<TradingData> w(memory);
    reader<TradingData> r(memory);
    struct task {
        const char* name;
        std::function<void()> before, run;
        std::vector<double> took;
    };
    const auto to_oldest = [&] { r.seek(position::oldest()); };
    const auto one_by_one = [](auto& from) {
        for (std::uint64_t i = 0; i < records; ++i) {
            need(static_cast<bool>(from.poll(sink[0])));
            keep(&sink[0]);
        }
    };
    std::vector<task> tasks;
    tasks.push_back({"publish", [] {}, [&] {
        for (const TradingData& t : source) {
            w.publish(t);
        }
    }, {}});
    tasks.push_back({"publish, 64 a batch", [] {}, [&] {
        for (std::uint64_t i = 0; i < records; i += batch) {
            w.publish(&source[i], batch);
        }
    }, {}});
    tasks.push_back({"poll", to_oldest, [&] { one_by_one(r); }, {}});
    tasks.push_back({"poll, 64 a batch", to_oldest, [&] {
        for (std::uint64_t i = 0; i < records; i += batch) {
            need(r.poll(sink.data(), batch).count == batch);
            keep(sink.data());
        }
    }, {}});
    tasks.push_back({"poll of nothing", [&] { r.seek(position::at(w.head())); }, [&] {
        for (std::uint64_t i = 0; i < records; ++i) {
            need(!r.poll(sink[0]));
        }
    }, {}});
    tasks.push_back({"publish by hand", [] {}, [&] {
        by_hand h{slot0, header, w.head() - records};
        for (const TradingData& t : source) {
            h.publish(t);
        }
    }, {}});
    tasks.push_back({"poll by hand", [] {}, [&] {
        by_hand h{slot0, header, w.head() - records};
        one_by_one(h);
    }, {}});
    for (int round = 0; round < rounds; ++round) {
        for (task& t : tasks) {
            t.before();
            const std::uint64_t start = detail::nanoseconds(CLOCK_MONOTONIC);
            t.run();
            const std::uint64_t end = detail::nanoseconds(CLOCK_MONOTONIC);
            t.took.push_back(static_cast<double>(end - start) / records);
        }
    }
    for (task& t : tasks) {
        std::sort(t.took.begin(), t.took.end());
        std::printf("%-20s %6.2f ns  (%.2f–%.2f)\n", t.name, t.took[rounds / 2], t.took[rounds / 10],
                    t.took[rounds * 9 / 10]);
    }
}
