/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions on versions, and merge patches, through the public interface. */
#include "engine_fixture.h"

static const float right[3] = { 1, 0, 0 }, up[3] = { 0, 0.1f, 0 };

static int put_if(struct fixture *fixture, const char *id, int64_t if_version, int64_t *version, struct vs_error *error)
{
	struct vs_record_input record = {
		.id = id, .id_len = strlen(id), .vector = right, .dimension = 3, .if_version = if_version
	};
	struct vs_upsert_result result;
	int rc = vs_namespace_upsert(fixture->ns, &record, 1, NULL, &result, error);

	*version = result.version;
	return rc;
}

static uint32_t slots(struct fixture *fixture)
{
	struct vs_namespace_stats stats;
	struct vs_error error;

	assert_ok(vs_namespace_stats(fixture->ns, &stats, &error), error);
	return stats.slots;
}

static void an_upsert_heeds_its_condition(void **state)
{
	struct fixture *fixture = *state;
	struct vs_error error;
	int64_t version;

	assert_int_equal(put_if(fixture, "a", 1, &version, &error), VS_EVERSION);
	assert_string_equal(error.field, "if_version");
	assert_int_equal(put_if(fixture, "a", VS_IF_PRESENT, &version, &error), VS_EVERSION);
	assert_int_equal(put_if(fixture, "a", -3, &version, &error), VS_EINVAL);
	assert_ok(put_if(fixture, "a", VS_IF_MISSING, &version, &error), error);
	assert_int_equal(version, 1);
	assert_int_equal(put_if(fixture, "a", VS_IF_MISSING, &version, &error), VS_EVERSION);
	assert_ok(put_if(fixture, "a", 1, &version, &error), error);
	assert_int_equal(put_if(fixture, "a", 1, &version, &error), VS_EVERSION);
	assert_ok(put_if(fixture, "a", VS_IF_PRESENT, &version, &error), error);
	assert_int_equal(version, 3);
	drop(fixture, VS_SOFT_DELETE, "a"); /* hidden, yet there */
	assert_int_equal(put_if(fixture, "a", VS_IF_MISSING, &version, &error), VS_EVERSION);
	assert_ok(put_if(fixture, "a", 3, &version, &error), error);
	assert_int_equal(slots(fixture), 4); /* what was refused used none */
	assert_int_equal(check(fixture).problems, 0);
}

static void a_refused_condition_settles_no_dimension(void **state)
{
	struct fixture *fixture = *state;
	struct vs_record_input records[2] = {
		{ .id = "a", .id_len = 1, .vector = right, .dimension = 3, .if_version = 7 },
		{ .id = "b", .id_len = 1, .vector = right, .dimension = 2 },
	};
	struct vs_upsert_options options = { false, NULL, NULL };
	struct vs_upsert_result result;
	struct vs_namespace_stats stats;
	struct vs_error error;

	assert_int_equal(vs_namespace_upsert(fixture->ns, records, 1, NULL, &result, &error), VS_EVERSION);
	assert_int_equal(vs_namespace_upsert(fixture->ns, records, 2, NULL, &result, &error), VS_EVERSION);
	assert_string_equal(error.field, "records[0].if_version");
	assert_ok(vs_namespace_stats(fixture->ns, &stats, &error), error);
	assert_int_equal(stats.dimension, 0);
	assert_ok(vs_namespace_upsert(fixture->ns, records, 2, &options, &result, &error), error);
	assert_int_equal(result.inserted, 1);
	assert_int_equal(result.failed, 1);
	assert_ok(vs_namespace_stats(fixture->ns, &stats, &error), error);
	assert_int_equal(stats.dimension, 2);
	assert_int_equal(check(fixture).problems, 0);
}

