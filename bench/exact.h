// SPDX-License-Identifier: Apache-2.0
//
// bench/exact: rows as the store lays them out, in memory, and the exact answers found in them.
#ifndef BENCH_EXACT_H
#define BENCH_EXACT_H

#include "common.h"

extern "C" {
#include "math/bitmap.h"
#include "math/view.h"
}

namespace bench
{

struct Rows {
	vs_space space;
	vs_view view;
	vs_bitmap all = {};
	unsigned char *memory = nullptr;

	explicit Rows(const Data &data);
	~Rows();
	Rows(const Rows &) = delete;
	Rows &operator=(const Rows &) = delete;
};

using Truth = std::vector<uint32_t>; // kTop slots a query

// By vecstore's exact scan. cache: a file that keeps the answers for the next run with the same data; "" for none.
Truth exact(const Data &data, const Rows &rows, unsigned threads, const std::string &cache);

// How many of the slots are among the exact answers of query q.
uint32_t matches(const Truth &truth, size_t q, const uint32_t *slots, size_t count);

} // namespace bench

#endif
