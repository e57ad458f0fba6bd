// SPDX-License-Identifier: Apache-2.0
//
// bench/serving: what a process costs that serves a store: resident memory at a recall, file by file, beside hnswlib's; and
// a cold start: from the start of a process to its first answer. See bench/README.md for what is measured and how.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "engines.h"
#include "probe.h"
#include "sweep.h"

using namespace bench;

namespace
{

struct Options {
	std::string file;
	std::string dir; // holds the store, hnswlib's index, the queries and the exact answers
	size_t rows = 0; // 0: all that are not held out
	double recall = 0.95;
	unsigned threads = 2;
	unsigned starts = 20; // of a process, of each kind
	bool hnswlib = true;
};

struct Systems {
	std::string store;
	std::string hnswlib;
	std::string queries;
	uint32_t store_ef = 0;
	uint32_t hnswlib_ef = 0;
	double vectors = 0;
};

// ---- what is asked --------------------------------------------------------------------------------------------

Asker open_hnswlib(const std::string &, const std::string &path, uint32_t dim)
{
	auto index = std::make_shared<Hnswlib>(path + "/index", dim);
	return [index](const float *query, uint32_t ef, uint32_t *numbers) { return index->search(query, ef, numbers); };
}

uint32_t choose(Engine *engine, const char *name, const Options &options, const Data &data, const Truth &truth)
{
	auto search = [&](const float *query, uint32_t ef, uint32_t *slots) { return engine->search(query, ef, slots); };
	uint32_t ef = least_ef(search, data, truth, options.recall);
	if (ef == 0)
		die(std::string(name) + " does not reach that recall");
	say("%s reaches %.3f with ef %u", name, options.recall, ef);
	return ef;
}

uint32_t prepare_store(const Options &options, const Systems &systems, const Data &data, const Truth &truth)
{
	BuildOptions build;
	build.dir = systems.store;
	build.threads = options.threads;
	say("%s %s", std::filesystem::exists(systems.store) ? "using" : "filling", systems.store.c_str());
	OurStore store(build, data);
	return choose(&store, "vecstore", options, data, truth);
}

uint32_t prepare_hnswlib(const Options &options, const Systems &systems, const Data &data, const Truth &truth)
{
	BuildOptions build;
	std::string path = systems.hnswlib + "/index";
	build.threads = options.threads;
	std::unique_ptr<Hnswlib> index;
	if (std::filesystem::exists(path)) {
		index = std::make_unique<Hnswlib>(path, data.dim);
	} else {
		say("building hnswlib's index");
		std::filesystem::create_directories(systems.hnswlib);
		index = std::make_unique<Hnswlib>(build, data);
		index->save(path + ".tmp");
		std::filesystem::rename(path + ".tmp", path);
	}
	return choose(index.get(), "hnswlib", options, data, truth);
}

// Nothing of it stays in this process, which would count the maps of others twice and keep files in the page cache.
Systems prepare(const Options &options)
{
	std::filesystem::create_directories(options.dir);
	Data data = load(options.file, options.rows, kHeldOut);
	// Other rows are another folder, so that what lies there fits.
	std::string base = options.dir + "/" + std::to_string(data.count);
	Systems systems;
	systems.store = base + ".store";
	systems.hnswlib = base + ".hnswlib";
	systems.queries = base + ".queries.fvecs";
	systems.vectors = static_cast<double>(data.count);
	write_fvecs(systems.queries, data.queries, data.dim);
	Truth truth = exact(data, Rows(data), options.threads, base + ".truth");
	systems.store_ef = prepare_store(options, systems, data, truth);
	if (options.hnswlib)
		systems.hnswlib_ef = prepare_hnswlib(options, systems, data, truth);
	printf("%zu vectors, %u-d, cosine; %zu queries, top %u, recall %.2f: vecstore's ef %u", data.count, data.dim,
	       data.query_count, kTop, options.recall, systems.store_ef);
	if (options.hnswlib)
		printf(", hnswlib's %u", systems.hnswlib_ef);
	printf(".\n\n");
	return systems;
}

// ---- memory ---------------------------------------------------------------------------------------------------

void print_row(const char *name, const Bytes &bytes, const Systems &systems, const Bytes &theirs)
{
	double resident = static_cast<double>(bytes.resident);
	double touched = static_cast<double>(bytes.touched);
	printf("| %s | %.1f | %.1f | %.0f |", name, resident / 1e6, touched / 1e6, resident / systems.vectors);
	if (theirs.resident > 0)
		printf(" %.2f | %.2f |\n", resident / static_cast<double>(theirs.resident),
		       touched / static_cast<double>(theirs.touched));
	else
		printf(" | |\n");
}

void print_memory(const Options &options, const Systems &systems)
{
	Probe of_store;
	of_store.path = systems.store;
	of_store.queries = systems.queries;
	of_store.ef = systems.store_ef;
	of_store.count = kHeldOut;
	Resident ours = probe(of_store).memory;
	Bytes theirs;
	if (options.hnswlib) {
		Probe of_hnswlib = of_store;
		of_hnswlib.system = "hnswlib";
		of_hnswlib.path = systems.hnswlib;
		of_hnswlib.ef = systems.hnswlib_ef;
		theirs = sum_of(probe(of_hnswlib).memory);
	}
	printf("| a new process that has answered %zu queries | resident, MB | touched, MB | resident, bytes a vector | resident, "
	       "of hnswlib | touched, of hnswlib |\n| --- | ---: | ---: | ---: | ---: | ---: |\n",
	       kHeldOut);
	for (const auto &[path, bytes] : ours.files)
		print_row(path.c_str(), bytes, systems, theirs);
	print_row("anonymous memory", ours.anonymous, systems, theirs);
	print_row("program and libraries", ours.others, systems, theirs);
	print_row("**vecstore**", sum_of(ours), systems, theirs);
	if (options.hnswlib)
		print_row("**hnswlib**, loaded from its file", theirs, systems, Bytes());
	double disk = static_cast<double>(disk_below(systems.store));
	printf("\nOn disk vecstore's folder takes %.1f MB, %.0f bytes a vector.\n\n", disk / 1e6, disk / systems.vectors);
}

// ---- cold start -----------------------------------------------------------------------------------------------

struct Kind {
	const char *name;
	bool cached; // the files are in the page cache
	Prefetch prefetch;
	std::vector<Served> starts = {};
};

struct Spread {
	double median;
	double worst;
};

Spread spread(const std::vector<Served> &starts, double (*get)(const Served &))
{
	std::vector<double> values;
	for (const Served &served : starts)
		values.push_back(get(served) * 1e3);
	return { median(values), *std::max_element(values.begin(), values.end()) };
}

void print_start(const Kind &kind)
{
	static double (*const columns[])(const Served &) = {
		[](const Served &s) { return s.open; },     [](const Served &s) { return s.prefetch; },
		[](const Served &s) { return s.first; },    [](const Served &s) { return s.next; },
		[](const Served &s) { return s.answered; },
	};
	printf("| %s |", kind.name);
	for (auto column : columns) {
		Spread values = spread(kind.starts, column);
		printf(" %.2f / %.2f |", values.median, values.worst);
	}
	printf("\n");
}

void print_starts(const Options &options, const Systems &systems)
{
	std::vector<Kind> kinds = {
		{ "in the page cache", true, Prefetch::none },
		{ "in the page cache, maps made present first", true, Prefetch::map },
		{ "not cached", false, Prefetch::none },
		{ "not cached, maps made present first", false, Prefetch::map },
		{ "not cached, files read first", false, Prefetch::file },
	};
	Cached left;
	Probe start;
	start.path = systems.store;
	start.queries = systems.queries;
	start.ef = systems.store_ef;
	start.count = 100;
	for (unsigned i = 0; i < options.starts; i++) {
		say("start %u of %u", i + 1, options.starts);
		for (Kind &kind : kinds) {
			start.prefetch = kind.prefetch;
			if (kind.cached)
				read_below(systems.store);
			else
				evict_below(systems.store);
			if (!kind.cached)
				left = cached_below(systems.store);
			kind.starts.push_back(probe(start));
		}
	}
	printf("| files | open, ms | prefetch, ms | first query, ms | next 99, ms each | process start to first answer, ms |\n"
	       "| --- | ---: | ---: | ---: | ---: | ---: |\n");
	for (const Kind &kind : kinds)
		print_start(kind);
	printf("\nMedian / worst of %u new processes each. Before a start that is not cached the kernel was told to drop the folder's "
	       "%.0f MB from the page cache; %.1f MB stayed. What is below the kernel (a host's cache, a disk's) is not dropped.\n",
	       options.starts, static_cast<double>(left.bytes) / 1e6, static_cast<double>(left.cached) / 1e6);
}

// ---- command line ---------------------------------------------------------------------------------------------

Options parse(int argc, char **argv)
{
	static const char usage[] = "serving FILE.fvecs --data FOLDER [--rows N] [--recall R] [--no-rescore] [--threads N]\n"
	                            "               [--starts N] [--no-hnswlib]";
	Options options;
	parse_options(argc, argv, usage,
	              { { "--data", &options.dir },
	                { "--rows", &options.rows },
	                { "--recall", &options.recall },
	                { "--no-rescore", [] { bench::Store::rescore = VS_RESCORE_NONE; } },
	                { "--threads", &options.threads },
	                { "--starts", &options.starts },
	                { "--no-hnswlib", [&] { options.hnswlib = false; } } },
	              &options.file);
	if (options.file.empty() || options.dir.empty() || options.threads == 0 || options.starts == 0)
		die_of_usage(usage);
	return options;
}

} // namespace

int main(int argc, char **argv)
{
	probe_open = open_hnswlib;
	probe_main(argc, argv);
	Options options = parse(argc, argv);
	Systems systems = prepare(options);
	print_memory(options, systems);
	print_starts(options, systems);
	return 0;
}
