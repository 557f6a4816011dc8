// The interface of the programs from before the ring, under its global names.
#include <tickring/compat/shared_memory.hpp>

#include "check.hpp"

namespace {

using tickring::error;
using tickring::failure;
using tickring::snapshot;

void as_it_was() {
    const check::name name;
    SharedMemory<TradingData> producer(name, true);
    SharedMemory<TradingData> consumer(name, false);
    TradingData* data = producer.get();
    data->price.store(148.91);
    data->timestamp.store(7);
    data->volume.store(-283);
    data->valid.store(true);
    const TradingData* seen = consumer.get();
    CHECK(seen->price.load() == 148.91 && seen->timestamp.load() == 7);
    CHECK(seen->volume.load() == -283 && seen->valid.load());
    consumer.get()->volume.store(5);  // a bare segment is everybody's
    CHECK(data->volume.load() == 5);

    tickring::TradingData t;
    CHECK(!consumer.versioned() && consumer.read(t) == snapshot::unprotected);
    CHECK((t == tickring::TradingData{148.91, 7, 5, true}));
}

void errors() {
    const check::name name;
    FAILS(std::errc::no_such_file_or_directory, SharedMemory<TradingData>(name, false));
    SharedMemory<TradingData> first(name, true);
    CHECK(check::contains(FAILS(std::errc::file_exists, SharedMemory<TradingData>(name, true)), "attach to it"));
    try {  // as those programs catch it
        SharedMemory<TradingData> second(name, true);
    } catch (const std::system_error& e) {
        CHECK(e.code() == std::errc::file_exists && e.code().value() == EEXIST);
    }
    CHECK(::truncate(name.path().c_str(), 8) == 0);
    FAILS(error::truncated, SharedMemory<TradingData>(name, false));
    if (::geteuid() == 0) {
        check::child other([&](check::child&) {
            const std::string path = name.path();
            CHECK(::chmod(path.c_str(), 0644) == 0 && ::truncate(path.c_str(), 24) == 0 && ::setuid(65534) == 0);
            FAILS(std::errc::permission_denied, SharedMemory<TradingData>(name, false));
        });
        CHECK(other.wait() == 0);
    }
}

void on_a_ring() {
    const check::name name;
    const tickring::segment memory = tickring::segment::create<tickring::TradingData>(name, 16);
    tickring::writer<tickring::TradingData> w(memory);
    tickring::SharedMemory<tickring::TradingData> shm(name, false);
    tickring::TradingData t;
    CHECK(shm.versioned() && shm.read(t) == snapshot::empty && !shm.get()->valid);
    for (std::uint64_t n = 0; n < 40; ++n) {
        w.publish(check::trade(n));
        CHECK(shm.read(t) == snapshot::whole && check::same(t, check::trade(n)));
        CHECK(shm.get()->price == t.price && shm.get()->timestamp == t.timestamp && shm.get()->volume == t.volume);
    }
    // A writer that stopped in the midst of the view.
    *reinterpret_cast<std::uint64_t*>(memory.header() + 24) |= 1;
    CHECK(shm.read(t) == snapshot::busy);
    check::child stores([&](check::child&) { shm.get()->price.store(1); });
    CHECK(stores.wait() == 128 + SIGSEGV && shm.get()->price == 39);  // nobody but the writer writes
}

void other_records() {
    const check::name quotes, small, damaged;
    const tickring::segment large = tickring::segment::create<Quote>(quotes, 16);
    tickring::writer<Quote>(large).publish({1, 2, {3, 4}, 5, 6});
    tickring::TradingData t;
    SharedMemory<TradingData> zero(quotes, false);  // where nothing is ever valid
    CHECK(zero.read(t) == snapshot::empty && zero.get()->price == 0 && !zero.get()->valid);
    tickring::SharedMemory<Quote> view(quotes, false);
    Quote q;
    CHECK(view.read(q) == snapshot::whole && q.sequence == 5 && view.get()->venue == 6);

    tickring::schema other = tickring::describe<tickring::TradingData>();
    other.fields[2].name = "size";
    tickring::segment::create(small, tickring::geometry_of(other, 16)).close();
    CHECK(check::contains(FAILS(error::schema, SharedMemory<TradingData>(small, false)), "segment has size i32 @16"));
    tickring::segment::create<tickring::TradingData>(damaged, 16).close();
    CHECK(::truncate(damaged.path().c_str(), 4096) == 0);
    FAILS(error::truncated, SharedMemory<TradingData>(damaged, false));
}

}  // namespace

int main() {
    return check::run({{"as it was", as_it_was},
                       {"errors", errors},
                       {"on a ring", on_a_ring},
                       {"other records", other_records}});
}
