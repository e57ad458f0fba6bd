/* SPDX-License-Identifier: Apache-2.0 */
#include "programs/fcgi/worker.h"

#include <malloc.h>
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

#define READ_STEP ((size_t)64 << 10) /* bytes asked for at once when the length is not known */
#define LARGE_BODY ((size_t)4 << 20)

static void guard_begin(void);

int vs_worker_open(struct vs_worker *worker, const struct vs_service_options *options, struct vs_error *error)
{
	memset(worker, 0, sizeof(*worker));
	guard_begin();
	worker->trusts_user = options->users != NULL;
	return vs_service_open(options, &worker->service, error);
}

void vs_worker_close(struct vs_worker *worker)
{
	vs_service_close(worker->service);
	vs_arena_release(&worker->arena);
	vs_buf_release(&worker->body);
	vs_buf_release(&worker->head);
	vs_buf_release(&worker->response.body);
}

/* ---- variables -------------------------------------------------------------------------------------------- */

/* The first of the name from `from` on, as NAME=VALUE; NULL: none. */
static char **find_variable(char **from, const char *name)
{
	size_t len = strlen(name);
	while (from && *from && (strncmp(*from, name, len) != 0 || (*from)[len] != '='))
		from++;
	return from && *from ? from : NULL;
}

static const char *get_variable(const struct vs_wire *wire, const char *name)
{
	char **found = find_variable(wire->variables, name);
	return found ? *found + strlen(name) + 1 : NULL;
}

/* Web servers join a header that comes twice. But lighttpd makes one variable of X-API-Key and of X_API_Key, and sends it twice: which
 * of them somebody before us has looked at, nobody knows. */
static int check_variables(const struct vs_wire *wire, struct vs_error *error)
{
	static const char *const names[][2] = {
		{ "HTTP_X_API_KEY", "X-API-Key" },     { "HTTP_AUTHORIZATION", "Authorization" },
		{ "HTTP_X_NAMESPACE", "X-Namespace" }, { "HTTP_HOST", "Host" },
		{ "HTTP_ORIGIN", "Origin" },           { "HTTP_IF_MATCH", "If-Match" },
		{ "REMOTE_USER", "REMOTE_USER" },      { "HTTP_IF_NONE_MATCH", "If-None-Match" },
	};
	if (wire->cut)
		return vs_error_set(error, VS_EINVAL, "the request's variables hold a NUL character, or more than 128 KiB");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char **found = find_variable(wire->variables, names[i][0]);
		if (found && find_variable(found + 1, names[i][0]))
			return vs_error_at(error, VS_EINVAL, names[i][1], -1, "is there twice, perhaps in another spelling");
	}
	return 0;
}

/* ---- the request ------------------------------------------------------------------------------------------ */

/* CONTENT_LENGTH: digits and nothing else. *known false when there is none. */
static int parse_length(const char *text, bool *known, size_t *len, struct vs_error *error)
{
	*len = 0;
	*known = text && *text;
	for (const char *p = text; *known && *p; p++) {
		if (*p < '0' || *p > '9')
			return vs_error_at(error, VS_EINVAL, "Content-Length", p - text, "is not a number");
		if (*len <= VS_BODY_MAX)
			*len = *len * 10 + (size_t)(*p - '0');
	}
	return 0;
}

static int too_big(struct vs_error *error)
{
	return vs_error_at(error, VS_ETOOBIG, "body", -1, "is larger than %u MiB", VS_BODY_MAX >> 20);
}

static int read_known(struct vs_worker *worker, const struct vs_wire *wire, size_t len, struct vs_error *error)
{
	char *to = vs_buf_reserve(&worker->body, len);
	if (!to)
		return vs_error_set(error, VS_ENOMEM, "no memory for a body of %zu bytes", len);
	size_t got = wire->read(wire->context, to, len);
	worker->body.len += got;
	if (got < len)
		return vs_error_at(error, VS_EINVAL, "body", (int64_t)got, "ends before its Content-Length of %zu bytes", len);
	return 0;
}

static int read_to_end(struct vs_worker *worker, const struct vs_wire *wire, struct vs_error *error)
{
	size_t got;
	do {
		char *to = vs_buf_reserve(&worker->body, READ_STEP);
		if (!to)
			return vs_error_set(error, VS_ENOMEM, "no memory for the body");
		got = wire->read(wire->context, to, READ_STEP);
		worker->body.len += got;
		if (worker->body.len > VS_BODY_MAX)
			return too_big(error);
	} while (got == READ_STEP);
	return 0;
}

