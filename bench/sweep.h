// SPDX-License-Identifier: Apache-2.0
//
// bench/sweep: recall and rate over a list of ef, and the rate at a recall.
#ifndef BENCH_SWEEP_H
#define BENCH_SWEEP_H

#include <functional>

#include "common.h"
#include "exact.h"

namespace bench
{

struct Point {
	uint32_t ef = 0;
	double recall = 0;
	double distances = 0;
	std::vector<double> rates; // queries a second, one per round
	double rate() const { return median(rates); }
};

using Sweep = std::vector<Point>;

// Fills slots[kTop] and returns how many there are.
using Search = std::function<size_t(const float *query, uint32_t ef, uint32_t *slots)>;

// Asks all queries with point->ef, notes recall and adds a rate.
void measure(const Search &search, const Data &data, const Truth &truth, bool cpu_time, Point *point);

// Queries a second at a recall, between the two points around it; logarithmic in the rate. 0: out of reach.
double rate_at(const Sweep &sweep, double recall);

// The least ef that reaches a recall, to one part in 32; 0: none up to 4096 does.
uint32_t least_ef(const Search &search, const Data &data, const Truth &truth, double recall);

// 0 when one of the two is out of reach.
double ratio(double a, double b);

} // namespace bench

#endif
