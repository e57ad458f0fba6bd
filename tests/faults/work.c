/* SPDX-License-Identifier: Apache-2.0 */
#include "work.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "store/meta.h"

#define AFTER (WORK_RECORDS - 1) /* the record that is written to see whether writing works */

static float noise(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (float)(int32_t)(*seed >> 32) / 2147483648.0f;
}

static void vector_of(unsigned number, unsigned salt, unsigned dim, float *vector)
{
	uint64_t seed = (uint64_t)number * 7919 + (uint64_t)salt * 104729 + 1;

	(void)noise(&seed);
	for (unsigned i = 0; i < dim; i++)
		vector[i] = noise(&seed);
}

static void id_of(unsigned number, char id[16])
{
	snprintf(id, 16, "r%04u", number);
}

static void metadata_of(unsigned number, unsigned salt, unsigned patch, char text[128])
{
	snprintf(text, 128, "{\"n\":%u,\"salt\":%u,\"text\":\"%0*u\"}", number, patch != 0 ? patch : salt,
	         (int)(20 + number % 40), salt);
}

/* Of salts from WORK_TEXT on; NULL: none. */
static const char *text_of(unsigned number, unsigned salt, char text[64])
{
	snprintf(text, 64, "word%u salt%u every%u text", number, salt, number % 10);
	return salt >= WORK_TEXT ? text : NULL;
}

static void patch_of(unsigned salt, char text[128])
{
	snprintf(text, 128, "{\"salt\":%u}", salt);
}

static void apply_upsert(struct work_model *model, unsigned i, unsigned salt)
{
	if (model->records[i].version == 0) {
		model->records[i].version = model->past;
		model->records[i].slack = model->past_most - model->past;
	}
	model->records[i].salt = salt;
	model->records[i].patch = 0;
	model->records[i].version++;
	model->records[i].deleted = false;
}

static void apply_patch(struct work_model *model, unsigned i, unsigned salt)
{
	model->records[i].patch = salt;
	model->records[i].version++;
}

/* expired: it is as good as gone, but not swept yet. */
static void apply_delete(struct work_model *model, unsigned i, bool expired)
{
	unsigned version = model->records[i].version;

	if (version > model->past && !expired)
		model->past = version;
	if (version > 0 && version + model->records[i].slack > model->past_most)
		model->past_most = version + model->records[i].slack;
	model->records[i].version = 0;
}

static void apply_executed(struct work_model *model, unsigned i, unsigned salt)
{
	if (i % 4 == 1)
		apply_delete(model, i, false);
	else if (i % 4 == 2)
		model->records[i].deleted = model->records[i].version > 0;
	else
		apply_upsert(model, i, salt);
	if (i % 4 == 3)
		apply_patch(model, i, salt + 1);
}

void work_apply(struct work_model *model, const struct work_op *op)
{
	for (unsigned i = op->from; i < op->from + op->count; i++) {
		switch (op->kind) {
		case WORK_UPSERT:
		case WORK_FILL:
			apply_upsert(model, i, op->salt);
			break;
		case WORK_PATCH:
			apply_patch(model, i, op->salt);
			break;
		case WORK_EXECUTE:
			apply_executed(model, i, op->salt);
			break;
		case WORK_DELETE:
			apply_delete(model, i, false);
			break;
		case WORK_EXPIRE:
			apply_upsert(model, i, op->salt);
			apply_delete(model, i, true);
			break;
		case WORK_DELETE_WHERE: /* live ones only */
			if (!model->records[i].deleted)
				apply_delete(model, i, false);
			break;
		case WORK_SCOPED:
			if (i < op->from + op->count / 2)
				apply_delete(model, i, false);
			break;
		case WORK_SOFT_DELETE:
			model->records[i].deleted = model->records[i].version > 0;
			break;
		case WORK_RESTORE:
			model->records[i].deleted = false;
			break;
		case WORK_SNAPSHOT:
			model->kept[i] = model->records[i];
			break;
		case WORK_GO_BACK:
			model->records[i] = model->kept[i];
			model->restored = true;
			model->past = model->past_most = 0;
			break;
		default:
			break;
		}
	}
}

