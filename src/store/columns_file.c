/* SPDX-License-Identifier: Apache-2.0 */
/* The files of columns/: headers, maps, growth, verification. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/error.h"
#include "store/columns_impl.h"

#define MANIFEST_MAGIC "vecstore columns"
#define CODES_MAGIC "vecstore column"
#define DICT_MAGIC "vecstore values"
#define VERSION 1
#define BYTE_ORDER_MARK 0x01020304u
#define GROW_LEAST (UINT64_C(1) << 16)
#define GROW_SHARE 4 /* at least this part of the file's size is added */
#define FIELD_HEAD 8 /* bytes of a field in the manifest before its path */
#define BODY_MAX (VS_COLUMNS_FIELDS_MAX * (FIELD_HEAD + VS_COLUMNS_PATH_MAX))

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are little-endian and are used as they lie");

int vs_columns_folder(char folder[VS_COLUMNS_FOLDER], const char *dir, struct vs_error *error)
{
	int len = snprintf(folder, VS_COLUMNS_FOLDER, "%s/columns", dir);

	if (len < 0 || len >= VS_COLUMNS_FOLDER)
		return vs_error_set(error, VS_EINVAL, "the path of the data folder is too long");
	return 0;
}

/* ---- headers -------------------------------------------------------------------------------------------- */

static void head_seal(struct vs_columns_head *head, const char *magic)
{
	memset(head->magic, 0, sizeof(head->magic));
	memcpy(head->magic, magic, strlen(magic));
	head->version = VERSION;
	head->byte_order = BYTE_ORDER_MARK;
	head->crc = vs_crc32(head, offsetof(struct vs_columns_head, crc));
}

static int head_check(const struct vs_columns_head *head, const char *magic, uint32_t generation, const char *path,
                      struct vs_error *error)
{
	if (memcmp(head->magic, magic, strlen(magic)) != 0 || head->byte_order != BYTE_ORDER_MARK ||
	    head->crc != vs_crc32(head, offsetof(struct vs_columns_head, crc)))
		return vs_error_set(error, VS_ECORRUPT, "%s has a damaged header", path);
	if (head->version > VERSION)
		return vs_error_set(error, VS_EFORMAT, "%s was made by a newer vecstore", path);
	if (head->generation != generation)
		return vs_error_set(error, VS_ECORRUPT, "%s belongs to another generation", path);
	return 0;
}

/* ---- the manifest --------------------------------------------------------------------------------------- */

static int manifest_decode(const unsigned char *body, size_t len, struct vs_columns_manifest *manifest)
{
	size_t at = 0;

	for (uint32_t i = 0; i < manifest->count; i++) {
		struct vs_columns_field *field = &manifest->fields[i];
		uint16_t stored;
		if (len - at < FIELD_HEAD)
			return -1;
		memcpy(&field->len, body + at, 2);
		memcpy(&stored, body + at + 2, 2);
		memcpy(&field->first, body + at + 4, 4);
		at += FIELD_HEAD;
		if (field->len > VS_COLUMNS_PATH_MAX || len - at < field->len || stored > 1)
			return -1;
		field->stored = stored == 1;
		memcpy(field->path, body + at, field->len);
		at += field->len;
	}
	return at == len ? 0 : -1;
}

static int manifest_read(struct vs_file *file, const char *path, uint32_t generation,
                         struct vs_columns_manifest *manifest, struct vs_error *error)
{
	struct vs_columns_head head;
	unsigned char *body;
	int rc = vs_file_open(file, path, 0, error);

