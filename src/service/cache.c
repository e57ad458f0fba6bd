/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries lie in a ring, in the order in which they were stored. A writer takes the next units of it with one atomic add,
 * writes its entry there, and then publishes it by one compare-and-swap of a slot of the table. Nobody ever waits:
 *
 * - A writer that dies before it publishes has used up some units. One that dies after has stored an entry.
 * - An entry's place is its sequence number: head only grows, and a place is good while head is less than the capacity
 *   past it. Then the ring comes round and others write there: the entry is evicted, without anybody doing anything.
 * - Who reads compares place, checksum and key after reading, and then looks whether the place was good until then. So a
 *   torn entry is not there: also when a writer slept for so long that the ring came round meanwhile, and writes now
 *   over somebody else's. It is the checksum that decides; looking at the place spares most of the cases.
 *
 * An entry that is still asked for when half the ring was written since is copied to the front, which makes the order that of
 * a clock with one chance (CLOCK) rather than of age alone.
 *
 * A slot, one atomic word: place in units, 36 bits (the rest is told by head) | length in units, 14 | tag, 14. As a length
 * is never 0, nor is a slot. Keys of one bucket and one tag share a slot: in a full bucket, one key in 2,000.
 */
#include "service/cache.h"

#include <stdlib.h>
#include <string.h>

#include "base/atomics.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "service/cache_file.h"
#include "service/metrics.h"

#define PLACE_BITS 36
#define LENGTH_BITS 14
#define PLACE_MASK ((UINT64_C(1) << PLACE_BITS) - 1)
#define LENGTH_MASK ((UINT64_C(1) << LENGTH_BITS) - 1)
#define TAG_SHIFT (PLACE_BITS + LENGTH_BITS)
#define RETRY_NS UINT64_C(1000000000) /* after the file could not be opened */

_Static_assert(VS_CACHE_ENTRY_MAX / VS_CACHE_UNIT <= LENGTH_MASK, "the longest entry fits into a slot's length");
_Static_assert(VS_CACHE_ENTRY_MAX <= VS_CACHE_STEP / 2, "the smallest ring has room for the longest entry");

struct entry {
	struct vs_hash sum; /* of what follows */
	uint64_t place;     /* in units */
	uint32_t key_len;
	uint32_t value_len;
	char bytes[]; /* key, value, zeros up to a whole unit */
};

_Static_assert(sizeof(struct entry) == 32, "a head without padding");

struct vs_cache {
	char *run_dir;
	uint64_t capacity; /* as configured */
	bool opened;       /* once, at least: from then on a file of other capacity is of a newer configuration */
	bool usable;
	uint64_t retry_at; /* monotonic */
	struct vs_cache_file file;
	struct vs_metrics *metrics;
	struct entry *entry; /* VS_CACHE_ENTRY_MAX bytes: the one in hand */
	uint64_t *bucket;    /* of the entry that was found; NULL: none */
	uint64_t tag;
};

/* ---- the file ------------------------------------------------------------------------------------------- */

int vs_cache_open(const char *run_dir, uint64_t capacity, struct vs_metrics *metrics, struct vs_cache **cache,
                  struct vs_error *error)
{
	*cache = NULL;
	if (capacity < VS_CACHE_STEP)
		return vs_error_set(error, VS_EINVAL, "a cache has at least 1 MiB");
	struct vs_cache *c = calloc(1, sizeof(*c));
	if (!c || !(c->run_dir = strdup(run_dir)) || !(c->entry = malloc(VS_CACHE_ENTRY_MAX))) {
		if (c)
			free(c->run_dir);
		free(c);
		return vs_error_set(error, VS_ENOMEM, "no memory for the query cache");
	}
	c->capacity = capacity - capacity % VS_CACHE_STEP;
	c->metrics = metrics;
	c->file = (struct vs_cache_file)VS_CACHE_FILE_INIT;
	*cache = c;
	return 0;
}

void vs_cache_close(struct vs_cache *cache)
{
	if (!cache)
		return;
	vs_cache_file_close(&cache->file);
	free(cache->entry);
	free(cache->run_dir);
	free(cache);
}

/* True when there is a file to work with; opens it, and the next one when it was removed. */
static bool ready(struct vs_cache *cache)
{
	cache->bucket = NULL;
	if (cache->usable && vs_cache_file_current(&cache->file))
		return true;
	if (!cache->usable && vs_clock_mono_ns() < cache->retry_at)
		return false;
	vs_cache_file_close(&cache->file);
	cache->usable = vs_cache_file_open(&cache->file, cache->run_dir, cache->capacity, cache->opened, NULL) == 0;
	cache->opened = cache->opened || cache->usable;
	cache->retry_at = vs_clock_mono_ns() + RETRY_NS;
	return cache->usable;
}

