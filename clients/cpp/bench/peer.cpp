// peer: the ends of a ring as C++ programs, for ringbench, which starts it.
//
// It takes orders from standard input, one JSON object a line, and answers each with another on standard output, as
// cmd/ringbench/protocol.go says. What is sent and when, and room for what is measured, it inherits as open files. Its
// loops, and where they look at the clock, are those of cmd/ringbench/transport.
#include <sched.h>
#include <signal.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <tickring/tickring.hpp>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

using namespace tickring;

namespace {

bool wall = false;  // the cycle counter is not to be trusted

// A stamp of the same clock as in Go, taken after every earlier load that the program has acted upon.
inline std::uint64_t stamp() {
    if (__builtin_expect(wall, false)) {
        return detail::nanoseconds(CLOCK_REALTIME);
    }
#if defined(__x86_64__)
    _mm_lfence();
    const std::uint64_t ticks = __rdtsc();
    _mm_lfence();
    return ticks;
#elif defined(__aarch64__)
    std::uint64_t ticks;
    __asm__ volatile("isb\n\tmrs %0, cntvct_el0\n\tisb" : "=r"(ticks)::"memory");
    return ticks;
#else
    return detail::nanoseconds(CLOCK_REALTIME);
#endif
}

inline bool before(std::uint64_t a, std::uint64_t b) { return static_cast<std::int64_t>(a - b) < 0; }

std::uint64_t until_moment(std::uint64_t moment) {
    std::uint64_t now = stamp();
    while (before(now, moment)) {
        now = stamp();
    }
    return now;
}

// An order: a flat search by key does, because no key occurs twice.
class order {
public:
    explicit order(std::string line) : line_(std::move(line)) {}

    bool has(const char* key) const { return find(key) != std::string::npos; }

    std::int64_t number(const char* key) const { return std::strtoll(line_.c_str() + need(key), nullptr, 10); }
    std::uint64_t count(const char* key) const { return std::strtoull(line_.c_str() + need(key), nullptr, 10); }
    bool flag(const char* key) const { return line_.compare(need(key), 4, "true") == 0; }

    std::string text(const char* key) const {
        const std::size_t start = need(key) + 1;
        return line_.substr(start, line_.find('"', start) - start);
    }

private:
    std::size_t find(const char* key) const {
        const std::string quoted = '"' + std::string(key) + "\":";
        const std::size_t at = line_.find(quoted);
        return at == std::string::npos ? at : at + quoted.size();
    }

    std::size_t need(const char* key) const {
        const std::size_t at = find(key);
        if (at == std::string::npos) {
            throw std::runtime_error("an order without " + std::string(key) + ": " + line_);
        }
        return at;
    }

    std::string line_;
};

std::string quoted(const std::string& text) {
    std::string s = "\"";
    for (const char c : text) {
        s += c == '"' || c == '\\' || static_cast<unsigned char>(c) < ' ' ? '\'' : c;
    }
    return s + '"';
}

void reply(const std::string& json) {
    std::cout << '{' << json << '}' << std::endl;
}

template <class Number>
std::string field(const char* key, Number n) {
    return '"' + std::string(key) + "\":" + std::to_string(n);
}

// What was inherited.
struct part {
    detail::mapping memory;
    template <class T>
    T* at(std::uint64_t offset) const {
        return reinterpret_cast<T*>(memory.start() + offset);
    }
    std::uint64_t bytes() const { return memory.size(); }
};

part inherit(int fd, bool writable) {
    detail::file f(fd);
    const auto size = static_cast<std::uint64_t>(detail::status_of(f).st_size);
    return {detail::mapping(f, size, writable)};
}

constexpr int score_fd = 3, samples_fd = 4;
constexpr std::uint64_t clock_every = 1024, cost_group = 16, progress_every = 64;
constexpr std::uint64_t end_stamp = ~std::uint64_t{0};
constexpr std::int32_t end_volume = -1;

std::uint64_t bits(double d) {
    std::uint64_t n;
    std::memcpy(&n, &d, 8);
    return n;
}

TradingData end_of(std::uint64_t published) {
    double price;
    std::memcpy(&price, &published, 8);
    return {price, end_stamp, end_volume, false};
}

struct slice {
    bool paced, cost, alone;
    std::uint64_t count, first, ticks, give_up, batch, slow, warmup, window, base, period;
};

struct peer {
    int cpu = -1;
    std::vector<TradingData> tape;
    std::uint64_t period = 0;
    part score, own;
    const std::uint64_t* due = nullptr;
    std::uint64_t due_count = 0;
    std::int64_t* samples = nullptr;
    std::uint64_t room = 0;

