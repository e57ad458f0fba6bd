// SPDX-License-Identifier: Apache-2.0
//
// bench/peer: vecstore as one of the systems that bench/peers.py compares, each in a process of its own.
//
//   peer split FILE.fvecs DIR [ROWS]     writes DIR/base.fvecs and DIR/queries.fvecs, split as in hnsw_compare
//   peer graph|store DIR THREADS         builds from these, then does what standard input says, line by line:
//
//   it says                              and hears
//   built SECONDS CPU-SECONDS BYTES      ask EF
//   asked SECONDS CPU-SECONDS BYTES      (all queries asked once; DIR/<system>.found has ten uint32 for each)
//
// BYTES: what its resident memory has grown by since the vectors were read.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>

#include "engines.h"

using namespace bench;

namespace
{

[[noreturn]] void usage()
{
	fputs("usage: peer split FILE.fvecs DIR [ROWS]\n       peer graph|store DIR THREADS\n", stderr);
	exit(2);
}

void split(const std::string &file, const std::string &dir, size_t rows)
{
	Data data = load(file, rows, kHeldOut);
	write_fvecs(dir + "/base.fvecs", data.base, data.dim);
	write_fvecs(dir + "/queries.fvecs", data.queries, data.dim);
}

struct Vecstore {
	std::unique_ptr<Rows> rows;
	std::unique_ptr<Engine> engine;
};

Vecstore build(const std::string &system, const std::string &dir, unsigned threads, const Data &data)
{
	Vecstore vecstore;
	BuildOptions options;
	options.threads = threads;
	options.dir = dir + "/" + system;
	std::filesystem::remove_all(options.dir); // what an earlier run left would cost nothing to build
	if (system == "graph") {
		vecstore.rows = std::make_unique<Rows>(data);
		vecstore.engine = std::make_unique<OurGraph>(options, *vecstore.rows);
	} else {
		vecstore.engine = std::make_unique<OurStore>(options, data);
	}
	return vecstore;
}

void ask(Engine *engine, const Data &data, uint32_t ef, const std::string &found)
{
	std::vector<uint32_t> slots(data.query_count * kTop, UINT32_MAX);
	double start_cpu = cpu(CLOCK_PROCESS_CPUTIME_ID);
	double start = now();
	for (size_t q = 0; q < data.query_count; q++)
		engine->search(data.query(q), ef, &slots[q * kTop]);
	double seconds = now() - start;
	double seconds_cpu = cpu(CLOCK_PROCESS_CPUTIME_ID) - start_cpu;
	FILE *file = fopen(found.c_str(), "wb");
	if (file == nullptr || fwrite(slots.data(), sizeof(uint32_t), slots.size(), file) != slots.size() || fclose(file) != 0)
		die("cannot write " + found);
	printf("asked %.6f %.6f", seconds, seconds_cpu);
}

void serve(const std::string &system, const std::string &dir, unsigned threads)
{
	Data data;
	char line[64];
	data.base = read_fvecs(dir + "/base.fvecs", &data.dim);
	data.queries = read_fvecs(dir + "/queries.fvecs", &data.dim);
	data.count = data.base.size() / data.dim;
	data.query_count = data.queries.size() / data.dim;
	size_t before = resident_bytes();
	Vecstore vecstore = build(system, dir, threads, data);
	printf("built %.3f %.3f %zu\n", vecstore.engine->build_seconds, vecstore.engine->build_cpu, resident_bytes() - before);
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin) != nullptr) {
		if (strncmp(line, "ask ", 4) != 0)
			die("what is that?");
		ask(vecstore.engine.get(), data, static_cast<uint32_t>(strtoul(line + 4, nullptr, 10)), dir + "/" + system + ".found");
		printf(" %zu\n", resident_bytes() - before);
		fflush(stdout);
	}
}

} // namespace

int main(int argc, char **argv)
{
	std::string verb = argc > 1 ? argv[1] : "";
	if (verb == "split" && (argc == 4 || argc == 5))
		split(argv[2], argv[3], argc == 5 ? strtoul(argv[4], nullptr, 10) : 0);
	else if ((verb == "graph" || verb == "store") && argc == 4)
		serve(verb, argv[2], static_cast<unsigned>(strtoul(argv[3], nullptr, 10)));
	else
		usage();
	return 0;
}