/* ---- places --------------------------------------------------------------------------------------------- */

static uint64_t ring_units(const struct vs_cache *cache)
{
	return cache->file.capacity / VS_CACHE_UNIT;
}

static uint64_t length_of(uint64_t slot)
{
	return slot >> PLACE_BITS & LENGTH_MASK;
}

static uint64_t units_of(size_t bytes)
{
	return (bytes + VS_CACHE_UNIT - 1) / VS_CACHE_UNIT;
}

/* Units given out since the slot's place, that included; head is read before or after, so this may be one lap off for a place
 * of long ago, which the entry itself then denies. */
static uint64_t age_of(const struct vs_cache *cache, uint64_t slot)
{
	return (vs_load_acquire(cache->file.head) - slot) & PLACE_MASK;
}

/* The slot's entry has not been written over, nor begun to be. */
static bool is_current(const struct vs_cache *cache, uint64_t slot)
{
	uint64_t age = age_of(cache, slot);
	return age <= ring_units(cache) && length_of(slot) <= age;
}

/* Takes `units` in one piece; false when others take so much that none can be had. */
static bool take_place(struct vs_cache *cache, uint64_t units, uint64_t *place)
{
	for (int i = 0; i < 4; i++) {
		*place = __atomic_fetch_add(cache->file.head, units, __ATOMIC_ACQ_REL);
		if (*place % ring_units(cache) + units <= ring_units(cache))
			return true;
	}
	return false;
}

/* ---- entries -------------------------------------------------------------------------------------------- */

static struct vs_hash sum_of(const struct entry *entry)
{
	size_t len = sizeof(*entry) + entry->key_len + entry->value_len - sizeof(entry->sum);
	return vs_hash128((const char *)entry + sizeof(entry->sum), len, 0);
}

/* Brings the slot's entry into cache->entry, if it is whole and has this key. */
static bool load(struct vs_cache *cache, uint64_t slot, struct vs_bytes key)
{
	struct entry *entry = cache->entry;
	uint64_t head = vs_load_acquire(cache->file.head);
	uint64_t place = head - ((head - slot) & PLACE_MASK);
	uint64_t offset = place % ring_units(cache);
	uint64_t units = length_of(slot);
	if (units == 0 || units > units_of(VS_CACHE_ENTRY_MAX) || offset + units > ring_units(cache) ||
	    !is_current(cache, slot))
		return false;
	if (!vs_cache_file_read(&cache->file, entry, units * VS_CACHE_UNIT, offset * VS_CACHE_UNIT))
		return false;
	if (entry->place != place || entry->key_len != key.len ||
	    units_of(sizeof(*entry) + (size_t)entry->key_len + entry->value_len) != units)
		return false;
	struct vs_hash sum = sum_of(entry);
	if (memcmp(&sum, &entry->sum, sizeof(sum)) != 0 || memcmp(entry->bytes, key.data, key.len) != 0)
		return false;
	return is_current(cache, slot);
}

/* The slot to give up for an entry of this tag: its own older one, else a free or outdated one, else the oldest. */
static uint64_t *choose(const struct vs_cache *cache, uint64_t *bucket, uint64_t tag)
{
	uint64_t *best = bucket;
	uint64_t best_age = 0;
	for (unsigned i = 0; i < VS_CACHE_WAYS; i++) {
		uint64_t slot = vs_load_relaxed(&bucket[i]);
		uint64_t age = slot ? age_of(cache, slot) : PLACE_MASK;
		if (slot && slot >> TAG_SHIFT == tag)
			return &bucket[i];
		if (age > best_age) {
			best = &bucket[i];
			best_age = age;
		}
	}
	return best;
}

