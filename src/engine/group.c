/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The best records per value of a metadata field. Candidates come in rounds: the first asks as any query does, and each
 * record met opens a group or joins one. Later rounds ask only records that were not met and whose value has no group yet,
 * until there are enough groups or nothing is left; a round that brings no group asks for the more. Then groups that are not
 * full are asked for alone. So a rare value costs a search and not a pass over all records, and at the end nothing that
 * exists is missing (I6).
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/group_value.h"
#include "engine/search_impl.h"

#define ROUND_LEAST 100   /* records of the first round */
#define ROUND_MOST 10000  /* and of any */
#define ROUND_PER_PLACE 4 /* in the first, per result wanted */

struct member {
	struct vs_hit hit;
	struct vs_record record;
};

struct group {
	struct vs_filter_value value;
	struct member *members; /* room for group_size */
	uint32_t count;
};

struct gathering {
	struct search *search;
	const struct vs_grouping *grouping;
	struct vs_filter *field;
	struct vs_matches matches; /* of the filters made here, so that users' own stay kept */
	const struct vs_bitmap *all; /* that the query accepts */
	struct vs_bitmap left;       /* of these, not met yet */
	struct vs_bitmap accept;     /* what a round may find */
	struct group *groups;
	uint32_t count;
	bool complete; /* all was met */
	struct vs_error *error;
};

static int no_memory(struct gathering *g)
{
	return vs_error_set(g->error, VS_ENOMEM, "no memory for groups");
}

/* ---- a round -------------------------------------------------------------------------------------------- */

/* Asks for the nearest `most` in accept: *count of them stand in top. */
static int ask(struct gathering *g, const struct vs_bitmap *accept, uint32_t most, uint32_t *count)
{
	struct search *search = g->search;
	uint64_t want = (uint64_t)most + search->left_out_count;
	int rc;

	search->accept = accept;
	search->accepted = vs_bitmap_count(accept, 0, accept->len);
	search->want = (uint32_t)(want < search->accepted ? want : search->accepted);
	vs_topk_release(&search->top);
	rc = vs_search_ask(search, g->error);
	if (rc == 0)
		rc = vs_search_settle(&g->search, 1, g->error);
	if (rc == 0) {
		*count = vs_search_eligible(search);
		vs_search_expect(search, search->top.hits, *count < ROUND_LEAST ? *count : ROUND_LEAST);
	}
	return rc;
}

static struct group *find_group(struct gathering *g, const struct vs_filter_value *value)
{
	for (uint32_t i = 0; i < g->count; i++)
		if (vs_filter_value_order(&g->groups[i].value, value) == 0)
			return &g->groups[i];
	return NULL;
}

static struct group *open_group(struct gathering *g, const struct vs_filter_value *value)
{
	struct vs_arena *arena = &g->search->ns->arena;
	struct group *group = &g->groups[g->count];

	group->value = *value;
	group->members = vs_arena_calloc(arena, g->grouping->group_size, sizeof(*group->members));
	if (value->kind == VS_FILTER_STRING)
		group->value.text.data = vs_arena_dup(arena, value->text.data, value->text.len);
	if (group->members == NULL || (value->kind == VS_FILTER_STRING && group->value.text.data == NULL))
		return NULL;
	g->count++;
	return group;
}

/* A record that was met, in order of distance. */
static int meet(struct gathering *g, const struct vs_hit *hit)
{
	struct vs_filter_value value;
	struct vs_record record;
	struct group *group;
	int rc = vs_search_record(g->search, hit->slot, &record, g->error);

	if (rc == 0)
		rc = vs_group_value_find(g->field, &record, &g->search->ns->arena, &value, g->error);
	if (rc <= 0)
		return rc;
	group = find_group(g, &value);
	if (group == NULL && g->count < g->grouping->groups && (group = open_group(g, &value)) == NULL)
		return no_memory(g);
	if (group != NULL && group->count < g->grouping->group_size)
		group->members[group->count++] = (struct member){ *hit, record };
	return 0;
}

static bool is_full(const struct gathering *g)
{
	for (uint32_t i = 0; i < g->count; i++)
		if (g->groups[i].count < g->grouping->group_size)
			return false;
	return g->count == g->grouping->groups;
}

/* Meets the nearest `most` in accept; *met: how many there were. */
static int run_round(struct gathering *g, const struct vs_bitmap *accept, uint32_t most, uint32_t *met)
{
	uint32_t count = 0;
	int rc = ask(g, accept, most, &count);

	for (uint32_t i = 0; rc == 0 && i < count && !is_full(g); i++) {
		vs_bitmap_clear(&g->left, g->search->top.hits[i].slot);
		rc = meet(g, &g->search->top.hits[i]);
	}
	*met = count;
	return rc;
}

