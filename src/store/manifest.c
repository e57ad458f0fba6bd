/* SPDX-License-Identifier: Apache-2.0 */
#include "store/manifest.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/checksum.h"
#include "base/error.h"
#include "base/file.h"
#include "math/space.h"

#define VERSION 1
#define FIRST "vecstore-snapshot"

const char *const vs_manifest_names[VS_MANIFEST_FILES] = {
	[VS_MANIFEST_META] = "meta.db",     [VS_MANIFEST_VECTORS] = "vectors.f32", [VS_MANIFEST_LISTS] = "graph.hnsw",
	[VS_MANIFEST_UPPER] = "graph.up",   [VS_MANIFEST_CODES] = "codes.i8",
};

static bool name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

int vs_manifest_check_name(const char *name, struct vs_error *error)
{
	size_t len = strlen(name);
	bool good = len > 0 && len <= VS_SNAPSHOT_NAME_MAX && name[0] != '_' && name[0] != '-' && name[0] != '.';

	for (size_t i = 0; good && i < len; i++)
		good = name_char(name[i]);
	if (good)
		return 0;
	return vs_error_at(error, VS_EINVAL, "name", -1,
	                   "a snapshot's name has 1 to 63 characters of a-z, 0-9, -, _ and ., and begins with a letter or digit");
}

/* ---- encode --------------------------------------------------------------------------------------------- */

size_t vs_manifest_encode(const struct vs_manifest *manifest, char *text)
{
	const struct vs_meta_state *state = &manifest->state;
	size_t len = (size_t)snprintf(
	    text, VS_MANIFEST_MAX,
	    FIRST " %d\nname %s\ncreated_at %" PRId64 "\ngeneration %" PRIu32 "\nseq %" PRIu64 "\nactive %" PRIu64
	          "\ndeleted %" PRIu64 "\nslots %" PRIu32 "\ndimension %" PRIu32 "\nmetric %s\nquantization %s\n",
	    VERSION, manifest->name, manifest->created_at, state->generation, state->seq, state->active, state->deleted,
	    state->next_slot, state->dimension, vs_metric_name(state->metric), vs_quantization_name(state->quantization));

	for (int i = 0; i < VS_MANIFEST_FILES; i++)
		if (manifest->files[i].len > 0)
			len += (size_t)snprintf(text + len, VS_MANIFEST_MAX - len, "file %s %" PRIu64 " %08" PRIx32 "\n",
			                        vs_manifest_names[i], manifest->files[i].len, manifest->files[i].crc);
	return len + (size_t)snprintf(text + len, VS_MANIFEST_MAX - len, "end %08" PRIx32 "\n", vs_crc32(text, len));
}

/* ---- decode --------------------------------------------------------------------------------------------- */

struct reader {
	const char *at; /* of a line */
	const char *end;
	int line;
	struct vs_error *error;
};

static int wrong(const struct reader *reader, const char *what)
{
	return vs_error_set(reader->error, VS_ECORRUPT, "the manifest is damaged: line %d %s", reader->line, what);
}

/* The rest of the next line after `word` and a blank, NUL-terminated. */
static int take_line(struct reader *reader, const char *word, char value[VS_SNAPSHOT_NAME_MAX + 1])
{
	const char *end = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));
	size_t len = strlen(word);
	size_t rest;

	reader->line++;
	if (end == NULL)
		return wrong(reader, "is missing");
	if ((size_t)(end - reader->at) <= len || memcmp(reader->at, word, len) != 0 || reader->at[len] != ' ')
		return wrong(reader, "is not what stands there in every manifest");
	rest = (size_t)(end - reader->at) - len - 1;
	if (rest == 0 || rest > VS_SNAPSHOT_NAME_MAX || memchr(reader->at, '\0', (size_t)(end - reader->at)) != NULL)
		return wrong(reader, "has no value, or a long one");
	memcpy(value, reader->at + len + 1, rest);
	value[rest] = '\0';
	reader->at = end + 1;
	return 0;
}

/* Digits alone, at most `most`. What follows is at *end. */
static bool digits(const char *text, uint64_t most, uint64_t *value, const char **end)
{
	const char *at = text;

	*value = 0;
	for (; *at >= '0' && *at <= '9'; at++) {
		uint64_t digit = (uint64_t)(*at - '0');
		if (*value > (most - digit) / 10)
			return false;
		*value = *value * 10 + digit;
	}
	*end = at;
	return at > text;
}

static int take_number(struct reader *reader, const char *word, uint64_t most, uint64_t *number)
{
	char value[VS_SNAPSHOT_NAME_MAX + 1];
	const char *end;
	int rc = take_line(reader, word, value);

	if (rc == 0 && (!digits(value, most, number, &end) || *end != '\0'))
		return wrong(reader, "is no number, or too large");
	return rc;
}

static bool hex(const char *text, uint32_t *value)
{
	if (strlen(text) != 8 || strspn(text, "0123456789abcdef") != 8)
		return false;
	return sscanf(text, "%8" SCNx32, value) == 1;
}

static int take_words(struct reader *reader, struct vs_meta_state *state)
{
	char value[VS_SNAPSHOT_NAME_MAX + 1];
	int rc = take_line(reader, "metric", value);

	if (rc == 0 && !vs_metric_find(value, &state->metric))
		rc = wrong(reader, "names no metric");
	if (rc == 0)
		rc = take_line(reader, "quantization", value);
	if (rc == 0 && !vs_quantization_find(value, &state->quantization))
		rc = wrong(reader, "names no quantization");
	return rc;
}

