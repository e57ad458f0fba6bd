/* SPDX-License-Identifier: Apache-2.0 */
/* vecstore usage: the table usage as CSV, whether a server runs or not. */
#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "base/file.h"
#include "engine/vecstore.h"
#include "programs/cli/args.h"
#include "service/tenants.h"

static int read_day(const struct vs_args *args, enum vs_flag flag, const char *name, int32_t *day, struct vs_error *error)
{
	const char *text = vs_args_text(args, flag);
	if (!text || vs_usage_parse_day(text, day))
		return 0;
	return vs_error_set(error, VS_EINVAL, "%s: '%.40s' is no day such as 2026-01-31", name, text);
}

/* Names need no quotes: they hold a-z, 0-9, - and _. */
static int print_row(void *context, const struct vs_usage_row *row)
{
	char day[VS_USAGE_DAY];
	(void)context;
	vs_usage_format_day(row->day, day);
	printf("%s,%s,%s", day, row->name, row->folder);
	for (int kind = 0; kind < VS_USAGES; kind++)
		if (kind != VS_USAGE_VECTOR_MS)
			printf(",%" PRIu64, row->counts[kind]);
	printf(",%.6f\n", (double)row->counts[VS_USAGE_VECTOR_MS] / 3600000.0);
	return 0;
}

static void print_head(void)
{
	fputs("day,namespace,namespace_id", stdout);
	for (int kind = 0; kind < VS_USAGES; kind++)
		if (kind != VS_USAGE_VECTOR_MS)
			printf(",%s", vs_usage_name((enum vs_usage_kind)kind));
	fputs(",vector_hours\n", stdout);
}

/* What a running server has counted since it last brought that into the table, which it does every minute. Whoever may not do that
 * is told what stands there. */
static void bring_in(const struct vs_args *args, struct vs_store *store)
{
	const char *run_dir = vs_args_text(args, VS_FLAG_RUN_DIR);
	const char *data = vs_args_text(args, VS_FLAG_DATA);
	char folder[4096], file[sizeof folder + 16];
	struct vs_tenants *tenants;
	int n = run_dir ? snprintf(folder, sizeof folder, "%s", run_dir) : snprintf(folder, sizeof folder, "%s/run", data);
	snprintf(file, sizeof file, "%s/tenants.shm", folder);
	if (n < 0 || (size_t)n >= sizeof folder || !vs_file_exists(file) || vs_tenants_open(folder, &tenants, NULL))
		return;
	(void)vs_tenants_flush(tenants, store, NULL);
	vs_tenants_close(tenants);
}

int vs_command_usage(struct vs_args *args)
{
	const char *name = vs_args_text(args, VS_FLAG_ONLY_NAMESPACE);
	struct vs_usage_row from = { .day = 0 };
	int32_t to_day = INT32_MAX;
	struct vs_store *store = NULL;
	struct vs_error error;
	int rc = read_day(args, VS_FLAG_FROM, "--from", &from.day, &error);
	if (!rc)
		rc = read_day(args, VS_FLAG_TO, "--to", &to_day, &error);
	snprintf(from.name, sizeof from.name, "%s", name ? name : "");
	if (!rc)
		rc = vs_store_open(vs_args_text(args, VS_FLAG_DATA), 0, &store, &error);
	if (!rc) {
		bring_in(args, store);
		print_head();
		rc = vs_store_usage(store, &from, to_day, print_row, NULL, &error);
	}
	if (rc)
		fprintf(stderr, "vecstore: %s\n", error.text);
	vs_store_close(store);
	return rc ? 1 : 0;
}
