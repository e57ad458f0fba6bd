/* SPDX-License-Identifier: Apache-2.0 */
/* rows.idx and rows.dat as readers see them: nothing in them is trusted, and without them meta.db is asked. */
#include "store/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/atomics.h"
#include "base/checksum.h"
#include "base/error.h"
#include "base/fault.h"
#include "store/rows_impl.h"

#define VERSION 1
#define BYTE_ORDER_MARK 0x01020304u
#define LOOK_NS UINT64_C(100000000) /* between two looks for what was copied since */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are little-endian and are used as they lie");

int vs_rows_path(char path[256], const char *dir, const char *name, struct vs_error *error)
{
	int len = snprintf(path, 256, "%s/%s", dir, name);

	if (len < 0 || len >= 256)
		return vs_error_set(error, VS_EINVAL, "the path of the data folder is too long");
	return 0;
}

void vs_rows_head_seal(struct vs_rows_head *head, const char *magic)
{
	memset(head->magic, 0, sizeof(head->magic));
	memcpy(head->magic, magic, strlen(magic));
	head->version = VERSION;
	head->byte_order = BYTE_ORDER_MARK;
	head->crc = vs_crc32(head, offsetof(struct vs_rows_head, crc));
}

int vs_rows_head_check(const struct vs_rows_head *head, const char *magic, uint32_t generation, const char *path,
                       struct vs_error *error)
{
	if (memcmp(head->magic, magic, strlen(magic) + 1) != 0 || head->byte_order != BYTE_ORDER_MARK ||
	    head->crc != vs_crc32(head, offsetof(struct vs_rows_head, crc)))
		return vs_error_set(error, VS_ECORRUPT, "%s has a damaged header", path);
	if (head->version > VERSION)
		return vs_error_set(error, VS_EFORMAT, "%s was made by a newer vecstore", path);
	if (head->generation != generation)
		return vs_error_set(error, VS_ECORRUPT, "%s belongs to another generation", path);
	return 0;
}

/* ---- maps ----------------------------------------------------------------------------------------------- */

void vs_rows_unmap(struct vs_rows *rows)
{
	vs_file_unmap(rows->places, rows->places_len);
	vs_file_unmap(rows->rows, rows->rows_len);
	vs_file_close(&rows->places_file);
	vs_file_close(&rows->rows_file);
	rows->places = rows->rows = NULL;
	rows->places_len = rows->rows_len = 0;
}

/* Maps the file as long as it is now, if that is not what is mapped. */
static int map_file(const struct vs_file *file, unsigned char **map, size_t *len, struct vs_error *error)
{
	uint64_t size;
	void *address;
	int rc = vs_file_size(file, &size, error);

	if (rc == 0 && size < VS_ROWS_HEADER)
		rc = vs_error_set(error, VS_ECORRUPT, "%s is cut short", file->path);
	if (rc < 0 || size == *len)
		return rc;
	rc = vs_file_map(file, (size_t)size, false, &address, error);
	if (rc < 0)
		return rc;
	vs_file_unmap(*map, *len);
	*map = address;
	*len = (size_t)size;
	return 0;
}

static int open_files(struct vs_rows *rows, struct vs_error *error)
{
	char path[256];
	int rc = vs_rows_path(path, rows->dir, "rows.idx", error);

	if (rc == 0)
		rc = vs_file_open(&rows->places_file, path, 0, error);
	if (rc == 0)
		rc = vs_rows_path(path, rows->dir, "rows.dat", error);
	if (rc == 0)
		rc = vs_file_open(&rows->rows_file, path, 0, error);
	return rc;
}

static int check_heads(const struct vs_rows *rows, struct vs_error *error)
{
	const struct vs_rows_head *places = (const void *)rows->places;
	const struct vs_rows_head *heads = (const void *)rows->rows;
	int rc = vs_rows_head_check(places, VS_ROWS_PLACES_MAGIC, rows->generation, rows->places_file.path, error);

	if (rc == 0)
		rc = vs_rows_head_check(heads, VS_ROWS_MAGIC, rows->generation, rows->rows_file.path, error);
	if (rc == 0 && places->pair != heads->pair)
		rc = vs_error_set(error, VS_ECORRUPT, "%s belongs to another index", rows->rows_file.path);
	return rc;
}

int vs_rows_map(struct vs_rows *rows, struct vs_error *error)
{
	bool fresh = rows->places == NULL;
	int rc = fresh ? open_files(rows, error) : 0;

	if (rc == 0)
		rc = map_file(&rows->places_file, &rows->places, &rows->places_len, error);
	if (rc == 0)
		rc = map_file(&rows->rows_file, &rows->rows, &rows->rows_len, error);
	if (rc == 0 && fresh)
		rc = check_heads(rows, error);
	if (rc < 0)
		vs_rows_unmap(rows);
	return rc;
}

static const struct vs_rows_state *state_of(const struct vs_rows *rows)
{
	return (const void *)(rows->places + sizeof(struct vs_rows_head));
}

/* Of the slots that vs_rows_slots counts. */
static const uint64_t *places_of(const struct vs_rows *rows)
{
	return rows->places != NULL ? (const void *)(rows->places + VS_ROWS_HEADER) : NULL;
}

/* ---- open, refresh -------------------------------------------------------------------------------------- */