static bool version_fits(const struct work_model *model, unsigned i, int64_t version)
{
	unsigned least = model->records[i].version;
	unsigned counted = (unsigned)(version % VS_META_AGE);

	return counted >= least && counted <= least + model->records[i].slack && (version > VS_META_AGE) == model->restored;
}

int work_open(struct work *work, const char *data, const char *name, unsigned dim, struct vs_error *error)
{
	struct vs_namespace_options options = { VS_CREATE, VS_COSINE, 0, VS_QUANTIZATION_INT8, VS_TOKENIZER_UNICODE61 };
	int rc;

	memset(work, 0, sizeof(*work));
	snprintf(work->data, sizeof(work->data), "%s", data);
	work->name = name;
	work->dim = dim;
	rc = vs_store_open(data, VS_CREATE, &work->store, error);
	if (rc == 0)
		rc = vs_namespace_open(work->store, name, &options, &work->ns, error);
	if (rc != 0)
		work_close(work);
	return rc;
}

void work_close(struct work *work)
{
	vs_namespace_close(work->ns);
	vs_store_close(work->store);
	work->ns = NULL;
	work->store = NULL;
}

static int upsert(struct work *work, const struct work_op *op, struct vs_error *error)
{
	/* Static, so that only the allocations of others can fail. */
	static struct vs_record_input inputs[WORK_RECORDS];
	static float vectors[WORK_RECORDS][WORK_DIM_MAX];
	static char ids[WORK_RECORDS][16];
	static char metadata[WORK_RECORDS][128];
	static char texts[WORK_RECORDS][64];
	struct vs_upsert_result result;

	for (unsigned i = 0; i < op->count; i++) {
		float *vector = vectors[i];
		vector_of(op->from + i, op->salt, work->dim, vector);
		id_of(op->from + i, ids[i]);
		metadata_of(op->from + i, op->salt, 0, metadata[i]);
		inputs[i] = (struct vs_record_input){ .id = ids[i],
			                                  .id_len = strlen(ids[i]),
			                                  .vector = vector,
			                                  .dimension = work->dim,
			                                  .metadata = metadata[i],
			                                  .metadata_len = strlen(metadata[i]),
			                                  .text = text_of(op->from + i, op->salt, texts[i]),
			                                  .expires_at = op->kind == WORK_EXPIRE ? 1 + op->salt : 0 };
		inputs[i].text_len = inputs[i].text != NULL ? strlen(texts[i]) : 0;
	}
	return vs_namespace_upsert(work->ns, inputs, op->count, NULL, &result, error);
}

static int take_away(struct work *work, const struct work_op *op, enum vs_removal kind, struct vs_error *error)
{
	static struct vs_id which[WORK_RECORDS];
	static char ids[WORK_RECORDS][16];
	size_t done;

	for (unsigned i = 0; i < op->count; i++) {
		id_of(op->from + i, ids[i]);
		which[i] = (struct vs_id){ ids[i], strlen(ids[i]) };
	}
	return vs_namespace_remove(work->ns, kind, which, op->count, &done, error);
}

static int take_scoped(struct work *work, const struct work_op *op, struct vs_error *error)
{
	char scope[64];
	int rc;

	snprintf(scope, sizeof(scope), "n < %u", op->from + op->count / 2);
	rc = vs_namespace_set_scope(work->ns, scope, error);
	if (rc == 0)
		rc = take_away(work, op, VS_DELETE, error);
	vs_namespace_set_scope(work->ns, NULL, NULL);
	return rc;
}

static struct vs_op patch_op(const char *id, const char *patch)
{
	return (struct vs_op){ VS_OP_UPDATE_METADATA,
		                   { .id = id, .id_len = strlen(id), .metadata = patch, .metadata_len = strlen(patch) } };
}

/* A record by itself, several at once. */
static int patch(struct work *work, const struct work_op *op, struct vs_error *error)
{
	static struct vs_op ops[WORK_RECORDS];
	static char ids[WORK_RECORDS][16];
	struct vs_execute_result result;
	char text[128];

	patch_of(op->salt, text);
	for (unsigned i = 0; i < op->count; i++) {
		id_of(op->from + i, ids[i]);
		ops[i] = patch_op(ids[i], text);
	}
	if (op->count == 1) {
		struct vs_patch one = { .id = ids[0], .id_len = strlen(ids[0]), .metadata = text, .metadata_len = strlen(text) };
		return vs_record_patch(work->ns, &one, NULL, error);
	}
	return vs_namespace_execute(work->ns, ops, op->count, NULL, &result, error);
}

