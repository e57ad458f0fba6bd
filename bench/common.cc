// SPDX-License-Identifier: Apache-2.0
#include "common.h"

#include <cerrno>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>

namespace bench
{

void die(const std::string &text)
{
	fprintf(stderr, "%s: %s\n", program_invocation_short_name, text.c_str());
	exit(1);
}

void check(int code, const vs_error &error)
{
	if (code < 0)
		die(error.text);
}

void say(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
}

double now()
{
	using namespace std::chrono;
	return duration<double>(steady_clock::now().time_since_epoch()).count();
}

double cpu(clockid_t clock)
{
	timespec time;
	clock_gettime(clock, &time);
	return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

size_t resident_bytes()
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long total = 0;
	unsigned long resident = 0;
	if (file == nullptr || fscanf(file, "%lu %lu", &total, &resident) != 2)
		die("cannot read /proc/self/statm");
	fclose(file);
	return resident * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

double median(std::vector<double> values)
{
	std::sort(values.begin(), values.end());
	return values.empty() ? 0 : values[values.size() / 2];
}

std::vector<float> read_fvecs(const std::string &path, uint32_t *dim)
{
	FILE *file = fopen(path.c_str(), "rb");
	std::vector<float> all;
	std::error_code code;
	int32_t d;
	if (file == nullptr)
		die("cannot open " + path);
	all.reserve(static_cast<size_t>(std::filesystem::file_size(path, code)) / sizeof(float));
	*dim = 0;
	while (fread(&d, sizeof(d), 1, file) == 1) {
		if (d <= 0 || d > 8192 || (*dim != 0 && *dim != static_cast<uint32_t>(d)))
			die(path + " is no fvecs file of one dimension");
		*dim = static_cast<uint32_t>(d);
		all.resize(all.size() + *dim);
		if (fread(&all[all.size() - *dim], sizeof(float), *dim, file) != *dim)
			die(path + " ends within a vector");
	}
	fclose(file);
	if (*dim == 0)
		die(path + " is empty");
	return all;
}

void write_fvecs(const std::string &path, const std::vector<float> &rows, uint32_t dim)
{
	FILE *file = fopen(path.c_str(), "wb");
	bool good = file != nullptr;
	for (size_t i = 0; good && i < rows.size(); i += dim)
		good = fwrite(&dim, sizeof(dim), 1, file) == 1 && fwrite(&rows[i], sizeof(float), dim, file) == dim;
	if (file == nullptr || fclose(file) != 0 || !good)
		die("cannot write " + path);
}

void normalise(float *row, uint32_t dim)
{
	double sum = 0;
	for (uint32_t i = 0; i < dim; i++)
		sum += static_cast<double>(row[i]) * row[i];
	for (uint32_t i = 0; i < dim; i++)
		row[i] = static_cast<float>(row[i] / std::sqrt(sum));
}

static void append(std::vector<float> *to, const float *row, uint32_t dim)
{
	to->insert(to->end(), row, row + dim);
	normalise(&(*to)[to->size() - dim], dim);
}

Data load(const std::string &file, size_t rows, size_t queries)
{
	Data data;
	std::vector<float> all = read_fvecs(file, &data.dim);
	size_t total = all.size() / data.dim;
	std::vector<size_t> order(total);
	if (total <= kHeldOut || queries == 0 || queries > kHeldOut)
		die("too few vectors");
	for (size_t i = 0; i < total; i++)
		order[i] = i;
	std::mt19937_64 random(20260101); // the same split on every run
	for (size_t i = total - 1; i > 0; i--)
		std::swap(order[i], order[random() % (i + 1)]);
	data.query_count = queries;
	data.count = total - kHeldOut;
	if (rows != 0 && rows < data.count)
		data.count = rows;
	data.queries.reserve(data.query_count * data.dim);
	for (size_t i = 0; i < data.query_count; i++)
		append(&data.queries, &all[order[i] * data.dim], data.dim);
	// The others keep the order of the file.
	std::sort(order.begin() + static_cast<ptrdiff_t>(kHeldOut),
	          order.begin() + static_cast<ptrdiff_t>(kHeldOut + data.count));
	data.base.reserve(data.count * data.dim);
	for (size_t i = 0; i < data.count; i++)
		append(&data.base, &all[order[kHeldOut + i] * data.dim], data.dim);
	return data;
}

// ---- command line -------------------------------------------------------------------------------------------

static std::vector<uint32_t> parse_list(const char *text)
{
	std::vector<uint32_t> list;
	for (char *end; *text != '\0'; text = *end == ',' ? end + 1 : end) {
		list.push_back(static_cast<uint32_t>(strtoul(text, &end, 10)));
		if (end == text || list.back() == 0)
			die("not a list of numbers");
	}
	return list;
}

void die_of_usage(const char *usage)
{
	fprintf(stderr, "usage: %s\n", usage);
	exit(2);
}

namespace
{

// What to do with the word after an option; those that want none say so.
struct Take {
	const std::function<const char *()> &word;
	void operator()(std::string *to) const { *to = word(); }
	void operator()(size_t *to) const { *to = strtoul(word(), nullptr, 10); }
	void operator()(uint32_t *to) const { *to = static_cast<uint32_t>(strtoul(word(), nullptr, 10)); }
	void operator()(double *to) const { *to = strtod(word(), nullptr); }
	void operator()(std::vector<uint32_t> *to) const { *to = parse_list(word()); }
	void operator()(bool *to) const { *to = true; }
	void operator()(const std::function<void()> &act) const { act(); }
};

} // namespace

void parse_options(int argc, char **argv, const char *usage, const std::vector<Option> &options, std::string *file)
{
	int i = 1;
	std::function<const char *()> word = [&]() -> const char * {
		if (i == argc)
			die_of_usage(usage);
		return argv[i++];
	};
	while (i < argc) {
		std::string given = argv[i++];
		auto option = std::find_if(options.begin(), options.end(), [&](const Option &o) { return given == o.name; });
		if (option != options.end())
			std::visit(Take{ word }, option->to);
		else if (given[0] != '-' && file != nullptr && file->empty())
			*file = given;
		else
			die_of_usage(usage);
	}
}

} // namespace bench
