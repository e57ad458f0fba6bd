/* SPDX-License-Identifier: Apache-2.0 */
/* engine/check: what check.c tells repair.c and folders.c. */
#ifndef VS_ENGINE_CHECK_H
#define VS_ENGINE_CHECK_H

#include "engine/namespace.h"

/* What is to be mended, as bits. */
enum vs_damage {
	VS_DAMAGE_LIVE = 1,       /* live.bits */
	VS_DAMAGE_FILES = 2,      /* files of the graph that cannot be used, or are missing */
	VS_DAMAGE_LINKS = 4,      /* lists, records or codes of a graph that is worth mending */
	VS_DAMAGE_GRAPH = 8,      /* a graph that is to be made anew */
	VS_DAMAGE_COLUMNS = 16,   /* columns/ */
	VS_DAMAGE_LEFTOVERS = 32, /* folders of generations that are not live */
	VS_DAMAGE_COPIES = 64,    /* rows.idx, rows.dat */
	VS_DAMAGE_TEXTS = 256,    /* the index of texts in meta.db */
	VS_DAMAGE_WRONG = 128,     /* with another bit: its checksums are right, so readers believe it: a problem, that can be mended */
};

struct vs_check_run {
	void (*report)(void *context, const char *finding);
	int (*progress)(void *context, uint32_t done, uint32_t slots); /* non-zero stops, and is returned */
	void *context;
	bool derived_only; /* says and counts nothing of the truth */
	bool truth_only;   /* nothing of what is derived */
	struct vs_check_result result;
	uint64_t wrong;  /* of result.problems, those of VS_DAMAGE_WRONG */
	unsigned damage; /* of enum vs_damage */
};

/* As vs_namespace_check. */
int vs_check_run(struct vs_namespace *ns, struct vs_check_run *run, struct vs_error *error);

/* Tells each folder of a generation beside the live one, while nobody is the namespace's indexer or compacts it: else they may be
 * in the making. vs_compact_tidy removes them. */
int vs_check_leftovers(struct vs_namespace *ns, void (*each)(void *context, const char *name), void *context,
                       struct vs_error *error);

#endif
