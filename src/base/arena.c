/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN ((size_t)16)
#define CHUNK_MIN ((size_t)64 << 10)
#define CHUNK_KEEP ((size_t)1 << 20) /* the largest chunk that survives a reset */

struct vs_arena_chunk {
	struct vs_arena_chunk *next; /* older */
	size_t cap;
	size_t used;
	alignas(16) unsigned char data[];
};

static struct vs_arena_chunk *chunk_create(size_t cap)
{
	struct vs_arena_chunk *chunk = malloc(sizeof(*chunk) + cap);
	if (!chunk)
		return NULL;
	chunk->next = NULL;
	chunk->cap = cap;
	chunk->used = 0;
	return chunk;
}

/* A chunk with room for size bytes, made the newest. Chunks double up to CHUNK_KEEP. */
static struct vs_arena_chunk *grow(struct vs_arena *arena, size_t size)
{
	size_t cap = arena->chunk ? arena->chunk->cap * 2 : CHUNK_MIN;
	if (cap > CHUNK_KEEP)
		cap = CHUNK_KEEP;
	if (cap < size)
		cap = size;
	struct vs_arena_chunk *chunk = chunk_create(cap);
	if (!chunk)
		return NULL;
	chunk->next = arena->chunk;
	arena->chunk = chunk;
	return chunk;
}

void *vs_arena_alloc(struct vs_arena *arena, size_t size)
{
	if (size > SIZE_MAX / 2)
		return NULL;
	size = size == 0 ? ALIGN : (size + ALIGN - 1) & ~(ALIGN - 1);
	struct vs_arena_chunk *chunk = arena->chunk;
	if (!chunk || chunk->cap - chunk->used < size) {
		chunk = grow(arena, size);
		if (!chunk)
			return NULL;
	}
	void *data = chunk->data + chunk->used;
	chunk->used += size;
	arena->used += size;
	return data;
}

void *vs_arena_calloc(struct vs_arena *arena, size_t count, size_t size)
{
	size_t total;
	if (__builtin_mul_overflow(count, size, &total))
		return NULL;
	void *data = vs_arena_alloc(arena, total);
	if (data)
		memset(data, 0, total);
	return data;
}

char *vs_arena_dup(struct vs_arena *arena, const void *data, size_t len)
{
	if (len == SIZE_MAX)
		return NULL;
	char *copy = vs_arena_alloc(arena, len + 1);
	if (!copy)
		return NULL;
	if (len)
		memcpy(copy, data, len);
	copy[len] = '\0';
	return copy;
}

void vs_arena_reset(struct vs_arena *arena)
{
	struct vs_arena_chunk *keep = NULL;
	struct vs_arena_chunk *next;
	for (struct vs_arena_chunk *chunk = arena->chunk; chunk; chunk = next) {
		next = chunk->next;
		if (!keep && chunk->cap <= CHUNK_KEEP)
			keep = chunk;
		else
			free(chunk);
	}
	if (keep) {
		keep->next = NULL;
		keep->used = 0;
	}
	arena->chunk = keep;
	arena->used = 0;
}

void vs_arena_release(struct vs_arena *arena)
{
	struct vs_arena_chunk *next;
	for (struct vs_arena_chunk *chunk = arena->chunk; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	arena->chunk = NULL;
	arena->used = 0;
}
