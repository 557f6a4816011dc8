// A ring buffer in shared memory between processes on one machine: one writer, any number of readers, no locks, no
// system calls and no allocation on either side.
//
//	auto memory = tickring::segment::create_or_take_over<tickring::TradingData>("/trading_data", 1 << 16);
//	tickring::writer<tickring::TradingData> writer(memory);
//	writer.publish({148.91, now, 283, true});
//
//	auto memory = tickring::segment::attach("/trading_data");
//	tickring::reader<tickring::TradingData> reader(memory);
//	tickring::TradingData trade;
//	while (reader.next(trade)) { … }
//
// docs/CPP.md says how to use it, docs/LAYOUT.md what lies in the memory, docs/MEMORY-MODEL.md why it is correct.
#pragma once

#include "bare.hpp"
#include "heap.hpp"
#include "reader.hpp"
#include "record.hpp"
#include "segment.hpp"
#include "shared_memory.hpp"
#include "trading_data.hpp"
#include "writer.hpp"
