// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "store.h"

namespace bench
{

Asker (*probe_open)(const std::string &system, const std::string &path, uint32_t dim) = nullptr;

namespace
{

constexpr char kMark[] = "--probe";
constexpr size_t kNext = 99; // queries after the first whose mean is told

// ---- the started process --------------------------------------------------------------------------------------

Asker open_system(const Probe &probe, uint32_t dim)
{
	if (probe.system != "store")
		return probe_open(probe.system, probe.path, dim);
	auto store = std::make_shared<Store>(probe.path, false, dim);
	if (probe.prefetch == Prefetch::map)
		store->settle(); // maps come with the first use
	return [store](const float *query, uint32_t ef, uint32_t *numbers) { return store->search(query, ef, numbers); };
}

void prefetch(const Probe &probe)
{
	if (probe.prefetch == Prefetch::file)
		read_below(probe.path);
	if (probe.prefetch == Prefetch::map && !populate_below(probe.path))
		say("cannot populate maps: needs Linux 5.14");
}

void tell(const char *name, double seconds)
{
	printf("time %s %.9f\n", name, seconds);
}

size_t less(size_t a, size_t b)
{
	return a > b ? a - b : 0;
}

// queries: bytes that this process has for itself and touches, too.
void tell_memory(const std::string &folder, const Resident &before, size_t queries)
{
	Resident after = resident_below(folder);
	for (const auto &[path, bytes] : after.files)
		printf("file %zu %zu %s\n", bytes.resident, bytes.touched, path.c_str());
	printf("anonymous %zu %zu\n", less(after.anonymous.resident, before.anonymous.resident),
	       less(after.anonymous.touched, queries));
	// What of the program was there before is touched again, and not counted.
	size_t others = less(after.others.resident, before.others.resident);
	printf("others %zu %zu\n", others, std::min(after.others.touched, others));
}

[[noreturn]] void serve(const Probe &probe, double began)
{
	uint32_t dim;
	uint32_t numbers[kTop];
	std::vector<float> queries = read_fvecs(probe.queries, &dim);
	size_t count = std::min(probe.count, queries.size() / dim);
	Resident before = resident_below(probe.path);
	double start = now();
	if (probe.prefetch == Prefetch::file)
		prefetch(probe);
	double prefetched = now();
	Asker ask = open_system(probe, dim);
	double opened = now();
	if (probe.prefetch == Prefetch::map)
		prefetch(probe);
	double ready = now();
	ask(&queries[0], probe.ef, numbers);
	double first = now();
	for (size_t q = 1; q < std::min(count, kNext + 1); q++)
		ask(&queries[q * dim], probe.ef, numbers);
	double next = now();
	for (size_t q = kNext + 1; q < count; q++)
		ask(&queries[q * dim], probe.ef, numbers);
	tell("open", opened - prefetched);
	tell("prefetch", prefetched - start + ready - opened);
	tell("first", first - ready);
	tell("next", (next - first) / static_cast<double>(std::max<size_t>(std::min(count, kNext + 1) - 1, 1)));
	tell("began", began);
	tell("read", start - began); // the queries, which a server has not to read
	tell("answered", first);
	forget_touches();
	for (size_t q = 0; q < count; q++)
		ask(&queries[q * dim], probe.ef, numbers);
	tell_memory(probe.path, before, count * dim * sizeof(float));
	fflush(stdout);
	exit(0);
}

// ---- the process that starts it -------------------------------------------------------------------------------

void take_time(const std::string &name, double seconds, Served *served)
{
	if (name == "began")
		served->start = seconds;
	else if (name == "read")
		served->read = seconds;
	else if (name == "open")
		served->open = seconds;
	else if (name == "prefetch")
		served->prefetch = seconds;
	else if (name == "first")
		served->first = seconds;
	else if (name == "next")
		served->next = seconds;
	else if (name == "answered")
		served->answered = seconds;
}

// Reads what it tells.
void take(FILE *from, double started, Served *served)
{
	char line[4096];
	while (fgets(line, sizeof(line), from) != nullptr) {
		char name[32];
		double seconds;
		Bytes bytes;
		int path = 0;
		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "time %31s %lf", name, &seconds) == 2)
			take_time(name, seconds, served);
		else if (sscanf(line, "file %zu %zu %n", &bytes.resident, &bytes.touched, &path) == 2 && path > 0)
			served->memory.files[line + path] = bytes;
		else if (sscanf(line, "anonymous %zu %zu", &bytes.resident, &bytes.touched) == 2)
			served->memory.anonymous = bytes;
		else if (sscanf(line, "others %zu %zu", &bytes.resident, &bytes.touched) == 2)
			served->memory.others = bytes;
	}
	served->start -= started;
	served->answered -= started + served->read;
}

} // namespace

void probe_main(int argc, char **argv)
{
	double began = now();
	Probe probe;
	if (argc != 9 || strcmp(argv[1], kMark) != 0)
		return;
	probe.system = argv[2];
	probe.path = argv[3];
	probe.queries = argv[4];
	probe.ef = static_cast<uint32_t>(strtoul(argv[5], nullptr, 10));
	probe.count = strtoul(argv[6], nullptr, 10);
	probe.prefetch = static_cast<Prefetch>(atoi(argv[7]));
	Store::rescore = atoi(argv[8]);
	serve(probe, began);
}

Bytes sum_of(const Resident &memory)
{
	Bytes sum = memory.anonymous;
	sum.resident += memory.others.resident;
	sum.touched += memory.others.touched;
	for (const auto &[path, bytes] : memory.files) {
		sum.resident += bytes.resident;
		sum.touched += bytes.touched;
	}
	return sum;
}

Served probe(const Probe &probe)
{
	std::string ef = std::to_string(probe.ef);
	std::string count = std::to_string(probe.count);
	std::string kind = std::to_string(static_cast<int>(probe.prefetch));
	std::string rescore = std::to_string(Store::rescore);
	const char *const arguments[] = { program_invocation_name, kMark,          probe.system.c_str(),
		                              probe.path.c_str(),      probe.queries.c_str(), ef.c_str(),
		                              count.c_str(),           kind.c_str(),   rescore.c_str(),
		                              nullptr };
	int ends[2];
	int status;
	Served served;
	if (pipe(ends) != 0)
		die("cannot make a pipe");
	double started = now();
	// vfork, for the memory of this process is large and its page tables would be copied.
	pid_t child = vfork();
	if (child < 0)
		die("cannot start a process");
	if (child == 0) {
		dup2(ends[1], 1);
		close(ends[0]);
		close(ends[1]);
		execv("/proc/self/exe", const_cast<char *const *>(arguments));
		_exit(127);
	}
	close(ends[1]);
	FILE *from = fdopen(ends[0], "r");
	take(from, started, &served);
	fclose(from);
	if (waitpid(child, &status, 0) != child || status != 0)
		die("a started process failed");
	return served;
}

} // namespace bench