    // How far a receiver is, for a sender that waits for it: a word beside the ring.
    struct progress {
        explicit progress(int fd) : shared(inherit(fd, true)), word(shared.at<std::atomic<std::uint64_t>>(0)) {}
        part shared;
        std::atomic<std::uint64_t>* word;
    };
    struct sending_end {
        sending_end(segment s, int fd) : memory(std::move(s)), out(memory), far(fd) {}
        segment memory;
        writer<TradingData> out;
        progress far;
    };
    struct receiving_end {
        receiving_end(segment s, int fd) : memory(std::move(s)), far(fd) {}
        segment memory;
        progress far;
    };
    std::map<std::int64_t, std::unique_ptr<sending_end>> senders;
    std::map<std::int64_t, std::unique_ptr<receiving_end>> receivers;

    void attach(const order& o) {
        cpu = static_cast<int>(o.number("cpu"));
        wall = o.text("source") == "clock_gettime";
        period = o.count("period");
        score = inherit(score_fd, false), own = inherit(samples_fd, true);
        const std::uint64_t recorded = o.count("recorded"), due_at = o.count("due_at");
        if (period == 0 || recorded < period || recorded * sizeof(TradingData) > due_at || due_at > score.bytes()) {
            throw std::runtime_error("an order to attach that does not fit the score");
        }
        const auto* records = score.at<TradingData>(0);
        tape.assign(records, records + recorded);  // a tape of its own, because the stamps are written to it
        due = score.at<std::uint64_t>(due_at);
        due_count = (score.bytes() - due_at) / 8;
        samples = own.at<std::int64_t>(0);
        room = own.bytes() / 8;
        if (cpu >= 0) {
            cpu_set_t set;
            CPU_ZERO(&set);
            CPU_SET(static_cast<unsigned>(cpu), &set);
            if (sched_setaffinity(0, sizeof set, &set) != 0) {
                detail::fail(errno, "pin to CPU " + std::to_string(cpu));
            }
        }
        reply("\"attached\":true");
    }

    void open(const order& o) {
        const std::string name = o.text("segment");
        const int fd = static_cast<int>(o.number("fd"));
        if (o.flag("sends")) {
            senders[o.number("channel")] = std::make_unique<sending_end>(segment::take_over(name), fd);
        } else {
            receivers[o.number("channel")] = std::make_unique<receiving_end>(segment::attach(name), fd);
        }
        reply("\"opened\":{}");
    }

    std::uint64_t forward(std::uint64_t at) const { return ++at == period ? 0 : at; }

    // A batch of the tape, stamped from n on.
    const TradingData* stamped(const slice& s, std::uint64_t at, std::uint64_t n) {
        for (std::uint64_t i = 0; i < s.batch; ++i) {
            tape[at + i].timestamp = n + i;
        }
        return &tape[at];
    }

    struct sent {
        std::uint64_t published = 0, ticks = 0, samples = 0;
    };

    sent paced(const slice& s, writer<TradingData>& out) {
        sent r;
        std::uint64_t at = s.first;
        const std::uint64_t deadline = s.base + (s.count > 0 ? due[s.count - 1] : 0) + s.give_up;
        const std::uint64_t begin = until_moment(s.base);
        std::uint64_t now = begin;
        for (std::uint64_t i = 0; i < s.count; ++i) {
            const std::uint64_t moment = s.base + due[i];
            TradingData& record = tape[at];
            record.timestamp = moment;
            for (now = stamp(); before(now, moment); now = stamp()) {
            }
            if (before(deadline, now)) {
                break;
            }
            out.publish(record);
            if (i >= s.warmup) {
                samples[r.samples++] = static_cast<std::int64_t>(now - moment);
            }
            at = forward(at);
        }
        r.ticks = now - begin;
        return r;
    }

