/* SPDX-License-Identifier: Apache-2.0 */
/*
 * embed: vecstore inside a program, without a server.
 *
 *   cc -o embed embed.c $(pkg-config --cflags --libs vecstore) && ./embed /tmp/embed-data
 */
#include <stdio.h>
#include <string.h>

#include <vecstore.h>

static const struct {
	const char *id;
	float vector[3]; /* sweet, sour, crisp */
	const char *metadata;
} fruits[] = {
    {"apple", {0.6f, 0.4f, 0.9f}, "{\"colour\":\"red\",\"grams\":180}"},
    {"pear", {0.8f, 0.2f, 0.5f}, "{\"colour\":\"green\",\"grams\":170}"},
    {"lemon", {0.1f, 1.0f, 0.1f}, "{\"colour\":\"yellow\",\"grams\":60}"},
    {"lime", {0.1f, 0.9f, 0.1f}, "{\"colour\":\"green\",\"grams\":65}"},
    {"banana", {0.9f, 0.1f, 0.0f}, "{\"colour\":\"yellow\",\"grams\":120}"},
};

#define FRUITS (sizeof(fruits) / sizeof(fruits[0]))

static int fill(struct vs_namespace *ns, struct vs_error *error)
{
	struct vs_record_input records[FRUITS];
	for (size_t i = 0; i < FRUITS; i++) {
		records[i] = (struct vs_record_input){
		    .id = fruits[i].id,
		    .id_len = strlen(fruits[i].id),
		    .vector = fruits[i].vector,
		    .dimension = 3,
		    .metadata = fruits[i].metadata,
		    .metadata_len = strlen(fruits[i].metadata),
		};
	}
	struct vs_upsert_result result;
	return vs_namespace_upsert(ns, records, FRUITS, NULL, &result, error);
}

static int ask(struct vs_namespace *ns, const char *id, const char *filter, struct vs_error *error)
{
	struct vs_query query = VS_QUERY;
	query.id = id;
	query.id_len = strlen(id);
	query.filter = filter;
	query.limit = 2;
	struct vs_results results;
	int rc = vs_namespace_search(ns, &query, &results, error);
	if (rc)
		return rc;
	printf("nearest to %s%s%s:", id, filter ? " where " : "", filter ? filter : "");
	for (size_t i = 0; i < results.count; i++)
		printf(" %s %.3f", results.items[i].record.id, (double)results.items[i].score);
	printf("\n");
	return 0;
}

static int run(const char *folder, struct vs_error *error)
{
	struct vs_store *store;
	int rc = vs_store_open(folder, VS_CREATE, &store, error);
	if (rc)
		return rc;
	struct vs_namespace_options options = VS_NAMESPACE_OPTIONS;
	options.flags = VS_CREATE;
	struct vs_namespace *ns = NULL;
	rc = vs_namespace_open(store, "fruits", &options, &ns, error);
	if (!rc)
		rc = fill(ns, error);
	if (!rc)
		rc = ask(ns, "lemon", NULL, error);
	if (!rc)
		rc = ask(ns, "apple", "colour = 'yellow' AND grams > 100", error);
	vs_namespace_close(ns);
	vs_store_close(store);
	return rc;
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: embed FOLDER\n");
		return 2;
	}
	struct vs_error error = {0};
	if (run(argv[1], &error)) {
		fprintf(stderr, "embed: %s\n", error.text);
		return 1;
	}
	return 0;
}
