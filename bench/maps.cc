// SPDX-License-Identifier: Apache-2.0
#include "maps.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>

namespace bench
{

namespace
{

// An area of /proc/self/smaps. Sizes in bytes.
struct Area {
	uintptr_t from = 0;
	uintptr_t to = 0;
	std::string path;
	size_t resident = 0;
	size_t anonymous = 0;
	size_t referenced = 0;
};

void each_area(const std::function<void(const Area &)> &each)
{
	FILE *file = fopen("/proc/self/smaps", "r");
	char line[4096];
	Area area;
	if (file == nullptr)
		die("cannot read /proc/self/smaps");
	while (fgets(line, sizeof(line), file) != nullptr) {
		uintptr_t from;
		uintptr_t to;
		size_t kib;
		int path = 0;
		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %*s %*s %*s %*s %n", &from, &to, &path) == 2) {
			if (area.to != 0)
				each(area);
			area = Area();
			area.from = from;
			area.to = to;
			area.path = path > 0 ? line + path : "";
		} else if (sscanf(line, "Rss: %zu kB", &kib) == 1) {
			area.resident = kib * 1024;
		} else if (sscanf(line, "Anonymous: %zu kB", &kib) == 1) {
			area.anonymous = kib * 1024;
		} else if (sscanf(line, "Referenced: %zu kB", &kib) == 1) {
			area.referenced = kib * 1024;
		}
	}
	if (area.to != 0)
		each(area);
	fclose(file);
}

std::string prefix_of(const std::string &folder)
{
	return std::filesystem::canonical(folder).string() + "/";
}

// Empty when the path has another prefix.
std::string path_below(const std::string &prefix, const std::string &path)
{
	return path.compare(0, prefix.size(), prefix) == 0 ? path.substr(prefix.size()) : "";
}

void each_file(const std::string &folder, int flags, const std::function<void(int fd, const struct stat &)> &each)
{
	for (const auto &entry : std::filesystem::recursive_directory_iterator(folder)) {
		struct stat status;
		if (!entry.is_regular_file())
			continue;
		int fd = open(entry.path().c_str(), flags | O_CLOEXEC);
		if (fd < 0 || fstat(fd, &status) != 0)
			die("cannot open " + entry.path().string());
		each(fd, status);
		close(fd);
	}
}

} // namespace

Resident resident_below(const std::string &folder)
{
	std::string prefix = prefix_of(folder);
	Resident resident;
	each_area([&](const Area &area) {
		std::string path = path_below(prefix, area.path);
		Bytes &bytes = !path.empty()        ? resident.files[path] :
		               area.path[0] == '/' ? resident.others :
		                                     resident.anonymous;
		// What was copied on write is no longer the file's.
		resident.anonymous.resident += area.anonymous;
		bytes.resident += area.resident - area.anonymous;
		bytes.touched += area.referenced;
	});
	return resident;
}

void forget_touches()
{
	// The kernel clears the marks in the page tables, and leaves the processor's copies of these entries, through which a page
	// could be touched unmarked. Taking a large map away makes it drop them all.
	size_t size = 4u << 20;
	void *map = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	FILE *file = fopen("/proc/self/clear_refs", "w");
	if (file == nullptr || fputs("1", file) < 0 || fclose(file) != 0)
		die("cannot write /proc/self/clear_refs");
	if (map != MAP_FAILED)
		munmap(map, size);
}

bool populate_below(const std::string &folder)
{
#ifdef MADV_POPULATE_READ
	std::string prefix = prefix_of(folder);
	bool good = true;
	each_area([&](const Area &area) {
		if (path_below(prefix, area.path).empty())
			return;
		good = madvise(reinterpret_cast<void *>(area.from), area.to - area.from, MADV_POPULATE_READ) == 0 && good;
	});
	return good;
#else
	(void)folder;
	return false;
#endif
}

Cached cached_below(const std::string &folder)
{
	size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
	Cached cached;
	each_file(folder, O_RDONLY, [&](int fd, const struct stat &status) {
		size_t size = static_cast<size_t>(status.st_size);
		std::vector<unsigned char> present((size + page - 1) / page);
		void *map = size > 0 ? mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
		if (map == MAP_FAILED)
			return;
		if (mincore(map, size, present.data()) != 0)
			die("mincore failed");
		munmap(map, size);
		cached.bytes += present.size() * page;
		for (unsigned char p : present)
			cached.cached += (p & 1) * page;
	});
	return cached;
}

void evict_below(const std::string &folder)
{
	each_file(folder, O_RDONLY, [](int fd, const struct stat &) {
		fdatasync(fd);
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	});
}

void read_below(const std::string &folder)
{
	std::vector<char> buffer(1 << 20);
	each_file(folder, O_RDONLY, [&](int fd, const struct stat &) {
		while (read(fd, buffer.data(), buffer.size()) > 0) {
		}
	});
}

size_t disk_below(const std::string &folder)
{
	size_t bytes = 0;
	each_file(folder, O_RDONLY, [&](int, const struct stat &status) { bytes += static_cast<size_t>(status.st_blocks) * 512; });
	return bytes;
}

} // namespace bench
