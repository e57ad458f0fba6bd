// SPDX-License-Identifier: Apache-2.0
//
// bench/clusters: vectors that are made up, any number of them, the same on every run and machine with the same libm.
//
// A mixture of 10,000 clusters whose sizes follow a power law: cluster c has a share in proportion to 1 / (c + 10). A
// cluster's centre lies in a subspace of 24 dimensions that all share; its vectors spread from it in 24 dimensions of its own,
// about as far as centres lie from each other, with a little noise in all. So vectors have few degrees of freedom, as embeddings
// have, clusters overlap, and more vectors lie denser. Each is a function of its number: none is kept, and queries are numbers
// that no row has.
#ifndef BENCH_CLUSTERS_H
#define BENCH_CLUSTERS_H

#include "common.h"

namespace bench
{

class Clusters
{
public:
	explicit Clusters(uint32_t dim);
	// Vector `number`, of length 1.
	void make(uint64_t number, float *row) const;
	// Vectors from `first` on.
	void make(uint64_t first, size_t count, unsigned threads, std::vector<float> *rows) const;

private:
	uint32_t dim;
	std::vector<double> shares; // running sums
	std::vector<float> centres;
	std::vector<float> axes; // of each cluster, one after the other
};

} // namespace bench

#endif