    sent full(const slice& s, writer<TradingData>& out) {
        std::uint64_t at = s.first, n = 0;
        const std::uint64_t begin = until_moment(s.base);
        std::uint64_t now = begin;
        for (; now - begin < s.ticks; now = stamp()) {
            if (s.batch == 1) {
                for (std::uint64_t k = 0; k < clock_every; ++k) {
                    TradingData& record = tape[at];
                    record.timestamp = n++;
                    out.publish(record);
                    at = forward(at);
                }
                continue;
            }
            for (std::uint64_t k = 0; k < std::max<std::uint64_t>(1, clock_every / s.batch); ++k) {
                out.publish(stamped(s, at, n), s.batch);
                n += s.batch;
                at = (at + s.batch) % period;
            }
        }
        sent r;
        r.ticks = now - begin;
        return r;
    }

    sent cost(const slice& s, writer<TradingData>& out) {
        sent r;
        std::uint64_t at = s.first, n = 0;
        const std::uint64_t begin = until_moment(s.base);
        std::uint64_t now = begin;
        while (r.samples < room && now - begin < s.ticks) {
            const std::uint64_t start = stamp();
            if (s.batch == 1) {
                for (std::uint64_t k = 0; k < cost_group; ++k) {
                    TradingData& record = tape[at];
                    record.timestamp = n++;
                    out.publish(record);
                    at = forward(at);
                }
            } else {
                out.publish(stamped(s, at, n), s.batch);
                n += s.batch;
                at = (at + s.batch) % period;
            }
            now = stamp();
            samples[r.samples++] = static_cast<std::int64_t>(now - start);
        }
        r.ticks = now - begin;
        return r;
    }

    // As fast as the receiver takes it: like RingSender.waiting.
    sent waiting(const slice& s, sending_end& to) {
        const std::uint64_t piece = std::max(s.batch, std::min(clock_every, s.window) / s.batch * s.batch);
        std::uint64_t at = s.first, n = 0;
        const std::uint64_t begin = until_moment(s.base);
        std::uint64_t now = begin;
        for (; now - begin < s.ticks; now = stamp()) {
            if (n - to.far.word->load(std::memory_order_acquire) > s.window) {
                continue;
            }
            if (s.batch == 1) {
                for (std::uint64_t k = 0; k < piece; ++k) {
                    TradingData& record = tape[at];
                    record.timestamp = n++;
                    to.out.publish(record);
                    at = forward(at);
                }
                continue;
            }
            for (std::uint64_t k = 0; k < piece / s.batch; ++k) {
                to.out.publish(stamped(s, at, n), s.batch);
                n += s.batch;
                at = (at + s.batch) % period;
            }
        }
        sent r;
        r.ticks = now - begin;
        return r;
    }

    // Publishing while nobody reads: like RingSender.alone.
    sent alone(const slice& s, writer<TradingData>& out) {
        for (std::uint64_t i = 0; i < s.period; ++i) {
            tape[i].timestamp = 0;
        }
        sent r;
        const std::uint64_t begin = until_moment(s.base);
        for (std::uint64_t start = begin;;) {
            if (s.batch == 1) {
                const TradingData* const end = tape.data() + s.period;
                for (const TradingData* record = tape.data(); record != end; ++record) {
                    out.publish(*record);
                }
            } else {
                for (std::uint64_t at = 0; at < s.period; at += s.batch) {
                    out.publish(&tape[at], s.batch);
                }
            }
            const std::uint64_t now = stamp();
            samples[r.samples++] = static_cast<std::int64_t>(now - start);
            start = now;
            if (r.samples == room || now - begin >= s.ticks) {
                r.ticks = now - begin;
                return r;
            }
        }
    }

    std::string send(const slice& s, sending_end& to) {
        writer<TradingData>& out = to.out;
        const std::uint64_t first = out.head();
        sent r = s.alone ? alone(s, out) : s.window > 0 ? waiting(s, to) : s.cost ? cost(s, out) : s.paced ? paced(s, out) : full(s, out);
        r.published = out.head() - first;
        out.publish(end_of(r.published));
        return "\"sent\":{" + field("published", r.published) + ',' + field("ticks", r.ticks) + ',' +
               field("samples", r.samples) + '}';
    }

    struct received {
        std::uint64_t received = 0, missed = 0, missed_warmup = 0, ticks = 0, samples = 0;
        std::uint64_t next = 0, at = 0, first_at = 0;
    };

