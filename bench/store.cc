// SPDX-License-Identifier: Apache-2.0
#include "store.h"

#include <algorithm>
#include <cstdlib>

namespace bench
{

namespace
{

constexpr size_t kBatch = 10000;
constexpr double kSaid = 10; // seconds between two lines of progress

int report(void *context, uint32_t linked, uint32_t slots)
{
	double *last = static_cast<double *>(context);
	if (now() - *last >= kSaid) {
		*last = now();
		say("%u of %u indexed", linked, slots);
	}
	return 0;
}

} // namespace

Store::Store(const std::string &dir, bool create, uint32_t dimension) : dim(dimension)
{
	vs_namespace_options options = {};
	vs_error error;
	options.flags = create ? VS_CREATE : 0u;
	options.metric = VS_COSINE;
	options.dimension = dim;
	check(vs_store_open(dir.c_str(), create ? VS_CREATE : 0u, &store, &error), error);
	check(vs_namespace_open(store, "default", &options, &ns, &error), error);
}

Store::~Store()
{
	vs_namespace_close(ns);
	vs_store_close(store);
}

void Store::insert(const float *rows, size_t first, size_t count)
{
	std::vector<std::string> ids;
	std::vector<vs_record_input> records(count);
	vs_upsert_options options = VS_UPSERT_OPTIONS;
	vs_upsert_result result;
	vs_error error;
	for (size_t i = 0; i < count; i++)
		ids.push_back(std::to_string(first + i));
	for (size_t i = 0; i < count; i++) {
		records[i] = {};
		records[i].id = ids[i].c_str();
		records[i].id_len = ids[i].size();
		records[i].vector = rows + i * dim;
		records[i].dimension = dim;
	}
	check(vs_namespace_upsert(ns, records.data(), count, &options, &result, &error), error);
}

void Store::insert_all(const Data &data)
{
	for (size_t i = 0; i < data.count; i += kBatch)
		insert(data.row(i), i, std::min(kBatch, data.count - i));
}

void Store::index(unsigned threads)
{
	double last = now();
	vs_index_options options = VS_INDEX_OPTIONS;
	vs_error error;
	bool worked = true;
	options.threads = threads;
	options.progress = report;
	options.context = &last;
	while (worked)
		check(vs_namespace_index(ns, &options, &worked, &error), error);
}

void Store::settle()
{
	vs_mark mark;
	vs_error error;
	check(vs_namespace_mark(ns, &mark, &error), error);
}

size_t Store::search(const float *query, uint32_t ef, uint32_t *numbers)
{
	vs_query q = VS_QUERY;
	vs_results results;
	vs_error error;
	q.vector = query;
	q.dimension = dim;
	q.limit = kTop;
	q.ef = ef;
	q.exact = ef == 0;
	q.with_metadata = false;
	q.rescore = rescore;
	check(vs_namespace_search(ns, &q, &results, &error), error);
	for (size_t i = 0; i < results.count; i++)
		numbers[i] = static_cast<uint32_t>(strtoul(results.items[i].record.id, nullptr, 10));
	return results.count;
}

struct vs_namespace_stats Store::stats()
{
	struct vs_namespace_stats stats;
	vs_error error;
	check(vs_namespace_stats(ns, &stats, &error), error);
	return stats;
}

} // namespace bench
