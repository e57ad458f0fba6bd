/* SPDX-License-Identifier: Apache-2.0 */
/*
 * R8 of doc/reliability.md: what the library and the service answer, with each allocation failing in turn: the right answer
 * or out_of_memory, no leak, and the right answer to the same question afterwards, by the same handle.
 *
 *   answers [QUESTION]       VECSTORE_FAULT_SOAK=1: each allocation, also where thousands are alike
 *                            VECSTORE_FAULT_FIRST=1: end at the first finding
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#else
#define __lsan_do_recoverable_leak_check() 0
#endif

#include "allocation.h"
#include "service/service.h"
#include "work.h"

#define DIM 4
#define TEXT_MAX 65536

/* What a question gave: static, so that the test itself allocates nothing. */
struct answer {
	int rc; /* 0, a VS_E… code, or an HTTP status */
	size_t len;
	char text[TEXT_MAX];
};

struct asked {
	struct work work;
	struct vs_service *service;
	struct vs_arena arena;
	struct vs_response response;
};

struct question {
	const char *name;
	bool cold; /* opening counts, too */
	void (*ask)(struct asked *asked, const struct question *of, struct answer *answer);
	const char *method; /* of a request to the service */
	const char *target;
	const char *body;
	struct vs_query query;
};

__attribute__((format(printf, 2, 3)))
static void tell(struct answer *answer, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	answer->len += (size_t)vsnprintf(answer->text + answer->len, TEXT_MAX - answer->len, format, arguments);
	va_end(arguments);
	if (answer->len >= TEXT_MAX)
		exit(2);
}

/* ---- the library ---------------------------------------------------------------------------------------- */

static void failed(struct answer *answer, int rc, const struct vs_error *error)
{
	answer->rc = rc;
	answer->len = 0;
	tell(answer, "%s: %s", vs_error_word(error->code), error->text);
	if (error->code != rc || error->text[0] == '\0')
		answer->rc = VS_EINTERNAL;
}

static void ask_search(struct asked *asked, const struct question *of, struct answer *answer)
{
	static const float vector[DIM] = { 0.3f, -0.1f, 0.7f, 0.2f };
	struct vs_query query = of->query;
	struct vs_results results;
	struct vs_error error;
	int rc;

	if (query.id == NULL) {
		query.vector = vector;
		query.dimension = DIM;
	}
	rc = vs_namespace_search(asked->work.ns, &query, &results, &error);
	if (rc != 0) {
		failed(answer, rc, &error);
		return;
	}
	for (size_t i = 0; i < results.count; i++)
		tell(answer, "%s %.9g %s\n", results.items[i].record.id, (double)results.items[i].score,
		     results.items[i].record.metadata);
}

/* Whose scores are of the texts within a scope. */
static void ask_words(struct asked *asked, const struct question *of, struct answer *answer)
{
	struct vs_text_query text = VS_TEXT_QUERY;
	const struct vs_hybrid_part *parts;
	struct vs_results results;
	struct vs_error error;
	int rc = vs_namespace_set_scope(asked->work.ns, "n < 2110", &error);

	text.words = "every3 word21*";
	text.words_len = strlen(text.words);
	if (rc == 0)
		rc = vs_namespace_search_hybrid(asked->work.ns, &of->query, &text, &results, &parts, &error);
	if (rc != 0) {
		failed(answer, rc, &error);
		return;
	}
	for (size_t i = 0; i < results.count; i++)
		tell(answer, "%s %.9g\n", results.items[i].record.id, (double)results.items[i].score);
}

static void hear_record(void *context, const struct vs_record *record)
{
	tell(context, "%s %d %s\n", record->id, (int)record->version, record->metadata);
}

static void ask_page(struct asked *asked, const struct question *of, struct answer *answer)
{
	struct vs_page_options page = { .filter = of->query.filter, .limit = 50, .with_vector = true, .with_deleted = true };
	struct vs_error error;
	bool more;
	int rc = vs_record_page(asked->work.ns, &page, hear_record, answer, &more, &error);

	if (rc != 0)
		failed(answer, rc, &error);
}

static void ask_record(struct asked *asked, const struct question *of, struct answer *answer)
{
	struct vs_record record;
	struct vs_error error;
	int rc = vs_record_get(asked->work.ns, of->query.id, of->query.id_len, true, &record, &error);

	if (rc != 0)
		failed(answer, rc, &error);
	else
		hear_record(answer, &record);
}

