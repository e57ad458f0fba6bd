// SPDX-License-Identifier: Apache-2.0
#include "engines.h"

#include <sys/stat.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include <hnswlib/hnswlib.h>

namespace bench
{

namespace
{

std::string folder_for(const std::string &wanted)
{
	char folder[] = "/tmp/vecstore-bench.XXXXXX";
	if (wanted.empty())
		return mkdtemp(folder);
	mkdir(wanted.c_str(), 0750);
	return wanted;
}

// Fills in what a build took.
struct Stopwatch {
	Engine *engine;
	double start = now();
	double start_cpu = cpu(CLOCK_PROCESS_CPUTIME_ID);

	explicit Stopwatch(Engine *of) : engine(of) {}
	void stop()
	{
		engine->build_seconds = now() - start;
		engine->build_cpu = cpu(CLOCK_PROCESS_CPUTIME_ID) - start_cpu;
	}
};

} // namespace

// ---- vecstore -------------------------------------------------------------------------------------------------

OurGraph::OurGraph(const BuildOptions &options, const Rows &r)
    : rows(r), dir(folder_for(options.dir)), temporary(options.dir.empty())
{
	vs_graph_options graph_options = VS_GRAPH_OPTIONS;
	vs_error error;
	graph_options.m = options.m;
	graph_options.ef_construction = options.ef_construction;
	Stopwatch watch(this);
	check(vs_graph_open_writer(dir.c_str(), &rows.space, 1, &graph_options, &graph, &error), error);
	check(vs_graph_link(graph, &rows.view, rows.view.count, &rows.all, options.threads, nullptr, nullptr, &error), error);
	watch.stop();
	check(vs_graph_checkpoint(graph, &error), error);
	memory = static_cast<double>(vs_graph_bytes(graph)) + static_cast<double>(rows.view.stride) * rows.view.count;
	vs_graph_close(graph);
	check(vs_graph_open(dir.c_str(), &rows.space, 1, &graph, &error), error);
	check(vs_graph_scratch_init(&scratch, &error), error);
	if (vs_topk_init(&top, kTop) != 0)
		die("out of memory");
}

OurGraph::~OurGraph()
{
	vs_graph_close(graph);
	vs_graph_scratch_release(scratch);
	vs_topk_release(&top);
	if (temporary)
		std::filesystem::remove_all(dir);
}

size_t OurGraph::search(const float *query, uint32_t ef, uint32_t *slots)
{
	vs_graph_query q = {};
	vs_error error;
	q.vector = query;
	q.factor = vs_space_factor(&rows.space, query);
	q.ef = ef;
	q.below = vs_graph_linked(graph);
	q.accept = &rows.all;
	q.way = VS_GRAPH_WALK;
	q.rescore = vs_graph_enough(kTop);
	vs_topk_reset(&top);
	check(vs_graph_search(graph, &rows.view, &q, scratch, &top, &stats, &error), error);
	for (uint32_t i = 0; i < top.len; i++)
		slots[i] = top.hits[i].slot;
	return top.len;
}

double OurGraph::distances()
{
	double n = stats.distances;
	stats = {};
	return n;
}

OurStore::OurStore(const BuildOptions &options, const Data &data)
    : dir(folder_for(options.dir)), temporary(options.dir.empty())
{
	store = std::make_unique<Store>(dir, true, data.dim);
	uint64_t total = store->stats().total;
	if (total == 0)
		store->insert_all(data);
	else if (total != data.count)
		die(dir + " holds something else: remove it");
	Stopwatch watch(this);
	store->index(options.threads);
	watch.stop();
	memory = static_cast<double>(store->stats().storage_bytes);
}

OurStore::~OurStore()
{
	store.reset();
	if (temporary)
		std::filesystem::remove_all(dir);
}

size_t OurStore::search(const float *query, uint32_t ef, uint32_t *slots)
{
	return store->search(query, ef, slots);
}

// ---- hnswlib --------------------------------------------------------------------------------------------------

struct Hnswlib::Index {
	hnswlib::InnerProductSpace space;
	hnswlib::HierarchicalNSW<float> graph;

	Index(const BuildOptions &options, const Data &data)
	    : space(data.dim), graph(&space, data.count, options.m, options.ef_construction)
	{
	}
	Index(const std::string &path, uint32_t dim) : space(dim), graph(&space, path) {}
};

Hnswlib::Hnswlib(const BuildOptions &options, const Data &data)
{
	size_t before = resident_bytes();
	Stopwatch watch(this);
	std::atomic<size_t> next{ 1 };
	std::vector<std::thread> threads;
	index = std::make_unique<Index>(options, data);
	index->graph.addPoint(data.row(0), 0);
	for (unsigned t = 0; t < options.threads; t++)
		threads.emplace_back([&] {
			for (size_t i = next++; i < data.count; i = next++)
				index->graph.addPoint(data.row(i), i);
		});
	for (auto &thread : threads)
		thread.join();
	watch.stop();
	memory = static_cast<double>(resident_bytes() - before);
}

Hnswlib::Hnswlib(const std::string &path, uint32_t dim)
{
	size_t before = resident_bytes();
	index = std::make_unique<Index>(path, dim);
	memory = static_cast<double>(resident_bytes() - before);
}

Hnswlib::~Hnswlib() = default;

void Hnswlib::save(const std::string &path)
{
	index->graph.saveIndex(path);
}

size_t Hnswlib::search(const float *query, uint32_t ef, uint32_t *slots)
{
	index->graph.setEf(ef);
	auto result = index->graph.searchKnn(query, kTop);
	size_t count = result.size();
	for (size_t i = count; i-- > 0; result.pop())
		slots[i] = static_cast<uint32_t>(result.top().second);
	return count;
}

} // namespace bench
