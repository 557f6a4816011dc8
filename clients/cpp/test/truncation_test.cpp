// A segment that is truncated under its reader or writer, in a program that asked to survive that.
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "check.hpp"

using namespace tickring;
using namespace std::chrono_literals;

namespace {

// A record of several pages, so that a version and what it vouches for lie on different ones.
struct Pages {
    std::uint64_t words[2048];
};

}  // namespace

TICKRING_RECORD(Pages, words);

namespace {

Pages pages(std::uint64_t n) {
    Pages l;
    for (std::uint64_t& w : l.words) {
        w = n + 1;
    }
    return l;
}

void resize(const check::name& name, off_t size) { CHECK(::truncate(name.path().c_str(), size) == 0); }

// Each way to read says it, wherever the object ends now, and again when asked again.
void reader_is_told() {
    constexpr auto written = 3;
    const std::vector<off_t> sizes = {0, 4096, 8192, 3 * 4096, 8 * 4096};
    for (const off_t size : sizes) {
        const check::name name;
        const segment owner = segment::create<Pages>(name, 2);
        writer<Pages> w(owner);
        for (std::uint64_t n = 0; n < written; ++n) {
            w.publish(pages(n));
        }
        const segment memory = segment::attach(name);
        reader<Pages> r(memory, {position::oldest(), {}, {}});
        auto record = std::make_unique<Pages>();
        resize(name, size);
        for (int i = 0; i < 10; ++i) {
            const result got = i % 2 == 0 ? r.poll(*record) : r.latest(*record);
            CHECK(got.status == status::truncated || got.status == status::ready);
            if (got) {  // on pages that are still there
                CHECK(record->words[0] == got.number + 1 && record->words[2047] == got.number + 1);
            }
        }
        CHECK(r.next(*record, 20s).status == status::truncated);
        CHECK(r.poll(record.get(), 1).status == status::truncated);
        CHECK(r.latest(*record).status == status::truncated);
        CHECK(memory.lost());
    }
}

// A loop that is cut in the middle of a copy, many times, in another process: no record is anything but whole.
void reader_is_told_in_its_loop() {
    for (int round = 0; round < 100; ++round) {
        const check::name name;
        const segment owner = segment::create<Pages>(name, 4);
        writer<Pages> w(owner);
        w.publish(pages(0));
        check::child reading([&](check::child& self) {
            const segment memory = segment::attach(name);
            reader<Pages> r(memory, {position::at(0), {}, {}});
            auto record = std::make_unique<Pages>();
            self.say("reading");
            for (;;) {
                const result got = r.poll(*record);
                if (got.status == status::truncated) {
                    break;
                }
                CHECK(got);
                for (const std::uint64_t word : record->words) {
                    CHECK(word == 1);
                }
                r.seek(position::at(0));
            }
            CHECK(memory.lost());
        });
        CHECK(reading.line() == "reading");
        ::usleep(static_cast<useconds_t>(round * 7));
        resize(name, round % 2 == 0 ? 0 : 4096 + 8192);
        CHECK(reading.wait() == 0);
    }
}

// The publish whose record is lost throws, and each one after it.
void writer_is_told() {
    for (const bool doorbell : {false, true}) {
        const check::name name;
        const segment memory = segment::create<TradingData>(name, 1 << 10, {0600, doorbell, ""});
        writer<TradingData> w(memory);
        CHECK(w.publish(TradingData{}) == 0);
        resize(name, 0);
        CHECK(check::contains(FAILS(error::truncated, w.publish(TradingData{})), "publish to " + std::string(name)));
        const std::array<TradingData, 100> batch{};
        FAILS(error::truncated, w.publish(batch.data(), batch.size()));
        CHECK(memory.lost());
        w.close();
        const std::string text = FAILS(error::truncated, writer<TradingData>(memory));
        CHECK(text.find("publish to") == text.rfind("publish to"));
    }
}

// A segment that is closed is not looked after any more, and its place is free for another.
void places_are_given_back() {
    const check::name name;
    const segment owner = segment::create<TradingData>(name, 2);
    for (int i = 0; i < 1000; ++i) {
        const segment memory = segment::attach(name);
        CHECK(!memory.lost());
    }
}

// What is not of a segment goes to the handler that there was, or ends the program.
int others = 0;

void touch_a_short_file() {
    const check::name name;
    const int fd = ::open(name.path().c_str(), O_RDWR | O_CREAT, 0600);
    CHECK(fd >= 0 && ::ftruncate(fd, 4096) == 0);
    auto* p = static_cast<volatile char*>(::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fd, 0));
    CHECK(::ftruncate(fd, 0) == 0);
    (void)*p;
    ::munmap(const_cast<char*>(p), 4096);
    ::close(fd);
}

void mend(int, siginfo_t* info, void*) {
    ++others;
    void* page = reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(info->si_addr) & ~std::uintptr_t{4095});
    ::mmap(page, 4096, PROT_READ, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

// Without being asked for, a truncation is the end; and so it is with the handler, of what is not of a segment.
void others_end_as_ever() {
    for (const bool survives : {false, true}) {
        check::child touching([&](check::child&) {
            if (survives) {
                survive_truncation();
            }
            touch_a_short_file();
        });
        CHECK(touching.wait() == 128 + SIGBUS);
    }
}

// A handler that there was gets what is not of a segment.
void others_have_their_handler() {
    struct sigaction action {};
    action.sa_sigaction = mend;
    action.sa_flags = SA_SIGINFO;
    CHECK(::sigaction(SIGBUS, &action, nullptr) == 0);
    survive_truncation();
    survive_truncation();  // once is enough
    touch_a_short_file();
    CHECK(others == 1);
}

}  // namespace

int main() {
    return check::run({
        {"other mappings: the end", others_end_as_ever},
        {"other mappings: another handler", others_have_their_handler},
        {"a reader is told", reader_is_told},
        {"a reader is told in its loop", reader_is_told_in_its_loop},
        {"a writer is told", writer_is_told},
        {"places are given back", places_are_given_back},
    });
}