static void ask_stats(struct asked *asked, const struct question *of, struct answer *answer)
{
	struct vs_namespace_stats stats;
	struct vs_error error;
	int rc = vs_namespace_stats(asked->work.ns, &stats, &error);

	(void)of;
	if (rc != 0)
		failed(answer, rc, &error);
	else
		tell(answer, "%u %u", (unsigned)stats.active, stats.slots); /* without a graph all slots are the tail */
}

static void hear_finding(void *context, const char *finding)
{
	tell(context, "%s\n", finding);
}

static void ask_check(struct asked *asked, const struct question *of, struct answer *answer)
{
	struct vs_check_result result;
	struct vs_error error;
	int rc = vs_namespace_check(asked->work.ns, hear_finding, answer, &result, &error);

	(void)of;
	if (rc != 0)
		failed(answer, rc, &error);
	else
		tell(answer, "%d %d", (int)result.problems, (int)result.repairs);
}

static void ask_filter(struct asked *asked, const struct question *of, struct answer *answer)
{
	struct vs_error error;
	int rc = vs_filter_check(of->query.filter, &error);

	(void)asked;
	if (rc == VS_EINVAL)
		tell(answer, "%d %s", (int)error.position, error.text);
	else if (rc != 0)
		failed(answer, rc, &error);
	else
		tell(answer, "a filter");
}

/* ---- the service ---------------------------------------------------------------------------------------- */

/* All that may differ from one time to the next is left out: times, durations, the number of the request. */
static void ask_service(struct asked *asked, const struct question *of, struct answer *answer)
{
	struct vs_request request = { .method = of->method, .target = of->target, .content_type = "application/json",
		                          .remote_addr = "127.0.0.1", .body = of->body,
		                          .body_len = of->body != NULL ? strlen(of->body) : 0, .arena = &asked->arena };
	const char *text;

	vs_service_handle(asked->service, &request, &asked->response);
	vs_arena_reset(&asked->arena);
	text = asked->response.body.data != NULL ? asked->response.body.data : "";
	answer->rc = asked->response.status == 503 ? VS_ENOMEM : 0;
	if (asked->response.status == 503 && asked->response.error.code != VS_ENOMEM)
		answer->rc = VS_EINTERNAL;
	tell(answer, "%d ", asked->response.status);
	while (*text != '\0') {
		static const char *const vary[] = { "_ms\":", "\"cache_hit\":", "\"request_id\":", "_at\":\"", "\"version\":",
			                                "\"timestamp\":", "\"cache_stats\":", "storage_bytes\":",
			                                /* what phases of a query took */
			                                "\"filter\":", "\"graph\":", "\"scan\":", "\"select\":", "\"hydrate\":" };
		size_t part = strcspn(text, ",}\n");
		bool varies = false;
		for (size_t i = 0; i < sizeof(vary) / sizeof(vary[0]); i++) {
			const char *found = strstr(text, vary[i]);
			varies = varies || (found != NULL && found < text + part);
		}
		if (!varies)
			tell(answer, "%.*s", (int)part, text);
		text += part + (text[part] != '\0');
	}
}

#define QUERY(...) { .limit = 10, .with_metadata = true, __VA_ARGS__ }
#define FILTERED "n >= 100 AND (n < 900 OR text STARTSWITH '00') AND NOT salt IN [7, 8] AND @version = 1 AND n BETWEEN 1 AND 5000"

