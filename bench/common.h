// SPDX-License-Identifier: Apache-2.0
//
// bench/common: what the benchmarks in C++ share: clocks, and the vectors of a file, split into rows and queries.
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <functional>
#include <string>
#include <variant>
#include <vector>

extern "C" {
#include "base/error.h"
}

namespace bench
{

constexpr uint32_t kTop = 10;
constexpr size_t kHeldOut = 10000; // vectors that are asked for and not stored

[[noreturn]] void die(const std::string &text);
void check(int code, const vs_error &error); // dies of a negative code

// On standard error, on a line of its own.
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

double now();                // seconds of a clock that all processes share
double cpu(clockid_t clock); // processor time, of CLOCK_PROCESS_CPUTIME_ID or CLOCK_THREAD_CPUTIME_ID
size_t resident_bytes();     // of this process
double median(std::vector<double> values);

struct Data {
	uint32_t dim = 0;
	std::vector<float> base;    // count normalised rows
	std::vector<float> queries; // query_count normalised rows
	size_t count = 0;
	size_t query_count = 0;
	const float *row(size_t i) const { return &base[i * dim]; }
	const float *query(size_t i) const { return &queries[i * dim]; }
};

// All rows of a file, one after the other. Sets *dim.
std::vector<float> read_fvecs(const std::string &path, uint32_t *dim);
void write_fvecs(const std::string &path, const std::vector<float> &rows, uint32_t dim);

// Holds kHeldOut vectors out, the same on every run, and takes the first `queries` of them; stores the first `rows` of the
// others, or all of them when rows is 0. Both normalised.
Data load(const std::string &file, size_t rows, size_t queries);

// Scales a row to length 1.
void normalise(float *row, uint32_t dim);

// "--rows": where the word after it goes; a flag without one is set, or does something. Lists look like "20,30,40".
struct Option {
	const char *name;
	std::variant<std::string *, size_t *, uint32_t *, double *, std::vector<uint32_t> *, bool *, std::function<void()>> to;
};

[[noreturn]] void die_of_usage(const char *usage);
// A word that belongs to no option is the file; nullptr: there is none.
void parse_options(int argc, char **argv, const char *usage, const std::vector<Option> &options, std::string *file);

} // namespace bench

#endif
