// SPDX-License-Identifier: Apache-2.0
#include "clusters.h"

#include <algorithm>
#include <cmath>
#include <thread>

namespace bench
{

namespace
{

constexpr size_t kClusters = 10000;
constexpr uint32_t kShared = 24; // dimensions of the centres
constexpr uint32_t kOwn = 24;    // dimensions of a cluster
constexpr float kNoise = 0.4f;   // of the length of a centre, over all dimensions
constexpr uint64_t kSeed = 0x76656373746f7265u;

// splitmix64: a stream of well-mixed numbers from any start.
struct Random {
	uint64_t state;
	explicit Random(uint64_t start) : state(start) {}
	uint64_t next()
	{
		uint64_t x = state += 0x9e3779b97f4a7c15u;
		x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
		x = (x ^ x >> 27) * 0x94d049bb133111ebu;
		return x ^ x >> 31;
	}
	double uniform() { return (static_cast<double>(next() >> 11) + 0.5) * 0x1p-53; }
	// The sum of four uniforms is near enough to a normal distribution, and cheap. Variance 1.
	float normal()
	{
		constexpr float kScale = 1.7320508f / 65536;
		uint64_t x = next();
		int32_t sum = static_cast<int32_t>((x & 0xffff) + (x >> 16 & 0xffff) + (x >> 32 & 0xffff) + (x >> 48));
		return static_cast<float>(sum - 131070) * kScale;
	}
};

void add_scaled(float *to, const float *from, float by, uint32_t dim)
{
	for (uint32_t i = 0; i < dim; i++)
		to[i] += from[i] * by;
}

} // namespace

Clusters::Clusters(uint32_t dimension)
    : dim(dimension), shares(kClusters), centres(kClusters * dimension), axes(kClusters * kOwn * dimension)
{
	Random random(kSeed);
	std::vector<float> shared(kShared * dim);
	double sum = 0;
	for (float &number : shared)
		number = random.normal();
	for (size_t c = 0; c < kClusters; c++)
		shares[c] = sum += 1 / static_cast<double>(c + 10);
	for (size_t c = 0; c < kClusters; c++) {
		float *centre = &centres[c * dim];
		for (uint32_t axis = 0; axis < kShared; axis++)
			add_scaled(centre, &shared[axis * dim], random.normal(), dim);
		normalise(centre, dim);
		// Own axes grow shorter: a quarter to half of the centre's length, then 0.97 times as long each.
		float spread = 0.25f + 0.25f * static_cast<float>(random.uniform());
		for (uint32_t axis = 0; axis < kOwn; axis++, spread *= 0.97f) {
			float *own = &axes[(c * kOwn + axis) * dim];
			for (uint32_t i = 0; i < dim; i++)
				own[i] = random.normal();
			normalise(own, dim);
			for (uint32_t i = 0; i < dim; i++)
				own[i] *= spread;
		}
	}
}

void Clusters::make(uint64_t number, float *row) const
{
	Random random(kSeed ^ (number + 1) * 0xd1342543de82ef95u);
	double place = random.uniform() * shares.back();
	size_t c = static_cast<size_t>(std::lower_bound(shares.begin(), shares.end(), place) - shares.begin());
	float noise = kNoise / std::sqrt(static_cast<float>(dim));
	c = std::min(c, kClusters - 1);
	std::copy_n(&centres[c * dim], dim, row);
	for (uint32_t axis = 0; axis < kOwn; axis++)
		add_scaled(row, &axes[(c * kOwn + axis) * dim], random.normal(), dim);
	for (uint32_t i = 0; i < dim; i++)
		row[i] += random.normal() * noise;
	normalise(row, dim);
}

void Clusters::make(uint64_t first, size_t count, unsigned threads, std::vector<float> *rows) const
{
	std::vector<std::thread> running;
	rows->resize(count * dim);
	for (unsigned t = 0; t < threads; t++)
		running.emplace_back([=] {
			for (size_t i = t; i < count; i += threads)
				make(first + i, &(*rows)[i * dim]);
		});
	for (auto &thread : running)
		thread.join();
}

} // namespace bench
