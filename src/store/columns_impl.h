/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/columns_impl: the bytes of columns/, shared by the files of store/columns alone.
 *
 * columns/manifest, replaced as a whole:
 *   OFFSET  SIZE  MEANING
 *   0       16    magic "vecstore columns"
 *   16      4     format version, 1
 *   20      4     byte-order mark, 0x01020304
 *   24      4     generation
 *   28      4     fields
 *   32      8     pair: a random number that all files of one set share
 *   40      4     bytes of the fields
 *   44      4     CRC-32 of the fields
 *   48      12    zeros
 *   60      4     CRC-32 of bytes 0 to 59
 *   64      …     per field: path length (2), 1 with a column else 0 (2), first block of the column (4), path
 *
 * columns/cNNN.codes, where NNN is the field's place in the manifest:
 *   0       16    magic "vecstore column", NUL
 *   16      4     format version, 1
 *   20      4     byte-order mark
 *   24      4     generation
 *   28      4     place in the manifest
 *   32      8     pair
 *   40      4     first block: in slots before it the field is missing
 *   44      16    zeros
 *   60      4     CRC-32 of bytes 0 to 59
 *   64      4     filled: blocks of slots below it are sealed (release)
 *   128     4     checkpoint: what of them was synced
 *   144     40    boot id under which it was written last, zero-padded text
 *   4096    …     blocks of 4,160 bytes, from the first block on:
 *                   0   4     CRC-32 of bytes 4 to 4159
 *                   4   4     number of the block: slot / 1024
 *                   8   8     pair
 *                   16  4     place in the manifest
 *                   20  4     entries of the dictionary as of this block
 *                   24  4     bytes of the dictionary before this block
 *                   28  4     and as of this block
 *                   32  4     CRC-32 of what this block added
 *                   36  28    zeros
 *                   64  4096  codes
 *
 * columns/cNNN.dict: the first 64 bytes as in cNNN.codes, with magic "vecstore values", NUL; from 4096 on entries:
 *                   0   4     kind << 24 | length
 *                   4   …     value: nothing, a byte, int64, double, text or array; padded with zeros to a multiple of 4
 *
 * Sealed bytes never change. A block names the dictionary it was made with (pair) and carries the checksum of what it added
 * to it, so a code is either what was written or refused. What was sealed but not synced may be lost with the
 * machine; so under another boot id only what lies below the checkpoint counts.
 */
#ifndef VS_STORE_COLUMNS_IMPL_H
#define VS_STORE_COLUMNS_IMPL_H

#include "base/atomics.h"
#include "base/boot.h"
#include "base/file.h"
#include "store/columns.h"

#define VS_COLUMNS_HEADER 4096
#define VS_COLUMNS_FOLDER 240 /* bytes of the path of columns/ */

struct vs_columns_head {
	char magic[16];
	uint32_t version;
	uint32_t byte_order;
	uint32_t generation;
	uint32_t place; /* in the manifest: fields */
	uint64_t pair;
	uint32_t first; /* in the manifest: bytes */
	uint32_t body_crc; /* manifest only */
	uint32_t zero[3];
	uint32_t crc;
};
_Static_assert(sizeof(struct vs_columns_head) == 64, "layout");
_Static_assert(offsetof(struct vs_columns_head, pair) == 32, "layout");
_Static_assert(offsetof(struct vs_columns_head, body_crc) == 44, "layout");
_Static_assert(offsetof(struct vs_columns_head, crc) == 60, "layout");

/* Follows the head in cNNN.codes. */
struct vs_columns_state {
	uint32_t filled;
	uint32_t zero[15];
	uint32_t checkpoint;
	uint32_t zero2[3];
	char boot[VS_BOOT_ID];
};
_Static_assert(sizeof(struct vs_columns_head) + offsetof(struct vs_columns_state, checkpoint) == 128, "layout");
_Static_assert(sizeof(struct vs_columns_head) + offsetof(struct vs_columns_state, boot) == 144, "layout");

