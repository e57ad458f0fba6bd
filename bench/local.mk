# SPDX-License-Identifier: Apache-2.0
# Built on demand, by `make bench/hnsw_compare`; needs libhnswlib-dev and a C++ compiler. hnswlib chooses its instruction set
# when it is compiled, so it gets all that this machine has.
bench_common = bench/common.h bench/common.cc bench/exact.h bench/exact.cc bench/store.h bench/store.cc
bench_engines = bench/engines.h bench/engines.cc bench/sweep.h bench/sweep.cc
bench_probe = bench/maps.h bench/maps.cc bench/probe.h bench/probe.cc
bench_cxxflags = -std=c++17 -O3 -march=native

EXTRA_PROGRAMS += bench/hnsw_compare
bench_hnsw_compare_SOURCES = bench/hnsw_compare.cc $(bench_common) $(bench_engines)
bench_hnsw_compare_CXXFLAGS = $(bench_cxxflags)
bench_hnsw_compare_LDADD = $(core_libs)

# vecstore beside other libraries in bench/peers.py; by `make bench/peer`.
EXTRA_PROGRAMS += bench/peer
bench_peer_SOURCES = bench/peer.cc $(bench_common) $(bench_engines)
bench_peer_CXXFLAGS = $(bench_cxxflags)
bench_peer_LDADD = $(core_libs)

# Memory while serving and cold start; by `make bench/serving`.
EXTRA_PROGRAMS += bench/serving
bench_serving_SOURCES = bench/serving.cc $(bench_common) $(bench_engines) $(bench_probe)
bench_serving_CXXFLAGS = $(bench_cxxflags)
bench_serving_LDADD = $(core_libs)

# How cost grows with the number of records; by `make bench/scale`.
EXTRA_PROGRAMS += bench/scale
bench_scale_SOURCES = bench/scale.cc bench/clusters.h bench/clusters.cc bench/sweep.h bench/sweep.cc $(bench_common) \
	$(bench_probe)
bench_scale_CXXFLAGS = -std=c++17 -O2
bench_scale_LDADD = $(core_libs)

# Filters beside no filter; by `make bench/filtered`.
EXTRA_PROGRAMS += bench/filtered
bench_filtered_SOURCES = bench/filtered.c bench/shared.c bench/shared.h
bench_filtered_LDADD = $(core_libs)

# Recall after updates; by `make bench/churn`.
EXTRA_PROGRAMS += bench/churn
bench_churn_SOURCES = bench/churn.c
bench_churn_LDADD = $(core_libs)

# Batches beside single queries; by `make bench/batch`.
EXTRA_PROGRAMS += bench/batch
bench_batch_SOURCES = bench/batch.c bench/shared.c bench/shared.h
bench_batch_LDADD = $(core_libs)

# Pages of records and counts of values; by `make bench/pages`.
EXTRA_PROGRAMS += bench/pages
bench_pages_SOURCES = bench/pages.c
bench_pages_LDADD = $(core_libs)

# Queries by vector, by words and by both; by `make bench/hybrid`.
EXTRA_PROGRAMS += bench/hybrid
bench_hybrid_SOURCES = bench/hybrid.c bench/shared.c bench/shared.h
bench_hybrid_LDADD = $(core_libs) -lm

# Many queries beside a few rows, beside OpenBLAS; by `make bench/tiles`, needs libopenblas-dev. Nothing else of vecstore does.
EXTRA_PROGRAMS += bench/tiles
bench_tiles_SOURCES = bench/tiles.c
bench_tiles_LDADD = $(core_libs) -lopenblas

# What the library costs beyond the graph; by `make bench/overhead`.
EXTRA_PROGRAMS += bench/overhead
bench_overhead_SOURCES = bench/overhead.c bench/shared.c bench/shared.h
bench_overhead_LDADD = $(core_libs)

# What it costs to find out who asks; by `make bench/auth`.
EXTRA_PROGRAMS += bench/auth
bench_auth_SOURCES = bench/auth.c
bench_auth_LDADD = $(service_libs)

# Durable ingest beside queries and the indexer; by `make bench/ingest`.
EXTRA_PROGRAMS += bench/ingest
bench_ingest_SOURCES = bench/ingest.c
bench_ingest_LDADD = $(core_libs)

EXTRA_DIST += bench/README.md bench/http.py bench/fairness.py bench/many.py bench/query.lua bench/peers.py bench/make-768 \
	bench/make-texts

# Admission, and namespaces that are not open; by `make bench/tenants`.
EXTRA_PROGRAMS += bench/tenants
bench_tenants_SOURCES = bench/tenants.c
bench_tenants_LDADD = $(service_libs)