    // What record i must be; the record that is next is at the place of the tape that is next.
    void check(const slice& s, received& r, std::uint64_t i, const TradingData& got) const {
        const TradingData& want = tape[r.at];
        const bool beyond = s.paced && i >= s.count;
        const std::uint64_t moment = beyond || s.alone ? 0 : s.paced ? s.base + due[i] : i;
        if (__builtin_expect(i != r.next || beyond || got.timestamp != moment || got.volume != want.volume ||
                                 got.valid != want.valid || bits(got.price) != bits(want.price), false)) {
            throw std::runtime_error("torn or wrong record: record " + std::to_string(i) + " came where record " +
                                     std::to_string(r.next) + " was next; its stamp is " +
                                     std::to_string(got.timestamp) + " and not " + std::to_string(moment) +
                                     ", its volume " + std::to_string(got.volume) + " and not " + std::to_string(want.volume));
        }
        ++r.next;
        r.at = ++r.at == s.period ? 0 : r.at;
    }

    void miss(const slice& s, received& r, std::uint64_t first, std::uint64_t next) const {
        r.missed += next - first;
        if (first < s.warmup) {
            r.missed_warmup += std::min(next, s.warmup) - first;
        }
        r.next = next;
        r.at = (s.first + next) % s.period;
    }

    void end(const slice& s, received& r, const TradingData& last, std::uint64_t now) const {
        const std::uint64_t published = bits(last.price);
        if (last.volume != end_volume || published < r.next) {
            throw std::runtime_error("a last message of a slice that tells of " + std::to_string(published) +
                                     " records, after record " + std::to_string(r.next));
        }
        miss(s, r, r.next, published);
        r.ticks = r.first_at == 0 ? 0 : now - r.first_at;
    }

    static void expect_lap(status what) {
        if (what != status::lapped) {
            throw std::runtime_error(std::string("the ring says ") + to_string(what) + " in the midst of a slice");
        }
    }

    // Polling records that are there, the last ones that were found right: like RingReceiver.alone.
    void poll_alone(const slice& s, reader<TradingData>& in, std::uint64_t end, received& r) const {
        if (r.received < s.period) {
            throw std::runtime_error(std::to_string(r.received) + " records are in the ring, too few to poll");
        }
        std::vector<TradingData> batch(s.batch);
        TradingData record;
        for (const std::uint64_t begin = stamp(); r.samples < room;) {
            in.seek(position::at(end - s.period));
            const std::uint64_t start = stamp();
            if (s.batch == 1) {
                for (std::uint64_t k = 0; k < s.period; ++k) {
                    const bool ready = static_cast<bool>(in.poll(record));
                    __asm__ volatile("" : : "m"(record));  // somebody uses it: nothing of it may be left out
                    if (!ready) {
                        break;
                    }
                }
            } else {
                for (std::uint64_t k = 0; k < s.period / s.batch; ++k) {
                    if (!in.poll(batch.data(), s.batch)) {
                        break;
                    }
                    __asm__ volatile("" : : "r"(batch.data()) : "memory");
                }
            }
            const std::uint64_t now = stamp();
            if (in.position() != end) {
                throw std::runtime_error("record " + std::to_string(end - 1) + " is in the ring, but polling came to record " +
                                         std::to_string(in.position()) + " only");
            }
            samples[r.samples++] = static_cast<std::int64_t>(now - start);
            if (now - begin >= s.ticks) {
                break;
            }
        }
    }

    // Tells a sender that waits; it is null where none does.
    static void tell(std::atomic<std::uint64_t>* far, const received& r) {
        if (far != nullptr) {
            far->store(r.received, std::memory_order_release);
        }
    }

    void one_by_one(const slice& s, reader<TradingData>& in, received& r, std::atomic<std::uint64_t>* far) const {
        const std::uint64_t first = in.position();
        TradingData record;
        for (;;) {
            const result got = in.next(record);
            if (__builtin_expect(!got, false)) {
                expect_lap(got.status);
                miss(s, r, in.gap().first - first, in.gap().next - first);
                continue;
            }
            const std::uint64_t now = s.paced || r.received == 0 ? stamp() : 0;
            if (record.timestamp == end_stamp) {
                return end(s, r, record, stamp());
            }
            if (r.received == 0) {
                r.first_at = now;
            }
            const std::uint64_t i = got.number - first;
            if (s.paced && i >= s.warmup) {
                samples[r.samples++] = static_cast<std::int64_t>(now - record.timestamp);
            }
            check(s, r, i, record);
            if (++r.received % progress_every == 0) {
                tell(far, r);
            }
        }
    }

