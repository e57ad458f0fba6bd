/* SPDX-License-Identifier: Apache-2.0 */
#include "allocation.h"

#include <errno.h>
#include <stddef.h>

#include "base/atomics.h"

/* What stands behind: glibc's, or the sanitizer's. */
#ifdef __SANITIZE_ADDRESS__
#define BEHIND(name) __interceptor_##name
#else
#define BEHIND(name) __libc_##name
#endif
void *BEHIND(malloc)(size_t size);
void *BEHIND(calloc)(size_t count, size_t size);
void *BEHIND(realloc)(void *block, size_t size);
void *BEHIND(memalign)(size_t align, size_t size);
void BEHIND(free)(void *block);

void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *block, size_t size);
void *aligned_alloc(size_t align, size_t size);
int posix_memalign(void **block, size_t align, size_t size);
void free(void *block);

static unsigned long calls;
static unsigned long fail_at;
static bool fail_on;
static long blocks;

void allocation_fail(unsigned long at, bool on)
{
	vs_store_relaxed(&calls, 0);
	vs_store_relaxed(&fail_on, on);
	vs_store_relaxed(&fail_at, at);
}

unsigned long allocation_calls(void)
{
	return vs_load_relaxed(&calls);
}

long allocation_blocks(void)
{
#ifdef __SANITIZE_ADDRESS__
	return 0; /* it allocates what it frees here, and the other way round */
#else
	return vs_load_relaxed(&blocks);
#endif
}

unsigned long allocation_next(unsigned long at, bool soak)
{
#ifdef __SANITIZE_ADDRESS__
	return at + (soak ? 1 : 8 + at / 32);
#else
	return at + (soak ? 1 : 1 + at / 128);
#endif
}

static bool due(void)
{
	unsigned long call = vs_add_relaxed(&calls, 1) + 1;
	unsigned long at = vs_load_relaxed(&fail_at);

	if (at == 0 || (call != at && !(vs_load_relaxed(&fail_on) && call > at)))
		return false;
	errno = ENOMEM;
	return true;
}

static void *counted(void *block)
{
	if (block != NULL)
		(void)vs_add_relaxed(&blocks, 1);
	return block;
}

void *malloc(size_t size)
{
	return due() ? NULL : counted(BEHIND(malloc)(size));
}

void *calloc(size_t count, size_t size)
{
	return due() ? NULL : counted(BEHIND(calloc)(count, size));
}

void *realloc(void *block, size_t size)
{
	if (due())
		return NULL;
	return block == NULL ? counted(BEHIND(realloc)(NULL, size)) : BEHIND(realloc)(block, size);
}

void *aligned_alloc(size_t align, size_t size)
{
	return due() ? NULL : counted(BEHIND(memalign)(align, size));
}

int posix_memalign(void **block, size_t align, size_t size)
{
	void *fresh = due() ? NULL : counted(BEHIND(memalign)(align, size));

	if (fresh == NULL)
		return ENOMEM;
	*block = fresh;
	return 0;
}

void free(void *block)
{
	if (block != NULL)
		(void)vs_add_relaxed(&blocks, -1);
	BEHIND(free)(block);
}
