// What only several processes can show: torn reads, killed writers, sleeping readers.
#include <sched.h>
#include <sys/mman.h>

#include <array>
#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "check.hpp"

using namespace tickring;
using namespace std::chrono_literals;
using check::same;
using check::trade;

namespace {

// A writer process publishes records in which every field is a function of the record's number, one by one and in
// batches, into a ring so small that readers are always about to be overtaken, until it is killed.
template <class T, class Make>
void flood(writer<T>& w, Make make) {
    std::array<T, 7> batch;
    for (;;) {
        for (int i = 0; i < 100; ++i) {
            w.publish(make(w.head()));
        }
        for (int i = 0; i < 10; ++i) {
            for (std::uint64_t k = 0; k < batch.size(); ++k) {
                batch[k] = make(w.head() + k);
            }
            w.publish(batch.data(), batch.size());
        }
    }
}

template <class T>
void wait_for_writer(const segment& memory) {
    reader<T> r(memory, {position::at(memory.live(layout::head_offset)), {}, {}});
    auto record = std::make_unique<T>();
    const status s = r.next(*record, 20s).status;
    CHECK(s == status::ready || s == status::lapped);
}

template <class T, class Make>
void torn(Make make, std::uint64_t records) {
    const check::name name;
    segment::create<T>(name, 8, {0600, false, ""}).close();
    check::child writing([&](check::child&) {
        const segment memory = segment::take_over(name);
        writer<T> w(memory);
        flood(w, make);
    });
    const auto read = [&](auto step) {
        return [&, step](check::child&) {
            const segment memory = segment::attach(name);
            wait_for_writer<T>(memory);
            reader<T> r(memory, {position::newest(), position::newest(), {}});
            std::uint64_t checked = 0, laps = 0;
            while (checked < records || laps < 100) {  // else it was not put to the test
                const status s = step(r, [&](std::uint64_t n, const T& record) {
                    CHECK(same(record, make(n)));
                    ++checked;
                });
                laps += s == status::lapped;
                CHECK(s == status::ready || s == status::empty || s == status::lapped);
            }
        };
    };
    check::child polls(read([](reader<T>& r, auto check) {
        T record;
        const result got = r.poll(record);
        if (got) {
            check(got.number, record);
        }
        return got.status;
    }));
    check::child polls_batches(read([](reader<T>& r, auto check) {
        std::array<T, 16> out;
        const batch_result got = r.poll(out.data(), out.size());
        for (std::size_t i = 0; i < got.count; ++i) {
            check(got.first + i, out[i]);
        }
        return got.status;
    }));
    check::child looks([&](check::child&) {
        const segment memory = segment::attach(name);
        wait_for_writer<T>(memory);
        reader<T> r(memory);
        T record;
        std::uint64_t last = 0;
        for (std::uint64_t i = 0; i < records; ++i) {
            if (const result got = r.latest(record)) {
                CHECK(same(record, make(got.number)) && got.number >= last);
                last = got.number;
            }
        }
    });
    CHECK(polls.wait() == 0 && polls_batches.wait() == 0 && looks.wait() == 0);
}

void nothing_is_torn() {
    torn<TradingData>(trade, 200'000);
    torn<Large>(check::large, 50'000);
}

// The view, as SharedMemory reads it, of a writer at full speed.
void view_is_not_torn() {
    const check::name name;
    segment::create<TradingData>(name, 64).close();
    check::child writing([&](check::child&) {
        const segment memory = segment::take_over(name);
        writer<TradingData> w(memory);
        flood(w, [](std::uint64_t n) { return trade(n); });
    });
    wait_for_writer<TradingData>(segment::attach(name));
    const SharedMemory<TradingData> shm(name, false);
    TradingData t;
    int whole = 0;
    for (double last = 0; whole < 20'000;) {
        const snapshot s = shm.read(t);
        CHECK(s == snapshot::whole || s == snapshot::busy);
        if (s == snapshot::whole) {
            CHECK(same(t, trade(static_cast<std::uint64_t>(t.price))) && t.price >= last);
            last = t.price;
            ++whole;
        }
    }
}

// Writers are killed in mid-publish, and others take over. A reader follows throughout: what it received and what it
// missed are together all records, each once and in order.
void killed_and_taken_over() {
    const check::name name;
    segment::create<TradingData>(name, 256, {0600, true, ""}).close();
    const segment memory = segment::attach(name);
    reader<TradingData> r(memory, {position::at(0), {}, {}});
    TradingData t;
    std::uint64_t next = 0, restarts = 0, deaths = 0;
    const auto follow_until = [&](auto enough) {
        for (;;) {
            const result got = r.next(t, 20s);
            if (got) {
                CHECK(got.number == next && same(t, trade(next)));
                ++next;
            } else if (got.status == status::lapped) {
                CHECK(r.gap().first == next);
                next = r.gap().next;
            } else if (got.status == status::restarted) {
                ++restarts;
            } else {
                CHECK(got.status == status::dead || got.status == status::closed);
                deaths += got.status == status::dead;
            }
            if (enough(got)) {
                return;
            }
        }
    };
    for (std::uint64_t round = 1; round <= 10; ++round) {
        check::child writing([&](check::child& parent) {
            const segment own = segment::take_over(name);
            writer<TradingData> w(own);
            parent.say(std::to_string(w.head()));
            flood(w, trade);
        });
        const std::uint64_t head = std::stoull(writing.line());
        CHECK(head >= next);
        follow_until([&, first = next](const result& got) { return got && got.number > first + 5'000; });
        CHECK(check::contains(FAILS(error::writer_exists, segment::take_over(name)), "process"));
        writing.kill();
        follow_until([](const result& got) { return got.status == status::dead; });
        CHECK(deaths == round && r.position() == next && r.received() + r.missed() == next);
    }
    segment own = segment::take_over(name);
    writer<TradingData> w(own);
    CHECK(w.head() == next);  // nothing that was finished is lost
    w.publish(trade(next));
    w.close();
    follow_until([](const result& got) { return got.status == status::closed; });
    CHECK(next == w.head() && restarts == 10 && r.epoch() == 11);
}

// One word that parent and child share.
class shared_word {
public:
    shared_word()
        : word_(static_cast<std::uint64_t*>(
              ::mmap(nullptr, sizeof *word_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {}
    ~shared_word() { ::munmap(word_, sizeof *word_); }
    shared_word(const shared_word&) = delete;
    void store(std::uint64_t v) { detail::store_release(word_, v); }

    // Waits until it is v, for 20 s at the most.
    void await(std::uint64_t v) const {
        const auto end = std::chrono::steady_clock::now() + 20s;
        for (int tries = 1; detail::load_acquire(word_) != v; ++tries) {
            if (tries % 1000 == 0) {
                CHECK(std::chrono::steady_clock::now() < end);
                ::sched_yield();
            }
        }
    }

private:
    std::uint64_t* word_;
};

void pause(std::uint64_t times) {
    for (; times > 0; --times) {
        detail::pause();
    }
}

// A reader that sleeps is woken by each record, by a takeover and by the end, and not by its next look. The writer
// publishes at all moments around the one at which the reader has announced its sleep.
void sleepers_are_woken() {
    constexpr std::uint64_t records = 20'000;
    const check::name name;
    segment own = segment::create<TradingData>(name, 16, {0600, true, ""});
    writer<TradingData> w(own);
    shared_word turn;  // what the reader has come to
    check::child sleeping([&](check::child&) {
        const segment memory = segment::attach(name);
        const detail::doorbell bell = memory.bell();
        reader<TradingData> r(memory, {position::at(0), {}, {}});
        TradingData t;
        const auto next = [&] {  // as the reader's own, but with a limit behind which no lost wake-up can hide
            for (;;) {
                result got = r.poll(t);
                if (got.status != status::empty) {
                    return got;
                }
                const std::uint32_t ticket = bell.arm();
                got = r.poll(t);
                if (got.status != status::empty) {
                    return got;
                }
                const auto start = std::chrono::steady_clock::now();
                bell.wait(ticket, 20s);
                CHECK(std::chrono::steady_clock::now() - start < 10s);
            }
        };
        for (std::uint64_t n = 0; n < records; ++n) {
            turn.store(n + 1);
            pause(n * 13 % 40);
            const result got = next();
            CHECK(got && got.number == n && same(t, trade(n)));
        }
        turn.store(records + 1);
        CHECK(next().status == status::restarted);
        turn.store(records + 2);
        CHECK(next().status == status::closed);
    });
    for (std::uint64_t n = 0; n < records; ++n) {
        turn.await(n + 1);
        pause(n * 7 % 37);
        w.publish(trade(n));
    }
    turn.await(records + 1);
    writer<TradingData> next(own);
    turn.await(records + 2);
    next.close();
    CHECK(sleeping.wait() == 0);
}

void block_ends() {
    const check::name name;
    std::optional<segment> own = segment::create<TradingData>(name, 16, {0600, true, ""});
    writer<TradingData> w(*own);
    const segment memory = segment::attach(name);
    reader<TradingData> r(memory, {{}, {}, wait_policy::block()});
    TradingData t;
    CHECK(r.next(t, 5ms).status == status::timeout);
    const std::atomic<bool> stop{true};
    CHECK(r.next(t, stop).status == status::stopped);
    w.publish(trade(0));
    own.reset();
    CHECK(r.next(t) && r.next(t, 20s).status == status::dead);
    CHECK(r.next(t, 5ms).status == status::timeout);  // told once
    CHECK(!r.writer_alive());
}

}  // namespace

int main() {
    return check::run({{"nothing is torn", nothing_is_torn},
                       {"view is not torn", view_is_not_torn},
                       {"killed and taken over", killed_and_taken_over},
                       {"sleepers are woken", sleepers_are_woken},
                       {"block ends", block_ends}});
}