	if (rc == 0)
		rc = vs_file_read(file, &head, sizeof(head), 0, error);
	if (rc == 0)
		rc = head_check(&head, MANIFEST_MAGIC, generation, path, error);
	if (rc < 0)
		return rc;
	if (head.place > VS_COLUMNS_FIELDS_MAX || head.first > BODY_MAX)
		return vs_error_set(error, VS_ECORRUPT, "%s has impossible sizes", path);
	body = malloc(head.first + 1);
	if (body == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory for the columns");
	rc = vs_file_read(file, body, head.first, sizeof(head), error);
	manifest->generation = generation;
	manifest->count = head.place;
	manifest->pair = head.pair;
	if (rc == 0 && (vs_crc32(body, head.first) != head.body_crc || manifest_decode(body, head.first, manifest) < 0))
		rc = vs_error_set(error, VS_ECORRUPT, "%s is damaged", path);
	free(body);
	return rc;
}

int vs_columns_manifest_load(const char *folder, uint32_t generation, struct vs_file *file,
                             struct vs_columns_manifest *manifest, struct vs_error *error)
{
	char path[sizeof(file->path)];
	int rc;

	snprintf(path, sizeof(path), "%s/manifest", folder);
	rc = manifest_read(file, path, generation, manifest, error);
	if (rc < 0) {
		vs_file_close(file);
		manifest->count = 0;
		manifest->pair = 0;
	}
	return rc;
}

int vs_columns_manifest_store(const char *folder, const struct vs_columns_manifest *manifest, struct vs_error *error)
{
	struct vs_columns_head head = { .generation = manifest->generation, .place = manifest->count, .pair = manifest->pair };
	unsigned char *data = malloc(sizeof(head) + BODY_MAX);
	char path[sizeof(((struct vs_file *)0)->path)];
	size_t len = sizeof(head);
	int rc;

	if (data == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory for the columns");
	for (uint32_t i = 0; i < manifest->count; i++) {
		const struct vs_columns_field *field = &manifest->fields[i];
		uint16_t stored = field->stored;
		memcpy(data + len, &field->len, 2);
		memcpy(data + len + 2, &stored, 2);
		memcpy(data + len + 4, &field->first, 4);
		memcpy(data + len + FIELD_HEAD, field->path, field->len);
		len += FIELD_HEAD + field->len;
	}
	head.first = (uint32_t)(len - sizeof(head));
	head.body_crc = vs_crc32(data + sizeof(head), head.first);
	head_seal(&head, MANIFEST_MAGIC);
	memcpy(data, &head, sizeof(head));
	snprintf(path, sizeof(path), "%s/manifest", folder);
	rc = vs_file_replace(path, data, len, error);
	free(data);
	return rc;
}

/* ---- maps ----------------------------------------------------------------------------------------------- */

/* kind: "codes" or "dict". The folder's name leaves room for it. */
static void path_of(char path[VS_COLUMNS_FOLDER + 16], const char *folder, uint32_t place, const char *kind)
{
	snprintf(path, VS_COLUMNS_FOLDER + 16, "%s/c%03u.%s", folder, place % 1000, kind);
}

bool vs_columns_pair_exists(const char *folder, uint32_t place)
{
	char codes[VS_COLUMNS_FOLDER + 16];
	char dict[VS_COLUMNS_FOLDER + 16];

	path_of(codes, folder, place, "codes");
	path_of(dict, folder, place, "dict");
	return vs_file_exists(codes) && vs_file_exists(dict);
}

static void map_close(struct vs_columns_map *map)
{
	vs_file_unmap(map->map, map->len);
	*map = (struct vs_columns_map){ NULL, 0 };
}

void vs_columns_pair_close(struct vs_columns_pair *pair)
{
	map_close(&pair->codes);
	map_close(&pair->dict);
}

static int map_open(struct vs_columns_map *map, const char *path, uint64_t least, bool write, struct vs_error *error)
{
	struct vs_file file = VS_FILE_INIT;
	uint64_t size;
	uint64_t more;
	void *address = NULL;
	int rc = vs_file_open(&file, path, write ? VS_FILE_WRITE : 0, error);

	if (rc == 0)
		rc = vs_file_size(&file, &size, error);
	if (rc == 0 && size < VS_COLUMNS_HEADER)
		rc = vs_error_set(error, VS_ECORRUPT, "%s is cut short", path);
	if (rc == 0 && size < least) {
		more = size / GROW_SHARE > GROW_LEAST ? size / GROW_SHARE : GROW_LEAST;
		more = size + more > least ? more : least - size;
		rc = vs_file_reserve(&file, size, more, error);
		size += more;
	}
	if (rc == 0 && size != map->len)
		rc = vs_file_map(&file, (size_t)size, write, &address, error);
	vs_file_close(&file);
	if (rc == 0 && address != NULL) {
		vs_file_unmap(map->map, map->len);
		*map = (struct vs_columns_map){ address, (size_t)size };
	}
	return rc;
}

static int pair_open(const char *folder, struct vs_columns_pair *pair, bool write, uint64_t codes_least,
                     uint64_t dict_least, struct vs_error *error)
{
	char codes[VS_COLUMNS_FOLDER + 16];
	char dict[VS_COLUMNS_FOLDER + 16];
	const struct vs_columns_head *heads[2];
	int rc;

	path_of(codes, folder, pair->place, "codes");
	path_of(dict, folder, pair->place, "dict");
	rc = map_open(&pair->codes, codes, codes_least, write, error);
	if (rc == 0)
		rc = map_open(&pair->dict, dict, dict_least, write, error);
	if (rc < 0)
		return rc;
	heads[0] = (const void *)pair->codes.map;
	heads[1] = (const void *)pair->dict.map;
	rc = head_check(heads[0], CODES_MAGIC, pair->generation, codes, error);
	if (rc == 0)
		rc = head_check(heads[1], DICT_MAGIC, pair->generation, dict, error);
	for (int i = 0; i < 2 && rc == 0; i++)
		if (heads[i]->pair != pair->pair || heads[i]->place != pair->place || heads[i]->first != pair->first)
			rc = vs_error_set(error, VS_ECORRUPT, "%s belongs to other columns", i == 0 ? codes : dict);
	return rc;
}

int vs_columns_pair_map(const char *folder, struct vs_columns_pair *pair, bool write, struct vs_error *error)
{
	return pair_open(folder, pair, write, 0, 0, error);
}

int vs_columns_pair_grow(const char *folder, struct vs_columns_pair *pair, uint32_t filled, uint32_t dict_len,
                         struct vs_error *error)
{
	uint32_t blocks = filled / VS_COLUMNS_BLOCK - pair->first;
	uint64_t codes = VS_COLUMNS_HEADER + (uint64_t)blocks * sizeof(struct vs_columns_block);
	uint64_t dict = VS_COLUMNS_HEADER + (uint64_t)dict_len;

	if (codes <= pair->codes.len && dict <= pair->dict.len)
		return 0;
	return pair_open(folder, pair, true, codes, dict, error);
}

int vs_columns_pair_create(const char *folder, const struct vs_columns_pair *pair, struct vs_error *error)
{
	struct vs_columns_head head = {
		.generation = pair->generation, .place = pair->place, .pair = pair->pair, .first = pair->first
	};
	struct vs_columns_state state = { .filled = pair->first * VS_COLUMNS_BLOCK,
		                              .checkpoint = pair->first * VS_COLUMNS_BLOCK };
	unsigned char page[VS_COLUMNS_HEADER] = { 0 };
	char path[VS_COLUMNS_FOLDER + 16];
	int rc;

	vs_boot_id(state.boot);
	head_seal(&head, DICT_MAGIC);
	memcpy(page, &head, sizeof(head));
	path_of(path, folder, pair->place, "dict");
	rc = vs_file_replace(path, page, sizeof(page), error);
	if (rc < 0)
		return rc;
	head_seal(&head, CODES_MAGIC);
	memcpy(page, &head, sizeof(head));
	memcpy(page + sizeof(head), &state, sizeof(state));
	path_of(path, folder, pair->place, "codes");
	return vs_file_replace(path, page, sizeof(page), error);
}

/* ---- what was sealed ------------------------------------------------------------------------------------ */

uint32_t vs_columns_pair_trusted(const struct vs_columns_pair *pair, const char boot[VS_BOOT_ID])
{
	const struct vs_columns_state *state = vs_columns_state(pair);
	bool same = boot[0] != '\0' && memcmp(state->boot, boot, VS_BOOT_ID) == 0;
	uint32_t slots = vs_load_acquire(same ? &state->filled : &state->checkpoint);

	return slots / VS_COLUMNS_BLOCK * VS_COLUMNS_BLOCK;
}

bool vs_columns_entry(const unsigned char **at, const unsigned char *end, struct vs_column_value *value)
{
	const unsigned char *payload = *at + 4;
	uint32_t head;
	uint32_t len;

	if (end - *at < 4)
		return false;
	memcpy(&head, *at, 4);
	len = head & 0xffffff;
	if ((uint64_t)(end - payload) < (uint64_t)(len + 3) / 4 * 4)
		return false;
	*value = (struct vs_column_value){ .kind = (enum vs_column_kind)(head >> 24) };
	switch (head >> 24) {
	case VS_COLUMN_NULL:
		if (len != 0)
			return false;
		break;
	case VS_COLUMN_BOOLEAN:
		if (len != 1)
			return false;
		value->boolean = payload[0] != 0;
		break;
	case VS_COLUMN_INTEGER:
	case VS_COLUMN_REAL:
		if (len != 8)
			return false;
		memcpy(&value->integer, payload, 8);
		break;
	case VS_COLUMN_ARRAY:
		if (len < 2 || payload[0] != '[' || payload[len - 1] != ']')
			return false;
		/* fall through */
	case VS_COLUMN_TEXT:
		value->text.data = (const char *)payload;
		value->text.len = len;
		break;
	default:
		return false;
	}
	*at = payload + (len + 3) / 4 * 4;
	return true;
}

/* That the dictionary grew by what the block says. */
static bool dict_verify(const struct vs_columns_pair *pair, const struct vs_columns_block *block)
{
	const unsigned char *at = pair->dict.map + VS_COLUMNS_HEADER + block->dict_from;
	const unsigned char *end = pair->dict.map + VS_COLUMNS_HEADER + block->dict_to;
	struct vs_column_value value;
	uint32_t entries = pair->entries;

	if (vs_crc32(at, (size_t)(end - at)) != block->dict_crc)
		return false;
	while (at < end && vs_columns_entry(&at, end, &value))
		entries++;
	return at == end && entries == block->entries;
}

static bool block_verify(const struct vs_columns_pair *pair, uint32_t number)
{
	const struct vs_columns_block *block = vs_columns_block(pair, number);

	if (block->crc != vs_crc32(&block->number, sizeof(*block) - sizeof(block->crc)))
		return false;
	if (block->number != number || block->pair != pair->pair || block->place != pair->place)
		return false;
	if (block->dict_from != pair->dict_len || block->dict_to < block->dict_from ||
	    block->entries > VS_COLUMNS_ENTRIES_MAX || block->dict_to > pair->dict.len - VS_COLUMNS_HEADER)
		return false;
	return dict_verify(pair, block);
}

bool vs_columns_pair_verify(struct vs_columns_pair *pair, uint32_t to)
{
	for (uint32_t number = pair->filled / VS_COLUMNS_BLOCK; number < to / VS_COLUMNS_BLOCK; number++) {
		if (number >= pair->first) {
			size_t end = VS_COLUMNS_HEADER + (size_t)(number - pair->first + 1) * sizeof(struct vs_columns_block);
			if (end > pair->codes.len || !block_verify(pair, number))
				return false;
			pair->entries = vs_columns_block(pair, number)->entries;
			pair->dict_len = vs_columns_block(pair, number)->dict_to;
		}
		pair->filled = (number + 1) * VS_COLUMNS_BLOCK;
	}
	return true;
}
