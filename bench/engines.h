// SPDX-License-Identifier: Apache-2.0
//
// bench/engines: what hnsw_compare and peer ask: vecstore's graph, the whole library, and hnswlib. Each is built when it is
// constructed.
#ifndef BENCH_ENGINES_H
#define BENCH_ENGINES_H

#include <memory>

#include "common.h"
#include "exact.h"
#include "store.h"

extern "C" {
#include "index/graph.h"
#include "math/topk.h"
}

namespace bench
{

struct BuildOptions {
	std::string dir; // of vecstore's files; a fresh temporary folder, removed at the end, when empty
	unsigned threads = 2;
	uint32_t m = 16;
	uint32_t ef_construction = 200;
};

struct Engine {
	double build_seconds = 0;
	double build_cpu = 0; // seconds of processor time, over all threads
	double memory = 0;    // bytes
	virtual ~Engine() = default;
	virtual const char *name() const = 0;
	// Fills slots[kTop] and returns how many there are.
	virtual size_t search(const float *query, uint32_t ef, uint32_t *slots) = 0;
	// Distances computed since it was called last, where they are counted.
	virtual double distances() { return 0; }
};

// The bare graph over rows in memory; its files are mapped. Memory: of rows, lists, upper levels and codes.
struct OurGraph : Engine {
	OurGraph(const BuildOptions &options, const Rows &rows);
	~OurGraph() override;
	const char *name() const override { return "vecstore"; }
	size_t search(const float *query, uint32_t ef, uint32_t *slots) override;
	double distances() override;

private:
	const Rows &rows;
	vs_graph *graph = nullptr;
	vs_graph_scratch *scratch = nullptr;
	vs_topk top;
	vs_graph_stats stats = {};
	std::string dir;
	bool temporary;
};

// The same through vecstore.h: records in a store, looked up for each answer. The build counts linking only. Memory: its
// folder. A folder that has as many records already is used as it is.
struct OurStore : Engine {
	OurStore(const BuildOptions &options, const Data &data);
	~OurStore() override;
	const char *name() const override { return "store"; }
	size_t search(const float *query, uint32_t ef, uint32_t *slots) override;

private:
	std::unique_ptr<Store> store;
	std::string dir;
	bool temporary;
};

// Memory: what the process grew by.
struct Hnswlib : Engine {
	Hnswlib(const BuildOptions &options, const Data &data);
	Hnswlib(const std::string &path, uint32_t dim); // as save left it
	~Hnswlib() override;
	void save(const std::string &path);
	const char *name() const override { return "hnswlib"; }
	size_t search(const float *query, uint32_t ef, uint32_t *slots) override;

private:
	struct Index; // hnswlib's headers define functions: one source may include them
	std::unique_ptr<Index> index;
};

} // namespace bench

#endif