static int execute(struct work *work, const struct work_op *op, struct vs_error *error)
{
	static const enum vs_op_kind kinds[] = { VS_OP_UPSERT, VS_OP_DELETE, VS_OP_SOFT_DELETE, VS_OP_UPSERT };
	static struct vs_op ops[2 * WORK_RECORDS];
	static float vectors[WORK_RECORDS][WORK_DIM_MAX];
	static char ids[WORK_RECORDS][16];
	static char metadata[WORK_RECORDS][128];
	struct vs_execute_result result;
	char text[128];
	size_t count = 0;

	patch_of(op->salt + 1, text);
	for (unsigned i = 0; i < op->count; i++) {
		unsigned number = op->from + i;
		vector_of(number, op->salt, work->dim, vectors[i]);
		id_of(number, ids[i]);
		metadata_of(number, op->salt, 0, metadata[i]);
		ops[count++] = (struct vs_op){ kinds[number % 4],
			                           { .id = ids[i],
			                             .id_len = strlen(ids[i]),
			                             .vector = vectors[i],
			                             .dimension = work->dim,
			                             .metadata = metadata[i],
			                             .metadata_len = strlen(metadata[i]) } };
		if (number % 4 == 3)
			ops[count++] = patch_op(ids[i], text);
	}
	return vs_namespace_execute(work->ns, ops, count, NULL, &result, error);
}

static int index_all(struct work *work, bool here, struct vs_error *error)
{
	static const struct vs_index_options options = { 1, NULL, NULL, 0 };
	struct vs_namespace *ns = work->ns;
	bool worked = true;
	int rc = here ? 0 : vs_namespace_open(work->store, work->name, NULL, &ns, error);

	if (rc != 0)
		return rc;
	while (rc == 0 && worked)
		rc = vs_namespace_index(ns, &options, &worked, error);
	if (!here)
		vs_namespace_close(ns);
	return rc == 0 ? vs_store_index(work->store, NULL, error) : rc;
}

/* A few bytes of each derived file. Not by the seam: this is no step of what is tested. */
static int spoil(struct work *work)
{
	static const struct {
		const char *name;
		long at;
	} files[] = { { "live.bits", 70 },        { "graph.hnsw", 4096 + 128 * 7 + 4 }, { "graph.up", 4096 + 20 },
		          { "codes.i8", 4096 + 64 }, { "columns/manifest", 70 } };
	char path[256];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		FILE *file;
		snprintf(path, sizeof(path), "%.200s/%s", vs_namespace_folder(work->ns), files[i].name);
		file = fopen(path, "r+b");
		if (file == NULL)
			continue;
		if (fseek(file, files[i].at, SEEK_SET) != 0 || fwrite("\xff\xff\xff\xff", 4, 1, file) != 1 || fclose(file) != 0)
			return -1;
	}
	return 0;
}

static int repair(struct work *work, struct vs_error *error)
{
	struct vs_repair_options options = VS_REPAIR_OPTIONS;
	struct vs_store_check_options store_options = { true, NULL, NULL };
	struct vs_check_result result;
	int rc = vs_store_check(work->store, &store_options, &result, error);

	options.threads = 1;
	if (rc == 0)
		rc = vs_namespace_repair(work->ns, &options, &result, error);
	if (rc == 0 && (result.problems > 0 || result.repairs > 0))
		rc = vs_error_set(error, VS_EINTERNAL, "a repair leaves %d problems and %d repairs", (int)result.problems,
		                  (int)result.repairs);
	return rc;
}

/* Those that were cut off, too. */
static int work_off(struct work *work, struct vs_error *error)
{
	static const struct vs_job_options one_thread = { 1, NULL, NULL, NULL };
	static struct vs_job job;
	struct vs_job_worker *worker;
	int64_t id;
	int rc = vs_job_create(work->store, "compact", work->name, NULL, NULL, &job, error);

	if (rc != 0)
		return rc;
	id = job.id;
	rc = vs_job_worker_open(work->store, &worker, error);
	if (rc != 0)
		return rc;
	while ((rc = vs_job_run(work->store, &one_thread, &job, error)) == 1 && job.id != id)
		;
	vs_job_worker_close(worker);
	if (rc == 1 && job.state == VS_JOB_FAILED)
		return vs_error_set(error, job.code, "%s", job.error);
	if (rc == 0)
		return vs_error_set(error, VS_EINTERNAL, "job %d was not done", (int)id);
	return rc < 0 ? rc : 0;
}

