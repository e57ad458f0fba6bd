/* SPDX-License-Identifier: Apache-2.0 */
/* store/rows_impl: the bytes of rows.idx and rows.dat (see rows.h), shared by the files of store/rows alone. */
#ifndef VS_STORE_ROWS_IMPL_H
#define VS_STORE_ROWS_IMPL_H

#include <stddef.h>

#include "base/boot.h"
#include "base/file.h"
#include "store/rows.h"

#define VS_ROWS_HEADER 4096
#define VS_ROWS_PLACES_MAGIC "vecstore places"
#define VS_ROWS_MAGIC "vecstore rows"

struct vs_rows_head {
	char magic[16];
	uint32_t version;
	uint32_t byte_order;
	uint32_t generation;
	uint32_t zero;
	uint64_t pair;
	uint8_t zero2[20];
	uint32_t crc;
};
_Static_assert(sizeof(struct vs_rows_head) == 64, "layout");
_Static_assert(offsetof(struct vs_rows_head, pair) == 32, "layout");
_Static_assert(offsetof(struct vs_rows_head, crc) == 60, "layout");

/* Follows the head in rows.idx. */
struct vs_rows_state {
	uint32_t filled;
	uint32_t zero;
	uint64_t end;
	uint8_t zero2[48];
	uint32_t checkpoint;
	uint32_t zero3;
	uint64_t checkpoint_end;
	char boot[VS_BOOT_ID];
};
_Static_assert(sizeof(struct vs_rows_head) + offsetof(struct vs_rows_state, end) == 72, "layout");
_Static_assert(sizeof(struct vs_rows_head) + offsetof(struct vs_rows_state, checkpoint) == 128, "layout");
_Static_assert(sizeof(struct vs_rows_head) + offsetof(struct vs_rows_state, checkpoint_end) == 136, "layout");
_Static_assert(sizeof(struct vs_rows_head) + offsetof(struct vs_rows_state, boot) == 144, "layout");

struct vs_rows_row {
	uint32_t crc;
	uint32_t slot;
	int64_t version;
	int64_t created_at;
	int64_t updated_at;
	int64_t expires_at;
	uint32_t id_len;
	uint32_t metadata_len;
	char text[]; /* id, NUL, metadata, NUL */
};
_Static_assert(offsetof(struct vs_rows_row, version) == 8, "layout");
_Static_assert(offsetof(struct vs_rows_row, id_len) == 40, "layout");
_Static_assert(offsetof(struct vs_rows_row, text) == 48, "layout");

/* Bytes of a row with its text; at most VS_ROW_BYTES_MAX if it is to have a copy. */
static inline uint64_t vs_rows_row_len(uint64_t id_len, uint64_t metadata_len)
{
	return sizeof(struct vs_rows_row) + id_len + 1 + metadata_len + 1;
}

/* A row's bytes, as many as it says, are what the writer wrote for this slot. */
bool vs_rows_row_intact(const struct vs_rows_row *row, uint32_t slot);

void vs_rows_head_seal(struct vs_rows_head *head, const char *magic);
/* VS_ECORRUPT, VS_EFORMAT unless it is one of ours. */
int vs_rows_head_check(const struct vs_rows_head *head, const char *magic, uint32_t generation, const char *path,
                       struct vs_error *error);

/* DIR/name into path[256]. */
int vs_rows_path(char path[256], const char *dir, const char *name, struct vs_error *error);

/* Both files, mapped for reading as long as they are. */
struct vs_rows {
	char dir[256];
	uint32_t generation;
	struct vs_file places_file;
	struct vs_file rows_file;
	unsigned char *places; /* NULL: there are no files */
	size_t places_len;
	unsigned char *rows;
	size_t rows_len;
	uint64_t looked_ns; /* when files were looked for last */
	struct vs_file_cold cold;
};

/* Opens and maps what is there. On failure nothing is open. */
int vs_rows_map(struct vs_rows *rows, struct vs_error *error);
void vs_rows_unmap(struct vs_rows *rows);

/* Slots that have a place in what is mapped. */
static inline uint32_t vs_rows_slots(const struct vs_rows *rows)
{
	uint64_t slots = rows->places == NULL ? 0 : (rows->places_len - VS_ROWS_HEADER) / sizeof(uint64_t);

	return slots < UINT32_MAX ? (uint32_t)slots : UINT32_MAX;
}

#endif
