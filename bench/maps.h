// SPDX-License-Identifier: Apache-2.0
//
// bench/maps: what of this process is resident, by file; and the page cache of a folder's files.
#ifndef BENCH_MAPS_H
#define BENCH_MAPS_H

#include <map>
#include <string>

#include "common.h"

namespace bench
{

struct Bytes {
	size_t resident = 0;
	size_t touched = 0; // of these, since forget_touches was called
};

struct Resident {
	std::map<std::string, Bytes> files; // of the mapped files below the folder, by path from there
	Bytes anonymous;                    // heap, stacks, what was copied on write
	Bytes others;                       // program and libraries
};

// Of this process, from /proc/self/smaps. A shared map counts whole, whoever else has it.
Resident resident_below(const std::string &folder);

// Clears the processor's marks of what this process has touched.
void forget_touches();

// Makes pages of all maps below the folder present, reading what is not in the page cache. False where the kernel cannot
// (before Linux 5.14).
bool populate_below(const std::string &folder);

struct Cached {
	size_t bytes = 0; // of the files
	size_t cached = 0; // of these, in the page cache
};
// Regular files below the folder.
Cached cached_below(const std::string &folder);
// Puts them out of the page cache, as far as the kernel does it: nobody else may have them mapped.
void evict_below(const std::string &folder);
// Reads them all, so that they are in the page cache.
void read_below(const std::string &folder);

// Bytes that the files take on disk.
size_t disk_below(const std::string &folder);

} // namespace bench

#endif
