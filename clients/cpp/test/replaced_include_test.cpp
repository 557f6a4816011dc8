// replaced_include_test PRODUCER CONSUMER: the programs from before the ring, compiled with this library's header in
// the place of their own, do with each other and with a ring what they always did.
#include "check.hpp"

namespace {

std::string producer, consumer;

check::child run(const std::string& program, const std::string& name, const char* more) {
    return check::child([&](check::child& self) {
        self.become_standard();
        ::execl(program.c_str(), program.c_str(), name.c_str(), more, static_cast<char*>(nullptr));
    });
}

// What the consumer prints of a record, which is the price as bits.
std::string line(double price, std::uint64_t timestamp, std::int32_t volume, bool valid) {
    std::uint64_t bits;
    std::memcpy(&bits, &price, sizeof bits);
    return std::to_string(bits) + " " + std::to_string(timestamp) + " " + std::to_string(volume) +
           (valid ? " 1" : " 0");
}

// The consumer polls, and may see a record half old, half new on the way to what it sees in the end.
void expect(check::child& reads, const std::string& want) {
    std::string got;
    do {
        got = reads.line();
        CHECK(!got.empty());
    } while (got != want);
}

void with_each_other() {
    const check::name name;
    check::child makes = run(producer, name, nullptr);
    CHECK(makes.line() == "ready");
    check::child reads = run(consumer, name, "100");
    expect(reads, line(0, 0, 0, false));
    for (int n = 1; n < 50; ++n) {
        makes.say(std::to_string(n * 0.25) + " " + std::to_string(n) + " " + std::to_string(-n) + " 1");
        CHECK(makes.line() == "stored");
        expect(reads, line(n * 0.25, static_cast<std::uint64_t>(n), -n, true));
    }
    check::child second = run(producer, name, nullptr);
    CHECK(second.line() == "EEXIST: attach instead" && second.wait() == 1);
}

void with_a_ring() {
    const check::name name;
    const tickring::segment memory = tickring::segment::create<tickring::TradingData>(name, 16);
    tickring::writer<tickring::TradingData> w(memory);
    check::child reads = run(consumer, name, "100");
    expect(reads, line(0, 0, 0, false));
    w.publish(check::trade(0));  // which is all zero, too
    for (std::uint64_t n = 1; n < 50; ++n) {
        const tickring::TradingData t = check::trade(n);
        w.publish(t);
        expect(reads, line(t.price, t.timestamp, t.volume, t.valid));
    }
    check::child other = run(consumer, "/tickring-test-none", "100");
    CHECK(other.line() == "ENOENT" && other.wait() == 1);
}

}  // namespace

int main(int argc, char** argv) {
    CHECK(argc == 3);
    producer = argv[1], consumer = argv[2];
    return check::run({{"with each other", with_each_other}, {"with a ring", with_a_ring}});
}
