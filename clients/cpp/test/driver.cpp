// The driver of the interop suite: test/interop/README.md says what it understands.
#include <sched.h>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <tickring/tickring.hpp>

#include "sha256.hpp"

using namespace tickring;

struct Quote {
    double bid, ask;
    std::uint32_t sizes[2];
    std::uint64_t sequence;
    std::uint8_t venue;
};
TICKRING_RECORD(Quote, bid, ask, sizes, sequence, venue);

namespace {

struct usage {};  // thrown for what cannot be understood, or has nothing to work on

using words = std::vector<std::string>;

std::uint64_t number(const std::string& text) {
    if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos) {
        throw usage{};
    }
    try {
        return std::stoull(text);
    } catch (const std::out_of_range&) {
        throw usage{};
    }
}

std::string hex(const void* data, std::size_t n) {
    const auto* b = static_cast<const unsigned char*>(data);
    std::string text;
    for (std::size_t i = 0; i < n; ++i) {
        text += "0123456789abcdef"[b[i] >> 4];
        text += "0123456789abcdef"[b[i] & 15];
    }
    return text;
}

// A record's bytes, padding zero.
template <class T>
void clear_padding(T& record) {
    auto* b = reinterpret_cast<unsigned char*>(&record);
    for (std::size_t i = 0; i < sizeof record; ++i) {
        b[i] = static_cast<unsigned char>(b[i] & ~(detail::masks<T>.padding[i / 8] >> (8 * (i % 8))));
    }
}

template <class T>
T parse(const std::string& text) {
    if (text.size() != 2 * sizeof(T) || text.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) {
        throw usage{};
    }
    T record;
    for (std::size_t i = 0; i < sizeof record; ++i) {
        reinterpret_cast<unsigned char*>(&record)[i] =
            static_cast<unsigned char>(std::stoul(text.substr(2 * i, 2), nullptr, 16));
    }
    return record;
}

template <class T>
std::vector<T> records_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    if (!file || bytes.empty() || bytes.size() % sizeof(T) != 0) {
        throw std::runtime_error(path + " has no whole records");
    }
    std::vector<T> records(bytes.size() / sizeof(T));
    std::memcpy(static_cast<void*>(records.data()), bytes.data(), bytes.size());
    return records;
}

position position_of(const std::string& text) {
    const std::size_t colon = text.find(':');
    const std::string kind = text.substr(0, colon);
    const std::string n = colon == std::string::npos ? "" : text.substr(colon + 1);
    if (kind == "newest-minus") {
        return position::newest_minus(number(n));
    }
    if (kind == "at") {
        return position::at(number(n));
    }
    if (text == "oldest") {
        return position::oldest();
    }
    if (text == "newest") {
        return position::newest();
    }
    if (text != "oldest-safe") {
        throw usage{};
    }
    return position::oldest_safe();
}

// What the driver has open of one record type, and the commands that need to know the type.
class session {
public:
    virtual ~session() = default;
    virtual std::string call(const words& w) = 0;
};

template <class T>
class typed_session final : public session {
public:
    explicit typed_session(segment& memory) : memory_(memory) {}

    std::string call(const words& w) override {
        const std::string& command = w[0];
        const std::size_t n = w.size() - 1;
        if (command == "write" && n == 0) {
            writer_.emplace(memory_);
            return "ok";
        }
        if (command == "reader" && n == 2) {
            reader_.emplace(memory_, reader_options{position_of(w[1]), position_of(w[2]),
                                                    memory_.has_doorbell() ? wait_policy::block() : wait_policy()});
            return "ok";
        }
        if (command == "close" && n == 0) {
            writing().close();
            closed_ = true;
            return "ok";
        }
        if (command == "publish" && n > 0) {
            return publish(w);
        }
        if (command == "replay" && n == 3) {
            return replay(w[1], number(w[2]), number(w[3]));
        }
        if (command == "head" && n == 0) {
            return std::to_string(memory_.live(layout::head_offset));
        }
        if (command == "epoch" && n == 0) {
            return std::to_string(reader_ ? reader_->epoch() : memory_.live(layout::epoch_offset));
        }
        if (command == "rate" && n == 2) {
            return rate(w[1], number(w[2]));
        }
        return read(w);
    }

private:
    reader<T>& reading() {
        if (!reader_) {
            throw usage{};
        }
        return *reader_;
    }

