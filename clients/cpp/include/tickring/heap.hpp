// A ring within one process.
#pragma once

#include <algorithm>
#include <memory>
#include <new>

#include "header.hpp"
#include "memory.hpp"

namespace tickring {

// The memory of a ring for threads of one process: for tests and simulations. It is its own writer, always alive, and
// has no doorbell.
class heap : public memory {
public:
    explicit heap(geometry shape) {
        const detail::bytes header = detail::encode(shape);
        header_block_ = allocate(header.size());
        slots_block_ = allocate(shape.ring_size());
        header_ = header_block_.get();
        slots_ = slots_block_.get();
        std::transform(header.begin(), header.end(), header_, [](unsigned char c) { return std::byte{c}; });
        name_ = "(heap)";
        shape_ = std::move(shape);
        writable_ = true;
    }

private:
    static constexpr std::align_val_t alignment{layout::page_size};

    struct release {
        void operator()(std::byte* block) const { ::operator delete(block, alignment); }
    };
    using block = std::unique_ptr<std::byte, release>;

    static block allocate(std::size_t n) {
        block b(static_cast<std::byte*>(::operator new(n, alignment)));
        std::fill_n(b.get(), n, std::byte{0});
        return b;
    }

    block header_block_;
    block slots_block_;
};

// heap_of is a heap for records of type T.
template <class T>
heap heap_of(std::uint64_t slots) {
    return heap(geometry_of<T>(slots));
}

}  // namespace tickring
