/* SPDX-License-Identifier: Apache-2.0 */
#include "programs/cli/journal.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/checksum.h"
#include "base/error.h"
#include "base/hash.h"
#include "engine/vecstore.h"
#include "programs/cli/args.h"

#define SIZE 256 /* of the file, blanks at its end: one write that no reader sees half of */
#define WORD 32

/* What the position belongs to: the generation, and how many changes it had seen. */
struct state {
	char generation[WORD];
	uint64_t seq;
};

static int load_state(struct vs_namespace *ns, struct state *state, struct vs_error *error)
{
	struct vs_namespace_stats stats;
	int rc = vs_namespace_stats(ns, &stats, error);
	if (rc)
		return rc;
	const char *slash = strrchr(vs_namespace_folder(ns), '/');
	snprintf(state->generation, sizeof state->generation, "%s", slash ? slash + 1 : "");
	state->seq = stats.seq;
	return 0;
}

/* A file as it is: another name, size or time of change is another file. False for what cannot be told again. */
static bool put_file(struct vs_buf *key, const char *path)
{
	char *real = path && strcmp(path, "-") != 0 ? realpath(path, NULL) : NULL;
	struct stat st;
	bool known = real && stat(real, &st) == 0 && S_ISREG(st.st_mode);
	if (known)
		vs_buf_printf(key, "%s\n%lld %lld.%09ld\n", real, (long long)st.st_size, (long long)st.st_mtim.tv_sec,
		              st.st_mtim.tv_nsec);
	free(real);
	return known;
}

/* Whatever decides which records are read, in 16 hex digits; false when that cannot be told. */
static bool make_key(const struct vs_args *args, char *text)
{
	static const enum vs_flag words[] = { VS_FLAG_FORMAT, VS_FLAG_COLUMNS, VS_FLAG_DELIMITER };
	static const enum vs_flag files[] = { VS_FLAG_IDS, VS_FLAG_METADATA };
	struct vs_buf key = VS_BUF_INIT;
	bool known = true;
	for (int i = 0; i < args->operand_count; i++)
		known = put_file(&key, args->operands[i]) && known;
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		vs_buf_printf(&key, "%s\n", args->flags[words[i]] ? args->flags[words[i]] : "");
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		if (args->flags[files[i]])
			known = put_file(&key, args->flags[files[i]]) && known;
	struct vs_hash hash = vs_hash128(key.data, key.len, 1);
	snprintf(text, WORD, "%016" PRIx64, hash.words[0]);
	known = known && !key.failed;
	vs_buf_release(&key);
	return known;
}

/* DATA/imports/NAMESPACE-KEY, and the folder that it is in. */
static int make_path(const struct vs_args *args, struct vs_namespace *ns, const char *key, char *path, size_t cap,
                     struct vs_error *error)
{
	char id[WORD] = "";
	const char *data = vs_args_text(args, VS_FLAG_DATA), *folder = vs_namespace_folder(ns);
	const char *slash = strrchr(folder, '/'), *start = slash;
	while (start && start > folder && start[-1] != '/')
		start--;
	if (slash)
		snprintf(id, sizeof id, "%.*s", (int)(slash - start), start);
	int n = snprintf(path, cap, "%s/imports", data);
	if (n < 0 || (size_t)n + 2 * WORD >= cap)
		return vs_error_set(error, VS_EINVAL, "the path of the data folder is too long: %.200s", data);
	int rc = vs_dir_create(path, error);
	snprintf(path + n, cap - (size_t)n, "/%s-%s", id, key);
	return rc;
}

static void encode(const struct vs_journal_position *position, const struct state *state, char *text)
{
	int n = snprintf(text, SIZE,
	                 "vecstore import 1\nfile %" PRIu32 "\nrecord %" PRIu64 "\nrow %" PRIu64 "\ndoubt %" PRIu64
	                 "\nseq %" PRIu64 "\ngeneration %s\n",
	                 position->file, position->record, position->row, position->doubt, state->seq, state->generation);
	n += snprintf(text + n, SIZE - (size_t)n, "crc %08" PRIx32 "\n", vs_crc32(text, (size_t)n));
	memset(text + n, ' ', SIZE - (size_t)n);
}

static bool decode(const char *text, struct vs_journal_position *position, struct state *state)
{
	char again[SIZE];
	if (sscanf(text,
	           "vecstore import 1 file %" SCNu32 " record %" SCNu64 " row %" SCNu64 " doubt %" SCNu64 " seq %" SCNu64
	           " generation %31s",
	           &position->file, &position->record, &position->row, &position->doubt, &state->seq,
	           state->generation) != 6)
		return false;
	encode(position, state, again);
	return memcmp(text, again, SIZE) == 0;
}

int vs_journal_open(struct vs_journal *journal, const struct vs_args *args, struct vs_namespace *ns,
                    struct vs_journal_position *position, bool *found, struct vs_error *error)
{
	char key[WORD], path[sizeof journal->file.path], text[SIZE + 1];
	struct state then, now;
	size_t len = 0;
	*found = false;
	*journal = (struct vs_journal){ .file = VS_FILE_INIT };
	if (!make_key(args, key))
		return 0;
	int rc = load_state(ns, &now, error);
	if (!rc)
		rc = make_path(args, ns, key, path, sizeof path, error);
	if (rc)
		return rc;
	if (vs_file_load(path, text, SIZE, &len, NULL) == 0 && len == SIZE) {
		text[len] = '\0';
		*found = decode(text, position, &then) && strcmp(then.generation, now.generation) == 0 && then.seq <= now.seq;
	}
	rc = vs_file_open(&journal->file, path, VS_FILE_WRITE | VS_FILE_CREATE, error);
	journal->open = rc == 0;
	return rc;
}

int vs_journal_write(struct vs_journal *journal, struct vs_namespace *ns, const struct vs_journal_position *position,
                     struct vs_error *error)
{
	struct state state;
	char text[SIZE];
	if (!journal->open)
		return 0;
	int rc = load_state(ns, &state, error);
	if (rc)
		return rc;
	encode(position, &state, text);
	return vs_file_write(&journal->file, text, SIZE, 0, error);
}

void vs_journal_close(struct vs_journal *journal, bool done)
{
	if (!journal->open)
		return;
	if (done)
		vs_file_remove(journal->file.path, NULL);
	vs_file_close(&journal->file);
	journal->open = false;
}