    writer<T>& writing() {
        if (!writer_) {
            throw usage{};
        }
        return *writer_;
    }

    writer<T>& publishing() {
        if (closed_) {
            throw usage{};
        }
        return writing();
    }

    std::string read(const words& w) {
        const std::string& command = w[0];
        reader<T>& r = reading();
        T record;
        if (w.size() == 1) {
            if (command == "poll") {
                return said(r.poll(record), record);
            }
            if (command == "latest") {
                return said(r.latest(record), record, true);
            }
            if (command == "position") {
                return std::to_string(r.position());
            }
            if (command == "missed") {
                return std::to_string(r.missed());
            }
            if (command == "received") {
                return std::to_string(r.received());
            }
        } else if (w.size() == 2) {
            if (command == "batch") {
                return batch(number(w[1]));
            }
            if (command == "next") {
                if (!memory_.has_doorbell()) {
                    return "error no-doorbell";
                }
                return said(r.next(record, std::chrono::milliseconds(number(w[1]))), record);
            }
            if (command == "follow") {
                return follow(w[1]);
            }
        }
        throw usage{};
    }

    std::string said(const result& r, T& record, bool of_latest = false) {
        const reader<T>& reader = *reader_;
        switch (r.status) {
        case status::ready:
            clear_padding(record);
            return "ready " + std::to_string(r.number) + " " + hex(&record, sizeof record);
        case status::lapped:
            if (!of_latest) {
                return "lapped " + std::to_string(reader.gap().first) + " " + std::to_string(reader.gap().next);
            }
            return "lapped";
        case status::restarted:
            return "restarted " + std::to_string(reader.epoch()) + " " + std::to_string(reader.epoch_first());
        default: return to_string(r.status);
        }
    }

    std::string batch(std::uint64_t most) {
        std::vector<T> records(std::min<std::uint64_t>(most, memory_.shape().slots));
        const batch_result got = reading().poll(records.data(), records.size());
        if (!got) {
            T none;
            return said({got.status, got.first}, none);
        }
        sha256 digest;
        for (std::size_t i = 0; i < got.count; ++i) {
            clear_padding(records[i]);
        }
        digest.add(records.data(), got.count * sizeof(T));
        return "ready " + std::to_string(got.first) + " " + std::to_string(got.count) + " " + digest.digest();
    }

    std::string publish(const words& w) {
        std::vector<T> records;
        for (std::size_t i = 1; i < w.size(); ++i) {
            records.push_back(parse<T>(w[i]));
        }
        writer<T>& to = publishing();
        const bool one = records.size() == 1;
        return std::to_string(one ? to.publish(records[0]) : to.publish(records.data(), records.size()));
    }

    // From record head modulo the file's length on.
    std::string replay(const std::string& path, std::uint64_t loops, std::uint64_t in_batch) {
        writer<T>& to = publishing();
        if (in_batch == 0) {
            throw usage{};
        }
        const std::vector<T> records = records_of<T>(path);
        std::uint64_t at = to.head() % records.size(), left = loops * records.size();
        for (std::uint64_t n; left > 0; left -= n) {
            n = std::min({in_batch, left, records.size() - at});
            if (in_batch == 1) {
                to.publish(records[at]);
            } else {
                to.publish(&records[at], n);
            }
            at = at + n == records.size() ? 0 : at + n;
        }
        return "published " + std::to_string(loops * records.size());
    }