static const struct question questions[] = {
	{ "exact", false, ask_search, NULL, NULL, NULL, QUERY(.exact = true) },
	{ "walk", false, ask_search, NULL, NULL, NULL, QUERY(.ef = 50) },
	{ "cold-walk", true, ask_search, NULL, NULL, NULL, QUERY(.ef = 50) },
	{ "like-record", false, ask_search, NULL, NULL, NULL, QUERY(.id = "r0042", .id_len = 5) },
	{ "filtered", false, ask_search, NULL, NULL, NULL, QUERY(.filter = FILTERED) },
	{ "filtered-rows", false, ask_search, NULL, NULL, NULL, QUERY(.filter = "@id > 'r1990' AND nothing IS NULL") },
	{ "words-within", true, ask_words, NULL, NULL, NULL, QUERY(.filter = NULL) },
	{ "page", false, ask_page, NULL, NULL, NULL, QUERY(.filter = NULL) },
	{ "page-filtered", false, ask_page, NULL, NULL, NULL, QUERY(.filter = FILTERED) },
	{ "record", false, ask_record, NULL, NULL, NULL, QUERY(.id = "r0042", .id_len = 5) },
	{ "stats", true, ask_stats, NULL, NULL, NULL, QUERY(.filter = NULL) },
	{ "check", false, ask_check, NULL, NULL, NULL, QUERY(.filter = NULL) },
	{ "filter", false, ask_filter, NULL, NULL, NULL, QUERY(.filter = FILTERED " OR `odd name`.x.0 CONTAINS \"\\u00e9\" OR a != 'b'") },
	{ "bad-filter", false, ask_filter, NULL, NULL, NULL, QUERY(.filter = "a = 'x' AND (b IN [1, 'y'] OR c >)") },
	{ "rest-query", false, ask_service, "POST", "/v1/query",
	  "{\"vector\":[0.1,2,-3e-1,0.5],\"limit\":5,\"filter\":\"n > 10\",\"include_vector\":true}", { 0 } },
	{ "rest-first", true, ask_service, "POST", "/v1/query", "{\"vector\":[0.1,2,-3e-1,0.5],\"limit\":5}", { 0 } },
	{ "rest-upsert", false, ask_service, "POST", "/v1/upsert",
	  "{\"id\":\"r0001\",\"vector\":[1,2.5,3,4],\"metadata\":{\"a\":[1,2.50,\"x\\u00e9\\n\",null,true,{\"b\":{}}],\"long\":"
	  "\"0123456789012345678901234567890123456789012345678901234567890123456789\"},\"text\":\"some words\"}", { 0 } },
	{ "rest-batch", false, ask_service, "POST", "/v1/batch-upsert",
	  "{\"atomic\":false,\"records\":[{\"id\":\"r0001\",\"vector\":[1,2.5,3,4]},{\"id\":\"\",\"vector\":[1,2,3,4]},"
	  "{\"id\":\"r0002\",\"vector\":\"AACAPwAAAMAAAIA/AACAPw==\",\"metadata\":{\"n\":1}}]}", { 0 } },
	{ "rest-hybrid", false, ask_service, "POST", "/v1/hybrid-query",
	  "{\"vector\":[0.1,2,-3e-1,0.5],\"limit\":5,\"text_query\":\"every3 +text -word13 \\\"salt200 every7\\\" wor*\","
	  "\"highlight\":true,\"include_text\":true}", { 0 } },
	{ "rest-words", true, ask_service, "POST", "/v1/hybrid-query", "{\"limit\":5,\"text_query\":\"every3\"}", { 0 } },
	{ "rest-record", false, ask_service, "GET", "/v1/records/r0042?include_vector=true", NULL, { 0 } },
	{ "rest-page", false, ask_service, "GET", "/v1/records?limit=5&filter=n%20%3E%2010", NULL, { 0 } },
	{ "rest-delete", false, ask_service, "POST", "/v1/delete", "{\"ids\":[\"nobody\",\"no one\"]}", { 0 } },
	{ "rest-bad", false, ask_service, "POST", "/v1/query", "{\"vector\":[1,\"x\"],\"limit\":5}", { 0 } },
	{ "rest-worse", false, ask_service, "POST", "/v1/query", "{\"vector\":[1,{\"x\":[1,2", { 0 } },
	{ "rest-queries", false, ask_service, "POST", "/v1/batch-query",
	  "{\"queries\":[{\"vector\":[0.1,2,-3e-1,0.5],\"limit\":5},{\"id\":\"r0042\",\"limit\":3,\"filter\":\"n > 10\"},"
	  "{\"vector\":[0.5,2,1,0.5],\"diversity\":0.5,\"fields\":[\"n\"]},{\"vector\":[1]}]}", { 0 } },
	{ "rest-groups", false, ask_service, "POST", "/v1/query",
	  "{\"vector\":[0.1,2,-3e-1,0.5],\"group_by\":\"salt\",\"groups\":3,\"group_size\":2,\"filter\":\"n > 10\"}", { 0 } },
	{ "rest-text-groups", false, ask_service, "POST", "/v1/query",
	  "{\"id\":\"r0042\",\"group_by\":\"text\",\"groups\":40,\"group_size\":1}", { 0 } },
	{ "rest-near", false, ask_service, "POST", "/v1/query",
	  "{\"vector\":[0.1,2,-3e-1,0.5],\"max_distance\":0.9,\"filter\":{\"and\":[{\"field\":\"n\",\"op\":\"gt\",\"value\":3}]}}",
	  { 0 } },
	{ "rest-explain", false, ask_service, "POST", "/v1/query-explain",
	  "{\"vector\":[0.1,2,-3e-1,0.5],\"limit\":5,\"filter\":\"n < 100\",\"compare_exact\":true}", { 0 } },
	{ "rest-estimate", false, ask_service, "POST", "/v1/query-estimate",
	  "{\"vector\":[0.1,2,-3e-1,0.5],\"limit\":5,\"filter\":\"n < 100 AND salt = 0\",\"ef\":5}", { 0 } },
	{ "rest-recommend", false, ask_service, "POST", "/v1/recommend",
	  "{\"positive\":[\"r0001\",[0.1,2,-3e-1,0.5]],\"negative\":[\"r0009\"],\"limit\":8}", { 0 } },
	{ "rest-count", false, ask_service, "POST", "/v1/count", "{\"filter\":\"n < 100 OR @id = 'r0200'\"}", { 0 } },
	{ "rest-facet", false, ask_service, "POST", "/v1/facet", "{\"field\":\"text\",\"limit\":7,\"filter\":\"n > 10\"}", { 0 } },
	{ "rest-changes", false, ask_service, "GET", "/v1/changes?since=2100&limit=3&include_metadata=true&include_vector=true", NULL,
	  { 0 } },
	{ "rest-jobs", false, ask_service, "GET", "/v1/jobs?limit=3", NULL, { 0 } },
	{ "rest-namespace", false, ask_service, "POST", "/admin/namespaces",
	  "{\"name\":\"beside\",\"dimension\":3,\"description\":\"d\",\"metadata\":{\"a\":1},\"quotas\":{\"max_vectors\":9}}", { 0 } },
	{ "rest-namespaces", true, ask_service, "GET", "/admin/namespaces?limit=3", NULL, { 0 } },
	{ "rest-describe", false, ask_service, "PATCH", "/admin/namespaces/default",
	  "{\"description\":\"d\",\"metadata\":{\"a\":[1,2]}}", { 0 } },
	{ "rest-quotas", false, ask_service, "PUT", "/admin/namespaces/default/quotas", "{\"max_vectors\":5000}", { 0 } },
	{ "rest-usage", false, ask_service, "GET", "/admin/usage", NULL, { 0 } },
	{ "rest-stats", false, ask_service, "GET", "/v1/stats", NULL, { 0 } },
	{ "rest-metrics", false, ask_service, "GET", "/nothing/here", NULL, { 0 } },
};
#define QUESTIONS (sizeof(questions) / sizeof(questions[0]))