int vs_rows_open(const char *dir, uint32_t generation, struct vs_rows **rows, struct vs_error *error)
{
	struct vs_rows *opened = calloc(1, sizeof(*opened));

	*rows = NULL;
	if (opened == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory for copies of rows");
	opened->places_file = opened->rows_file = (struct vs_file)VS_FILE_INIT;
	opened->generation = generation;
	/* Too long a path: there are no files under it. */
	snprintf(opened->dir, sizeof(opened->dir), "%s", dir);
	*rows = opened;
	return 0;
}

void vs_rows_close(struct vs_rows *rows)
{
	if (rows == NULL)
		return;
	vs_rows_unmap(rows);
	free(rows);
}

/* All that could be copied is mapped. */
static bool reaches(const struct vs_rows *rows, uint32_t next_slot)
{
	const struct vs_rows_state *state;
	uint32_t filled;

	if (rows->places == NULL)
		return false;
	state = state_of(rows);
	filled = vs_load_relaxed(&state->filled);
	return next_slot / VS_ROWS_BLOCK * VS_ROWS_BLOCK <= filled && filled <= vs_rows_slots(rows) &&
	       vs_load_relaxed(&state->end) <= rows->rows_len;
}

void vs_rows_refresh(struct vs_rows *rows, uint32_t next_slot, uint64_t now_ns)
{
	if (next_slot < VS_ROWS_BLOCK || reaches(rows, next_slot))
		return;
	if (rows->looked_ns != 0 && now_ns - rows->looked_ns < LOOK_NS)
		return;
	rows->looked_ns = now_ns;
	/* While what is mapped reaches far enough it stays right, whether its files have a name or not. */
	if (rows->places != NULL && (vs_file_unlinked(&rows->places_file) || vs_file_unlinked(&rows->rows_file)))
		vs_rows_unmap(rows);
	(void)vs_rows_map(rows, NULL);
}

/* ---- rows ----------------------------------------------------------------------------------------------- */

bool vs_rows_row_intact(const struct vs_rows_row *row, uint32_t slot)
{
	uint64_t len = vs_rows_row_len(row->id_len, row->metadata_len);

	if (VS_PLANTED("copy-unchecked"))
		return true;
	return row->slot == slot && row->crc == vs_crc32(&row->slot, (size_t)len - offsetof(struct vs_rows_row, slot)) &&
	       row->text[row->id_len] == '\0' && row->text[row->id_len + 1 + row->metadata_len] == '\0';
}

/* The row that the slot's place names, if all of it is mapped; its length in *len. Both may change while they are
 * looked at. */
static const struct vs_rows_row *row_at(const struct vs_rows *rows, uint32_t slot, size_t *len)
{
	const uint64_t *places = places_of(rows);
	const struct vs_rows_row *row;
	uint64_t at, bytes;

	if (slot >= vs_rows_slots(rows))
		return NULL;
	at = vs_load_relaxed(&places[slot]);
	if (at < VS_ROWS_HEADER || at % 8 != 0 || rows->rows_len < sizeof(*row) || at > rows->rows_len - sizeof(*row))
		return NULL;
	row = (const void *)(rows->rows + at);
	bytes = vs_rows_row_len(vs_load_relaxed(&row->id_len), vs_load_relaxed(&row->metadata_len));
	if (bytes > VS_ROW_BYTES_MAX || bytes > rows->rows_len - at)
		return NULL;
	*len = (size_t)bytes;
	return row;
}

void vs_rows_prefetch(struct vs_rows *rows, const struct vs_hit *hits, uint32_t count)
{
	const uint64_t *places = places_of(rows);
	uint32_t mapped = vs_rows_slots(rows);
	bool cold = false;

	for (uint32_t i = 0; i < count; i++)
		if (hits[i].slot < mapped)
			__builtin_prefetch(&places[hits[i].slot]);
	for (uint32_t i = 0; i < count; i++) {
		uint64_t at = hits[i].slot < mapped ? vs_load_relaxed(&places[hits[i].slot]) : 0;
		if (at >= rows->rows_len)
			continue;
		if (cold || (i == 0 && vs_file_map_cold(&rows->cold, rows->rows + at))) {
			cold = true;
			vs_file_map_want(rows->rows + at, sizeof(struct vs_rows_row));
		}
		__builtin_prefetch(rows->rows + at);
		__builtin_prefetch(rows->rows + at + 64);
	}
}

/* Copied first and verified then: nobody can change what was verified. */
bool vs_rows_find(const struct vs_rows *rows, uint32_t slot, struct vs_arena *arena, struct vs_meta_row *row)
{
	const struct vs_rows_row *found;
	struct vs_rows_row *copy;
	size_t len;

	found = row_at(rows, slot, &len);
	copy = found != NULL ? vs_arena_alloc(arena, len) : NULL;
	if (copy == NULL)
		return false;
	memcpy(copy, found, len);
	if (vs_rows_row_len(copy->id_len, copy->metadata_len) != len || !vs_rows_row_intact(copy, slot))
		return false;
	*row = (struct vs_meta_row){ .slot = slot,
		                         .id = copy->text,
		                         .id_len = copy->id_len,
		                         .version = copy->version,
		                         .created_at = copy->created_at,
		                         .updated_at = copy->updated_at,
		                         .expires_at = copy->expires_at,
		                         .metadata = copy->text + copy->id_len + 1,
		                         .metadata_len = copy->metadata_len };
	return true;
}

uint32_t vs_rows_damaged(const struct vs_rows *rows)
{
	const uint64_t *places = places_of(rows);
	uint32_t filled = rows->places != NULL ? vs_load_relaxed(&state_of(rows)->filled) : 0;
	uint32_t slots = vs_rows_slots(rows);
	uint32_t damaged = filled > slots ? filled - slots : 0;

	for (uint32_t slot = 0; slot < filled && slot < slots; slot++) {
		const struct vs_rows_row *row;
		size_t len;
		if (vs_load_relaxed(&places[slot]) == 0)
			continue;
		row = row_at(rows, slot, &len);
		damaged += row == NULL || !vs_rows_row_intact(row, slot);
	}
	return damaged;
}