/* ---- filters -------------------------------------------------------------------------------------------- */

/* accept = bits AND what a filter accepts. */
static int narrow(struct gathering *g, const struct vs_bitmap *bits, const char *filter, struct vs_error *error)
{
	struct search *search = g->search;
	const struct vs_bitmap *matching;
	int rc = vs_matches_find(&g->matches, search->ns->generation.meta, &search->state, filter, &matching, error);

	if (rc == 0 && vs_bitmap_and(&g->accept, bits, matching) < 0)
		rc = no_memory(g);
	return rc;
}

/* accept: what was not met and has another value than the groups. Only a short cut: without it more rounds are needed. */
static int leave_out_groups(struct gathering *g)
{
	struct vs_buf filter = VS_BUF_INIT;
	struct vs_error why;
	int rc;

	vs_buf_printf(&filter, "%s IS NOT NULL", g->grouping->field);
	for (uint32_t i = 0; i < g->count; i++) {
		vs_buf_puts(&filter, i > 0 ? "," : " AND NOT ");
		if (i == 0)
			vs_buf_printf(&filter, "%s IN (", g->grouping->field);
		vs_group_value_put(&filter, &g->groups[i].value);
	}
	vs_buf_puts(&filter, g->count > 0 ? ")" : "");
	rc = filter.failed ? no_memory(g) : narrow(g, &g->left, filter.data, &why);
	if (rc == VS_EINVAL) /* too long */
		rc = vs_bitmap_and(&g->accept, &g->left, &g->left) < 0 ? no_memory(g) : 0;
	else if (rc < 0 && g->error != NULL && !filter.failed)
		*g->error = why;
	vs_buf_release(&filter);
	return rc;
}

/* ---- all of them ---------------------------------------------------------------------------------------- */

static uint32_t first_round(const struct vs_grouping *grouping)
{
	uint32_t most = ROUND_PER_PLACE * grouping->groups * grouping->group_size;

	return most < ROUND_LEAST ? ROUND_LEAST : most < ROUND_MOST ? most : ROUND_MOST;
}

static int find_groups(struct gathering *g)
{
	uint32_t most = first_round(g->grouping);
	uint32_t met = 0;
	int rc = run_round(g, g->all, most, &met);

	g->complete = met < most;
	for (bool last = g->complete; rc == 0 && !last && g->count < g->grouping->groups;) {
		uint32_t before = g->count;
		rc = leave_out_groups(g);
		if (rc == 0)
			rc = run_round(g, &g->accept, most, &met);
		last = met < most;
		if (g->count == before)
			most = ROUND_MOST; /* arrays, objects: they make no group */
	}
	return rc;
}

/* A group that may have more: the nearest of its value. */
static int fill_group(struct gathering *g, struct group *group)
{
	struct vs_buf filter = VS_BUF_INIT;
	uint32_t count = 0;
	int rc;

	vs_buf_printf(&filter, "%s = ", g->grouping->field);
	vs_group_value_put(&filter, &group->value);
	rc = filter.failed ? no_memory(g) : narrow(g, g->all, filter.data, g->error);
	vs_buf_release(&filter);
	if (rc == 0)
		rc = ask(g, &g->accept, g->grouping->group_size, &count);
	if (rc < 0 || count <= group->count)
		return rc;
	group->count = 0;
	for (uint32_t i = 0; rc == 0 && i < count; i++)
		rc = meet(g, &g->search->top.hits[i]);
	return rc;
}

static int by_best(const void *a, const void *b)
{
	const struct vs_hit *x = &((const struct group *)a)->members[0].hit, *y = &((const struct group *)b)->members[0].hit;

	if (x->distance != y->distance)
		return x->distance < y->distance ? -1 : 1;
	return (x->slot > y->slot) - (x->slot < y->slot);
}

/* ---- the answer ----------------------------------------------------------------------------------------- */

