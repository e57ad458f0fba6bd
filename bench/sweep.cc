// SPDX-License-Identifier: Apache-2.0
#include "sweep.h"

#include <algorithm>
#include <cmath>

namespace bench
{

void measure(const Search &search, const Data &data, const Truth &truth, bool cpu_time, Point *point)
{
	std::vector<uint32_t> slots(data.query_count * kTop);
	std::vector<size_t> counts(data.query_count);
	uint64_t good = 0;
	auto time = [&] { return cpu_time ? cpu(CLOCK_THREAD_CPUTIME_ID) : now(); };
	double start = time();
	for (size_t q = 0; q < data.query_count; q++)
		counts[q] = search(data.query(q), point->ef, &slots[q * kTop]);
	point->rates.push_back(static_cast<double>(data.query_count) / (time() - start));
	for (size_t q = 0; q < data.query_count; q++)
		good += matches(truth, q, &slots[q * kTop], counts[q]);
	point->recall = static_cast<double>(good) / static_cast<double>(data.query_count * kTop);
}

double rate_at(const Sweep &sweep, double recall)
{
	for (size_t i = 1; i < sweep.size(); i++) {
		const Point &a = sweep[i - 1];
		const Point &b = sweep[i];
		if (a.recall <= recall && b.recall >= recall && b.recall > a.recall) {
			double part = (recall - a.recall) / (b.recall - a.recall);
			return std::exp(std::log(a.rate()) * (1 - part) + std::log(b.rate()) * part);
		}
	}
	return 0;
}

uint32_t least_ef(const Search &search, const Data &data, const Truth &truth, double recall)
{
	uint32_t low = kTop; // below what is needed, or the least there is
	uint32_t high = kTop;
	auto reached = [&](uint32_t ef) {
		Point point;
		point.ef = ef;
		measure(search, data, truth, false, &point);
		return point.recall >= recall;
	};
	for (; !reached(high); high *= 2) {
		low = high;
		if (high >= 4096)
			return 0;
	}
	for (uint32_t step = std::max(high / 32, 1u); high - low > step;) {
		uint32_t middle = low + (high - low) / 2;
		(reached(middle) ? high : low) = middle;
	}
	return high;
}

double ratio(double a, double b)
{
	return b > 0 ? a / b : 0;
}

} // namespace bench