/* ---- one question, each allocation ---------------------------------------------------------------------- */

struct run {
	const char *folder;
	const char *template;
	bool first_only;
	bool soak;
	unsigned long runs;
	unsigned long findings;
};

static struct answer right;
static struct answer given;
static struct asked asked;

static int open_asked(const struct question *of, const char *data, struct vs_error *error)
{
	struct vs_service_options options = { .data = data, .fresh = VS_NAMESPACE_OPTIONS };

	if (of->method != NULL)
		return vs_service_open(&options, &asked.service, error);
	return work_open(&asked.work, data, "default", DIM, error);
}

static void close_asked(void)
{
	work_close(&asked.work);
	vs_service_close(asked.service);
	vs_arena_release(&asked.arena);
	vs_buf_release(&asked.response.body);
	memset(&asked, 0, sizeof(asked));
}

static void ask(const struct question *of, struct answer *answer)
{
	memset(answer, 0, offsetof(struct answer, text) + 1);
	of->ask(&asked, of, answer);
}

/* After rest-upsert: the record holds all of its metadata, whether it was stored now or before. */
static bool stored_whole(const struct question *of)
{
	static const char stored[] =
	    "{\"a\":[1,2.50,\"x\u00e9\\n\",null,true,{\"b\":{}}],\"long\":\"01234567890123456789012345678901234567890123456789"
	    "01234567890123456789\"}";
	static const struct question record = { .method = "GET", .target = "/v1/records/r0001" };

	if (strcmp(of->name, "rest-upsert") != 0 || given.rc != 0)
		return true;
	ask_service(&asked, &record, &given);
	return strstr(asked.response.body.data, stored) != NULL;
}

/* Opens and asks with the failure, and asks again without: true when both is as it must be. *calls: allocations until the
 * first answer. */