static int put_group(struct gathering *g, const struct group *group, bool with_metadata, struct vs_group *out)
{
	struct vs_arena *arena = &g->search->ns->arena;
	struct vs_result *items = vs_arena_calloc(arena, group->count, sizeof(*items));
	struct vs_buf value = VS_BUF_INIT;

	vs_group_value_put(&value, &group->value);
	out->value = value.failed ? NULL : vs_arena_dup(arena, value.data, value.len);
	out->value_len = value.len;
	vs_buf_release(&value);
	if (items == NULL || out->value == NULL)
		return no_memory(g);
	for (uint32_t i = 0; i < group->count; i++) {
		items[i].record = group->members[i].record;
		items[i].score = vs_space_score(g->search->view.space, group->members[i].hit.distance);
		if (!with_metadata) {
			items[i].record.metadata = "";
			items[i].record.metadata_len = 0;
		}
	}
	out->items = items;
	out->count = group->count;
	return 0;
}

static int put_groups(struct gathering *g, bool with_metadata, struct vs_groups *groups)
{
	struct vs_group *items = vs_arena_calloc(&g->search->ns->arena, g->count, sizeof(*items));
	int rc = 0;

	if (items == NULL)
		return no_memory(g);
	qsort(g->groups, g->count, sizeof(*g->groups), by_best);
	for (uint32_t i = 0; rc == 0 && i < g->count; i++)
		rc = put_group(g, &g->groups[i], with_metadata, &items[i]);
	groups->items = items;
	groups->count = g->count;
	return rc;
}

/* Inside the read transaction. */
static int run(struct gathering *g, bool with_metadata, struct vs_groups *groups)
{
	struct search *search = g->search;
	int rc = vs_search_prepare(search, g->error);

	if (rc == 0)
		rc = vs_search_accept(search, g->error);
	if (rc < 0)
		return rc;
	g->all = search->accept;
	g->matches.columns = search->ns->generation.columns;
	g->groups = vs_arena_calloc(&search->ns->arena, g->grouping->groups, sizeof(*g->groups));
	if (g->groups == NULL || vs_bitmap_and(&g->left, g->all, g->all) < 0)
		return no_memory(g);
	rc = find_groups(g);
	for (uint32_t i = 0; rc == 0 && !g->complete && i < g->count; i++)
		if (g->groups[i].count < g->grouping->group_size)
			rc = fill_group(g, &g->groups[i]);
	return rc < 0 ? rc : put_groups(g, with_metadata, groups);
}

static int check(const struct vs_query *query, const struct vs_grouping *grouping, struct vs_error *error)
{
	if (query->offset > 0)
		return vs_error_at(error, VS_EINVAL, "offset", -1, "groups have no offset");
	if (query->diversity != 0.0f)
		return vs_error_at(error, VS_EINVAL, "diversity", -1, "is not for groups, which differ by their values");
	if (grouping->groups < 1 || grouping->groups > VS_GROUPS_MAX)
		return vs_error_at(error, VS_EINVAL, "groups", -1, "%u is not between 1 and %d", grouping->groups, VS_GROUPS_MAX);
	if (grouping->group_size < 1 || grouping->group_size > VS_GROUP_SIZE_MAX)
		return vs_error_at(error, VS_EINVAL, "group_size", -1, "%u is not between 1 and %d", grouping->group_size,
		                   VS_GROUP_SIZE_MAX);
	if (grouping->groups * grouping->group_size > ROUND_MOST)
		return vs_error_at(error, VS_EINVAL, "group_size", -1, "times groups is more than %d", ROUND_MOST);
	return vs_search_check(query, error);
}

int vs_namespace_search_groups(struct vs_namespace *ns, const struct vs_query *query, const struct vs_grouping *grouping,
                               struct vs_groups *groups, struct vs_error *error)
{
	struct vs_query asked = *query; /* with metadata: the field is in them */
	struct search search = { .ns = ns, .query = &asked, .stats = &groups->stats, .start_ns = vs_clock_mono_ns() };
	struct gathering g = { .search = &search, .grouping = grouping, .error = error };
	int rc;

	asked.with_metadata = true;
	memset(groups, 0, sizeof(*groups));
	rc = check(query, grouping, error);
	if (rc == 0)
		rc = vs_filter_field_parse(grouping->field, "group_by", &g.field, error);
	if (rc == 0)
		rc = vs_namespace_begin(ns, &search.state, error);
	if (rc == 0) {
		groups->mark = vs_namespace_mark_of(ns, &search.state);
		rc = run(&g, query->with_metadata, groups);
		vs_namespace_end(ns);
	}
	vs_topk_release(&search.top);
	vs_bitmap_release(&g.left);
	vs_bitmap_release(&g.accept);
	vs_matches_release(&g.matches);
	vs_filter_release(g.field);
	groups->stats.duration_ns = vs_clock_mono_ns() - search.start_ns;
	return rc;
}
