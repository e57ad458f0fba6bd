/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one writer of rows.idx and rows.dat. A block of rows is appended, then the places of its slots are written, then
 * `filled` and `end`. Killed anywhere between, the next one writes that block again; what readers meet meanwhile is refused by
 * its checksum.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/checksum.h"
#include "base/clock.h"
#include "base/error.h"
#include "store/rows_impl.h"

#define GROW_LEAST (UINT64_C(1) << 16)
#define GROW_SHARE 8 /* at least this part of a file's size is added */

struct vs_rows_writer {
	struct vs_file places_file;
	struct vs_file rows_file;
	uint64_t places_size;
	uint64_t rows_size;
	struct vs_rows_state state; /* as it is, or will be, in rows.idx */
	struct vs_buf added;        /* rows of the block in hand */
	uint64_t places[VS_ROWS_BLOCK];
	struct vs_error *error;
};

void vs_rows_writer_close(struct vs_rows_writer *writer)
{
	if (writer == NULL)
		return;
	vs_file_close(&writer->places_file);
	vs_file_close(&writer->rows_file);
	vs_buf_release(&writer->added);
	free(writer);
}

bool vs_rows_writer_stale(const struct vs_rows_writer *writer)
{
	return vs_file_unlinked(&writer->places_file) || vs_file_unlinked(&writer->rows_file);
}

/* ---- open ----------------------------------------------------------------------------------------------- */

static int open_files(struct vs_rows_writer *writer, const char *dir, struct vs_error *error)
{
	char path[256];
	int rc = vs_rows_path(path, dir, "rows.idx", error);

	if (rc == 0)
		rc = vs_file_open(&writer->places_file, path, VS_FILE_WRITE, error);
	if (rc == 0)
		rc = vs_rows_path(path, dir, "rows.dat", error);
	if (rc == 0)
		rc = vs_file_open(&writer->rows_file, path, VS_FILE_WRITE, error);
	if (rc == 0)
		rc = vs_file_size(&writer->places_file, &writer->places_size, error);
	if (rc == 0)
		rc = vs_file_size(&writer->rows_file, &writer->rows_size, error);
	if (rc == 0)
		rc = vs_file_read(&writer->places_file, &writer->state, sizeof(writer->state), sizeof(struct vs_rows_head), error);
	return rc;
}

/* Where to go on: after another boot, at the checkpoint, since what followed may have been lost in part. */
static int resume(struct vs_rows_writer *writer, uint32_t next_slot, struct vs_error *error)
{
	struct vs_rows_state *state = &writer->state;
	char boot[VS_BOOT_ID];

	vs_boot_id(boot);
	if (boot[0] == '\0' || memcmp(boot, state->boot, sizeof(boot)) != 0) {
		state->filled = state->checkpoint;
		state->end = state->checkpoint_end;
		memcpy(state->boot, boot, sizeof(boot));
	}
	if (state->filled > next_slot)
		return vs_error_set(error, VS_ECORRUPT, "%s knows of records to come", writer->places_file.path);
	if (state->filled % VS_ROWS_BLOCK != 0 || state->end % 8 != 0 || state->end < VS_ROWS_HEADER ||
	    state->end > writer->rows_size || VS_ROWS_HEADER + (uint64_t)state->filled * 8 > writer->places_size)
		return vs_error_set(error, VS_ECORRUPT, "%s has impossible sizes", writer->places_file.path);
	return vs_file_write(&writer->places_file, state, sizeof(*state), sizeof(struct vs_rows_head), error);
}

/* A reader finds all that was copied. */
static int verify(const char *dir, uint32_t generation, struct vs_error *error)
{
	struct vs_rows *rows;
	int rc = vs_rows_open(dir, generation, &rows, error);

	if (rc < 0)
		return rc;
	rc = vs_rows_map(rows, error);
	if (rc == 0 && vs_rows_damaged(rows) > 0)
		rc = vs_error_set(error, VS_ECORRUPT, "%s/rows.dat is damaged", dir);
	vs_rows_close(rows);
	return rc;
}

/* Fresh files in place of any others. */
static int create(const char *dir, uint32_t generation, struct vs_error *error)
{
	struct vs_rows_head head = { .generation = generation };
	struct vs_rows_state state = { .end = VS_ROWS_HEADER, .checkpoint_end = VS_ROWS_HEADER };
	unsigned char page[VS_ROWS_HEADER] = { 0 };
	char path[256];
	int rc = vs_rows_path(path, dir, "rows.dat", error);

	head.pair = vs_clock_mono_ns() ^ (uint64_t)vs_clock_wall_ms() << 20 ^ (uint64_t)getpid() << 48;
	vs_rows_head_seal(&head, VS_ROWS_MAGIC);
	memcpy(page, &head, sizeof(head));
	if (rc == 0)
		rc = vs_file_replace(path, page, sizeof(page), error);
	vs_boot_id(state.boot);
	vs_rows_head_seal(&head, VS_ROWS_PLACES_MAGIC);
	memcpy(page, &head, sizeof(head));
	memcpy(page + sizeof(head), &state, sizeof(state));
	if (rc == 0)
		rc = vs_rows_path(path, dir, "rows.idx", error);
	return rc < 0 ? rc : vs_file_replace(path, page, sizeof(page), error);
}

static int open_existing(struct vs_rows_writer *writer, const char *dir, uint32_t generation, uint32_t next_slot,
                         struct vs_error *error)
{
	int rc = open_files(writer, dir, error);