static bool ask_at(const struct question *of, const char *data, unsigned long at, bool on, unsigned long *calls)
{
	struct vs_error error = { .code = 0 };
	long blocks = allocation_blocks();
	bool good = true;
	int rc = 0;

	if (!of->cold)
		rc = open_asked(of, data, &error);
	if (rc == 0 && of->method != NULL && !of->cold)
		ask(&questions[QUESTIONS - 2], &given); /* the service opens its files by the first request */
	allocation_fail(at, on);
	if (of->cold)
		rc = open_asked(of, data, &error);
	if (rc == 0)
		ask(of, &given);
	*calls = allocation_calls();
	allocation_fail(0, false);
	if (rc != 0)
		failed(&given, rc, &error);
	good = given.rc == VS_ENOMEM || (given.rc == right.rc && strcmp(given.text, right.text) == 0);
	good = good && stored_whole(of);
	if (good && (rc == 0 || open_asked(of, data, &error) == 0)) {
		ask(of, &given);
		good = given.rc == right.rc && strcmp(given.text, right.text) == 0;
	}
	close_asked();
	if (good && (allocation_blocks() != blocks || __lsan_do_recoverable_leak_check() != 0)) {
		given.len = 0;
		tell(&given, "%ld blocks were not freed", allocation_blocks() - blocks);
		good = false;
	}
	return good;
}

static void ask_all(struct run *run, const struct question *of, const char *data)
{
	unsigned long calls = 0;

	work_remove(data);
	work_copy(run->template, data);
	memset(&right, 0, sizeof(right));
	/* What SQLite and the C library keep for good is there after a few times, and is no leak of the others. */
	for (int times = 0; times < 3; times++) {
		(void)ask_at(of, data, 0, false, &calls);
		right = given;
	}
	if (!ask_at(of, data, 0, false, &calls) || right.rc != 0 || right.len == 0) {
		printf("answers: %s: without a failure: %d %.200s\n", of->name, given.rc, given.text);
		run->findings++;
		return;
	}
	/* Until there is no such allocation any more. */
	for (unsigned long at = 1, before = 0; calls >= before && !(run->first_only && run->findings > 0);
	     before = at, at = allocation_next(at, run->soak)) {
		for (int on = run->soak || at % 4 == 0; on >= 0; on--) {
			run->runs++;
			if (ask_at(of, data, at, on, &calls))
				continue;
			printf("answers: %s, allocation %lu%s: %d %.300s\n", of->name, at, on ? "+" : "", given.rc, given.text);
			run->findings++;
		}
	}
}

struct lane {
	char folder[64];
	char template[80];
	const char *only;
	bool first_only;
	bool soak;
};

static unsigned long run_lane(unsigned number, unsigned lanes, void *context)
{
	const struct lane *lane = context;
	struct run run = { .template = lane->template, .first_only = lane->first_only, .soak = lane->soak };
	char data[96];

	snprintf(data, sizeof(data), "%s/%u", lane->folder, number);
	for (size_t i = number; i < QUESTIONS; i += lanes)
		if (lane->only == NULL || strcmp(lane->only, questions[i].name) == 0)
			ask_all(&run, &questions[i], data);
	work_remove(data);
	printf("answers: lane %u: %lu runs, %lu findings\n", number, run.runs, run.findings);
	return run.findings;
}

static int make_template(void *context)
{
	static const struct work_op before[] = { { WORK_UPSERT, 0, 2100, 0 }, { WORK_DELETE, 100, 20, 0 },
		                                     { WORK_SOFT_DELETE, 200, 20, 0 }, { WORK_INDEX, 0, 0, 0 },
		                                     { WORK_UPSERT, 2100, 20, WORK_TEXT } };
	struct vs_error error = { .code = 0 };
	struct work work;
	int rc = work_open(&work, context, "default", DIM, &error);

	for (size_t i = 0; rc == 0 && i < sizeof(before) / sizeof(before[0]); i++)
		rc = work_perform(&work, &before[i], &error);
	if (rc != 0)
		fprintf(stderr, "answers: %s\n", error.text);
	work_close(&work);
	return rc == 0 ? 0 : 2;
}

int main(int argc, char **argv)
{
	struct lane lane = { .only = argc > 1 ? argv[1] : NULL };
	unsigned long findings;
	time_t start = time(NULL);

	lane.first_only = work_setting("VECSTORE_FAULT_FIRST", 0) != 0;
	lane.soak = work_setting("VECSTORE_FAULT_SOAK", 0) != 0;
	work_folder(lane.folder);
	snprintf(lane.template, sizeof(lane.template), "%s/template", lane.folder);
	if (work_child(make_template, lane.template) != 0)
		exit(2);
	findings = work_lanes(run_lane, &lane);
	work_remove(lane.folder);
	printf("answers: %lu findings in %ld s\n", findings, (long)(time(NULL) - start));
	return findings > 0;
}