int work_perform(struct work *work, const struct work_op *op, struct vs_error *error)
{
	static const struct vs_compact_options one_thread = { 1, NULL, NULL };
	static const struct vs_work_options alone = { 1, NULL, NULL };
	struct vs_snapshot snapshot;
	struct vs_compact_result compacted;
	char filter[64];
	size_t done;

	switch (op->kind) {
	case WORK_UPSERT:
	case WORK_EXPIRE:
		return upsert(work, op, error);
	case WORK_PATCH:
		return patch(work, op, error);
	case WORK_EXECUTE:
		return execute(work, op, error);
	case WORK_DELETE:
		return take_away(work, op, VS_DELETE, error);
	case WORK_SCOPED:
		return take_scoped(work, op, error);
	case WORK_SOFT_DELETE:
		return take_away(work, op, VS_SOFT_DELETE, error);
	case WORK_RESTORE:
		return take_away(work, op, VS_RESTORE, error);
	case WORK_DELETE_WHERE:
		snprintf(filter, sizeof(filter), "n >= %u AND n < %u", op->from, op->from + op->count);
		return vs_namespace_remove_where(work->ns, filter, &done, error);
	case WORK_INDEX:
	case WORK_INDEX_HERE:
		return index_all(work, op->kind == WORK_INDEX_HERE, error);
	case WORK_SPOIL:
		return spoil(work);
	case WORK_REPAIR:
		return repair(work, error);
	case WORK_KEYS:
	case WORK_BOUND:
	case WORK_FILL:
	case WORK_SIDE:
		return work_administer(work, op, error);
	case WORK_COMPACT:
		return vs_namespace_compact(work->ns, &one_thread, &compacted, error);
	case WORK_SNAPSHOT:
		return vs_snapshot_create(work->ns, "kept", &alone, &snapshot, error);
	case WORK_GO_BACK:
		return vs_snapshot_restore(work->ns, "kept", NULL, &alone, NULL, error);
	case WORK_CLONE:
		return vs_namespace_clone(work->ns, "made", &alone, NULL, error);
	case WORK_JOB:
		return work_off(work, error);
	default:
		return 0;
	}
}

/* ---- comparing ------------------------------------------------------------------------------------------ */

__attribute__((format(printf, 2, 3)))
static bool fail(char why[WORK_WHY], const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, WORK_WHY, format, arguments);
	va_end(arguments);
	return false;
}

struct seen {
	const struct work_model *model;
	unsigned dim;
	unsigned count;
	bool same;
	char *why;
};

static void see(void *context, const struct vs_record *record)
{
	struct seen *seen = context;
	unsigned number = (unsigned)strtoul(record->id + 1, NULL, 10);
	float vector[WORK_DIM_MAX];
	char metadata[128], text[64];

	if (!seen->same)
		return;
	seen->count++;
	if (record->id[0] != 'r' || number >= WORK_RECORDS || seen->model->records[number].version == 0) {
		seen->same = fail(seen->why, "%s is there and should not be", record->id);
		return;
	}
	vector_of(number, seen->model->records[number].salt, seen->dim, vector);
	metadata_of(number, seen->model->records[number].salt, seen->model->records[number].patch, metadata);
	if (!version_fits(seen->model, number, record->version))
		seen->same = fail(seen->why, "%s has version %lld, not %u%s", record->id, (long long)record->version,
		                  seen->model->records[number].version, seen->model->restored ? " of a later age" : "");
	else if ((record->deleted_at != 0) != seen->model->records[number].deleted)
		seen->same = fail(seen->why, "%s: deleted or not", record->id);
	else if (strcmp(record->metadata, metadata) != 0)
		seen->same = fail(seen->why, "%s has metadata %s, not %s", record->id, record->metadata, metadata);
	else if (record->text == NULL ? seen->model->records[number].salt >= WORK_TEXT
	                              : strcmp(record->text, text_of(number, seen->model->records[number].salt, text)) != 0)
		seen->same = fail(seen->why, "%s has text %s", record->id, record->text != NULL ? record->text : "NULL");
	else if (record->dimension != seen->dim || memcmp(record->vector, vector, seen->dim * sizeof(float)) != 0)
		seen->same = fail(seen->why, "%s has another vector", record->id);
}

