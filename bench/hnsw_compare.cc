// SPDX-License-Identifier: Apache-2.0
//
// bench/hnsw_compare: vecstore's graph beside hnswlib's, on the same vectors, in the same rounds.
// See bench/README.md for what is measured and how.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "engines.h"
#include "sweep.h"

using namespace bench;

namespace
{

constexpr double kRecalls[] = { 0.90, 0.95, 0.99 };

struct Options {
	std::string file;
	std::string truth;         // cache of the exact answers
	size_t rows = 0;           // 0: all that are not held out
	size_t queries = kHeldOut; // of those held out, how many are asked
	unsigned rounds = 3;
	BuildOptions build; // its folder is that of our graph
	std::vector<uint32_t> efs = { 20, 30, 40, 60, 80, 100, 150, 200, 300, 400, 600, 800, 1200 };
	bool markdown = false;
	bool ours_only = false;
	bool store = false; // also the whole library, through vecstore.h
	bool cpu_time = false; // rates by the thread's processor time, for machines that others use too
};

void ask(Engine *engine, const Options &options, const Data &data, const Truth &truth, Point *point)
{
	auto search = [&](const float *query, uint32_t ef, uint32_t *slots) { return engine->search(query, ef, slots); };
	measure(search, data, truth, options.cpu_time, point);
	point->distances = engine->distances() / static_cast<double>(data.query_count);
}

// What stands between cells.
struct Marks {
	const char *edge = "";
	const char *bar = "  ";
	const char *back = "";
	explicit Marks(bool markdown)
	{
		if (markdown) {
			edge = "| ";
			bar = " | ";
			back = " |";
		}
	}
};

using Engines = std::vector<std::unique_ptr<Engine>>;

void print_head(const Options &options, const Data &data, const Marks &marks)
{
	printf("%s%zu vectors, %u-d, cosine; %zu queries, top %u, one thread%s; M %u, ef_construction %u; median of %u "
	       "rounds%s\n\n",
	       options.markdown ? "" : "# ", data.count, data.dim, data.query_count, kTop,
	       options.cpu_time ? ", by its processor time" : "", options.build.m, options.build.ef_construction,
	       options.rounds, options.markdown ? "." : "");
	printf("%s%-10s%s%10s%s%10s%s%10s", marks.edge, "engine", marks.bar, "build s", marks.bar, "build CPU", marks.bar,
	       "MB");
	for (double recall : kRecalls)
		printf("%s   q/s @%.2f", marks.bar, recall);
	printf("%s\n", marks.back);
	if (options.markdown)
		printf("| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n");
}

void print_rates(const Engines &engines, const std::vector<Sweep> &sweeps, const Marks &marks)
{
	for (size_t e = 0; e < engines.size(); e++) {
		printf("%s%-10s%s%10.1f%s%10.1f%s%10.1f", marks.edge, engines[e]->name(), marks.bar, engines[e]->build_seconds,
		       marks.bar, engines[e]->build_cpu, marks.bar, engines[e]->memory / 1e6);
		for (double recall : kRecalls)
			printf("%s%12.0f", marks.bar, rate_at(sweeps[e], recall));
		printf("%s\n", marks.back);
	}
	for (size_t e = 1; e < engines.size(); e++) {
		printf("%s%-10s%s%10.2f%s%10.2f%s%10.2f", marks.edge, "ratio", marks.bar,
		       engines[e]->build_seconds / engines[0]->build_seconds, marks.bar,
		       engines[e]->build_cpu / engines[0]->build_cpu, marks.bar, engines[e]->memory / engines[0]->memory);
		for (double recall : kRecalls)
			printf("%s%12.2f", marks.bar, ratio(rate_at(sweeps[e], recall), rate_at(sweeps[0], recall)));
		printf("%s\n", marks.back);
	}
}

void print_sweeps(const Options &options, const Engines &engines, const std::vector<Sweep> &sweeps, const Marks &marks)
{
	printf("\n%s%-10s%s%6s%s%8s%s%10s%s%10s%s%10s%s\n", marks.edge, "engine", marks.bar, "ef", marks.bar, "recall",
	       marks.bar, "median q/s", marks.bar, "best q/s", marks.bar, "distances", marks.back);
	if (options.markdown)
		printf("| --- | ---: | ---: | ---: | ---: | ---: |\n");
	for (size_t e = 0; e < engines.size(); e++)
		for (const Point &p : sweeps[e])
			printf("%s%-10s%s%6u%s%8.4f%s%10.0f%s%10.0f%s%10.0f%s\n", marks.edge, engines[e]->name(), marks.bar, p.ef,
			       marks.bar, p.recall, marks.bar, p.rate(), marks.bar,
			       *std::max_element(p.rates.begin(), p.rates.end()), marks.bar, p.distances, marks.back);
}

Options parse(int argc, char **argv)
{
	static const char usage[] =
	    "hnsw_compare FILE.fvecs [--rows N] [--queries N] [--threads N] [--rounds N] [--m N] [--efc N]\n"
	    "                    [--ef N,N,...] [--truth CACHE] [--dir FOLDER] [--ours-only] [--store] [--cpu-time] [--markdown]";
	Options options;
	parse_options(argc, argv, usage,
	              { { "--rows", &options.rows },
	                { "--queries", &options.queries },
	                { "--threads", &options.build.threads },
	                { "--rounds", &options.rounds },
	                { "--m", &options.build.m },
	                { "--efc", &options.build.ef_construction },
	                { "--ef", &options.efs },
	                { "--truth", &options.truth },
	                { "--dir", &options.build.dir },
	                { "--ours-only", &options.ours_only },
	                { "--store", &options.store },
	                { "--cpu-time", &options.cpu_time },
	                { "--markdown", &options.markdown } },
	              &options.file);
	if (options.file.empty() || options.rounds == 0 || options.queries == 0 || options.queries > kHeldOut ||
	    options.build.threads == 0)
		die_of_usage(usage);
	return options;
}

} // namespace

int main(int argc, char **argv)
{
	Options options = parse(argc, argv);
	Data data = load(options.file, options.rows, options.queries);
	Rows rows(data);
	Truth truth = exact(data, rows, options.build.threads, options.truth);
	Engines engines;
	if (!options.ours_only)
		engines.push_back(std::make_unique<Hnswlib>(options.build, data));
	engines.push_back(std::make_unique<OurGraph>(options.build, rows));
	options.build.dir.clear(); // the store has a folder of its own
	if (options.store)
		engines.push_back(std::make_unique<OurStore>(options.build, data));
	Sweep sweep(options.efs.size());
	for (size_t i = 0; i < sweep.size(); i++)
		sweep[i].ef = options.efs[i];
	std::vector<Sweep> sweeps(engines.size(), sweep);
	for (unsigned round = 0; round < options.rounds; round++) {
		say("round %u of %u", round + 1, options.rounds);
		for (size_t i = 0; i < sweep.size(); i++)
			for (size_t e = 0; e < engines.size(); e++)
				ask(engines[e].get(), options, data, truth, &sweeps[e][i]);
	}
	Marks marks(options.markdown);
	print_head(options, data, marks);
	print_rates(engines, sweeps, marks);
	print_sweeps(options, engines, sweeps, marks);
	return 0;
}
