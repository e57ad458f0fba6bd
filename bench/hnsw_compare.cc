// SPDX-License-Identifier: Apache-2.0
//
// bench/hnsw_compare: vecstore's graph beside hnswlib's, on the same vectors, in the same rounds.
// See bench/README.md for what is measured and how.
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <hnswlib/hnswlib.h>

extern "C" {
#include "base/error.h"
#include "engine/vecstore.h"
#include "index/graph.h"
#include "index/scan.h"
#include "math/bitmap.h"
#include "math/topk.h"
#include "math/view.h"
}

namespace
{

constexpr uint32_t kTop = 10;
constexpr size_t kHeldOut = 10000; // vectors that are asked for and not stored
constexpr double kRecalls[] = { 0.90, 0.95, 0.99 };

struct Options {
	std::string file;
	std::string dir;           // of our graph; a fresh temporary folder when empty
	std::string truth;         // cache of the exact answers
	size_t rows = 0;           // 0: all that are not held out
	size_t queries = kHeldOut; // of those held out, how many are asked
	unsigned threads = 2;
	unsigned rounds = 3;
	uint32_t m = 16;
	uint32_t ef_construction = 200;
	std::vector<uint32_t> efs = { 20, 30, 40, 60, 80, 100, 150, 200, 300, 400, 600, 800, 1200 };
	bool markdown = false;
	bool ours_only = false;
	bool store = false; // also the whole library, through vecstore.h
	bool cpu_time = false; // rates by the thread's processor time, for machines that others use too
};

[[noreturn]] void die(const std::string &text)
{
	fprintf(stderr, "hnsw_compare: %s\n", text.c_str());
	exit(1);
}

void check(int code, const vs_error &error)
{
	if (code != 0)
		die(error.text);
}

double now()
{
	using namespace std::chrono;
	return duration<double>(steady_clock::now().time_since_epoch()).count();
}

// Of all threads of this process, or of the calling one.
double cpu(clockid_t clock)
{
	timespec time;
	clock_gettime(clock, &time);
	return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

size_t resident_bytes()
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long total = 0;
	unsigned long resident = 0;
	if (file == nullptr || fscanf(file, "%lu %lu", &total, &resident) != 2)
		die("cannot read /proc/self/statm");
	fclose(file);
	return resident * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

// ---- data -----------------------------------------------------------------------------------------------------

struct Data {
	uint32_t dim = 0;
	std::vector<float> base; // normalised rows
	std::vector<float> queries;
	size_t count = 0;
	size_t query_count = 0;
};

std::vector<float> read_fvecs(const std::string &path, uint32_t *dim)
{
	FILE *file = fopen(path.c_str(), "rb");
	std::vector<float> all;
	int32_t d;
	if (file == nullptr)
		die("cannot open " + path);
	while (fread(&d, sizeof(d), 1, file) == 1) {
		if (d <= 0 || d > 8192 || (*dim != 0 && *dim != static_cast<uint32_t>(d)))
			die(path + " is no fvecs file of one dimension");
		*dim = static_cast<uint32_t>(d);
		all.resize(all.size() + *dim);
		if (fread(&all[all.size() - *dim], sizeof(float), *dim, file) != *dim)
			die(path + " ends within a vector");
	}
	fclose(file);
	return all;
}

void copy_normalised(std::vector<float> *to, const float *row, uint32_t dim)
{
	double sum = 0;
	for (uint32_t i = 0; i < dim; i++)
		sum += static_cast<double>(row[i]) * row[i];
	for (uint32_t i = 0; i < dim; i++)
		to->push_back(static_cast<float>(row[i] / std::sqrt(sum)));
}

Data load(const Options &options)
{
	Data data;
	std::vector<float> all = read_fvecs(options.file, &data.dim);
	size_t total = data.dim == 0 ? 0 : all.size() / data.dim;
	std::vector<size_t> order(total);
	if (total <= kHeldOut)
		die("too few vectors");
	for (size_t i = 0; i < total; i++)
		order[i] = i;
	std::mt19937_64 random(20260101); // the same split on every run
	for (size_t i = total - 1; i > 0; i--)
		std::swap(order[i], order[random() % (i + 1)]);
	data.query_count = options.queries;
	data.count = total - kHeldOut;
	if (options.rows != 0 && options.rows < data.count)
		data.count = options.rows;
	for (size_t i = 0; i < data.query_count; i++)
		copy_normalised(&data.queries, &all[order[i] * data.dim], data.dim);
	// The others keep the order of the file.
	std::sort(order.begin() + static_cast<ptrdiff_t>(kHeldOut),
	          order.begin() + static_cast<ptrdiff_t>(kHeldOut + data.count));
	for (size_t i = 0; i < data.count; i++)
		copy_normalised(&data.base, &all[order[kHeldOut + i] * data.dim], data.dim);
	return data;
}

// ---- vecstore -------------------------------------------------------------------------------------------------

// Rows laid out as the store lays them out, in memory.
struct Rows {
	vs_space space;
	vs_view view;
	vs_bitmap all = {};
	unsigned char *memory = nullptr;

	explicit Rows(const Data &data)
	{
		vs_space_init(&space, VS_COSINE, data.dim);
		view.space = &space;
		view.stride = (data.dim * sizeof(float) + 8 + 63) / 64 * 64;
		view.count = static_cast<uint32_t>(data.count);
		memory = static_cast<unsigned char *>(aligned_alloc(64, view.stride * data.count));
		if (memory == nullptr || vs_bitmap_resize(&all, view.count) != 0)
			die("out of memory");
		memset(memory, 0, view.stride * data.count);
		for (uint32_t i = 0; i < view.count; i++) {
			float *row = reinterpret_cast<float *>(memory + i * view.stride);
			memcpy(row, &data.base[i * data.dim], data.dim * sizeof(float));
			row[data.dim] = vs_space_factor(&space, row);
			vs_bitmap_set(&all, i);
		}
		view.rows = memory;
	}
	~Rows()
	{
		vs_bitmap_release(&all);
		free(memory);
	}
	Rows(const Rows &) = delete;
	Rows &operator=(const Rows &) = delete;
};

using Truth = std::vector<uint32_t>; // kTop slots a query

struct TruthHeader {
	uint64_t magic;
	uint64_t rows;
	uint64_t queries;
	uint64_t dim;
};

Truth exact(const Options &options, const Data &data, const Rows &rows)
{
	TruthHeader want = { 0x7672756874765346u, data.count, data.query_count, data.dim };
	TruthHeader have;
	Truth truth(data.query_count * kTop);
	FILE *file = options.truth.empty() ? nullptr : fopen(options.truth.c_str(), "rb");
	if (file != nullptr) {
		bool good = fread(&have, sizeof(have), 1, file) == 1 && memcmp(&have, &want, sizeof(have)) == 0 &&
		            fread(truth.data(), sizeof(uint32_t), truth.size(), file) == truth.size();
		fclose(file);
		if (good)
			return truth;
	}
	std::atomic<size_t> next{ 0 };
	std::vector<std::thread> threads;
	for (unsigned t = 0; t < options.threads; t++)
		threads.emplace_back([&] {
			vs_topk top;
			if (vs_topk_init(&top, kTop) != 0)
				die("out of memory");
			for (size_t q = next++; q < data.query_count; q = next++) {
				const float *query = &data.queries[q * data.dim];
				vs_topk_reset(&top);
				vs_scan_search(&rows.view, query, vs_space_factor(&rows.space, query), &rows.all, 0, rows.view.count,
				               &top);
				for (uint32_t i = 0; i < kTop; i++)
					truth[q * kTop + i] = top.hits[i].slot;
			}
			vs_topk_release(&top);
		});
	for (auto &thread : threads)
		thread.join();
	file = options.truth.empty() ? nullptr : fopen(options.truth.c_str(), "wb");
	if (file != nullptr) {
		fwrite(&want, sizeof(want), 1, file);
		fwrite(truth.data(), sizeof(uint32_t), truth.size(), file);
		fclose(file);
	}
	return truth;
}

uint32_t matches(const Truth &truth, size_t q, const uint32_t *slots, size_t count)
{
	uint32_t good = 0;
	for (size_t i = 0; i < count; i++)
		good += std::find(&truth[q * kTop], &truth[q * kTop] + kTop, slots[i]) != &truth[q * kTop] + kTop;
	return good;
}

// ---- the engines ----------------------------------------------------------------------------------------------

struct Engine {
	double build_seconds = 0;
	double build_cpu = 0; // seconds of processor time, over all threads
	double memory = 0;    // bytes
	virtual ~Engine() = default;
	virtual const char *name() const = 0;
	// Fills slots[kTop] and returns how many there are.
	virtual size_t search(const float *query, uint32_t ef, uint32_t *slots) = 0;
	virtual double distances()
	{
		return 0;
	}
};

struct OurGraph : Engine {
	const Rows &rows;
	vs_graph *graph = nullptr;
	vs_graph_scratch *scratch = nullptr;
	vs_topk top;
	vs_graph_stats stats = {};
	std::string dir;

	OurGraph(const Options &options, const Rows &r) : rows(r)
	{
		vs_graph_options graph_options = { options.m, options.ef_construction };
		vs_error error;
		char folder[] = "/tmp/hnsw_compare.XXXXXX";
		dir = options.dir.empty() ? std::string(mkdtemp(folder)) : options.dir;
		mkdir(dir.c_str(), 0750);
		double start = now();
		double start_cpu = cpu(CLOCK_PROCESS_CPUTIME_ID);
		check(vs_graph_open_writer(dir.c_str(), &rows.space, 1, &graph_options, &graph, &error), error);
		check(vs_graph_link(graph, &rows.view, rows.view.count, &rows.all, options.threads, nullptr, nullptr, &error),
		      error);
		build_seconds = now() - start;
		build_cpu = cpu(CLOCK_PROCESS_CPUTIME_ID) - start_cpu;
		check(vs_graph_checkpoint(graph, &error), error);
		memory = static_cast<double>(vs_graph_bytes(graph)) + static_cast<double>(rows.view.stride) * rows.view.count;
		vs_graph_close(graph);
		check(vs_graph_open(dir.c_str(), &rows.space, 1, &graph, &error), error);
		check(vs_graph_scratch_init(&scratch, &error), error);
		if (vs_topk_init(&top, kTop) != 0)
			die("out of memory");
		if (!options.dir.empty())
			dir.clear(); // kept
	}
	~OurGraph() override
	{
		vs_graph_close(graph);
		vs_graph_scratch_release(scratch);
		vs_topk_release(&top);
		if (dir.empty())
			return;
		for (const char *file : { "graph.hnsw", "graph.up", "codes.i8", "graph.lock" })
			unlink((dir + "/" + file).c_str());
		rmdir(dir.c_str());
	}
	const char *name() const override
	{
		return "vecstore";
	}
	size_t search(const float *query, uint32_t ef, uint32_t *slots) override
	{
		vs_graph_query q = { query, vs_space_factor(&rows.space, query), ef, vs_graph_linked(graph), &rows.all, VS_GRAPH_WALK };
		vs_error error;
		vs_topk_reset(&top);
		check(vs_graph_search(graph, &rows.view, &q, scratch, &top, &stats, &error), error);
		for (uint32_t i = 0; i < top.len; i++)
			slots[i] = top.hits[i].slot;
		return top.len;
	}
	double distances() override
	{
		double n = stats.distances;
		stats = {};
		return n;
	}
};

struct Hnswlib : Engine {
	std::unique_ptr<hnswlib::InnerProductSpace> space;
	std::unique_ptr<hnswlib::HierarchicalNSW<float>> index;

	Hnswlib(const Options &options, const Data &data)
	{
		size_t before = resident_bytes();
		double start = now();
		double start_cpu = cpu(CLOCK_PROCESS_CPUTIME_ID);
		std::atomic<size_t> next{ 1 };
		std::vector<std::thread> threads;
		space = std::make_unique<hnswlib::InnerProductSpace>(data.dim);
		index = std::make_unique<hnswlib::HierarchicalNSW<float>>(space.get(), data.count, options.m,
		                                                          options.ef_construction);
		index->addPoint(&data.base[0], 0);
		for (unsigned t = 0; t < options.threads; t++)
			threads.emplace_back([&] {
				for (size_t i = next++; i < data.count; i = next++)
					index->addPoint(&data.base[i * data.dim], i);
			});
		for (auto &thread : threads)
			thread.join();
		build_seconds = now() - start;
		build_cpu = cpu(CLOCK_PROCESS_CPUTIME_ID) - start_cpu;
		memory = static_cast<double>(resident_bytes() - before);
	}
	const char *name() const override
	{
		return "hnswlib";
	}
	size_t search(const float *query, uint32_t ef, uint32_t *slots) override
	{
		index->setEf(ef);
		auto result = index->searchKnn(query, kTop);
		size_t count = result.size();
		for (size_t i = count; i-- > 0; result.pop())
			slots[i] = static_cast<uint32_t>(result.top().second);
		return count;
	}
};

// The same through vecstore.h: records with ids and metadata in a store, looked up for each answer. The build counts
// linking only.
struct OurStore : Engine {
	vs_store *store = nullptr;
	vs_namespace *ns = nullptr;
	std::string dir;
	uint32_t dim;

	OurStore(const Options &options, const Data &data) : dim(data.dim)
	{
		char folder[] = "/tmp/hnsw_compare.XXXXXX";
		vs_namespace_options create = { VS_CREATE, VS_COSINE, data.dim };
		vs_index_options index = { options.threads, nullptr, nullptr };
		vs_error error;
		dir = mkdtemp(folder);
		check(vs_store_open(dir.c_str(), VS_CREATE, &store, &error), error);
		check(vs_namespace_open(store, "default", &create, &ns, &error), error);
		for (size_t i = 0; i < data.count; i += kBatch)
			insert(data, i, std::min(i + kBatch, data.count));
		double start = now();
		double start_cpu = cpu(CLOCK_PROCESS_CPUTIME_ID);
		check(vs_namespace_index(ns, &index, nullptr, &error), error);
		build_seconds = now() - start;
		build_cpu = cpu(CLOCK_PROCESS_CPUTIME_ID) - start_cpu;
		struct vs_namespace_stats stats;
		check(vs_namespace_stats(ns, &stats, &error), error);
		memory = static_cast<double>(stats.storage_bytes);
	}
	~OurStore() override
	{
		vs_namespace_close(ns);
		vs_store_close(store);
		if (!dir.empty())
			std::filesystem::remove_all(dir);
	}
	const char *name() const override { return "store"; }
	size_t search(const float *query, uint32_t ef, uint32_t *slots) override
	{
		vs_query q = VS_QUERY;
		vs_results results;
		vs_error error;
		q.vector = query;
		q.dimension = dim;
		q.limit = kTop;
		q.ef = ef;
		q.with_metadata = false;
		check(vs_namespace_search(ns, &q, &results, &error), error);
		for (size_t i = 0; i < results.count; i++)
			slots[i] = static_cast<uint32_t>(strtoul(results.items[i].record.id, nullptr, 10));
		return results.count;
	}

private:
	static constexpr size_t kBatch = 10000;

	void insert(const Data &data, size_t from, size_t to)
	{
		std::vector<std::string> ids;
		std::vector<vs_record_input> records;
		vs_upsert_options options = VS_UPSERT_OPTIONS;
		vs_upsert_result result;
		vs_error error;
		for (size_t i = from; i < to; i++)
			ids.push_back(std::to_string(i));
		for (size_t i = from; i < to; i++) {
			const std::string &id = ids[i - from];
			records.push_back({ id.c_str(), id.size(), &data.base[i * data.dim], data.dim, nullptr, 0 });
		}
		check(vs_namespace_upsert(ns, records.data(), records.size(), &options, &result, &error), error);
	}
};

// ---- measuring ------------------------------------------------------------------------------------------------

struct Point {
	double recall = 0;
	double distances = 0;
	std::vector<double> rates;
	double median() const
	{
		std::vector<double> sorted = rates;
		std::sort(sorted.begin(), sorted.end());
		return sorted[sorted.size() / 2];
	}
};

void measure(Engine *engine, const Options &options, const Data &data, const Truth &truth, uint32_t ef, Point *point)
{
	std::vector<uint32_t> slots(data.query_count * kTop);
	std::vector<size_t> counts(data.query_count);
	uint64_t good = 0;
	auto time = [&] { return options.cpu_time ? cpu(CLOCK_THREAD_CPUTIME_ID) : now(); };
	double start = time();
	for (size_t q = 0; q < data.query_count; q++)
		counts[q] = engine->search(&data.queries[q * data.dim], ef, &slots[q * kTop]);
	point->rates.push_back(static_cast<double>(data.query_count) / (time() - start));
	for (size_t q = 0; q < data.query_count; q++)
		good += matches(truth, q, &slots[q * kTop], counts[q]);
	point->recall = static_cast<double>(good) / static_cast<double>(data.query_count * kTop);
	point->distances = engine->distances() / static_cast<double>(data.query_count);
}

// Queries a second at a recall, between the two points around it; logarithmic in the rate. 0: out of reach.
double rate_at(const std::vector<Point> &points, double recall, double (*rate)(const Point &))
{
	for (size_t i = 1; i < points.size(); i++) {
		const Point &a = points[i - 1];
		const Point &b = points[i];
		if (a.recall <= recall && b.recall >= recall && b.recall > a.recall) {
			double part = (recall - a.recall) / (b.recall - a.recall);
			return std::exp(std::log(rate(a)) * (1 - part) + std::log(rate(b)) * part);
		}
	}
	return 0;
}

// 0 when one of the two is out of reach.
double ratio(double a, double b)
{
	return b > 0 ? a / b : 0;
}

using Sweep = std::vector<Point>;

void print(const Options &options, const Data &data, const std::vector<std::unique_ptr<Engine>> &engines,
           const std::vector<Sweep> &sweeps)
{
	const char *bar = options.markdown ? " | " : "  ";
	const char *edge = options.markdown ? "| " : "";
	const char *back = options.markdown ? " |" : "";
	printf("%s%zu vectors, %u-d, cosine; %zu queries, top %u, one thread%s; M %u, ef_construction %u; median of %u "
	       "rounds%s\n\n",
	       options.markdown ? "" : "# ", data.count, data.dim, data.query_count, kTop,
	       options.cpu_time ? ", by its processor time" : "", options.m, options.ef_construction, options.rounds,
	       options.markdown ? "." : "");
	printf("%s%-10s%s%10s%s%10s%s%10s", edge, "engine", bar, "build s", bar, "build CPU", bar, "MB");
	for (double recall : kRecalls)
		printf("%s   q/s @%.2f", bar, recall);
	printf("%s\n", back);
	if (options.markdown)
		printf("| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n");
	auto median = [](const Point &p) { return p.median(); };
	for (size_t e = 0; e < engines.size(); e++) {
		printf("%s%-10s%s%10.1f%s%10.1f%s%10.1f", edge, engines[e]->name(), bar, engines[e]->build_seconds, bar,
		       engines[e]->build_cpu, bar, engines[e]->memory / 1e6);
		for (double recall : kRecalls)
			printf("%s%12.0f", bar, rate_at(sweeps[e], recall, median));
		printf("%s\n", back);
	}
	for (size_t e = 1; e < engines.size(); e++) {
		printf("%s%-10s%s%10.2f%s%10.2f%s%10.2f", edge, "ratio", bar,
		       engines[e]->build_seconds / engines[0]->build_seconds, bar,
		       engines[e]->build_cpu / engines[0]->build_cpu, bar, engines[e]->memory / engines[0]->memory);
		for (double recall : kRecalls)
			printf("%s%12.2f", bar, ratio(rate_at(sweeps[e], recall, median), rate_at(sweeps[0], recall, median)));
		printf("%s\n", back);
	}
	printf("\n%s%-10s%s%6s%s%8s%s%10s%s%10s%s%10s%s\n", edge, "engine", bar, "ef", bar, "recall", bar, "median q/s",
	       bar, "best q/s", bar, "distances", back);
	if (options.markdown)
		printf("| --- | ---: | ---: | ---: | ---: | ---: |\n");
	for (size_t e = 0; e < engines.size(); e++)
		for (size_t i = 0; i < options.efs.size(); i++) {
			const Point &p = sweeps[e][i];
			printf("%s%-10s%s%6u%s%8.4f%s%10.0f%s%10.0f%s%10.0f%s\n", edge, engines[e]->name(), bar, options.efs[i],
			       bar, p.recall, bar, p.median(), bar, *std::max_element(p.rates.begin(), p.rates.end()), bar,
			       p.distances, back);
		}
}

[[noreturn]] void usage()
{
	fprintf(
	    stderr,
	    "usage: hnsw_compare FILE.fvecs [--rows N] [--queries N] [--threads N] [--rounds N] [--m N] [--efc N]\n"
	    "                    [--ef N,N,...] [--truth CACHE] [--dir FOLDER] [--ours-only] [--store] [--cpu-time] [--markdown]\n");
	exit(2);
}

std::vector<uint32_t> parse_list(const char *text)
{
	std::vector<uint32_t> list;
	for (char *end; *text != '\0'; text = *end == ',' ? end + 1 : end) {
		list.push_back(static_cast<uint32_t>(strtoul(text, &end, 10)));
		if (end == text)
			usage();
	}
	return list;
}

Options parse(int argc, char **argv)
{
	Options options;
	for (int i = 1; i < argc; i++) {
		std::string flag = argv[i];
		auto value = [&]() -> const char * { return i + 1 < argc ? argv[++i] : (usage(), nullptr); };
		auto number = [&] { return static_cast<uint32_t>(strtoul(value(), nullptr, 10)); };
		if (flag == "--rows")
			options.rows = number();
		else if (flag == "--queries")
			options.queries = number();
		else if (flag == "--threads")
			options.threads = number();
		else if (flag == "--rounds")
			options.rounds = number();
		else if (flag == "--m")
			options.m = number();
		else if (flag == "--efc")
			options.ef_construction = number();
		else if (flag == "--ef")
			options.efs = parse_list(value());
		else if (flag == "--truth")
			options.truth = value();
		else if (flag == "--dir")
			options.dir = value();
		else if (flag == "--ours-only")
			options.ours_only = true;
		else if (flag == "--store")
			options.store = true;
		else if (flag == "--cpu-time")
			options.cpu_time = true;
		else if (flag == "--markdown")
			options.markdown = true;
		else if (flag[0] != '-' && options.file.empty())
			options.file = flag;
		else
			usage();
	}
	if (options.file.empty() || options.rounds == 0 || options.queries == 0 || options.queries > kHeldOut ||
	    options.threads == 0)
		usage();
	return options;
}

} // namespace

int main(int argc, char **argv)
{
	Options options = parse(argc, argv);
	Data data = load(options);
	Rows rows(data);
	Truth truth = exact(options, data, rows);
	std::vector<std::unique_ptr<Engine>> engines;
	if (!options.ours_only)
		engines.push_back(std::make_unique<Hnswlib>(options, data));
	engines.push_back(std::make_unique<OurGraph>(options, rows));
	if (options.store)
		engines.push_back(std::make_unique<OurStore>(options, data));
	std::vector<Sweep> sweeps(engines.size(), Sweep(options.efs.size()));
	for (unsigned round = 0; round < options.rounds; round++)
		for (size_t i = 0; i < options.efs.size(); i++)
			for (size_t e = 0; e < engines.size(); e++)
				measure(engines[e].get(), options, data, truth, options.efs[i], &sweeps[e][i]);
	print(options, data, engines, sweeps);
	return 0;
}
