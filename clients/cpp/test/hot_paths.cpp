// The hot paths as functions of their own, for disassembly_test to look at.
#include <tickring/tickring.hpp>

using namespace tickring;

extern "C" {

std::uint64_t hot_publish(writer<TradingData>& w, const TradingData& record) { return w.publish(record); }
std::uint64_t hot_publish_batch(writer<TradingData>& w, const TradingData* records, std::size_t n) {
    return w.publish(records, n);
}
result hot_poll(reader<TradingData>& r, TradingData& out) { return r.poll(out); }
batch_result hot_poll_batch(reader<TradingData>& r, TradingData* out, std::size_t n) { return r.poll(out, n); }

// What the test must find fault with.
void control_fence(std::uint64_t& word) { __atomic_store_n(&word, 1, __ATOMIC_SEQ_CST); }
void control_lock(std::uint64_t& word) { __atomic_add_fetch(&word, 1, __ATOMIC_RELAXED); }
std::uint64_t control_divide(std::uint64_t a, std::uint64_t b) { return a / b; }

}