struct vs_columns_block {
	uint32_t crc;
	uint32_t number;
	uint64_t pair;
	uint32_t place;
	uint32_t entries;
	uint32_t dict_from;
	uint32_t dict_to;
	uint32_t dict_crc;
	uint32_t zero[7];
	uint32_t codes[VS_COLUMNS_BLOCK];
};
_Static_assert(offsetof(struct vs_columns_block, pair) == 8, "layout");
_Static_assert(offsetof(struct vs_columns_block, dict_crc) == 32, "layout");
_Static_assert(offsetof(struct vs_columns_block, codes) == 64, "layout");
_Static_assert(sizeof(struct vs_columns_block) == 4160, "layout");
_Static_assert(VS_COLUMNS_BLOCK % 64 == 0, "blocks are whole words of a bitmap");

/* ---- the manifest --------------------------------------------------------------------------------------- */

struct vs_columns_field {
	uint8_t path[VS_COLUMNS_PATH_MAX];
	uint16_t len;
	bool stored;    /* it has a column */
	uint32_t first; /* block that its column begins with */
};

struct vs_columns_manifest {
	uint32_t generation;
	uint32_t count;
	uint64_t pair;
	struct vs_columns_field fields[VS_COLUMNS_FIELDS_MAX];
};

int vs_columns_folder(char folder[VS_COLUMNS_FOLDER], const char *dir, struct vs_error *error);
/* *file stays open, to be asked whether it was replaced. VS_ENOTFOUND, VS_ECORRUPT, VS_EFORMAT. */
int vs_columns_manifest_load(const char *folder, uint32_t generation, struct vs_file *file,
                             struct vs_columns_manifest *manifest, struct vs_error *error);
int vs_columns_manifest_store(const char *folder, const struct vs_columns_manifest *manifest, struct vs_error *error);

/* ---- the two files of a column -------------------------------------------------------------------------- */

struct vs_columns_map {
	unsigned char *map; /* NULL until mapped */
	size_t len;
};

struct vs_columns_pair {
	uint32_t generation;
	uint32_t place;
	uint64_t pair;
	uint32_t first;
	uint32_t filled;   /* slots whose codes were verified */
	uint32_t entries;  /* of the dictionary, as of filled */
	uint32_t dict_len; /* its bytes */
	struct vs_columns_map codes;
	struct vs_columns_map dict;
};

void vs_columns_pair_close(struct vs_columns_pair *pair);
/* Fresh files in place of any others. */
int vs_columns_pair_create(const char *folder, const struct vs_columns_pair *pair, struct vs_error *error);
/* Maps both as long as they are now; again, when they grew. Compares the headers. Nothing stays open. */
int vs_columns_pair_map(const char *folder, struct vs_columns_pair *pair, bool write, struct vs_error *error);
/* Room for codes up to slot `filled` and a dictionary of dict_len bytes; the maps may move. */
int vs_columns_pair_grow(const char *folder, struct vs_columns_pair *pair, uint32_t filled, uint32_t dict_len,
                         struct vs_error *error);
/* Both files are there. */
bool vs_columns_pair_exists(const char *folder, uint32_t place);
/* Slots that may be trusted: filled, or after another boot the checkpoint. */
uint32_t vs_columns_pair_trusted(const struct vs_columns_pair *pair, const char boot[VS_BOOT_ID]);
/* Goes on with verifying up to slot `to`, as far as it is mapped; false when a block is damaged, and no further then. */
bool vs_columns_pair_verify(struct vs_columns_pair *pair, uint32_t to);

static inline struct vs_columns_state *vs_columns_state(const struct vs_columns_pair *pair)
{
	return (struct vs_columns_state *)(void *)(pair->codes.map + sizeof(struct vs_columns_head));
}

/* number >= first, and mapped. */
static inline struct vs_columns_block *vs_columns_block(const struct vs_columns_pair *pair, uint32_t number)
{
	size_t at = VS_COLUMNS_HEADER + (size_t)(number - pair->first) * sizeof(struct vs_columns_block);

	return (struct vs_columns_block *)(void *)(pair->codes.map + at);
}

/* The entry at *at, which moves behind it; false when it does not fit before end or makes no sense. */
bool vs_columns_entry(const unsigned char **at, const unsigned char *end, struct vs_column_value *value);

#endif
