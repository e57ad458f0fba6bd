/* SPDX-License-Identifier: Apache-2.0 */
#include "math/kernels.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "math/kernels_impl.h"

#define SETS_MAX 4

/* Written once by find(), then only read. Slowest first. */
static const struct vs_kernels *sets[SETS_MAX];
static size_t set_count;
static const struct vs_kernels *chosen;
static pthread_once_t found = PTHREAD_ONCE_INIT;

static void find(void)
{
	sets[set_count++] = &vs_kernels_scalar;
#if defined(__x86_64__)
	/* These look at what the operating system saves, too, not at the CPU alone. */
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		sets[set_count++] = &vs_kernels_avx2;
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
		sets[set_count++] = &vs_kernels_avx512;
		if (__builtin_cpu_supports("avx512vnni"))
			sets[set_count++] = &vs_kernels_avx512vnni;
	}
#elif defined(__aarch64__)
	sets[set_count++] = &vs_kernels_neon;
#endif
	chosen = sets[set_count - 1];
	const char *wanted = getenv("VECSTORE_SIMD");
	for (size_t i = 0; wanted && i < set_count; i++)
		if (strcmp(sets[i]->name, wanted) == 0)
			chosen = sets[i];
}

const struct vs_kernels *vs_kernels_get(void)
{
	pthread_once(&found, find);
	return chosen;
}

size_t vs_kernels_list(const struct vs_kernels *const **list)
{
	pthread_once(&found, find);
	*list = sets;
	return set_count;
}