/* Each record of a batch finds what those before it have made. */
static void conditions_of_a_batch_are_in_order(void **state)
{
	struct fixture *fixture = *state;
	struct vs_record_input records[3] = {
		{ .id = "a", .id_len = 1, .vector = right, .dimension = 3, .if_version = VS_IF_MISSING },
		{ .id = "a", .id_len = 1, .vector = up, .dimension = 3, .if_version = 1 },
		{ .id = "a", .id_len = 1, .vector = right, .dimension = 3, .if_version = 1 },
	};
	struct vs_upsert_result result;
	struct vs_record record;
	struct vs_error error;

	assert_int_equal(vs_namespace_upsert(fixture->ns, records, 3, NULL, &result, &error), VS_EVERSION);
	assert_string_equal(error.field, "records[2].if_version");
	assert_int_equal(slots(fixture), 0);
	assert_ok(vs_namespace_upsert(fixture->ns, records, 2, NULL, &result, &error), error);
	assert_ok(vs_record_get(fixture->ns, "a", 1, true, &record, &error), error);
	assert_int_equal(record.version, 2);
	assert_memory_equal(record.vector, up, sizeof(up));
}

static void removals_heed_their_condition(void **state)
{
	struct fixture *fixture = *state;
	const struct vs_id ids[] = { { "a", 1 }, { "b", 1 } };
	struct vs_removed removed;
	struct vs_error error;

	assert_int_equal(vs_namespace_remove_if(fixture->ns, VS_DELETE, ids, 1, 1, &removed, &error), VS_EVERSION);
	assert_ok(put(fixture, "a", right, 3, NULL, &error), error);
	assert_int_equal(vs_namespace_remove_if(fixture->ns, VS_SOFT_DELETE, ids, 1, 2, &removed, &error), VS_EVERSION);
	assert_int_equal(vs_namespace_remove_if(fixture->ns, VS_SOFT_DELETE, ids, 2, 1, &removed, &error), VS_EVERSION);
	assert_ok(vs_namespace_remove_if(fixture->ns, VS_SOFT_DELETE, ids, 1, 1, &removed, &error), error);
	assert_int_equal(removed.done, 1);
	assert_ok(vs_namespace_remove_if(fixture->ns, VS_SOFT_DELETE, ids, 2, 0, &removed, &error), error);
	assert_int_equal(removed.found, 1);
	assert_int_equal(removed.done, 0);
	assert_ok(vs_namespace_remove_if(fixture->ns, VS_RESTORE, ids, 1, VS_IF_PRESENT, &removed, &error), error);
	assert_ok(vs_namespace_remove_if(fixture->ns, VS_DELETE, ids, 1, 1, &removed, &error), error);
	assert_int_equal(removed.done, 1);
	assert_ok(vs_namespace_remove_if(fixture->ns, VS_DELETE, ids, 1, 0, &removed, &error), error);
	assert_int_equal(removed.found, 0);
	assert_int_equal(removed.done, 0);
}

static int patch(struct fixture *fixture, const char *id, const char *metadata, int64_t if_version,
                 struct vs_record *record, struct vs_error *error)
{
	struct vs_patch patch = { .id = id,
		                      .id_len = strlen(id),
		                      .metadata = metadata,
		                      .metadata_len = metadata != NULL ? strlen(metadata) : 0,
		                      .if_version = if_version,
		                      .with_vector = true };

	return vs_record_patch(fixture->ns, &patch, record, error);
}

static void a_patch_changes_metadata_alone(void **state)
{
	struct fixture *fixture = *state;
	struct vs_record record;
	struct vs_error error;
	int64_t created;

	assert_int_equal(patch(fixture, "a", "{}", 0, &record, &error), VS_ENOTFOUND);
	assert_ok(put(fixture, "a", up, 3, "{\"n\":1,\"o\":{\"x\":[1, 2],\"y\":2}}", &error), error);
	assert_ok(vs_record_get(fixture->ns, "a", 1, false, &record, &error), error);
	created = record.created_at;
	assert_ok(patch(fixture, "a", "{\"n\":null,\"o\":{\"y\":{\"z\":3}},\"new\":\"w\"}", 1, &record, &error), error);
	assert_int_equal(record.version, 2);
	assert_string_equal(record.metadata, "{\"o\":{\"x\":[1, 2],\"y\":{\"z\":3}},\"new\":\"w\"}");
	assert_memory_equal(record.vector, up, sizeof(up));
	assert_int_equal(record.created_at, created);
	assert_int_equal(slots(fixture), 2); /* I2: a new slot */
	assert_int_equal(patch(fixture, "a", "{}", 1, &record, &error), VS_EVERSION);
	assert_int_equal(patch(fixture, "a", "[]", 0, &record, &error), VS_EINVAL);
	assert_string_equal(error.field, "metadata");
	assert_int_equal(patch(fixture, "a", NULL, 0, &record, &error), VS_EINVAL);
	assert_int_equal(patch(fixture, "", "{}", 0, &record, &error), VS_EINVAL);
	assert_ok(vs_record_get(fixture->ns, "a", 1, true, &record, &error), error);
	assert_int_equal(record.version, 2);
	assert_memory_equal(record.vector, up, sizeof(up));
	drop(fixture, VS_SOFT_DELETE, "a");
	assert_int_equal(patch(fixture, "a", "{}", 0, &record, &error), VS_ENOTFOUND);
	assert_int_equal(check(fixture).problems, 0);
}

