// SPDX-License-Identifier: Apache-2.0
//
// bench/scale: how cost grows with the number of records, on vectors that are made up (clusters.h), through the whole
// library. See bench/README.md for what is measured and how.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <thread>

#include "clusters.h"
#include "probe.h"
#include "store.h"
#include "sweep.h"

using namespace bench;

namespace
{

constexpr size_t kBatch = 10000;
constexpr size_t kPiece = 1000000; // records stored between two runs of the indexer, which keeps the WAL short
constexpr uint64_t kQueriesFrom = uint64_t{ 1 } << 40; // numbers that no row has

struct Options {
	std::string dir;
	std::vector<uint32_t> sizes = { 10000, 100000, 1000000 };
	std::vector<uint32_t> efs = { 10, 15, 20, 30, 40, 60, 80, 120, 160, 240, 320, 480, 640, 1000 };
	uint32_t dim = 100;
	size_t queries = 1000;
	double recall = 0.95;
	unsigned threads = 2;
	unsigned rounds = 3;
	unsigned starts = 10;
	bool keep = false;
	bool cpu_time = false; // of queries
};

// Of one size. Seconds and bytes.
struct Cost {
	double records = 0;
	double store = 0;
	double index = 0;
	double index_cpu = 0;
	double query = 0; // at the recall
	uint32_t ef = 0;  // the least of the list that reaches it
	double recall = 0;
	double resident = 0;
	double touched = 0;
	double disk = 0;
	double start = 0;      // process to first answer, cached
	double start_cold = 0; // and not
};

// ---- one size -------------------------------------------------------------------------------------------------

void index(Store *store, const Options &options, Cost *cost)
{
	double start = now();
	double start_cpu = cpu(CLOCK_PROCESS_CPUTIME_ID);
	store->index(options.threads);
	cost->index += now() - start;
	cost->index_cpu += cpu(CLOCK_PROCESS_CPUTIME_ID) - start_cpu;
}

void fill(const std::string &dir, const Clusters &clusters, const Options &options, size_t count, Cost *cost)
{
	Store store(dir, true, options.dim);
	std::vector<float> rows;
	for (size_t done = 0, n; done < count; done += n) {
		n = std::min(kBatch, count - done);
		clusters.make(done, n, options.threads, &rows);
		double start = now();
		store.insert(rows.data(), done, n);
		cost->store += now() - start;
		if ((done + n) % kPiece == 0 || done + n == count) {
			say("%zu of %zu records stored", done + n, count);
			index(&store, options, cost);
		}
	}
}

// By the library's exact search, a handle for each thread.
Truth exact_answers(const std::string &dir, const Options &options, const Data &data)
{
	Truth truth(data.query_count * kTop);
	std::atomic<size_t> next{ 0 };
	std::vector<std::thread> running;
	for (unsigned t = 0; t < options.threads; t++)
		running.emplace_back([&] {
			Store store(dir, false, data.dim);
			for (size_t q = next++; q < data.query_count; q = next++)
				store.search(data.query(q), 0, &truth[q * kTop]);
		});
	for (auto &thread : running)
		thread.join();
	return truth;
}

// The sweep up to the first ef that reaches the recall, and the rate there.
void ask(Store *store, const Options &options, const Data &data, const Truth &truth, Cost *cost)
{
	auto search = [&](const float *query, uint32_t ef, uint32_t *numbers) { return store->search(query, ef, numbers); };
	Sweep sweep;
	for (uint32_t ef : options.efs) {
		sweep.emplace_back();
		sweep.back().ef = ef;
		measure(search, data, truth, options.cpu_time, &sweep.back());
		if (sweep.back().recall >= options.recall)
			break;
	}
	// Only the two points around it are asked again.
	for (unsigned round = 1; round < options.rounds; round++)
		for (size_t i = sweep.size() > 1 ? sweep.size() - 2 : 0; i < sweep.size(); i++)
			measure(search, data, truth, options.cpu_time, &sweep[i]);
	double rate = rate_at(sweep, options.recall);
	if (rate == 0)
		rate = sweep.back().rate(); // the least ef is enough, or the greatest is not
	cost->query = 1 / rate;
	cost->ef = sweep.back().ef;
	cost->recall = sweep.back().recall;
}

void start(const std::string &dir, const std::string &queries, const Options &options, Cost *cost)
{
	std::vector<double> cached;
	std::vector<double> cold;
	Probe probed;
	probed.path = dir;
	probed.queries = queries;
	probed.ef = cost->ef;
	probed.count = options.queries;
	Bytes memory = sum_of(probe(probed).memory);
	cost->resident = static_cast<double>(memory.resident);
	cost->touched = static_cast<double>(memory.touched);
	probed.count = 1;
	for (unsigned i = 0; i < options.starts; i++) {
		read_below(dir);
		cached.push_back(probe(probed).answered);
		evict_below(dir);
		cold.push_back(probe(probed).answered);
	}
	cost->start = median(cached);
	cost->start_cold = median(cold);
	cost->disk = static_cast<double>(disk_below(dir));
}

Cost measure_size(const Clusters &clusters, const Options &options, size_t count)
{
	std::string dir = options.dir + "/" + std::to_string(count);
	std::string queries = dir + ".queries.fvecs";
	Cost cost;
	Data data;
	data.dim = options.dim;
	// Exact answers cost as much as there are records.
	data.query_count = count > 2000000 ? std::min<size_t>(options.queries, 200) : options.queries;
	clusters.make(kQueriesFrom, data.query_count, options.threads, &data.queries);
	cost.records = static_cast<double>(count);
	std::filesystem::remove_all(dir);
	std::filesystem::create_directories(options.dir);
	write_fvecs(queries, data.queries, data.dim);
	fill(dir, clusters, options, count, &cost);
	say("indexed in %.1f s; exact answers of %zu queries", cost.index, data.query_count);
	Truth truth = exact_answers(dir, options, data);
	{
		Store store(dir, false, data.dim);
		ask(&store, options, data, truth, &cost);
	}
	say("%.0f µs a query at recall %.2f, ef up to %u", cost.query * 1e6, options.recall, cost.ef);
	start(dir, queries, options, &cost);
	if (!options.keep)
		std::filesystem::remove_all(dir);
	std::filesystem::remove(queries);
	return cost;
}

// ---- table ----------------------------------------------------------------------------------------------------

void print_costs(const Options &options, const std::vector<Cost> &costs)
{
	printf("Clustered vectors, %u-d, cosine; %zu queries, top %u, one thread%s, at recall %.2f; %u threads to index.\n\n",
	       options.dim, options.queries, kTop, options.cpu_time ? " by its processor time" : "", options.recall,
	       options.threads);
	printf("| records | stored, s | indexed, s | CPU s | µs a query | ef | recall there | resident, bytes a record | touched | "
	       "disk, bytes a record | process start to first answer, ms | not cached, ms |\n"
	       "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
	for (const Cost &cost : costs)
		printf("| %.0f | %.2f | %.2f | %.2f | %.0f | %u | %.3f | %.0f | %.0f | %.0f | %.1f | %.1f |\n", cost.records,
		       cost.store, cost.index, cost.index_cpu, cost.query * 1e6, cost.ef, cost.recall,
		       cost.resident / cost.records, cost.touched / cost.records, cost.disk / cost.records, cost.start * 1e3,
		       cost.start_cold * 1e3);
}

// Of a quantity that grows as records ^ s: s between two sizes, and by least squares over all.
void print_slope(const char *name, const std::vector<Cost> &costs, double Cost::*of)
{
	double n = static_cast<double>(costs.size());
	double sx = 0, sy = 0, sxx = 0, sxy = 0;
	printf("| %s |", name);
	for (size_t i = 0; i < costs.size(); i++) {
		double x = std::log(costs[i].records);
		double y = std::log(costs[i].*of);
		sx += x;
		sy += y;
		sxx += x * x;
		sxy += x * y;
		if (i > 0)
			printf(" %.2f |", (y - std::log(costs[i - 1].*of)) / (x - std::log(costs[i - 1].records)));
	}
	printf(" %.2f |\n", (n * sxy - sx * sy) / (n * sxx - sx * sx));
}

void print_slopes(const std::vector<Cost> &costs)
{
	if (costs.size() < 2)
		return;
	printf("\nCost grows as records to the power of (1: in proportion; 0: not at all):\n\n| cost |");
	for (size_t i = 1; i < costs.size(); i++)
		printf(" %.0f to %.0f |", costs[i - 1].records, costs[i].records);
	printf(" all |\n| --- |");
	for (size_t i = 0; i < costs.size(); i++)
		printf(" ---: |");
	printf("\n");
	print_slope("storing", costs, &Cost::store);
	print_slope("indexing, CPU", costs, &Cost::index_cpu);
	print_slope("a query", costs, &Cost::query);
	print_slope("resident memory", costs, &Cost::resident);
	print_slope("memory touched", costs, &Cost::touched);
	print_slope("disk", costs, &Cost::disk);
	print_slope("process start to first answer", costs, &Cost::start);
	print_slope("the same, not cached", costs, &Cost::start_cold);
}

// ---- command line ---------------------------------------------------------------------------------------------

Options parse(int argc, char **argv)
{
	static const char usage[] = "scale --data FOLDER [--sizes N,N,...] [--ten-million] [--dimension N] [--queries N] [--recall R]\n"
	                            "             [--ef N,N,...] [--threads N] [--rounds N] [--starts N] [--cpu-time] [--keep]";
	Options options;
	parse_options(argc, argv, usage,
	              { { "--data", &options.dir },
	                { "--sizes", &options.sizes },
	                { "--ten-million", [&] { options.sizes.push_back(10000000); } },
	                { "--dimension", &options.dim },
	                { "--queries", &options.queries },
	                { "--recall", &options.recall },
	                { "--ef", &options.efs },
	                { "--threads", &options.threads },
	                { "--rounds", &options.rounds },
	                { "--starts", &options.starts },
	                { "--cpu-time", &options.cpu_time },
	                { "--keep", &options.keep } },
	              nullptr);
	if (options.dir.empty() || options.dim == 0 || options.queries == 0 || options.threads == 0 || options.rounds == 0 ||
	    options.starts == 0)
		die_of_usage(usage);
	return options;
}

} // namespace

int main(int argc, char **argv)
{
	probe_main(argc, argv);
	Options options = parse(argc, argv);
	Clusters clusters(options.dim);
	std::vector<Cost> costs;
	for (uint32_t size : options.sizes)
		costs.push_back(measure_size(clusters, options, size));
	print_costs(options, costs);
	print_slopes(costs);
	return 0;
}
