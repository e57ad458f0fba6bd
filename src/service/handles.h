/* SPDX-License-Identifier: Apache-2.0 */
/* service/handles: the store and its namespaces, opened when first asked for and kept open between requests. */
#ifndef VS_SERVICE_HANDLES_H
#define VS_SERVICE_HANDLES_H

#include <stdbool.h>

#include "engine/vecstore.h"

#define VS_HANDLES_MAX 64 /* namespaces open at once: those asked for last; fewer where descriptors are few */

struct vs_handle {
	char name[64];
	struct vs_namespace *ns;
	uint64_t used; /* the clock when it was asked for last */
};

struct vs_handles {
	char *data;            /* the data folder; owned */
	struct vs_namespace_options fresh; /* how namespaces are made here */
	uint32_t tail_most;    /* vs_store_set_tail */
	struct vs_quota quota; /* vs_store_set_quota */
	struct vs_store *store;
	struct vs_handle open[VS_HANDLES_MAX];
	unsigned count;
	unsigned most;  /* at once */
	uint64_t clock; /* counts what is asked for */
};

/* Opens nothing yet. VS_ENOMEM. */
int vs_handles_init(struct vs_handles *handles, const char *data, const struct vs_namespace_options *fresh,
                    struct vs_error *error);
/* Closes all; the next request opens again. */
void vs_handles_reset(struct vs_handles *handles);
void vs_handles_release(struct vs_handles *handles);

/* Makes the data folder when it is missing. Errors, which must have a place, are those of the server (5xx). */
int vs_handles_store(struct vs_handles *handles, struct vs_store **store, struct vs_error *error);
/* Valid until the next call; its status and quotas are those of now. VS_ENOTFOUND. */
int vs_handles_find(struct vs_handles *handles, const char *name, struct vs_namespace **ns, struct vs_error *error);
/* Closes it, if it is open. */
void vs_handles_forget(struct vs_handles *handles, const char *name);

#endif