int work_compare(struct work *work, const struct work_model *model, char why[WORK_WHY])
{
	struct vs_page_options page = { .limit = WORK_RECORDS, .with_vector = true, .with_deleted = true, .with_text = true };
	struct seen seen = { model, work->dim, 0, true, why };
	struct vs_error error;
	unsigned want = 0;
	bool more;
	int rc = vs_record_page(work->ns, &page, see, &seen, &more, &error);

	if (rc != 0) {
		fail(why, "the records cannot be read: %s", error.text);
		return rc;
	}
	for (unsigned i = 0; i < WORK_RECORDS; i++)
		want += model->records[i].version > 0;
	if (seen.same && seen.count != want)
		seen.same = fail(why, "%u records, not %u", seen.count, want);
	return seen.same;
}

/* ---- the change feed ---- */

struct followed {
	int64_t versions[WORK_RECORDS]; /* 0: not there */
	bool deleted[WORK_RECORDS];
	uint64_t seq;
	bool ordered;
};

static void follow_change(void *context, const struct vs_record_change *change)
{
	struct followed *followed = context;
	unsigned number = (unsigned)strtoul(change->record.id + 1, NULL, 10);

	followed->ordered = followed->ordered && change->seq > followed->seq && number < WORK_RECORDS;
	followed->seq = change->seq;
	if (!followed->ordered)
		return;
	followed->deleted[number] = strcmp(change->op, "soft_delete") == 0;
	followed->versions[number] = strcmp(change->op, "delete") == 0 ? 0 : change->record.version;
}

#define TRIMMED_FROM 1200 /* changes: fewer are all kept, in builds with faults */

/* Whether the feed, from its beginning, tells of just the records that the model has. Where it was trimmed there is nothing
 * to compare. */
static bool feed_tells(struct work *work, const struct work_model *model, char why[WORK_WHY])
{
	static struct followed followed;
	struct vs_changes_options options = { .since = 0, .limit = 37 };
	struct vs_changes_page page;
	uint64_t since;
	struct vs_error error;

	memset(&followed, 0, sizeof(followed));
	followed.ordered = true;
	do {
		since = options.since;
		int rc = vs_namespace_changes(work->ns, &options, follow_change, &followed, &page, &error);
		options.since = page.next_since;
		if (rc == VS_EGONE && since == 0 && (model->restored || page.last_seq >= TRIMMED_FROM))
			return true;
		if (rc != 0)
			return fail(why, "the change feed cannot be read: %s", error.text);
	} while (page.next_since != since);
	if (!followed.ordered || since != page.last_seq)
		return fail(why, "the change feed is not in order");
	for (unsigned i = 0; i < WORK_RECORDS; i++)
		if ((followed.versions[i] > 0) != (model->records[i].version > 0) ||
		    (followed.versions[i] > 0 && !version_fits(model, i, followed.versions[i])) ||
		    (followed.versions[i] > 0 && followed.deleted[i] != model->records[i].deleted))
			return fail(why, "the change feed says version %lld of r%u, not %u", (long long)followed.versions[i], i,
			            model->records[i].version);
	return true;
}

struct findings {
	char *why;
};

static void hear(void *context, const char *finding)
{
	struct findings *findings = context;

	if (findings->why[0] == '\0')
		fail(findings->why, "check: %s", finding);
}

static bool check_clean(struct work *work, bool derived, char why[WORK_WHY])
{
	struct findings findings = { why };
	struct vs_check_result result;
	struct vs_error error;
	int rc;

	why[0] = '\0';
	rc = vs_namespace_check(work->ns, hear, &findings, &result, &error);
	if (rc != 0)
		return fail(why, "it cannot be checked: %s", error.text);
	return result.problems == 0 && (!derived || result.repairs == 0);
}

