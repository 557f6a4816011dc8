// Fuzzes the decoder of headers. With clang: -fsanitize=fuzzer. Elsewhere -DTICKRING_FUZZ_MAIN has a main that changes
// headers at random: fuzz_attach [SEED [ROUNDS]].
#include <cstdlib>
#include <random>

#include <tickring/tickring.hpp>

using namespace tickring;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    detail::bytes b(data, data + size);
    const auto read = [&](std::uint64_t offset, unsigned char* to, std::uint64_t n) {
        const std::uint64_t have = offset < b.size() ? std::min<std::uint64_t>(n, b.size() - offset) : 0;
        std::copy_n(b.data() + offset, have, to);
        return have;
    };
    const auto decode = [&] {
        try {
            const geometry g = detail::decode(std::uint64_t{1} << 32, read);
            detail::validate(g);
            if (g.header_size > g.segment_size || g.ring_size() >= std::uint64_t{1} << 62) {
                std::abort();
            }
        } catch (const failure&) {
        }
    };
    decode();
    if (size < layout::schema_offset) {
        return 0;
    }
    detail::checksum sum;  // and again behind a checksum that is right
    sum.add(&b[layout::identity_offset], layout::checksum_offset - layout::identity_offset);
    for (const std::uint64_t at :
         {layout::schema_offset_offset, layout::ring_file_offset_offset, layout::fallback_offset_offset}) {
        const std::uint64_t offset = detail::load<std::uint32_t>(&b[at]), n = detail::load<std::uint32_t>(&b[at + 4]);
        if (n == 0 || offset + n > size) {
            continue;
        }
        sum.add(&b[offset], n);
    }
    detail::store(&b[layout::checksum_offset], sum.sum());
    decode();
    return 0;
}

#ifdef TICKRING_FUZZ_MAIN
int main(int argc, char** argv) {
    std::mt19937_64 random(argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1);
    const long rounds = argc > 2 ? std::strtol(argv[2], nullptr, 10) : 20'000;
    const detail::bytes whole = detail::encode(geometry_of<TradingData>(64));
    for (long round = 0; round < rounds; ++round) {
        detail::bytes b = whole;
        if (random() % 8 == 0) {
            b.resize(random() % whole.size());
        }
        for (auto changes = random() % 8; changes > 0 && !b.empty(); --changes) {
            b[random() % std::min<std::size_t>(b.size(), 1000)] = static_cast<unsigned char>(random() >> 13);
        }
        LLVMFuzzerTestOneInput(b.data(), b.size());
    }
}
#endif
