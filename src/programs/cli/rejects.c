/* SPDX-License-Identifier: Apache-2.0 */
#include "programs/cli/rejects.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "service/json_out.h"

#define SHOWN 10 /* on standard error */

int vs_rejects_open(struct vs_rejects *rejects, const char *path, bool append, struct vs_error *error)
{
	*rejects = (struct vs_rejects){ .file = VS_FILE_INIT };
	if (!path)
		return 0;
	int rc = append ? 0 : vs_file_remove(path, error);
	if (!rc)
		rc = vs_file_open(&rejects->file, path, VS_FILE_WRITE | VS_FILE_CREATE, error);
	rejects->open = rc == 0;
	return rc ? rc : vs_file_size(&rejects->file, &rejects->size, error);
}

void vs_rejects_close(struct vs_rejects *rejects)
{
	if (rejects->open)
		vs_file_close(&rejects->file);
	vs_buf_release(&rejects->lines);
	rejects->open = false;
}

void vs_rejects_append(struct vs_rejects *rejects, const char *place, const char *why, const char *text, size_t len)
{
	if (++rejects->count <= SHOWN)
		fprintf(stderr, "vecstore: refused: %s: %s\n", place, why);
	else if (rejects->count == SHOWN + 1)
		fprintf(stderr, "vecstore: more are refused%s\n", rejects->open ? "" : "; --rejects FILE keeps them all");
	if (!rejects->open)
		return;
	vs_buf_puts(&rejects->lines, "{\"place\":");
	vs_json_text(&rejects->lines, place, strlen(place));
	vs_buf_puts(&rejects->lines, ",\"error\":");
	vs_json_text(&rejects->lines, why, strlen(why));
	if (text) {
		vs_buf_puts(&rejects->lines, ",\"input\":");
		vs_json_text(&rejects->lines, text, len);
	}
	vs_buf_puts(&rejects->lines, "}\n");
}

int vs_rejects_flush(struct vs_rejects *rejects, struct vs_error *error)
{
	if (!rejects->open || rejects->lines.len == 0)
		return 0;
	if (rejects->lines.failed)
		return vs_error_set(error, VS_ENOMEM, "no memory for what is refused");
	int rc = vs_file_write(&rejects->file, rejects->lines.data, rejects->lines.len, rejects->size, error);
	rejects->size += rejects->lines.len;
	vs_buf_reset(&rejects->lines);
	return rc;
}