/* The share of the ten nearest that the walk finds too, over 20 questions. */
static bool recall_good(struct work *work, unsigned ef, char why[WORK_WHY])
{
	unsigned found = 0;
	unsigned all = 0;

	for (unsigned i = 0; i < 20; i++) {
		struct vs_query query = VS_QUERY;
		struct vs_results results;
		struct vs_error error;
		float vector[WORK_DIM_MAX];
		char exact[10][16];
		size_t count;
		vector_of(i * 97 % WORK_RECORDS, 0, work->dim, vector);
		query.vector = vector;
		query.dimension = work->dim;
		query.exact = true;
		if (vs_namespace_search(work->ns, &query, &results, &error) != 0)
			return fail(why, "exact search: %s", error.text);
		count = results.count;
		for (size_t k = 0; k < count; k++)
			snprintf(exact[k], sizeof(exact[k]), "%s", results.items[k].record.id);
		query.exact = false;
		query.ef = ef;
		if (vs_namespace_search(work->ns, &query, &results, &error) != 0)
			return fail(why, "search: %s", error.text);
		if (results.count != count)
			return fail(why, "search gives %zu of %zu", results.count, count);
		for (size_t k = 0; k < count; k++)
			for (size_t j = 0; j < count; j++)
				found += strcmp(exact[k], results.items[j].record.id) == 0;
		all += (unsigned)count;
	}
	if (found * 10 < all * 9)
		return fail(why, "recall is %u of %u", found, all);
	return true;
}

/* Where records are few, all their codes are compared, unless the pool is as small as this. */
bool work_walks(struct work *work, char why[WORK_WHY])
{
	return recall_good(work, 15, why);
}

/* Exact search offers each live record once, and nothing else. */
bool work_answers(struct work *work, const struct work_model *model, char why[WORK_WHY])
{
	struct vs_query query = VS_QUERY;
	struct vs_results results;
	struct vs_error error;
	float vector[WORK_DIM_MAX];
	size_t live = 0;

	for (unsigned i = 0; i < WORK_RECORDS; i++)
		live += model->records[i].version > 0 && !model->records[i].deleted;
	vector_of(3, 0, work->dim, vector);
	query.vector = vector;
	query.dimension = work->dim;
	query.limit = WORK_RECORDS;
	query.exact = true;
	query.with_metadata = false;
	if (vs_namespace_search(work->ns, &query, &results, &error) != 0)
		return fail(why, "exact search: %s", error.text);
	if (results.count != live)
		return fail(why, "exact search gives %zu of %zu records", results.count, live);
	for (size_t k = 0; k < results.count; k++) {
		unsigned number = (unsigned)strtoul(results.items[k].record.id + 1, NULL, 10);
		if (number >= WORK_RECORDS || model->records[number].version == 0 || model->records[number].deleted)
			return fail(why, "exact search gives %s, which is gone", results.items[k].record.id);
	}
	return recall_good(work, 0, why);
}

static bool verify_open(struct work *work, const struct work_model *models, unsigned count, char why[WORK_WHY])
{
	static const struct work_op after = { WORK_UPSERT, AFTER, 1, 77 };
	struct work_op index = { WORK_INDEX, 0, 0, 0 };
	struct work_model *model = malloc(sizeof(*model));
	struct vs_error error;
	int same = 0;
	bool good;

	for (unsigned i = 0; same == 0 && i < count; i++) {
		same = work_compare(work, &models[i], why);
		*model = models[i];
	}
	good = same == 1 && work_trail_tells(work, why) && check_clean(work, false, why);
	if (good && work_perform(work, &after, &error) != 0)
		good = fail(why, "no write after it: %s", error.text);
	work_apply(model, &after);
	if (good && work_perform(work, &index, &error) != 0)
		good = fail(why, "no indexing after it: %s", error.text);
	good = good && work_compare(work, model, why) == 1 && feed_tells(work, model, why) && check_clean(work, true, why) &&
	       work_answers(work, model, why);
	free(model);
	return good;
}

bool work_verify(const char *data, const char *name, unsigned dim, const struct work_model *models, unsigned count,
                 char why[WORK_WHY])
{
	struct work work;
	struct vs_error error;
	bool good;

	why[0] = '\0';
	if (work_open(&work, data, name, dim, &error) != 0)
		return fail(why, "it cannot be opened: %s", error.text);
	good = verify_open(&work, models, count, why);
	work_close(&work);
	return good;
}
