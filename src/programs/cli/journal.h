/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/journal: how far an import has come, so that a killed one goes on there: DATA/imports/NAMESPACE-KEY, written after
 * each commit and removed at the end. Never truth: without it (or when it does not fit the data any more) the next run
 * compares what it reads with what is stored. That is why it needs no sync: after a power loss it is behind, or gone, or its
 * checksum fails; ahead of the data it cannot be, since they were synced before it was written.
 */
#ifndef VS_CLI_JOURNAL_H
#define VS_CLI_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/file.h"

struct vs_args;
struct vs_namespace;

/* Everything before it is stored; of the records after it, the next `doubt` may be. */
struct vs_journal_position {
	uint32_t file;   /* among the operands */
	uint64_t record; /* records read of that file */
	uint64_t row;    /* number of that file's first record */
	uint64_t doubt;  /* a batch at least; UINT64_MAX: all of them */
};

struct vs_journal {
	struct vs_file file;
	bool open; /* no: there is none for what is imported (standard input) */
};

/* The journal for these operands and flags, into this namespace. *found: a run before got to *position, and the namespace's data
 * are those that it left or newer ones. */
int vs_journal_open(struct vs_journal *journal, const struct vs_args *args, struct vs_namespace *ns,
                    struct vs_journal_position *position, bool *found, struct vs_error *error);
/* After a commit. */
int vs_journal_write(struct vs_journal *journal, struct vs_namespace *ns, const struct vs_journal_position *position,
                     struct vs_error *error);
/* done: nothing is left to do, so it is removed. */
void vs_journal_close(struct vs_journal *journal, bool done);

#endif
