// A reader of a segment with which others do what they like. Arguments: its name, and any of
//   survive  it outlives truncations
//   true     record n has to be what truth(n) is, in test/hostile
// It takes steps until it is told to end, and has had a record; then it says what it met. A step that hangs, or an error of no
// kind, is its end.
#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>

#include <tickring/tickring.hpp>

using namespace tickring;
using namespace std::chrono_literals;

namespace {

constexpr unsigned stuck = 60;  // seconds that no step takes

class victim {
public:
    victim(std::string name, bool truth) : name_(std::move(name)), truth_(truth) {}

    void suffer() {
        for (bool told = false; !told || records_ == 0; ++steps_) {
            ::alarm(stuck);
            try {
                step();
            } catch (const failure& e) {
                met(kind_of(e));
                if (e.code() == error::bare) {
                    try {
                        look_at_bare();
                    } catch (const failure& again) {
                        met(kind_of(again));
                    }
                }
            }
            told = told || asked();
        }
        std::cout << steps_ << " steps, " << records_ << " records:";
        for (const auto& [kind, times] : met_) {
            std::cout << ' ' << times << " × " << kind << ';';
        }
        std::cout << std::endl;
    }

private:
    void step() {
        const position starts[] = {position::oldest(), position::newest(), position::oldest_safe(), position::at(7)};
        const wait_policy waits[] = {wait_policy::backoff(), wait_policy::block(), wait_policy::spin(), wait_policy::every(100us)};
        const segment memory = segment::attach(name_);
        reader<TradingData> r(memory, {starts[steps_ / 4 % 4], starts[steps_ / 16 % 3], waits[steps_ % 4]});
        TradingData record, batch[16];
        for (int i = 0; i < 1000; ++i) {
            check(r.poll(record), record);
            const batch_result some = r.poll(batch, 16);
            for (std::size_t k = 0; k < some.count; ++k) {
                check({status::ready, some.first + k}, batch[k]);
            }
            if (!some) {
                met(to_string(some.status));
            }
            check(r.latest(record), record);
        }
        r.seek(starts[steps_ % 4]);
        const until limit(2ms);
        for (int i = 0; i < 100 && !limit.passed(until::clock::now()); ++i) {
            check(r.next(record, limit), record);
        }
        met(memory.status().alive ? "alive" : "no writer");
    }

    // A record that nothing protects has no truth.
    void look_at_bare() {
        const segment memory = segment::attach_bare(name_);
        const bare_reader r(memory);
        for (int i = 0; i < 1000; ++i) {
            r.read();
        }
        met(memory.writer_alive() ? "bare and alive" : "bare");
    }

    void check(const result& got, const TradingData& record) {
        met(to_string(got.status));
        if (!got) {
            return;
        }
        ++records_;
        const std::uint64_t n = got.number;
        const std::uint64_t price = 0x3ff0000000000001 | (n << 1 & 0xfffffffffffff);
        if (truth_ && (std::memcmp(&record.price, &price, sizeof price) != 0 || record.timestamp != 2 * n + 1 ||
                       record.volume != static_cast<std::int32_t>(2 * n + 1) || !record.valid)) {
            throw std::logic_error("record " + std::to_string(n) + " has timestamp " + std::to_string(record.timestamp));
        }
    }

    std::string kind_of(const failure& e) const {
        const std::string text = e.what();
        if (text.compare(0, 10, "tickring: ") != 0 || text.find(name_) == std::string::npos) {
            throw std::logic_error("an error that does not say of what: " + text);
        }
        if (e.code().category() != error_category() && e.code().category() != std::generic_category()) {
            throw std::logic_error("an error of no kind: " + text);
        }
        return e.code().message();
    }

    void met(const std::string& kind) { ++met_[kind]; }

    // Whether it was told to end, or nobody is left to tell it.
    static bool asked() {
        pollfd in{STDIN_FILENO, POLLIN, 0};
        return ::poll(&in, 1, 0) > 0;
    }

    std::string name_;
    bool truth_;
    std::uint64_t steps_ = 0, records_ = 0;
    std::map<std::string, std::uint64_t> met_;
};

}  // namespace

int main(int argc, char** argv) {
    bool truth = false;
    for (int i = 2; i < argc; ++i) {
        if (std::strcmp(argv[i], "survive") == 0) {
            survive_truncation();
        }
        truth = truth || std::strcmp(argv[i], "true") == 0;
    }
    try {
        victim(argv[1], truth).suffer();
    } catch (const std::exception& e) {
        std::cerr << e.what() << std::endl;
        return 1;
    }
}