static int take_head(struct reader *reader, struct vs_manifest *manifest)
{
	struct vs_meta_state *state = &manifest->state;
	uint64_t version, created_at, generation, slots, dimension;
	int rc = take_number(reader, FIRST, UINT32_MAX, &version);

	if (rc == 0 && version != VERSION)
		return vs_error_set(reader->error, VS_EFORMAT,
		                    "the snapshot was made by another vecstore (format %" PRIu64 "; this one reads %d)", version, VERSION);
	if (rc == 0)
		rc = take_line(reader, "name", manifest->name);
	if (rc == 0 && vs_manifest_check_name(manifest->name, NULL) < 0)
		rc = wrong(reader, "is no name");
	if (rc < 0 || (rc = take_number(reader, "created_at", INT64_MAX, &created_at)) < 0 ||
	    (rc = take_number(reader, "generation", UINT32_MAX, &generation)) < 0 ||
	    (rc = take_number(reader, "seq", INT64_MAX, &state->seq)) < 0 ||
	    (rc = take_number(reader, "active", UINT32_MAX, &state->active)) < 0 ||
	    (rc = take_number(reader, "deleted", UINT32_MAX, &state->deleted)) < 0 ||
	    (rc = take_number(reader, "slots", UINT32_MAX - 1, &slots)) < 0 ||
	    (rc = take_number(reader, "dimension", VS_DIM_MAX, &dimension)) < 0)
		return rc;
	manifest->created_at = (int64_t)created_at;
	state->generation = (uint32_t)generation;
	state->next_slot = (uint32_t)slots;
	state->dimension = (uint32_t)dimension;
	return take_words(reader, state);
}

/* "NAME BYTES CRC": a file that comes after those before. */
static int decode_file(struct reader *reader, const char *value, int *next, struct vs_manifest *manifest)
{
	for (int i = *next; i < VS_MANIFEST_FILES; i++) {
		size_t len = strlen(vs_manifest_names[i]);
		const char *end;
		if (strncmp(value, vs_manifest_names[i], len) != 0 || value[len] != ' ')
			continue;
		*next = i + 1;
		if (!digits(value + len + 1, INT64_MAX / 16, &manifest->files[i].len, &end) || manifest->files[i].len == 0 ||
		    *end != ' ' || !hex(end + 1, &manifest->files[i].crc))
			return wrong(reader, "has no length and checksum");
		return 0;
	}
	return wrong(reader, "names no file of a snapshot, or not in order");
}

static int take_files(struct reader *reader, struct vs_manifest *manifest)
{
	char value[VS_SNAPSHOT_NAME_MAX + 1];
	int next = 0;
	int rc = 0;

	while (rc == 0 && (size_t)(reader->end - reader->at) > 4 && memcmp(reader->at, "file", 4) == 0) {
		rc = take_line(reader, "file", value);
		if (rc == 0)
			rc = decode_file(reader, value, &next, manifest);
	}
	if (rc == 0 && manifest->files[VS_MANIFEST_META].len == 0)
		rc = wrong(reader, "comes after no line for meta.db");
	if (rc == 0 && manifest->state.next_slot > 0 && manifest->files[VS_MANIFEST_VECTORS].len == 0)
		rc = wrong(reader, "comes after no line for vectors.f32");
	return rc;
}

int vs_manifest_decode(const char *text, size_t len, struct vs_manifest *manifest, struct vs_error *error)
{
	struct reader reader = { text, text + len, 0, error };
	char value[VS_SNAPSHOT_NAME_MAX + 1];
	const char *before;
	uint32_t crc;
	int rc;

	memset(manifest, 0, sizeof(*manifest));
	rc = take_head(&reader, manifest);
	if (rc == 0)
		rc = take_files(&reader, manifest);
	before = reader.at;
	if (rc == 0)
		rc = take_line(&reader, "end", value);
	if (rc < 0)
		return rc;
	if (!hex(value, &crc) || crc != vs_crc32(text, (size_t)(before - text)))
		return wrong(&reader, "does not match what stands before");
	return reader.at == reader.end ? 0 : wrong(&reader, "is not the last");
}

/* ---- files ---------------------------------------------------------------------------------------------- */

static int path_of(char path[256], const char *dir, struct vs_error *error)
{
	int len = snprintf(path, 256, "%s/" VS_MANIFEST_NAME, dir);

	return len > 0 && len < 256 ? 0 : vs_error_set(error, VS_EINVAL, "the path of the data folder is too long");
}

int vs_manifest_load(const char *dir, struct vs_manifest *manifest, struct vs_error *error)
{
	char path[256];
	char text[VS_MANIFEST_MAX];
	size_t len;
	int rc = path_of(path, dir, error);

	if (rc == 0)
		rc = vs_file_load(path, text, sizeof(text), &len, error);
	return rc == 0 ? vs_manifest_decode(text, len, manifest, error) : rc;
}

int vs_manifest_store(const char *dir, const struct vs_manifest *manifest, struct vs_error *error)
{
	char path[256];
	char text[VS_MANIFEST_MAX];
	int rc = path_of(path, dir, error);

	return rc == 0 ? vs_file_replace(path, text, vs_manifest_encode(manifest, text), error) : rc;
}

uint64_t vs_manifest_bytes(const struct vs_manifest *manifest)
{
	uint64_t bytes = 0;

	for (int i = 0; i < VS_MANIFEST_FILES; i++)
		bytes += manifest->files[i].len;
	return bytes;
}
