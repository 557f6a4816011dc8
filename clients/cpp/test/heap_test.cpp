// The ring over heap memory: what needs no second process, and what sanitizers can look at.
#include <array>
#include <atomic>
#include <thread>

#include "check.hpp"

using namespace tickring;
using check::same;
using check::trade;
using Trades = reader<TradingData>;

namespace {

void publish(writer<TradingData>& w, std::uint64_t count) {
    while (count-- > 0) {
        const TradingData t = trade(w.head());
        w.publish(t);
    }
}

void empty_and_ready() {
    heap h = heap_of<TradingData>(8);
    Trades early(h);  // before the first writer: its coming is no restart
    TradingData t;
    CHECK(early.poll(t).status == status::empty && early.epoch() == 0);
    CHECK(early.latest(t).status == status::empty);
    writer<TradingData> w(h);
    CHECK(early.poll(t).status == status::empty && early.epoch() == 1);
    for (std::uint64_t n = 0; n < 8; ++n) {
        publish(w, 1);
        const result r = early.poll(t);
        CHECK(r && r.number == n && same(t, trade(n)));
        CHECK(early.latest(t) && same(t, trade(n)));
    }
    CHECK(early.poll(t).status == status::empty);
    CHECK(early.received() == 8 && early.missed() == 0 && early.position() == 8 && early.head() == 8);
    CHECK(early.writer_alive());
}

void batches() {
    heap h = heap_of<TradingData>(1024);
    writer<TradingData> w(h);
    Trades r(h);
    std::array<TradingData, 700> in, out;
    for (std::uint64_t n = 0; n < in.size(); ++n) {
        in[n] = trade(n);
    }
    CHECK(w.publish(in.data(), 0) == 0 && w.head() == 0);
    CHECK(w.publish(in.data(), in.size()) == 0 && w.head() == 700);  // runs of 256, 256, 188
    CHECK(r.poll(out.data(), 0).status == status::empty);
    batch_result got = r.poll(out.data(), 100);
    CHECK(got && got.first == 0 && got.count == 100);
    got = r.poll(out.data() + 100, 600);
    CHECK(got && got.first == 100 && got.count == 600);
    for (std::uint64_t n = 0; n < in.size(); ++n) {
        CHECK(same(out[n], trade(n)));
    }
    got = r.poll(out.data(), 1);
    CHECK(got.status == status::empty && got.count == 0 && got.first == 700);
    CHECK(w.publish(in.data(), in.size()) == 700);
    w.publish(in.data(), in.size());
    CHECK(r.poll(out.data(), 1).status == status::lapped && r.gap().first == 700);
}

// Delivered and lost records together are all records, each once, whatever is published between two polls.
void laps_account_for_everything() {
    for (const position resume : {position::oldest_safe(), position::oldest(), position::newest(),
                                  position::newest_minus(2), position::newest_minus(100), position::at(3)}) {
        heap h = heap_of<TradingData>(8);
        writer<TradingData> w(h);
        Trades r(h, {position::at(0), resume, {}});
        std::uint64_t next = 0, lost = 0, laps = 0;
        TradingData t;
        for (std::uint64_t round = 0; round < 200; ++round) {
            publish(w, round % 23);
            for (;;) {
                const result got = r.poll(t);
                if (got.status == status::empty) {
                    break;
                }
                if (got.status == status::lapped) {
                    CHECK(got.number == next && r.gap().first == next && r.gap().next > next);
                    lost += r.gap().count();
                    next = r.gap().next;
                    ++laps;
                    continue;
                }
                CHECK(got && got.number == next && same(t, trade(next)));
                ++next;
            }
            CHECK(next == w.head() && r.position() == next);
            CHECK(r.missed() == lost && r.received() + r.missed() == next);
        }
        CHECK(laps > 50);
    }
}

void positions() {
    const auto at = [](position p, std::uint64_t head) { return p.resolve(16, head); };
    CHECK(at(position::oldest(), 0) == 0 && at(position::oldest(), 16) == 0 && at(position::oldest(), 40) == 24);
    CHECK(at(position::newest(), 0) == 0 && at(position::newest(), 1) == 0 && at(position::newest(), 40) == 39);
    CHECK(at(position::newest_minus(5), 40) == 34 && at(position::newest_minus(5), 3) == 0);
    CHECK(at(position::newest_minus(~std::uint64_t{0}), 40) == 24);
    CHECK(at(position::oldest_safe(), 16) == 0 && at(position::oldest_safe(), 17) == 5);
    CHECK(at(position(), 40) == 28 && position::oldest_safe().resolve(2, 3) == 2);
    CHECK(at(position::at(7), 40) == 7);
    CHECK(at(position::oldest(), 5) == 0 && at(position::newest_minus(2), 18) == 15);
    // Behind the last number that a version can tell, there is nothing: such a reader waits.
    heap h = heap_of<TradingData>(4);
    writer<TradingData> w(h);
    publish(w, 4);
    TradingData t;
    for (const std::uint64_t n : {std::uint64_t{1} << 63, (std::uint64_t{1} << 63) - 1, ~std::uint64_t{0}}) {
        Trades r(h, {position::at(n), {}, {}});
        CHECK(r.poll(t).status == status::empty);
    }
}

void seek_counts_nothing() {
    heap h = heap_of<TradingData>(16);
    writer<TradingData> w(h);
    publish(w, 40);
    Trades r(h, {position::at(0), position::oldest(), {}});
    TradingData t;
    CHECK(r.poll(t).status == status::lapped && r.gap().first == 0 && r.gap().next == 24);
    CHECK(r.poll(t) && r.received() == 1 && r.missed() == 24);
    r.seek(position::newest());
    CHECK(r.position() == 39 && r.received() == 1 && r.missed() == 24);
    CHECK(r.poll(t).number == 39 && r.received() == 2);
    r.seek(position::oldest());
    CHECK(r.position() == 24 && r.received() == 2 && r.missed() == 24);
    CHECK(Trades(h, {position::oldest_safe(), {}, {}}).position() == 28);
}

// A position oldest whose slot the writer is just overwriting begins behind it.
void oldest_in_flight() {
    heap h = heap_of<TradingData>(4);
    writer<TradingData> w(h);
    publish(w, 6);
    auto* slot = reinterpret_cast<std::uint64_t*>(h.slots() + 2 * 32);  // of record 2, and of record 6
    *slot = 2 * 6 + 1;
    CHECK(Trades(h, {position::oldest(), {}, {}}).position() == 3);
}

void closed_and_restarted() {
    heap h = heap_of<TradingData>(8);
    Trades r(h);
    TradingData t;
    {
        writer<TradingData> w(h);
        publish(w, 3);
        w.close();
        w.close();
    }
    for (std::uint64_t n = 0; n < 3; ++n) {
        CHECK(r.poll(t).number == n);
    }
    CHECK(r.poll(t).status == status::closed && r.poll(t).status == status::closed);
    CHECK(r.next(t).status == status::closed);
    CHECK(r.follow([](auto, const auto&) {}, [](status) {}) == status::closed);

    writer<TradingData> second(h);
    CHECK(second.head() == 3);
    publish(second, 2);
    CHECK(r.poll(t).number == 3 && r.poll(t).number == 4);  // told when nothing new is there
    const result restart = r.poll(t);
    CHECK(restart.status == status::restarted && r.epoch() == 2 && r.epoch_first() == 3);
    CHECK(r.poll(t).status == status::empty && r.missed() == 0);
}

void no_writer_without_numbers() {
    heap h = heap_of<TradingData>(8);
    constexpr std::uint64_t last = detail::last_number + 1 - detail::room;  // at which a writer may begin
    const auto at = [&](std::uint64_t head) {
        *reinterpret_cast<std::uint64_t*>(h.slots() + (head - 1) % 8 * 32) = 2 * head;
        *reinterpret_cast<std::uint64_t*>(h.header() + layout::head_offset) = head;
    };
    at(last);
    CHECK(writer<TradingData>(h).head() == last);
    at(last + 1);
    FAILS(error::exhausted, writer<TradingData>(h));
}

void corrupt_is_told() {
    heap h = heap_of<TradingData>(8);
    writer<TradingData> w(h);
    publish(w, 2);
    Trades r(h, {position::at(0), {}, {}});
    auto* slot = reinterpret_cast<std::uint64_t*>(h.slots());
    TradingData t;
    for (const std::uint64_t version : {std::uint64_t{2 * 1 + 2}, std::uint64_t{2 * 24 + 2}, ~std::uint64_t{0}}) {
        *slot = version;  // of another slot, and far beyond the head
        CHECK(r.poll(t).status == status::corrupt && r.position() == 0);
    }
    *slot = 2;
    CHECK(r.poll(t) && r.poll(t) && r.poll(t).status == status::empty);
    auto* epoch = reinterpret_cast<std::uint64_t*>(h.header() + layout::epoch_offset);
    *epoch = 0;  // behind the reader's
    CHECK(r.poll(t).status == status::corrupt && r.epoch() == 1);
    *epoch = 1;
    CHECK(r.poll(t).status == status::empty);
    *reinterpret_cast<std::uint64_t*>(h.header() + layout::head_offset) = 7;
    FAILS(error::corrupt, writer<TradingData>(h));
}

// A writer is stopped after each of its stores, in rings of all fills, and another takes over: no finished record is
// lost, none is given twice, the view holds the newest, and publishing goes on.
void takeover_after_every_store() {
    struct store {
        std::uint64_t* word;
        std::uint64_t value;
    };
    for (const std::uint64_t before : {0u, 1u, 7u, 8u, 9u, 21u}) {
        for (const std::uint64_t batch : {1u, 2u, 4u}) {
            for (std::size_t stop = 0;; ++stop) {
                heap h = heap_of<TradingData>(8);
                writer<TradingData> first(h);
                publish(first, before);
                Trades live(h, {position::newest(), {}, {}});
                TradingData t;
                if (before > 0) {
                    CHECK(live.poll(t));
                }
                const auto at = [&](std::uint64_t offset) {
                    return reinterpret_cast<std::uint64_t*>(h.header() + offset);
                };
                std::vector<store> stores;
                const auto cell = [&](std::uint64_t* version, std::uint64_t* payload, std::uint64_t n) {
                    std::uint64_t words[3] = {};
                    const TradingData record = trade(n);
                    std::memcpy(words, &record, 21);  // and no padding
                    stores.push_back({version, 2 * n + 1});
                    for (int i = 0; i < 3; ++i) {
                        stores.push_back({payload + i, words[i]});
                    }
                    stores.push_back({version, 2 * n + 2});
                };
                for (std::uint64_t n = before; n < before + batch; ++n) {
                    auto* slot = reinterpret_cast<std::uint64_t*>(h.slots() + n % 8 * 32);
                    cell(slot, slot + 1, n);
                }
                cell(at(layout::view_version_offset), at(layout::view_offset), before + batch - 1);
                stores.push_back({at(layout::head_offset), before + batch});
                if (stop > stores.size()) {
                    break;
                }
                for (std::size_t i = 0; i < stop; ++i) {
                    *stores[i].word = stores[i].value;
                }
                std::uint64_t done = before;  // what a reader sees now, it must go on seeing
                while (live.poll(t)) {
                    CHECK(same(t, trade(done)));
                    ++done;
                }
                writer<TradingData> second(h);
                CHECK(second.head() == done && *at(layout::head_offset) == done);
                CHECK(*at(layout::view_version_offset) == (done == 0 ? 0 : 2 * done));
                TradingData view;
                std::memcpy(static_cast<void*>(&view), h.header(), sizeof view);
                CHECK(done == 0 ? view == TradingData{} : same(view, trade(done - 1)));
                const result event = live.poll(t);
                CHECK(event.status == status::restarted && live.epoch_first() == done);
                publish(second, 2);
                for (const std::uint64_t n : {done, done + 1}) {
                    const result got = live.poll(t);
                    CHECK(got && got.number == n && same(t, trade(n)));
                }
            }
        }
    }
}

// The newest record, when it is in the slots and not yet in the head.
void latest_looks_behind_the_head() {
    heap h = heap_of<TradingData>(8);
    writer<TradingData> w(h);
    publish(w, 6);
    *reinterpret_cast<std::uint64_t*>(h.header() + layout::head_offset) = 4;
    Trades r(h);
    TradingData t;
    const result got = r.latest(t);
    CHECK(got && got.number == 5 && same(t, trade(5)));
}

struct Padded {
    std::uint8_t side;
    std::uint32_t size;
    bool flags[3];
    std::uint8_t padding[5];
    float price;
};
struct Nested {
    Padded legs[2];
    char symbol[6];
};
}  // namespace
TICKRING_RECORD(Padded, side, size, flags, padding, price);
TICKRING_RECORD(Nested, legs, symbol);
struct Huge {  // the largest that there can be, with padding
    Nested first;
    std::uint8_t bulk[(1 << 20) - 64];
    std::uint16_t last;
};
TICKRING_RECORD(Huge, first, bulk, last);
static_assert(sizeof(Huge) <= 1 << 20);
namespace {

void schemas() {
    const schema s = describe<Nested>();
    CHECK(s.name == "Nested" && s.size == sizeof(Nested) && s.fields.size() == 9);
    CHECK(s.fields[0].to_string() == "legs[0].side u8 @0");
    CHECK(s.fields[2].to_string() == "legs[0].flags bool[3] @8");
    CHECK(s.fields[7].to_string() == "legs[1].price f32 @36");
    CHECK(s.fields[8].to_string() == "symbol u8[6] @40");
    CHECK(describe<TradingData>().name == "TradingData");
    heap h = heap_of<Nested>(4);
    const std::string text = FAILS(error::schema, reader<Quote>(h));
    CHECK(check::contains(text, "segment has legs[0].side u8 @0, program has bid f64 @0"));
    FAILS(error::schema, writer<TradingData>(h));
    FAILS(error::no_doorbell, reader<Nested>(h, {{}, {}, wait_policy::block()}));
    for (const std::uint64_t slots : {0u, 1u, 3u, 63u}) {
        CHECK(check::contains(FAILS(error::geometry, geometry_of<Quote>(slots)), "such as "));
    }
}

template <class T>
void round_trip() {
    heap h = heap_of<T>(2);
    writer<T> w(h);
    reader<T> r(h);
    auto in = std::make_unique<T>(), out = std::make_unique<T>();
    std::memset(static_cast<void*>(in.get()), 0x5a, sizeof(T));
    Padded& leg = *reinterpret_cast<Padded*>(in.get());
    leg.flags[0] = leg.flags[2] = true, leg.flags[1] = false;
    Padded& other = *(&leg + 1);
    other.flags[0] = other.flags[1] = other.flags[2] = true;
    w.publish(*in);
    CHECK(r.poll(*out));
    const Padded& got = *reinterpret_cast<Padded*>(out.get());
    CHECK(got.side == 0x5a && got.size == 0x5a5a5a5a && got.flags[0] && !got.flags[1] && got.price == leg.price);
    // Nothing of what lay in the padding is in the ring, nor in the view.
    const auto* slot = reinterpret_cast<const unsigned char*>(h.slots()) + 8;
    const auto* view = reinterpret_cast<const unsigned char*>(h.header()) + h.shape().view_offset;
    for (const auto* bytes : {slot, view}) {
        CHECK(bytes[0] == 0x5a && bytes[1] == 0 && bytes[3] == 0);
        CHECK(bytes[4] == 0x5a && bytes[11] == 0 && bytes[15] == 0);
        CHECK(std::memcmp(bytes, slot, sizeof(T)) == 0);
    }
    CHECK(r.latest(*out) && reinterpret_cast<Padded*>(out.get())->side == 0x5a);
}

void padding_is_zero() {
    round_trip<Nested>();
    round_trip<Huge>();
}

// A bool that is neither 0 nor 1 does not reach the program.
void bools_are_bools() {
    heap h = heap_of<TradingData>(2);
    writer<TradingData> w(h);
    publish(w, 2);
    h.slots()[8 + 20] = std::byte{2};
    h.slots()[32 + 8 + 20] = std::byte{255};
    Trades r(h);
    TradingData t;
    CHECK(r.poll(t) && !t.valid && r.poll(t) && t.valid);
}

void waiting_ends() {
    using namespace std::chrono_literals;
    heap h = heap_of<TradingData>(8);
    writer<TradingData> w(h);
    TradingData t;
    std::atomic<bool> stop{true};
    for (const wait_policy how :
         {wait_policy::spin(), wait_policy::backoff(), wait_policy::every(1us), wait_policy::every(1h)}) {
        Trades r(h, {position::at(w.head()), {}, how});
        CHECK(r.next(t, 1ms).status == status::timeout);
        CHECK(r.next(t, until::clock::now()).status == status::timeout);
        CHECK(r.next(t, stop).status == status::stopped);
        publish(w, 1);
        CHECK(r.next(t, std::chrono::hours::max()));
    }
}

// Threads: each record that a reader gets is whole and is the one that its number says.
template <class T, class Make>
void torn(Make make, std::uint64_t records) {
    heap h = heap_of<T>(8);
    writer<T> w(h);
    std::atomic<int> left{2};
    const auto read = [&](bool in_batches) {
        reader<T> r(h, {position::newest(), position::newest(), {}});
        std::array<T, 16> out;
        std::uint64_t checked = 0, laps = 0;
        while (checked < records || laps < 100) {
            const std::uint64_t at = r.position();
            const batch_result got = in_batches ? r.poll(out.data(), out.size()) : [&] {
                const result one = r.poll(out[0]);
                return batch_result{one.status, one.number, one ? std::size_t{1} : 0};
            }();
            laps += got.status == status::lapped;
            for (std::size_t i = 0; i < got.count; ++i, ++checked) {
                CHECK(got.first == at && same(out[i], make(at + i)));
            }
            T newest;
            if (const result l = r.latest(newest)) {
                CHECK(same(newest, make(l.number)) && l.number + 1 >= r.position());
            }
            if (got.status == status::empty) {
                std::this_thread::yield();
            }
        }
        --left;
    };
    std::thread one(read, false), many(read, true);
    std::array<T, 7> batch;
    while (left > 0) {
        w.publish(make(w.head()));
        for (std::uint64_t i = 0; i < batch.size(); ++i) {
            batch[i] = make(w.head() + i);
        }
        w.publish(batch.data(), batch.size());
    }
    one.join();
    many.join();
}

void nothing_is_torn() {
    torn<TradingData>(check::trade, 20'000);
    torn<Large>(check::large, 5'000);
}

// A thread publishes and closes; the reader gets all of it, and then the end.
void close_comes_last() {
    for (int round = 0; round < 200; ++round) {
        heap h = heap_of<TradingData>(64);
        writer<TradingData> w(h);
        std::thread publisher([&] {
            publish(w, 50);
            w.close();
        });
        Trades r(h, {{}, {}, wait_policy::spin()});
        std::uint64_t next = 0;
        CHECK(r.follow([&](std::uint64_t n, const TradingData& t) { CHECK(n == next++ && same(t, trade(n))); },
                       [](status s) { check::failed(__FILE__, __LINE__, to_string(s)); }) == status::closed);
        CHECK(next == 50);
        publisher.join();
    }
}

}  // namespace

int main() {
    return check::run({{"empty and ready", empty_and_ready},
                       {"batches", batches},
                       {"laps account for everything", laps_account_for_everything},
                       {"positions", positions},
                       {"seek counts nothing", seek_counts_nothing},
                       {"oldest in flight", oldest_in_flight},
                       {"closed and restarted", closed_and_restarted},
                       {"no writer without numbers", no_writer_without_numbers},
                       {"corrupt is told", corrupt_is_told},
                       {"takeover after every store", takeover_after_every_store},
                       {"latest looks behind the head", latest_looks_behind_the_head},
                       {"schemas", schemas},
                       {"padding is zero", padding_is_zero},
                       {"bools are bools", bools_are_bools},
                       {"waiting ends", waiting_ends},
                       {"nothing is torn", nothing_is_torn},
                       {"close comes last", close_comes_last}});
}