static void publish(struct vs_cache *cache, uint64_t *bucket, uint64_t tag, uint64_t place, uint64_t units)
{
	uint64_t slot = tag << TAG_SHIFT | units << PLACE_BITS | (place & PLACE_MASK);
	if (!is_current(cache, slot)) /* we were so slow that the ring came round */
		return;
	for (int i = 0; i < 4; i++) {
		uint64_t *victim = choose(cache, bucket, tag);
		uint64_t old = vs_load_relaxed(victim);
		if (!__atomic_compare_exchange_n(victim, &old, slot, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
			continue;
		if (old && (old >> TAG_SHIFT != tag || !is_current(cache, old)))
			vs_metrics_add(cache->metrics, VS_COUNT_CACHE_EVICTIONS, 1);
		return;
	}
}

/* Writes cache->entry, but for its place and sum complete, to the front of the ring. */
static void append(struct vs_cache *cache, uint64_t *bucket, uint64_t tag)
{
	struct entry *entry = cache->entry;
	size_t len = sizeof(*entry) + entry->key_len + entry->value_len;
	uint64_t units = units_of(len);
	uint64_t place;
	if (!take_place(cache, units, &place))
		return;
	entry->place = place;
	entry->sum = sum_of(entry);
	memset((char *)entry + len, 0, units * VS_CACHE_UNIT - len);
	if (vs_cache_file_write(&cache->file, entry, units * VS_CACHE_UNIT, place % ring_units(cache) * VS_CACHE_UNIT))
		publish(cache, bucket, tag, place, units);
}

/* ---- find and put --------------------------------------------------------------------------------------- */

static uint64_t *bucket_of(const struct vs_cache *cache, struct vs_bytes key, uint64_t *tag)
{
	struct vs_hash hash = vs_hash128(key.data, key.len, 0);
	*tag = hash.words[1] >> TAG_SHIFT;
	return &cache->file.slots[hash.words[0] % cache->file.buckets * VS_CACHE_WAYS];
}

bool vs_cache_find(struct vs_cache *cache, struct vs_bytes key, struct vs_bytes *value)
{
	uint64_t tag;
	if (!ready(cache) || key.len > VS_CACHE_ENTRY_MAX)
		return false;
	uint64_t *bucket = bucket_of(cache, key, &tag);
	for (unsigned i = 0; i < VS_CACHE_WAYS; i++) {
		uint64_t slot = vs_load_acquire(&bucket[i]);
		if (slot >> TAG_SHIFT != tag || !load(cache, slot, key))
			continue;
		value->data = cache->entry->bytes + key.len;
		value->len = cache->entry->value_len;
		cache->bucket = bucket;
		cache->tag = tag;
		return true;
	}
	return false;
}

void vs_cache_keep(struct vs_cache *cache)
{
	if (!cache->bucket)
		return;
	uint64_t age = vs_load_relaxed(cache->file.head) - cache->entry->place;
	if (age > ring_units(cache) / 2)
		append(cache, cache->bucket, cache->tag);
	cache->bucket = NULL;
}

void vs_cache_put(struct vs_cache *cache, struct vs_bytes key, const struct vs_bytes *parts, size_t count)
{
	size_t room = VS_CACHE_ENTRY_MAX - sizeof(struct entry);
	uint64_t tag;
	if (!ready(cache) || key.len > room)
		return;
	char *to = cache->entry->bytes;
	memcpy(to, key.data, key.len);
	to += key.len;
	room -= key.len;
	for (size_t i = 0; i < count; i++) {
		if (parts[i].len > room)
			return;
		if (parts[i].len > 0)
			memcpy(to, parts[i].data, parts[i].len);
		to += parts[i].len;
		room -= parts[i].len;
	}
	cache->entry->key_len = (uint32_t)key.len;
	cache->entry->value_len = (uint32_t)((size_t)(to - cache->entry->bytes) - key.len);
	uint64_t *bucket = bucket_of(cache, key, &tag);
	append(cache, bucket, tag);
}

/* ---- figures -------------------------------------------------------------------------------------------- */

/* Slots whose entries the ring has passed are freed here, or else by who needs them: each counts once as an eviction. */
void vs_cache_stats(struct vs_cache *cache, struct vs_cache_stats *stats)
{
	uint64_t evicted = 0;
	*stats = (struct vs_cache_stats){ 0 };
	if (!ready(cache))
		return;
	stats->capacity = cache->file.capacity;
	for (uint64_t i = 0; i < cache->file.buckets * VS_CACHE_WAYS; i++) {
		uint64_t *at = &cache->file.slots[i];
		uint64_t slot = vs_load_relaxed(at);
		if (slot == 0)
			continue;
		if (is_current(cache, slot)) {
			stats->entries++;
			stats->size += length_of(slot) * VS_CACHE_UNIT;
		} else if (__atomic_compare_exchange_n(at, &slot, 0, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
			evicted++;
		}
	}
	if (stats->size > stats->capacity) /* slots that were damaged */
		stats->size = stats->capacity;
	if (evicted > 0)
		vs_metrics_add(cache->metrics, VS_COUNT_CACHE_EVICTIONS, evicted);
}
