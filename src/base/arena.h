/* SPDX-License-Identifier: Apache-2.0 */
/* base/arena: memory of one request. Allocations live until the next reset; nothing is freed singly. */
#ifndef VS_BASE_ARENA_H
#define VS_BASE_ARENA_H

#include <stddef.h>

struct vs_arena_chunk;

struct vs_arena {
	struct vs_arena_chunk *chunk; /* newest first */
	size_t used;                  /* bytes handed out since the last reset */
};

#define VS_ARENA_INIT                                                                                                  \
	{                                                                                                                  \
		0                                                                                                              \
	}

/* 16-byte aligned, not zeroed; NULL when memory is out. size 0 gives a valid pointer. */
void *vs_arena_alloc(struct vs_arena *arena, size_t size);
/* The same, zeroed, for count elements; NULL also when count * size overflows. */
void *vs_arena_calloc(struct vs_arena *arena, size_t count, size_t size);
/* A copy of len bytes with a NUL after them. */
char *vs_arena_dup(struct vs_arena *arena, const void *data, size_t len);

/* Forgets every allocation; keeps one chunk of at most 1 MiB for reuse. */
void vs_arena_reset(struct vs_arena *arena);
void vs_arena_release(struct vs_arena *arena);

#endif
