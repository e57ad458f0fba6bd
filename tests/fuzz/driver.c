/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzzer's entry point on its seeds, then on mutations of them: PROGRAM [seconds [seed]], or PROGRAM FILE for one
 * input. The input in hand lies in the file crash-PROGRAM, mapped, which is removed at the end; whatever ends the program
 * before leaves it there.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

#define SIZE_MAX_INPUT 4096
#define POOL 512 /* inputs kept to be mutated further */

struct input {
	uint8_t data[SIZE_MAX_INPUT];
	size_t len;
};

static struct input pool[POOL];
static size_t pool_count;
static uint64_t state; /* xorshift64* */

static uint64_t draw(uint64_t below)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return below > 0 ? (state * UINT64_C(2685821657736338717) >> 11) % below : 0;
}

static size_t count_of(const struct fuzz_text *texts)
{
	size_t n = 0;
	while (texts[n].data)
		n++;
	return n;
}

/* Puts len bytes in the place of `gone` bytes at `at`. */
static void splice(struct input *input, size_t at, size_t gone, const void *data, size_t len)
{
	uint8_t copy[SIZE_MAX_INPUT];
	if (input->len - gone + len > SIZE_MAX_INPUT || len > sizeof copy)
		return;
	memcpy(copy, data, len); /* it may be the input's own */
	memmove(input->data + at + len, input->data + at + gone, input->len - at - gone);
	memcpy(input->data + at, copy, len);
	input->len = input->len - gone + len;
}

static void mutate(struct input *input)
{
	static const uint8_t bytes[] = { 0, 1, 9, 10, 13, 32, '"', '\'', ',', '.', '-', '0', '9', 'e', '[', ']', '{', '}',
		                             '\\', 0x7f, 0x80, 0xc0, 0xed, 0xf4, 0xff };
	size_t at = draw(input->len + 1);
	size_t rest = input->len - at;
	size_t some = draw(rest < 16 ? rest + 1 : 16);
	const struct fuzz_text *word = &fuzz_words[draw(count_of(fuzz_words))];
	const struct input *other = &pool[draw(pool_count)];
	size_t from = draw(other->len + 1);
	switch (draw(8)) {
	case 0:
		if (rest > 0)
			input->data[at] ^= (uint8_t)(1u << draw(8));
		break;
	case 1:
		if (rest > 0)
			input->data[at] = bytes[draw(sizeof bytes)];
		break;
	case 2:
		splice(input, at, 0, &bytes[draw(sizeof bytes)], 1);
		break;
	case 3:
		splice(input, at, some, "", 0);
		break;
	case 4:
		splice(input, at, 0, input->data + at, some);
		break;
	case 5:
		splice(input, at, some, word->data, word->len);
		break;
	case 6:
		splice(input, at, 0, word->data, word->len);
		break;
	default:
		splice(input, at, rest, other->data + from, other->len - from);
	}
}

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void run(struct input *shown, const struct input *input)
{
	/* Memory of just its size, so that a sanitizer sees who looks past it. */
	uint8_t *data = malloc(input->len);
	FUZZ_ASSERT(data || input->len == 0);
	memcpy(shown->data, input->data, input->len);
	shown->len = input->len;
	memcpy(data, input->data, input->len);
	LLVMFuzzerTestOneInput(data, input->len);
	free(data);
}

static int run_file(const char *path)
{
	static struct input input, shown;
	FILE *file = fopen(path, "rb");
	if (!file) {
		perror(path);
		return 2;
	}
	input.len = fread(input.data, 1, sizeof input.data, file);
	fclose(file);
	run(&shown, &input);
	return 0;
}

static uint64_t fuzz(struct input *shown, double seconds)
{
	static struct input input;
	uint64_t runs = 0;
	double end = now() + seconds;
	for (size_t i = 0; fuzz_seeds[i].data; i++) {
		memcpy(input.data, fuzz_seeds[i].data, fuzz_seeds[i].len);
		input.len = fuzz_seeds[i].len;
		run(shown, &input);
		pool[pool_count++] = input;
	}
	size_t seeds = pool_count;
	for (; now() < end; runs++) {
		input = pool[draw(2) ? draw(seeds) : draw(pool_count)];
		for (uint64_t i = draw(4) + 1; i > 0; i--)
			mutate(&input);
		run(shown, &input);
		if (draw(64) == 0) /* so that mutations pile up, beside the seeds */
			pool[pool_count < POOL ? pool_count++ : seeds + draw(POOL - seeds)] = input;
	}
	return runs;
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	char path[200], *rest = "";
	double seconds = argc > 1 ? strtod(argv[1], &rest) : 5;
	if (*rest)
		return run_file(argv[1]);
	state = (argc > 2 ? strtoull(argv[2], NULL, 10) : 1) * UINT64_C(0x9e3779b97f4a7c15) + 1;
	snprintf(path, sizeof path, "crash-%s", name[0] == 'l' && name[1] == 't' && name[2] == '-' ? name + 3 : name);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
	FUZZ_ASSERT(fd >= 0 && ftruncate(fd, sizeof(struct input)) == 0);
	struct input *shown = mmap(NULL, sizeof *shown, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	FUZZ_ASSERT(shown != MAP_FAILED);
	uint64_t runs = fuzz(shown, seconds);
	munmap(shown, sizeof *shown);
	close(fd);
	unlink(path);
	printf("%s: %llu inputs in %.0f s, no findings\n", name, (unsigned long long)runs, seconds);
	return 0;
}