static int read_body(struct vs_worker *worker, const struct vs_wire *wire, struct vs_error *error)
{
	bool known;
	size_t len;
	char more;
	int rc = parse_length(get_variable(wire, "CONTENT_LENGTH"), &known, &len, error);
	if (rc)
		return rc;
	if (len > VS_BODY_MAX)
		return too_big(error);
	if (!known)
		return wire->has_end ? read_to_end(worker, wire, error) : 0;
	if (len > 0 && (rc = read_known(worker, wire, len, error)))
		return rc;
	/* See the end, too: Apache's mod_proxy_fcgi calls it a failure when we are gone before it has sent that. */
	if (wire->has_end && wire->read(wire->context, &more, 1) > 0)
		return vs_error_at(error, VS_EINVAL, "body", (int64_t)len, "is longer than its Content-Length");
	return 0;
}

/* NULL when it is missing or empty, which web servers do not tell apart. */
static const char *get_header(const struct vs_wire *wire, const char *name)
{
	const char *value = get_variable(wire, name);
	return value && *value ? value : NULL;
}

static void fill_request(struct vs_worker *worker, const struct vs_wire *wire, struct vs_request *request)
{
	const char *method = get_variable(wire, "REQUEST_METHOD");
	const char *target = get_variable(wire, "REQUEST_URI");
	*request = (struct vs_request){
		.method = method ? method : "",
		.target = target ? target : "",
		.content_type = get_variable(wire, "CONTENT_TYPE"),
		.remote_addr = get_variable(wire, "REMOTE_ADDR"),
		.host = get_variable(wire, "HTTP_HOST"),
		.origin = get_variable(wire, "HTTP_ORIGIN"),
		.ns = get_header(wire, "HTTP_X_NAMESPACE"),
		.peer = get_variable(wire, "REMOTE_ADDR"),
		.api_key = get_header(wire, "HTTP_X_API_KEY"),
		.authorization = get_header(wire, "HTTP_AUTHORIZATION"),
		.remote_user = get_header(wire, "REMOTE_USER"),
		.accept = get_variable(wire, "HTTP_ACCEPT"),
		.if_match = get_header(wire, "HTTP_IF_MATCH"),
		.if_none_match = get_header(wire, "HTTP_IF_NONE_MATCH"),
		.arena = &worker->arena,
		.stopping = worker->stopping,
	};
	/* A proxy's address says nothing of who asked it. */
	if (get_variable(wire, "HTTP_X_FORWARDED_FOR") || get_variable(wire, "HTTP_FORWARDED"))
		request->remote_addr = NULL;
}

/* ---- the answer ------------------------------------------------------------------------------------------- */

static const char *reason(int status)
{
	static const struct {
		int status;
		const char *text;
	} known[] = {
		{ 200, "OK" },
		{ 202, "Accepted" },
		{ 304, "Not Modified" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 409, "Conflict" },
		{ 412, "Precondition Failed" },
		{ 413, "Content Too Large" },
		{ 415, "Unsupported Media Type" },
		{ 429, "Too Many Requests" },
		{ 500, "Internal Server Error" },
		{ 503, "Service Unavailable" },
		{ 507, "Insufficient Storage" },
	};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].status == status)
			return known[i].text;
	return "Unknown";
}

static void send(struct vs_worker *worker, const struct vs_wire *wire, bool with_body)
{
	const struct vs_response *response = &worker->response;
	struct vs_buf *head = &worker->head;
	vs_buf_reset(head);
	vs_buf_printf(head,
	              "Status: %d %s\r\nX-Request-Id: %s\r\nCache-Control: no-store\r\n"
	              "X-Content-Type-Options: nosniff\r\n",
	              response->status, reason(response->status), response->request_id);
	if (response->status != 304)
		vs_buf_printf(head, "Content-Type: %s\r\n", response->content_type);
	if (response->status != 304 && !response->stream)
		vs_buf_printf(head, "Content-Length: %zu\r\n", response->body.len);
	if (response->allow)
		vs_buf_printf(head, "Allow: %s\r\n", response->allow);
	if (response->etag[0])
		vs_buf_printf(head, "ETag: %s\r\n", response->etag);
	if (response->location[0])
		vs_buf_printf(head, "Location: %s\r\n", response->location);
	if (response->retry_after > 0)
		vs_buf_printf(head, "Retry-After: %d\r\n", response->retry_after);
	if (response->status == 401)
		vs_buf_puts(head, "WWW-Authenticate: Bearer\r\n");
	vs_buf_puts(head, "\r\n");
	bool taken = wire->write(wire->context, head->data, head->len);
	if (with_body && taken)
		taken = wire->write(wire->context, response->body.data, response->body.len);
	while (with_body && taken && vs_service_more(&worker->response))
		taken = wire->write(wire->context, response->body.data, response->body.len);
	vs_service_end(&worker->response);
}

