# SPDX-License-Identifier: Apache-2.0
# Built on demand, by `make bench/hnsw_compare`; needs libhnswlib-dev and a C++ compiler. hnswlib chooses its instruction set
# when it is compiled, so it gets all that this machine has.
EXTRA_PROGRAMS += bench/hnsw_compare
bench_hnsw_compare_SOURCES = bench/hnsw_compare.cc
bench_hnsw_compare_CXXFLAGS = -std=c++17 -O3 -march=native
bench_hnsw_compare_LDADD = $(core_libs)

# Filters beside no filter; by `make bench/filtered`.
EXTRA_PROGRAMS += bench/filtered
bench_filtered_SOURCES = bench/filtered.c
bench_filtered_LDADD = $(core_libs)

# Recall after updates; by `make bench/churn`.
EXTRA_PROGRAMS += bench/churn
bench_churn_SOURCES = bench/churn.c
bench_churn_LDADD = $(core_libs)

# Durable ingest beside queries and the indexer; by `make bench/ingest`.
EXTRA_PROGRAMS += bench/ingest
bench_ingest_SOURCES = bench/ingest.c
bench_ingest_LDADD = $(core_libs)

EXTRA_DIST += bench/README.md bench/http.py bench/query.lua