    std::string follow(const std::string& path) {
        std::vector<T> records = records_of<T>(path);
        for (T& record : records) {
            clear_padding(record);
        }
        reader<T>& from = reading();
        sha256 digest;
        std::uint64_t received = 0, missed = 0, gaps = 0, wrong = 0;
        std::vector<T> got(256);
        for (;;) {
            const batch_result r = from.poll(got.data(), got.size());
            if (r.status == status::closed || r.status == status::corrupt) {
                return std::string(to_string(r.status)) + " received=" + std::to_string(received) +
                       " missed=" + std::to_string(missed) + " gaps=" + std::to_string(gaps) +
                       " wrong=" + std::to_string(wrong) + " sha256=" + digest.digest();
            }
            if (r.status == status::lapped) {
                ++gaps;
                missed += from.gap().count();
            } else if (r.status == status::empty) {
                ::sched_yield();  // there may be fewer cores than drivers
            }
            for (std::size_t i = 0; i < r.count; ++i) {
                clear_padding(got[i]);
                const T& want = records[(r.first + i) % records.size()];
                wrong += std::memcmp(&got[i], &want, sizeof want) != 0;
            }
            digest.add(got.data(), r.count * sizeof(T));
            received += r.count;
        }
    }

    std::string rate(const std::string& call, std::uint64_t count) {
        constexpr std::uint64_t batch = 64;
        std::vector<T> records(batch);
        std::memset(static_cast<void*>(records.data()), 0, batch * sizeof(T));
        const bool polls = call == "poll" || call == "poll-batch";
        if (polls && (reading().head() < reading().position() + count)) {
            throw usage{};
        }
        if (!polls && call != "publish" && call != "publish-batch") {
            throw usage{};
        }
        reader<T>* const from = polls ? &reading() : nullptr;
        writer<T>* const to = polls ? nullptr : &publishing();
        bool there = true;
        const std::uint64_t start = detail::nanoseconds(CLOCK_MONOTONIC);
        if (call == "publish") {
            for (std::uint64_t n = 0; n < count; ++n) {
                to->publish(records[0]);
            }
        } else if (call == "publish-batch") {
            for (std::uint64_t left = count, n; left > 0; left -= n) {
                n = std::min(batch, left);
                to->publish(records.data(), n);
            }
        } else if (call == "poll") {
            for (std::uint64_t n = 0; n < count && there; ++n) {
                there = static_cast<bool>(from->poll(records[0]));
            }
        } else {
            for (std::uint64_t left = count; left > 0 && there;) {
                const batch_result got = from->poll(records.data(), std::min(batch, left));
                there = static_cast<bool>(got);
                left -= got.count;
            }
        }
        const std::uint64_t end = detail::nanoseconds(CLOCK_MONOTONIC);
        if (!there) {
            throw usage{};
        }
        return std::to_string(end - start);
    }

    segment& memory_;
    std::optional<reader<T>> reader_;
    std::optional<writer<T>> writer_;
    bool closed_ = false;
};

// A segment, and what is done with it. The session is the first to go.
struct opened {
    segment memory;
    std::unique_ptr<session> records;

    opened(segment s, const std::string& record) : memory(std::move(s)) {
        if (record == "TradingData") {
            memory.shape().record.require(describe<TradingData>());
            records = std::make_unique<typed_session<TradingData>>(memory);
        } else {
            memory.shape().record.require(describe<Quote>());
            records = std::make_unique<typed_session<Quote>>(memory);
        }
    }
};

geometry new_shape(const std::string& record, std::uint64_t slots) {
    return record == "TradingData" ? geometry_of<TradingData>(slots) : geometry_of<Quote>(slots);
}