static void finish(struct vs_worker *worker, const struct vs_wire *wire, const struct vs_request *request)
{
	/* Ids and what else a tenant may have put into the target are not for the log. Writers that are too fast would fill it;
	 * /metrics tells of them. */
	if (worker->response.status >= 500)
		vs_log(worker->response.error.code == VS_ETAIL ? VS_LOG_DEBUG : VS_LOG_ERROR, "request %s: %.16s %s: %d %s",
		       worker->response.request_id, request->method, worker->response.route, worker->response.status,
		       worker->response.error.text);
	if (worker->response.begun[0])
		vs_log(VS_LOG_INFO, "%s", worker->response.begun);
	if (worker->response.audit[0])
		vs_log(VS_LOG_INFO, "%s", worker->response.audit);
	send(worker, wire, strcmp(request->method, "HEAD") != 0);
	if (worker->response.status == 200 && worker->response.error.code)
		vs_log(VS_LOG_ERROR, "request %s: %.16s %s: the answer ended early: %s", worker->response.request_id,
		       request->method, worker->response.route, worker->response.error.text);
}

/* ---- a file that was cut short ---------------------------------------------------------------------------- */

/* The request that is being handled; worker NULL: none. */
static struct guard {
	struct vs_worker *worker;
	const struct vs_wire *wire;
	const struct vs_request *request;
	pthread_t thread;
} guard;

/* In a thread that helps with a scan (index/scan_batch): the request's own thread answers. It is in the scan as well, or
 * waits for its end; and this thread, which may hold nothing, waits for the process's. */
static void hand_over(int number)
{
	pthread_kill(guard.thread, number);
	for (;;)
		pause();
}

/*
 * Reading a map past the end of its file. The signal comes from that very instruction, of this thread: so neither the
 * memory allocator nor libfcgi was interrupted, and both can be used. To jump out of the engine instead and go on would
 * leave its handles half changed; this process ends. Nothing of an answer has been sent, since that is done from memory of
 * our own.
 */
static void on_bus_error(int number, siginfo_t *info, void *context)
{
	struct guard hit = guard;
	struct vs_error error = { .position = -1 };
	bool handed_over = info->si_code == SI_TKILL && info->si_pid == getpid();
	(void)context;
	if (!pthread_equal(pthread_self(), hit.thread) && info->si_code == BUS_ADRERR)
		hand_over(number);
	guard.worker = NULL;
	if (!hit.worker || (info->si_code != BUS_ADRERR && !handed_over)) {
		signal(number, SIG_DFL);
		raise(number);
		return;
	}
	vs_error_set(&error, VS_EBUSY, "a file of the namespace was cut short while it was in use; try again");
	vs_service_refuse(hit.worker->service, hit.request, &error, &hit.worker->response);
	finish(hit.worker, hit.wire, hit.request);
	if (hit.wire->finish)
		hit.wire->finish(hit.wire->context);
	_exit(EXIT_FAILURE);
}

static void guard_begin(void)
{
	struct sigaction action = { .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO };
	guard.thread = pthread_self();
	sigaction(SIGBUS, &action, NULL);
}

bool vs_worker_answer(struct vs_worker *worker, const struct vs_wire *wire)
{
	struct vs_request request;
	struct vs_error error;
	fill_request(worker, wire, &request);
	bool whole = read_body(worker, wire, &error) == 0;
	if (!whole || check_variables(wire, &error)) {
		vs_service_refuse(worker->service, &request, &error, &worker->response);
	} else {
		request.body = worker->body.data;
		request.body_len = worker->body.len;
		guard = (struct guard){ worker, wire, &request, guard.thread };
		vs_service_handle(worker->service, &request, &worker->response);
		guard.worker = NULL;
	}
	finish(worker, wire, &request);
	bool large = worker->body.len > LARGE_BODY;
	vs_buf_reset(&worker->body);
	vs_arena_reset(&worker->arena);
	if (large) /* what its JSON took stays with the C library otherwise, in every worker */
		malloc_trim(0);
	return whole;
}
