// SPDX-License-Identifier: Apache-2.0
//
// bench/store: a data folder through vecstore.h, with one namespace whose records have their number as id and no metadata.
#ifndef BENCH_STORE_H
#define BENCH_STORE_H

#include "common.h"
#include "engine/vecstore.h"

namespace bench
{

class Store
{
public:
	// Opens the folder; with create makes what is missing.
	Store(const std::string &dir, bool create, uint32_t dim);
	~Store();
	Store(const Store &) = delete;
	Store &operator=(const Store &) = delete;

	// Stores rows as the records first, first + 1, … in one durable batch.
	void insert(const float *rows, size_t first, size_t count);
	// The same in batches, saying how far it is.
	void insert_all(const Data &data);
	// Indexes what is not yet, saying how far it is.
	void index(unsigned threads);
	// Opens the maps, as a first query would. Finds nothing.
	void settle();
	// Fills numbers[kTop] and returns how many there are. ef 0: compares with all.
	size_t search(const float *query, uint32_t ef, uint32_t *numbers);

	static inline int32_t rescore = 0; // of all searches, as vs_query has it
	struct vs_namespace_stats stats();

private:
	vs_store *store = nullptr;
	vs_namespace *ns = nullptr;
	uint32_t dim;
};

} // namespace bench

#endif