static void filters_follow_a_patch(void **state)
{
	struct fixture *fixture = *state;
	struct vs_query query = VS_QUERY;
	struct vs_results results;
	struct vs_record record;
	struct vs_error error;

	put_many(fixture, 0, 3000, 3);
	index_all(fixture);
	query.vector = right;
	query.dimension = 3;
	query.filter = "n = 7 OR extra = true";
	assert_ok(vs_namespace_search(fixture->ns, &query, &results, &error), error);
	assert_int_equal(results.count, 1);
	assert_ok(patch(fixture, "r7", "{\"n\":8}", 0, &record, &error), error);
	assert_ok(vs_namespace_search(fixture->ns, &query, &results, &error), error);
	assert_int_equal(results.count, 0);
	assert_ok(patch(fixture, "r9", "{\"extra\":true}", 0, &record, &error), error);
	assert_ok(vs_namespace_search(fixture->ns, &query, &results, &error), error);
	assert_int_equal(results.count, 1);
	assert_string_equal(results.items[0].record.id, "r9");
	index_all(fixture);
	assert_ok(vs_namespace_search(fixture->ns, &query, &results, &error), error);
	assert_int_equal(results.count, 1);
	assert_int_equal(check(fixture).problems, 0);
}

static void a_patch_may_not_grow_metadata_beyond_bounds(void **state)
{
	struct fixture *fixture = *state;
	char *half = malloc(VS_RECORD_METADATA_MAX);
	struct vs_record record;
	struct vs_error error;

	snprintf(half, VS_RECORD_METADATA_MAX, "{\"a\":\"%0600000d\"}", 0);
	assert_ok(put(fixture, "a", up, 3, half, &error), error);
	half[2] = 'b';
	assert_int_equal(patch(fixture, "a", half, 0, &record, &error), VS_ETOOBIG);
	assert_string_equal(error.field, "metadata");
	half[2] = 'a';
	assert_ok(patch(fixture, "a", half, 0, &record, &error), error);
	free(half);
}

static struct vs_op op(enum vs_op_kind kind, const char *id, const char *metadata, int64_t if_version)
{
	return (struct vs_op){ kind,
		                   { .id = id,
		                     .id_len = strlen(id),
		                     .vector = right,
		                     .dimension = 3,
		                     .metadata = metadata,
		                     .metadata_len = metadata != NULL ? strlen(metadata) : 0,
		                     .if_version = if_version } };
}

static size_t refused[8], refused_count;
static int refused_codes[8];

static void note_refused(void *context, size_t index, const struct vs_error *error)
{
	(void)context;
	refused_codes[refused_count] = error->code;
	refused[refused_count++] = index;
}

