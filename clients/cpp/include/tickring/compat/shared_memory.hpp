// For programs from before the ring: the names that they use, where they use them.
#pragma once

#include "../shared_memory.hpp"

using TradingData = tickring::AtomicTradingData;

template <class T>
using SharedMemory = tickring::SharedMemory<T>;