class driver {
public:
    std::string call(const words& w) {
        const std::string& command = w[0];
        const std::size_t n = w.size() - 1;
        if (command == "attach" && n == 2 && known(w[2])) {
            attached_ = std::make_unique<opened>(segment::attach(w[1]), w[2]);
            return "ok";
        }
        if (command == "create" && n == 3 && known(w[2])) {
            return own(segment::create(w[1], new_shape(w[2], number(w[3])), {0600, true, ""}), w[2]);
        }
        if (command == "takeover" && n == 2 && known(w[2])) {
            return own(segment::take_over(w[1]), w[2]);
        }
        if (command == "remove" && n == 1) {
            segment::unlink(w[1]);
            return "ok";
        }
        if (command == "detach" && n == 0) {
            attached_.reset();
            owned_.reset();
            return "ok";
        }
        if (!attached_ && !owned_) {
            throw usage{};
        }
        const segment& memory = (attached_ ? attached_ : owned_)->memory;
        if (n == 0) {
            if (command == "schema") {
                return schema_of(memory.shape().record);
            }
            if (command == "shape") {
                return shape_of(memory.shape());
            }
            if (command == "view") {
                return hex(memory.header(), layout::view_record_size);
            }
            if (command == "state") {
                return state_of(memory.live(layout::state_offset));
            }
            if (command == "alive") {
                return memory.writer_alive() ? "yes" : "no";
            }
        }
        const bool writes = command == "publish" || command == "close" || command == "replay" ||
                            (command == "rate" && n > 0 && w[1].compare(0, 7, "publish") == 0);
        opened* const on = writes || !attached_ ? owned_.get() : attached_.get();
        if (on == nullptr) {
            throw usage{};
        }
        return on->records->call(w);
    }

private:
    static bool known(const std::string& record) { return record == "TradingData" || record == "Quote"; }

    std::string own(segment s, const std::string& record) {
        owned_.reset();
        auto owned = std::make_unique<opened>(std::move(s), record);
        owned->records->call({"write"});
        owned_ = std::move(owned);
        return "ok";
    }

    static std::string schema_of(const schema& s) {
        std::string text = s.name + " " + std::to_string(s.size);
        for (const field& f : s.fields) {
            text += " " + f.name + ":" + detail::facts(f.type).name +
                    (f.count == 1 ? "" : "[" + std::to_string(f.count) + "]") + "@" + std::to_string(f.offset);
        }
        return text;
    }

    static std::string shape_of(const geometry& g) {
        return "slots=" + std::to_string(g.slots) + " stride=" + std::to_string(g.slot_stride) +
               " backing=" + (g.ring_file.empty() ? "0" : "1") + " doorbell=" + (g.doorbell ? "1" : "0") +
               " fallback=" + g.fallback;
    }

    static std::string state_of(std::uint64_t state) {
        static const char* const names[] = {"created", "open", "closed"};
        return state < 3 ? names[state] : "invalid";
    }

    std::unique_ptr<opened> attached_, owned_;
};

std::string kind_of(const failure& e) {
    if (e.code().category() != error_category()) {
        switch (e.code().value()) {
        case ENOENT: return "not-found";
        case EACCES:
        case EPERM: return "permission";
        case EEXIST: return "exists";
        case ELOOP: return "not-regular";
        default: return std::string("other ") + e.what();
        }
    }
    switch (static_cast<error>(e.code().value())) {
    case error::bare: return "bare";
    case error::magic: return "magic";
    case error::version: return "version";
    case error::byte_order: return "byte-order";
    case error::checksum: return "checksum";
    case error::truncated: return "truncated";
    case error::geometry: return "geometry";
    case error::schema: return "schema";
    case error::not_regular: return "not-regular";
    case error::name: return "name";
    case error::writer_exists: return "writer-exists";
    case error::corrupt: return "corrupt";
    case error::no_doorbell: return "no-doorbell";
    case error::exhausted: return "exhausted";
    default: return std::string("other ") + e.what();
    }
}

std::string answer(driver& d, const std::string& line) {
    std::istringstream in(line);
    const words w{std::istream_iterator<std::string>(in), {}};
    try {
        if (w.empty()) {
            throw usage{};
        }
        return d.call(w);
    } catch (const usage&) {
        return "error usage";
    } catch (const failure& e) {
        return "error " + kind_of(e);
    } catch (const std::exception& e) {
        return std::string("error other ") + e.what();
    }
}

}  // namespace

int main() {
    driver d;
    for (std::string line; std::getline(std::cin, line);) {
        std::cout << answer(d, line) << std::endl;
    }
}