static void operations_are_done_in_order(void **state)
{
	struct fixture *fixture = *state;
	const struct vs_op ops[] = {
		op(VS_OP_UPSERT, "a", "{\"n\":1}", VS_IF_MISSING),
		op(VS_OP_UPDATE_METADATA, "a", "{\"m\":2}", 1), /* whose vector is in this transaction */
		op(VS_OP_UPSERT, "b", NULL, 0),
		op(VS_OP_NONE, "", NULL, 0),
		op(VS_OP_SOFT_DELETE, "b", NULL, 0),
		op(VS_OP_RESTORE, "b", NULL, 1),
		op(VS_OP_UPSERT, "c", NULL, 0),
		op(VS_OP_DELETE, "c", NULL, 1),
		op(VS_OP_DELETE, "none", NULL, 0),
		op(VS_OP_UPSERT, "c", "{\"n\":3}", VS_IF_MISSING),
	};
	struct vs_execute_result result;
	struct vs_record record;
	struct vs_error error;

	assert_ok(vs_namespace_execute(fixture->ns, ops, 10, NULL, &result, &error), error);
	assert_int_equal(result.succeeded, 9);
	assert_int_equal(result.failed, 0);
	assert_int_equal(result.inserted, 4);
	assert_int_equal(result.patched, 1);
	assert_int_equal(result.deleted, 1);
	assert_int_equal(result.hidden, 1);
	assert_int_equal(result.restored, 1);
	assert_ok(vs_record_get(fixture->ns, "a", 1, true, &record, &error), error);
	assert_string_equal(record.metadata, "{\"n\":1,\"m\":2}");
	assert_int_equal(record.version, 2);
	assert_memory_equal(record.vector, right, sizeof(right));
	assert_ok(vs_record_get(fixture->ns, "c", 1, false, &record, &error), error);
	assert_int_equal(record.version, 2); /* there was one before, in the same call */
	assert_int_equal(check(fixture).problems, 0);
}

static void operations_are_all_or_nothing_unless_told(void **state)
{
	struct fixture *fixture = *state;
	const struct vs_op ops[] = {
		op(VS_OP_UPSERT, "a", "{}", 0),
		op(VS_OP_UPDATE_METADATA, "none", "{}", 0),
		op(VS_OP_UPSERT, "a", "{}", 7),
		op(VS_OP_UPDATE_METADATA, "a", "{", 0),
		op((enum vs_op_kind)9, "a", NULL, 0),
		op(VS_OP_DELETE, "", NULL, 0),
		op(VS_OP_SOFT_DELETE, "a", NULL, 1),
	};
	struct vs_upsert_options options = { false, note_refused, NULL };
	struct vs_execute_result result;
	struct vs_namespace_stats stats;
	struct vs_error error;

	assert_int_equal(vs_namespace_execute(fixture->ns, ops, 7, NULL, &result, &error), VS_EINVAL);
	assert_string_equal(error.field, "operations[3].metadata");
	assert_int_equal(vs_namespace_execute(fixture->ns, ops, 2, NULL, &result, &error), VS_ENOTFOUND);
	assert_string_equal(error.field, "operations[1].id");
	assert_int_equal(result.succeeded, 0);
	assert_int_equal(slots(fixture), 0);
	refused_count = 0;
	assert_ok(vs_namespace_execute(fixture->ns, ops, 7, &options, &result, &error), error);
	assert_int_equal(result.succeeded, 2);
	assert_int_equal(result.failed, 5);
	assert_int_equal(refused_count, 5); /* each once, though there was a dry run */
	static const size_t indexes[] = { 3, 4, 5, 1, 2 }; /* those of the checks first */
	static const int codes[] = { VS_EINVAL, VS_EINVAL, VS_EINVAL, VS_ENOTFOUND, VS_EVERSION };
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(refused[i], indexes[i]);
		assert_int_equal(refused_codes[i], codes[i]);
	}
	assert_ok(vs_namespace_stats(fixture->ns, &stats, &error), error);
	assert_int_equal(stats.deleted, 1);
	assert_int_equal(stats.slots, 1);
	refused_count = 0;
	assert_ok(vs_namespace_execute(fixture->ns, ops + 4, 2, &options, &result, &error), error);
	assert_int_equal(result.failed, 2);
	assert_int_equal(check(fixture).problems, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_upsert_heeds_its_condition, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_refused_condition_settles_no_dimension, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(conditions_of_a_batch_are_in_order, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(removals_heed_their_condition, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_patch_changes_metadata_alone, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(filters_follow_a_patch, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(operations_are_done_in_order, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(operations_are_all_or_nothing_unless_told, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_patch_may_not_grow_metadata_beyond_bounds, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