	if (rc == 0)
		rc = resume(writer, next_slot, error);
	if (rc == 0)
		rc = verify(dir, generation, error);
	if (rc < 0) {
		vs_file_close(&writer->places_file);
		vs_file_close(&writer->rows_file);
	}
	return rc;
}

int vs_rows_writer_open(const char *dir, uint32_t generation, uint32_t next_slot, struct vs_rows_writer **writer,
                        struct vs_error *error)
{
	struct vs_rows_writer *opened = calloc(1, sizeof(*opened));
	int rc;

	*writer = NULL;
	if (opened == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory for copies of rows");
	opened->places_file = opened->rows_file = (struct vs_file)VS_FILE_INIT;
	rc = open_existing(opened, dir, generation, next_slot, error);
	if (rc == VS_ENOTFOUND || rc == VS_ECORRUPT || rc == VS_EFORMAT) {
		rc = create(dir, generation, error);
		if (rc == 0)
			rc = open_existing(opened, dir, generation, next_slot, error);
	}
	if (rc < 0) {
		vs_rows_writer_close(opened);
		return rc;
	}
	*writer = opened;
	return 0;
}

/* ---- filling -------------------------------------------------------------------------------------------- */

static int copy_row(void *context, const struct vs_meta_row *row)
{
	struct vs_rows_writer *writer = context;
	uint64_t len = vs_rows_row_len(row->id_len, row->metadata_len);
	struct vs_rows_row copy = { .slot = row->slot,
		                        .version = row->version,
		                        .created_at = row->created_at,
		                        .updated_at = row->updated_at,
		                        .expires_at = row->expires_at,
		                        .id_len = (uint32_t)row->id_len,
		                        .metadata_len = (uint32_t)row->metadata_len };
	size_t at = writer->added.len;

	if (len > VS_ROW_BYTES_MAX)
		return 0;
	vs_buf_append(&writer->added, &copy, sizeof(copy));
	vs_buf_append(&writer->added, row->id, row->id_len);
	vs_buf_putc(&writer->added, '\0');
	vs_buf_append(&writer->added, row->metadata, row->metadata_len);
	vs_buf_append(&writer->added, "\0\0\0\0\0\0\0", 1 + (8 - len % 8) % 8);
	if (writer->added.failed)
		return vs_error_set(writer->error, VS_ENOMEM, "no memory for copies of rows");
	copy.crc = vs_crc32(writer->added.data + at + sizeof(copy.crc), (size_t)len - sizeof(copy.crc));
	memcpy(writer->added.data + at, &copy.crc, sizeof(copy.crc));
	writer->places[row->slot % VS_ROWS_BLOCK] = writer->state.end + at;
	return 0;
}

/* Real blocks up to `end`, and some in advance. */
static int grow(const struct vs_file *file, uint64_t *size, uint64_t end, struct vs_error *error)
{
	uint64_t more = *size / GROW_SHARE > GROW_LEAST ? *size / GROW_SHARE : GROW_LEAST;
	int rc;

	if (end <= *size)
		return 0;
	if (more < end - *size)
		more = end - *size;
	more = (more + 4095) / 4096 * 4096;
	rc = vs_file_reserve(file, *size, more, error);
	if (rc == 0)
		*size += more;
	return rc;
}

static int publish(struct vs_rows_writer *writer, struct vs_error *error)
{
	struct vs_rows_state *state = &writer->state;
	uint64_t at = VS_ROWS_HEADER + (uint64_t)state->filled * 8;
	int rc = grow(&writer->rows_file, &writer->rows_size, state->end + writer->added.len, error);

	if (rc == 0)
		rc = grow(&writer->places_file, &writer->places_size, at + sizeof(writer->places), error);
	if (rc == 0)
		rc = vs_file_write(&writer->rows_file, writer->added.data, writer->added.len, state->end, error);
	if (rc == 0)
		rc = vs_file_write(&writer->places_file, writer->places, sizeof(writer->places), at, error);
	if (rc < 0)
		return rc;
	state->end += writer->added.len;
	state->filled += VS_ROWS_BLOCK;
	return vs_file_write(&writer->places_file, state, sizeof(*state), sizeof(struct vs_rows_head), error);
}

int vs_rows_writer_fill(struct vs_rows_writer *writer, struct vs_meta *meta, uint32_t next_slot, unsigned blocks,
                        struct vs_error *error)
{
	unsigned done = 0;

	writer->error = error;
	while (done < blocks && next_slot >= writer->state.filled && next_slot - writer->state.filled >= VS_ROWS_BLOCK) {
		uint32_t start = writer->state.filled;
		int rc;
		vs_buf_reset(&writer->added);
		memset(writer->places, 0, sizeof(writer->places));
		rc = vs_meta_scan(meta, start, start + VS_ROWS_BLOCK, copy_row, writer, error);
		if (rc == 0)
			rc = publish(writer, error);
		if (rc < 0)
			return rc;
		done++;
	}
	return (int)done;
}

int vs_rows_writer_checkpoint(struct vs_rows_writer *writer, bool *worked, struct vs_error *error)
{
	struct vs_rows_state *state = &writer->state;
	int rc;

	if (state->checkpoint == state->filled)
		return 0;
	*worked = true;
	rc = vs_file_sync(&writer->rows_file, error);
	if (rc == 0)
		rc = vs_file_sync(&writer->places_file, error);
	if (rc < 0)
		return rc;
	state->checkpoint = state->filled;
	state->checkpoint_end = state->end;
	rc = vs_file_write(&writer->places_file, state, sizeof(*state), sizeof(struct vs_rows_head), error);
	return rc < 0 ? rc : vs_file_sync(&writer->places_file, error);
}
