/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/manifest: what a snapshot is, and the sums of its files. A text of lines, each a word, a blank and a value:
 *
 *   vecstore-snapshot 1          the format's number
 *   name NAME
 *   created_at MS                milliseconds since 1970
 *   generation N                 that its files were written for
 *   seq N                        the newest change in it
 *   active N                     records that are not soft-deleted
 *   deleted N                    soft-deleted records
 *   slots N                      that its vectors.f32 has
 *   dimension N                  0: no record has fixed it
 *   metric WORD
 *   quantization WORD
 *   file NAME BYTES CRC          once per file: its length, and the CRC-32 of that much of it, 8 hex digits
 *   end CRC                      of all bytes before this line
 *
 * Lines stand in this order, files in that of enum vs_manifest_which; those that a snapshot does not have are left out.
 */
#ifndef VS_STORE_MANIFEST_H
#define VS_STORE_MANIFEST_H

#include <stddef.h>
#include <stdint.h>

#include "store/meta.h"

struct vs_error;

#define VS_SNAPSHOT_NAME_MAX 63 /* bytes */
#define VS_MANIFEST_MAX 4096    /* bytes of its text */
#define VS_MANIFEST_NAME "manifest"

enum vs_manifest_which {
	VS_MANIFEST_META,
	VS_MANIFEST_VECTORS,
	VS_MANIFEST_LISTS,
	VS_MANIFEST_UPPER,
	VS_MANIFEST_CODES,
	VS_MANIFEST_FILES,
};
/* "meta.db", …: the only names that a snapshot's files have. */
extern const char *const vs_manifest_names[VS_MANIFEST_FILES];

struct vs_manifest {
	char name[VS_SNAPSHOT_NAME_MAX + 1];
	int64_t created_at;
	struct vs_meta_state state; /* generation, seq, active, deleted, next_slot, dimension, metric, quantization */
	struct {
		uint64_t len; /* 0: the snapshot does not have this file */
		uint32_t crc;
	} files[VS_MANIFEST_FILES];
};

/* VS_EINVAL, with the rule, unless name matches [a-z0-9][a-z0-9_.-]{0,62}. */
int vs_manifest_check_name(const char *name, struct vs_error *error);

/* Its text, into text[VS_MANIFEST_MAX]; the length. */
size_t vs_manifest_encode(const struct vs_manifest *manifest, char *text);
/* Of any text: VS_ECORRUPT, with the line, unless it is one; VS_EFORMAT for that of a newer vecstore. */
int vs_manifest_decode(const char *text, size_t len, struct vs_manifest *manifest, struct vs_error *error);

/* Reads dir/manifest; VS_ENOTFOUND, and as above. */
int vs_manifest_load(const char *dir, struct vs_manifest *manifest, struct vs_error *error);
/* Writes it, whole and durable. */
int vs_manifest_store(const char *dir, const struct vs_manifest *manifest, struct vs_error *error);

/* Bytes of all files. */
uint64_t vs_manifest_bytes(const struct vs_manifest *manifest);

#endif
