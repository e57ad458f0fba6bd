// SPDX-License-Identifier: Apache-2.0
#include "exact.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

extern "C" {
#include "index/scan.h"
#include "math/topk.h"
}

namespace bench
{

Rows::Rows(const Data &data)
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
		memcpy(row, data.row(i), data.dim * sizeof(float));
		row[data.dim] = vs_space_factor(&space, row);
		vs_bitmap_set(&all, i);
	}
	view.rows = memory;
}

Rows::~Rows()
{
	vs_bitmap_release(&all);
	free(memory);
}

namespace
{

struct TruthHeader {
	uint64_t magic;
	uint64_t rows;
	uint64_t queries;
	uint64_t dim;
	uint64_t check; // of the vectors
};

// Tells another file of the same shape from this one.
uint64_t sum_of(const Data &data)
{
	uint64_t sum = 0xcbf29ce484222325u;
	for (const std::vector<float> *floats : { &data.base, &data.queries })
		for (float number : *floats) {
			uint32_t bits;
			memcpy(&bits, &number, sizeof(bits));
			sum = (sum ^ bits) * 0x100000001b3u;
		}
	return sum;
}

bool read_cache(const std::string &cache, const TruthHeader &want, Truth *truth)
{
	FILE *file = cache.empty() ? nullptr : fopen(cache.c_str(), "rb");
	TruthHeader have;
	if (file == nullptr)
		return false;
	bool good = fread(&have, sizeof(have), 1, file) == 1 && memcmp(&have, &want, sizeof(have)) == 0 &&
	            fread(truth->data(), sizeof(uint32_t), truth->size(), file) == truth->size();
	fclose(file);
	return good;
}

void search(const Data &data, const Rows &rows, std::atomic<size_t> *next, Truth *truth)
{
	vs_topk top;
	if (vs_topk_init(&top, kTop) != 0)
		die("out of memory");
	for (size_t q = (*next)++; q < data.query_count; q = (*next)++) {
		const float *query = data.query(q);
		vs_topk_reset(&top);
		vs_scan_search(&rows.view, query, vs_space_factor(&rows.space, query), &rows.all, 0, rows.view.count, &top);
		for (uint32_t i = 0; i < kTop; i++)
			(*truth)[q * kTop + i] = top.hits[i].slot;
	}
	vs_topk_release(&top);
}

} // namespace

Truth exact(const Data &data, const Rows &rows, unsigned threads, const std::string &cache)
{
	TruthHeader header = { 0x3272756874765346u, data.count, data.query_count, data.dim, sum_of(data) };
	Truth truth(data.query_count * kTop);
	std::atomic<size_t> next{ 0 };
	std::vector<std::thread> running;
	if (read_cache(cache, header, &truth))
		return truth;
	say("exact answers of %zu queries", data.query_count);
	for (unsigned t = 0; t < threads; t++)
		running.emplace_back([&] { search(data, rows, &next, &truth); });
	for (auto &thread : running)
		thread.join();
	FILE *file = cache.empty() ? nullptr : fopen(cache.c_str(), "wb");
	if (file != nullptr) {
		fwrite(&header, sizeof(header), 1, file);
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

} // namespace bench
