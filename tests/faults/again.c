/* SPDX-License-Identifier: Apache-2.0 */
/* Work that was killed or has failed, done again. */
#include <string.h>

#include "work.h"

static int no_leftovers(struct work *work, struct vs_error *error)
{
	struct vs_store_check_options options = { true, NULL, NULL };
	struct vs_check_result result;
	int rc = vs_store_check(work->store, &options, &result, error);

	options.repair = false;
	if (rc == 0)
		rc = vs_store_check(work->store, &options, &result, error);
	if (rc == 0 && (result.problems > 0 || result.repairs > 0))
		rc = vs_error_set(error, VS_EINTERNAL, "leftovers that are not removed");
	return rc;
}

static int check_made(struct work *work, const struct work_op *op, struct vs_error *error)
{
	struct vs_check_result result = { .problems = 0 };
	struct vs_namespace *made;
	int rc;

	if (op->kind == WORK_SNAPSHOT) {
		rc = vs_snapshot_verify(work->ns, "kept", NULL, NULL, &result.problems, error);
	} else {
		rc = vs_namespace_open(work->store, "made", NULL, &made, error);
		if (rc != 0)
			return rc;
		rc = vs_namespace_check(made, NULL, NULL, &result, error);
		vs_namespace_close(made);
	}
	return rc == 0 && result.problems > 0 ? vs_error_set(error, VS_EINTERNAL, "what was made is damaged") : rc;
}

int work_again(struct work *work, const struct work_op *op, struct vs_error *error)
{
	int rc = no_leftovers(work, error);

	if (rc == 0)
		rc = work_perform(work, op, error);
	if (op->kind == WORK_REPAIR)
		return rc;
	return rc == 0 || rc == VS_ECONFLICT ? check_made(work, op, error) : rc;
}
