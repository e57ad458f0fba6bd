// SPDX-License-Identifier: Apache-2.0
//
// bench/probe: a new process that opens a store and answers, and tells what that took of it: time to the first answer, and
// resident memory when it has served. The program runs itself again, so its main must begin with probe_main.
#ifndef BENCH_PROBE_H
#define BENCH_PROBE_H

#include <functional>

#include "common.h"
#include "maps.h"

namespace bench
{

enum class Prefetch { none, file, map }; // read the files, or make their maps present, before the first query

struct Probe {
	std::string system = "store"; // or another that the program knows
	std::string path;             // of the data folder
	std::string queries;          // fvecs
	uint32_t ef = 0;
	size_t count = 1; // queries that are asked
	Prefetch prefetch = Prefetch::none;
};

// Seconds.
struct Served {
	double start = 0;    // until main began
	double read = 0;     // of the queries, which counts nowhere
	double open = 0;     // of store and namespace
	double prefetch = 0;
	double first = 0;    // query
	double next = 0;     // mean of the 99 after it
	double answered = 0; // from the start of the process to the first answer
	// At the end, less what the process had before it opened the store. Touched: by asking all queries once more.
	Resident memory;
};

// Does what a started probe has to do and exits, or returns when this process is none.
void probe_main(int argc, char **argv);

// Of files, anonymous memory, program and libraries.
Bytes sum_of(const Resident &memory);

// Starts one and waits for it.
Served probe(const Probe &probe);

// What a program that knows other systems opens: returns the function that asks one query.
using Asker = std::function<size_t(const float *query, uint32_t ef, uint32_t *numbers)>;
extern Asker (*probe_open)(const std::string &system, const std::string &path, uint32_t dim);

} // namespace bench

#endif