    void in_batches(const slice& s, reader<TradingData>& in, received& r, std::atomic<std::uint64_t>* far) const {
        const std::uint64_t first = in.position();
        std::vector<TradingData> records(s.batch);
        for (;;) {
            const batch_result got = in.poll(records.data(), records.size());
            if (!got) {
                if (got.status == status::empty) {
                    detail::pause();
                    continue;
                }
                expect_lap(got.status);
                miss(s, r, in.gap().first - first, in.gap().next - first);
                continue;
            }
            if (r.received == 0) {
                r.first_at = stamp();
            }
            for (std::size_t k = 0; k < got.count; ++k) {
                if (records[k].timestamp == end_stamp) {
                    return end(s, r, records[k], stamp());
                }
                check(s, r, got.first + k - first, records[k]);
                ++r.received;
            }
            tell(far, r);
        }
    }

    // Times that the kernel gave the CPU to another thread.
    static std::int64_t preemptions() {
        std::ifstream status("/proc/thread-self/status");
        const std::string key = "nonvoluntary_ctxt_switches:";
        for (std::string line; std::getline(status, line);) {
            if (line.compare(0, key.size(), key) == 0) {
                return std::stoll(line.substr(key.size()));
            }
        }
        return -1;
    }

    void play(const order& o) {
        const std::uint64_t turns = o.count("alone");
        slice s{o.flag("paced"), o.flag("cost"), turns > 0, o.count("count"), o.count("first"),
                o.count("ticks"), o.count("give_up"), o.count("batch"), o.count("slow"), o.count("warmup"),
                o.count("window"), 0, turns > 0 ? turns : period};
        const bool sends = o.flag("sends");
        if (s.count > due_count || s.first >= period || s.batch < 1 || period + s.batch > tape.size() || s.slow > 0 ||
            (s.paced && s.count > room) || s.period > period || (s.alone && (s.period % s.batch != 0 || room == 0)) || o.text("waits") != "spin") {
            throw std::runtime_error("an order for a slice that this peer cannot play");
        }
        const std::int64_t channel = o.number("channel");
        std::unique_ptr<reader<TradingData>> in;
        if (!sends) {
            const reader_options spinning{{}, {}, wait_policy::spin()};
            in = std::make_unique<reader<TradingData>>(receivers.at(channel)->memory, spinning);
            in->seek(position::at(in->head()));
            receivers.at(channel)->far.word->store(0, std::memory_order_release);
        }
        reply("\"ready\":true");
        std::string line;
        if (!std::getline(std::cin, line)) {
            return;
        }
        s.base = order(line).count("base");
        const std::int64_t switches = preemptions();
        std::string what;
        if (sends) {
            what = send(s, *senders.at(channel));
        } else {
            received r;
            r.at = s.first;
            const std::uint64_t first = in->position();
            std::atomic<std::uint64_t>* const far = s.window > 0 ? receivers.at(channel)->far.word : nullptr;
            if (s.batch == 1) {
                one_by_one(s, *in, r, far);
            } else {
                in_batches(s, *in, r, far);
            }
            if (s.window > 0 && r.missed > 0) {
                throw std::runtime_error(std::to_string(r.missed) + " records were lost of a sender that waits");
            }
            if (s.alone && s.ticks > 0) {
                poll_alone(s, *in, first + r.received + r.missed, r);
            }
            what = "\"received\":{" + field("received", r.received) + ',' + field("missed", r.missed) + ',' +
                   field("missed_warmup", r.missed_warmup) + ',' + field("ticks", r.ticks) + ',' +
                   field("samples", r.samples) + '}';
        }
        reply("\"played\":{" + field("preempted", preemptions() - switches) + ',' + what + '}');
    }

    void carry_out(const order& o) {
        if (o.has("attach")) {
            attach(o);
        } else if (o.has("open")) {
            open(o);
        } else if (o.has("ready")) {
            play(o);
        } else {
            throw std::runtime_error("an order that this peer does not know");
        }
    }
};

}  // namespace

int main() {
    signal(SIGINT, SIG_IGN);  // Ctrl-C reaches the whole process group; the conductor decides
    peer p;
    for (std::string line; std::getline(std::cin, line);) {
        try {
            p.carry_out(order(line));
        } catch (const std::exception& e) {
            reply("\"error\":" + quoted(e.what()));
        }
    }
}
