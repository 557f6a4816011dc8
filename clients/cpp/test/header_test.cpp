// Headers: those of the golden files, and hostile ones. Without shared memory, for sanitizers to look at.
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <random>

#include "check.hpp"

using namespace tickring;
using detail::bytes;

namespace {

geometry decode(const bytes& b, std::uint64_t size) {
    return detail::decode(size, [&](std::uint64_t offset, unsigned char* to, std::uint64_t n) {
        const std::uint64_t have = offset < b.size() ? std::min<std::uint64_t>(n, b.size() - offset) : 0;
        std::copy_n(b.begin() + static_cast<std::ptrdiff_t>(offset), have, to);
        return have;
    });
}

// seal makes the checksum right again, where the texts can be found at all.
void seal(bytes& b) {
    detail::checksum sum;
    sum.add(&b[64], 184 - 64);
    for (const std::size_t part : {132u, 140u, 160u}) {
        const std::uint64_t offset = detail::load<std::uint32_t>(&b[part]);
        const std::uint64_t n = detail::load<std::uint32_t>(&b[part + 4]);
        if (offset + n > b.size()) {
            return;
        }
        sum.add(b.data() + offset, n);
    }
    detail::store(&b[184], sum.sum());
}

geometry with_ring_file() {
    geometry g = geometry_of<TradingData>(64);
    g.created = 0xabc;
    g.ring_file = "/dev/hugepages/trading_data.0000000000000abc.ring";
    detail::arrange(g);
    return g;
}

void golden_files() {
    struct golden {
        const char* file;
        std::uint64_t slots, record_size;
        bool doorbell, fallback;
    };
    for (const golden& want : {golden{"tradingdata_64", 64, 24, false, false},
                               golden{"tradingdata_64_doorbell", 64, 24, true, false},
                               golden{"tradingdata_1m_fallback", 1 << 20, 24, false, true},
                               golden{"book_16", 16, 452, true, true}}) {
        std::ifstream in(std::string(TICKRING_GOLDEN) + "/" + want.file + ".golden", std::ios::binary);
        CHECK(static_cast<bool>(in));
        const bytes b{std::istreambuf_iterator<char>(in), {}};
        const geometry g = decode(b, std::uint64_t{1} << 40);
        CHECK(g.slots == want.slots && g.record.size == want.record_size && g.doorbell == want.doorbell);
        CHECK(g.fallback.empty() != want.fallback);
        CHECK(detail::encode(g) == b);  // what this writes is what Go writes
        if (want.record_size == 24) {
            g.record.require(describe<TradingData>());
        }
    }
}

void round_trip() {
    for (const geometry& g :
         {geometry_of<TradingData>(2), geometry_of<Quote>(1024), geometry_of<Large>(16), with_ring_file()}) {
        const geometry got = decode(detail::encode(g), g.segment_size);
        CHECK(got.slots == g.slots && got.slot_stride == g.slot_stride && got.header_size == g.header_size);
        CHECK(got.ring_file == g.ring_file && got.ring_offset == g.ring_offset && got.segment_size == g.segment_size);
        got.record.require(g.record);
    }
}

using change = std::function<void(bytes&)>;

change u32(std::uint64_t offset, std::uint32_t v) {
    return [=](bytes& b) { detail::store(&b[offset], v); };
}
change u64(std::uint64_t offset, std::uint64_t v) {
    return [=](bytes& b) { detail::store(&b[offset], v); };
}
change both(change a, change b) {
    return [=](bytes& to) { a(to), b(to); };
}
change text(std::uint64_t offset, const std::string& s) {
    return [=](bytes& b) { std::copy(s.begin(), s.end(), b.begin() + static_cast<std::ptrdiff_t>(offset)); };
}

// Each number, wrong by itself, under a checksum that is right.
void every_field_is_checked() {
    using namespace layout;
    constexpr std::uint32_t most = ~std::uint32_t{0};
    constexpr std::uint64_t field = schema_offset + 64, path = schema_offset + 5 * 64 + 256;
    const geometry trades = geometry_of<TradingData>(64), large = geometry_of<Large>(64), apart = with_ring_file();
    const struct {
        const geometry& of;
        error want;
        change how;
    } cases[] = {
        {trades, error::magic, u64(magic_offset, magic + 1)},
        {trades, error::magic, u64(magic_offset, doorbell_magic)},
        {trades, error::version, u32(version_offset, 0)},
        {trades, error::version, u32(min_reader_version_offset, 2)},
        {trades, error::byte_order, u32(byte_order_offset, 0x0d0c0b0a)},
        {trades, error::geometry, u32(header_size_offset, 0)},
        {trades, error::geometry, u32(header_size_offset, schema_offset)},
        {trades, error::geometry, u32(header_size_offset, most)},
        {trades, error::truncated, u32(header_size_offset, 1 << 20)},
        {trades, error::geometry, u32(header_size_offset, 4096 + 8)},
        {trades, error::geometry, u32(record_size_offset, 32)},
        {trades, error::geometry, u32(slot_stride_offset, 0)},
        {trades, error::geometry, u32(slot_stride_offset, 24)},
        {trades, error::geometry, u32(slot_stride_offset, 36)},
        {trades, error::geometry, u32(slot_stride_offset, most & ~7u)},
        {trades, error::geometry, u64(slots_offset, 0)},
        {trades, error::geometry, u64(slots_offset, 1)},
        {trades, error::geometry, u64(slots_offset, 63)},
        {trades, error::geometry, both(u64(slots_offset, 63), u64(segment_size_offset, 4096 + 63 * 32))},
        {trades, error::geometry, u64(slots_offset, std::uint64_t{1} << 59)},
        {trades, error::geometry, both(u64(slots_offset, std::uint64_t{1} << 63), u64(segment_size_offset, 4096))},
        {trades, error::geometry, u64(ring_offset_offset, 0)},
        {trades, error::geometry, u64(ring_offset_offset, 4096 + 32)},
        {trades, error::geometry, u64(ring_offset_offset, ~std::uint64_t{4095})},
        {trades, error::geometry, u64(segment_size_offset, 1 << 20)},
        {trades, error::truncated, both(u64(segment_size_offset, 4096 + 128 * 32), u64(slots_offset, 128))},
        {trades, error::version, u32(backing_offset, 2)},
        {trades, error::geometry, u32(backing_offset, 1)},
        {trades, error::geometry, u32(view_offset_offset, 8)},
        {trades, error::geometry, both(u32(view_offset_offset, 64), u32(view_version_offset_offset, 56))},
        {trades, error::geometry, both(u32(view_offset_offset, 256), u32(view_version_offset_offset, 248))},
        {trades, error::geometry, both(u32(view_offset_offset, 648), u32(view_version_offset_offset, 640))},
        {trades, error::geometry, u32(view_version_offset_offset, 32)},
        {large, error::geometry, both(u32(view_offset_offset, 0), u32(view_version_offset_offset, 24))},
        {large, error::geometry, both(u32(view_offset_offset, 2060), u32(view_version_offset_offset, 2052))},
        {large, error::geometry,
         both(u32(view_offset_offset, 4096 - 504), u32(view_version_offset_offset, 4096 - 512))},
        {trades, error::geometry, u32(schema_offset_offset, 64)},
        {trades, error::geometry, u32(schema_offset_offset, most)},
        {trades, error::geometry, u32(schema_offset_offset, 4096 - 64)},
        {trades, error::schema, u32(schema_offset_offset, schema_offset + 64)},
        {trades, error::schema, u32(schema_size_offset, 0)},
        {trades, error::schema, u32(schema_size_offset, 64)},
        {trades, error::schema, u32(schema_size_offset, 64 + 32)},
        {trades, error::schema, u32(schema_size_offset, 4 * 64)},
        {trades, error::geometry, u32(schema_size_offset, most)},
        {trades, error::geometry, both(u32(ring_file_offset_offset, 4096), u32(ring_file_size_offset, 16))},
        {trades, error::geometry, u32(fallback_size_offset, 4096)},
        {trades, error::schema, text(schema_offset, "\x1b[2J")},
        {trades, error::schema, u32(schema_offset + 52, 3)},
        {trades, error::geometry, u32(schema_offset + 48, 23)},
        {trades, error::schema, u32(schema_offset + 48, 0)},
        {trades, error::schema, u32(field + 48, 12)},
        {trades, error::schema, u32(field + 48, 0)},
        {trades, error::schema, u32(field + 52, 0)},
        {trades, error::schema, u32(field + 52, 2)},
        {trades, error::schema, u32(field + 52, most)},
        {trades, error::schema, u32(field + 56, 1)},
        {trades, error::schema, u32(field + 56, most)},
        {trades, error::schema, text(field, std::string("timestamp"))},
        {apart, error::geometry, u32(ring_file_size_offset, 0)},
        {apart, error::geometry, u32(ring_file_size_offset, 30)},
        {apart, error::geometry, text(path, "dev")},
        {apart, error::geometry, text(path + 5, std::string(1, '\0'))},
        {apart, error::geometry, text(path + 5, "\x1b")},
        {apart, error::geometry, u64(created_offset, 0xabd)},
        {apart, error::geometry, u64(ring_offset_offset, 100)},
        {apart, error::geometry, u64(ring_offset_offset, std::uint64_t{1} << 41)},
        {apart, error::geometry, u64(segment_size_offset, 0)},
        {apart, error::geometry, u64(segment_size_offset, 4096 + 100)},
        {apart, error::truncated, u64(segment_size_offset, 8192)},
    };
    for (const auto& c : cases) {
        bytes b = detail::encode(c.of);
        c.how(b);
        seal(b);
        FAILS(c.want, decode(b, c.of.segment_size));
    }
}

// The checksum covers every byte of identity and texts, and none of what changes later.
void checksum_covers_the_static() {
    const geometry g = with_ring_file();
    const std::uint64_t fields = layout::schema_offset + 5 * 64, path = fields + 256;
    for (std::uint64_t i = 0; i < g.header_size; ++i) {
        bytes b = detail::encode(g);
        b[i] ^= 0x10;
        const bool covered =
            (i >= 64 && i < 192) || (i >= 640 && i < fields) || (i >= path && i < path + g.ring_file.size());
        bool refused = false;
        try {
            decode(b, g.segment_size);
        } catch (const failure&) {
            refused = true;
        }
        CHECK(refused == covered);
    }
}

void truncations() {
    const geometry g = geometry_of<Large>(64);
    const bytes b = detail::encode(g);
    for (std::size_t size = 0; size < b.size(); ++size) {
        const bytes less(b.begin(), b.begin() + static_cast<std::ptrdiff_t>(size));
        FAILS(error::truncated, decode(less, size));
        if (size < layout::schema_offset + 2 * 64) {  // it shrinks between fstat and read
            FAILS(error::truncated, decode(less, g.segment_size));
        }
    }
    FAILS(error::truncated, decode(b, g.segment_size - 1));
    decode(b, g.segment_size + 1);
    for (const std::size_t size : {72u, 100u, 191u}) {
        FAILS(error::magic, decode(bytes(size), size));
    }
    for (const std::size_t size : {0u, 1u, 32u, 71u}) {
        FAILS(error::truncated, decode(bytes(size), size));
    }
}

// Whatever the bytes are, decode ends in a geometry that holds together, or in a failure.
void random_changes() {
    std::mt19937_64 random(1);
    std::map<int, int> seen;
    for (const geometry& g : {geometry_of<TradingData>(64), geometry_of<Large>(4), with_ring_file()}) {
        for (int round = 0; round < 30'000; ++round) {
            bytes b = detail::encode(g);
            for (auto changes = random() % 4 + 1; changes > 0; --changes) {
                const std::uint64_t at = random() % 3 == 0 ? 64 + 4 * (random() % 30) : random() % b.size();
                const std::uint64_t v = random() % 2 == 0 ? random() : std::uint64_t{1} << random() % 64;
                std::memcpy(&b[at], &v, std::min<std::uint64_t>(4, b.size() - at));
            }
            seal(b);
            try {
                const geometry got = decode(b, g.segment_size + (random() % 2) * 4096);
                CHECK(got.ring_size() < std::uint64_t{1} << 62);
                CHECK(!got.ring_file.empty() || got.segment_size == got.ring_offset + got.ring_size());
                CHECK(got.header_size <= got.segment_size && got.slot_stride >= 8 + 8 * got.record.words());
                CHECK(got.view_offset + 8 * got.record.words() <= got.header_size);
                ++seen[0];
            } catch (const failure& e) {
                CHECK(e.code().category() == error_category());
                ++seen[e.code().value()];
            }
        }
    }
    for (const error e :
         {error::magic, error::version, error::byte_order, error::truncated, error::geometry, error::schema}) {
        CHECK(seen[static_cast<int>(e)] > 0);
    }
    CHECK(seen[0] > 100);
}

// A later layout that this version's readers can read: they skip what they do not know.
void later_version() {
    geometry g = geometry_of<TradingData>(64);
    const bytes old = detail::encode(g);
    bytes b = old;
    b.resize(8192, 0x77);
    u32(layout::version_offset, 2)(b);
    u32(layout::header_size_offset, 8192)(b);
    u64(layout::ring_offset_offset, 8192)(b);
    u64(layout::segment_size_offset, 8192 + g.ring_size())(b);
    u32(layout::flags_offset, 0xfffffffe)(b);
    u32(layout::schema_offset_offset, 5000)(b);
    text(168, "something new...")(b);
    std::copy_n(old.begin() + 640, 5 * 64, b.begin() + 5000);
    seal(b);
    const geometry got = decode(b, 8192 + g.ring_size());
    CHECK(got.version == 2 && got.header_size == 8192 && !got.doorbell);
    got.record.require(describe<TradingData>());
}

}  // namespace

int main() {
    return check::run({{"golden files", golden_files},
                       {"round trip", round_trip},
                       {"every field is checked", every_field_is_checked},
                       {"checksum covers the static", checksum_covers_the_static},
                       {"truncations", truncations},
                       {"random changes", random_changes},
                       {"later version", later_version}});
}
