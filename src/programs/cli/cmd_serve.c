/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vecstore serve: checks everything that can be wrong before anything runs, so that each fault is one clear line
 * and a non-zero exit, then hands over to the supervisor.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "programs/cli/args.h"
#include "programs/cli/listen.h"
#include "programs/cli/preflight.h"
#include "programs/cli/queue.h"
#include "programs/cli/supervisor.h"
#include "service/jwt.h"
#include "store/policy.h"
#include "service/metrics.h"
#include "service/users.h"

struct serve {
	struct vs_args *args;
	char run_dir[200]; /* absolute */
	char socket[256];
	char worker[256], indexer[256]; /* programs */
	char *worker_argv[2], *indexer_argv[2], *web_argv[5];
	struct vs_file lock;
	struct vs_queue queue;
	bool bound; /* the socket is there, and ours */
	struct vs_supervisor supervisor;
	char *fixed[VS_FLAGS]; /* settings that a reload cannot change, as they were at the start */
};

/* What takes a restart. */
static const enum vs_flag fixed_flags[] = {
	VS_FLAG_DATA, VS_FLAG_HTTP, VS_FLAG_RUN_DIR, VS_FLAG_SOCKET, VS_FLAG_INSECURE, VS_FLAG_LOG,
};
#define FIXED_FLAGS (sizeof fixed_flags / sizeof fixed_flags[0])

/* ---- settings --------------------------------------------------------------------------------------------- */

static int set_variable(const char *name, const char *value, struct vs_error *error)
{
	int rc = value ? setenv(name, value, 1) : unsetenv(name);
	return rc ? vs_error_set(error, VS_ENOMEM, "out of memory") : 0;
}

/* Nobody uses its bytes again: the first worker of the next server makes another. */
static void remove_shared(const struct serve *serve, const char *name)
{
	char path[256];
	snprintf(path, sizeof path, "%s/%s", serve->run_dir, name);
	vs_file_remove(path, NULL);
}

/* The environment is how workers and indexer learn their settings. */
static int export_settings(struct serve *serve, struct vs_error *error)
{
	const struct vs_args *args = serve->args;
	const struct {
		const char *name, *value;
	} variables[] = {
		{ "VECSTORE_DATA", vs_args_text(args, VS_FLAG_DATA) },
		{ "VECSTORE_RUN_DIR", serve->run_dir },
		{ "VECSTORE_INSECURE", vs_args_switch(args, VS_FLAG_INSECURE) ? "1" : NULL },
		{ "VECSTORE_JWT_KEYS", vs_args_text(args, VS_FLAG_JWT_KEYS) },
		{ "VECSTORE_JWT_ISSUER", vs_args_text(args, VS_FLAG_JWT_ISSUER) },
		{ "VECSTORE_JWT_AUDIENCE", vs_args_text(args, VS_FLAG_JWT_AUDIENCE) },
		{ "VECSTORE_REMOTE_USERS", vs_args_text(args, VS_FLAG_REMOTE_USERS) },
		{ "VECSTORE_CACHE_MB", vs_args_text(args, VS_FLAG_CACHE) },
		{ "VECSTORE_METRIC", vs_args_text(args, VS_FLAG_METRIC) },
		{ "VECSTORE_QUANTIZATION", vs_args_text(args, VS_FLAG_QUANTIZATION) },
		{ "VECSTORE_TOKENIZER", vs_args_text(args, VS_FLAG_TOKENIZER) },
		{ "VECSTORE_LOG", vs_args_text(args, VS_FLAG_LOG) },
		{ "VECSTORE_LOG_LEVEL", vs_args_text(args, VS_FLAG_LOG_LEVEL) },
		{ "VECSTORE_INDEX_THREADS", vs_args_text(args, VS_FLAG_INDEX_THREADS) },
		{ "VECSTORE_MAX_UNINDEXED", vs_args_text(args, VS_FLAG_MAX_UNINDEXED) },
		{ "VECSTORE_DEFAULT_QUOTA", vs_args_text(args, VS_FLAG_DEFAULT_QUOTA) },
		{ "VECSTORE_DELETE_GRACE", vs_args_text(args, VS_FLAG_DELETE_GRACE) },
		{ "VECSTORE_COMPACT_AT", vs_args_text(args, VS_FLAG_COMPACT_AT) },
		{ "VECSTORE_CHANGES_KEPT", vs_args_text(args, VS_FLAG_CHANGES_KEPT) },
	};
	int rc = 0;
	for (size_t i = 0; !rc && i < sizeof variables / sizeof variables[0]; i++)
		rc = set_variable(variables[i].name, variables[i].value, error);
	if (!rc && strcmp(vs_args_text(args, VS_FLAG_CACHE), "0") == 0)
		remove_shared(serve, "cache.shm");
	vs_log_init("vecstore", NULL, -1);
	return rc;
}

static int check_tls(const struct vs_args *args, struct vs_error *error)
{
	bool cert = vs_args_text(args, VS_FLAG_TLS_CERT) != NULL;
	bool key = vs_args_text(args, VS_FLAG_TLS_KEY) != NULL;
	if (cert != key)
		return vs_error_set(error, VS_EINVAL, "--tls-cert and --tls-key are given together or not at all");
	if (cert && !vs_args_text(args, VS_FLAG_HTTP))
		return vs_error_set(error, VS_EINVAL, "--tls-cert needs --http");
	return 0;
}

/* The files that workers will read. */
static int check_credentials(const struct vs_args *args, struct vs_error *error)
{
	const struct vs_jwt_options tokens = { .keys = vs_args_text(args, VS_FLAG_JWT_KEYS) };
	const char *path = vs_args_text(args, VS_FLAG_REMOTE_USERS);
	struct vs_users *users = NULL;
	struct vs_jwt *jwt = NULL;
	int rc = tokens.keys ? vs_jwt_open(&tokens, &jwt, error) : 0;
	if (!rc && path)
		rc = vs_users_open(path, &users, error);
	vs_jwt_close(jwt);
	vs_users_close(users);
	return rc;
}

static int check_quota(const struct vs_args *args, struct vs_error *error)
{
	const char *text = vs_args_text(args, VS_FLAG_DEFAULT_QUOTA);
	struct vs_quota quota = vs_quota_none();
	struct vs_error why;
	if (!text || vs_quota_parse(text, &quota, &why) == 0)
		return 0;
	return vs_error_set(error, VS_EINVAL, "--default-quota: %.250s", why.text);
}

static int check_settings(struct serve *serve, struct vs_error *error)
{
	const struct vs_args *args = serve->args;
	struct vs_webserver *web = &serve->supervisor.webserver;
	const char *http = vs_args_text(args, VS_FLAG_HTTP);
	int rc = check_tls(args, error);
	if (!rc)
		rc = check_credentials(args, error);
	if (!rc)
		rc = check_quota(args, error);
	if (rc || !http)
		return rc;
	rc = vs_address_parse(http, &web->address, error);
	return rc ? rc : vs_webserver_find(web, error);
}

/* The folder can be served; and to other machines only once it takes a credential to be let in. */
static int check_data(struct serve *serve, struct vs_error *error)
{
	const struct vs_args *args = serve->args;
	const char *http = vs_args_text(args, VS_FLAG_HTTP);
	bool open = !http || serve->supervisor.webserver.address.loopback || vs_args_switch(args, VS_FLAG_INSECURE) ||
	            vs_args_text(args, VS_FLAG_JWT_KEYS) || vs_args_text(args, VS_FLAG_REMOTE_USERS);
	int rc = vs_preflight(vs_args_text(args, VS_FLAG_DATA), !open, error);
	if (rc == VS_EAUTH)
		rc = vs_error_set(error, VS_EINVAL,
		                  "--http %s would let other machines in without any credentials: make a key (vecstore key create "
		                  "--role admin), listen on 127.0.0.1, or say --insecure",
		                  http);
	return rc;
}

static int keep_fixed(struct serve *serve, struct vs_error *error)
{
	for (size_t i = 0; i < FIXED_FLAGS; i++) {
		const char *text = vs_args_text(serve->args, fixed_flags[i]);
		if (text && !(serve->fixed[fixed_flags[i]] = strdup(text)))
			return vs_error_set(error, VS_ENOMEM, "out of memory");
	}
	return 0;
}

/* ---- folders and lock ------------------------------------------------------------------------------------- */

static int make_run_dir(struct serve *serve, struct vs_error *error)
{
	char path[256];
	const char *given = vs_args_text(serve->args, VS_FLAG_RUN_DIR);
	int n = given ? snprintf(path, sizeof path, "%s", given)
	              : snprintf(path, sizeof path, "%s/run", vs_args_text(serve->args, VS_FLAG_DATA));
	if (n < 0 || (size_t)n >= sizeof path)
		return vs_error_set(error, VS_EINVAL, "the run folder's path is too long: %.200s", path);
	int rc = vs_dir_create(path, error);
	if (rc)
		return rc;
	char *absolute = realpath(path, NULL);
	if (!absolute)
		return vs_error_errno(error, errno, "%s", path);
	if (strlen(absolute) >= sizeof serve->run_dir)
		rc = vs_error_set(error, VS_EINVAL, "the run folder's path is longer than %zu bytes: %.200s",
		                  sizeof serve->run_dir - 1, absolute);
	else
		strcpy(serve->run_dir, absolute);
	free(absolute);
	if (rc)
		return rc;
	/* The path as it was given, when it is relative, may be short enough for a socket where the whole is not. */
	const char *socket = vs_args_text(serve->args, VS_FLAG_SOCKET);
	if (socket)
		n = snprintf(serve->socket, sizeof serve->socket, "%s", socket);
	else
		n = snprintf(serve->socket, sizeof serve->socket, "%s/vecstore.sock",
		             strlen(path) < strlen(serve->run_dir) ? path : serve->run_dir);
	if (n < 0 || (size_t)n >= sizeof serve->socket)
		return vs_error_set(error, VS_EINVAL, "the socket's path is too long: choose a shorter one with --socket");
	return 0;
}

/* The pid file is the lock: it is held, not merely there. One that a stopping server removes meanwhile is made anew. */
static int take_lock(struct serve *serve, struct vs_error *error)
{
	char path[256], text[32];
	snprintf(path, sizeof path, "%s/vecstore.pid", serve->run_dir);
	for (;;) {
		int rc = vs_file_open(&serve->lock, path, VS_FILE_WRITE | VS_FILE_CREATE, error);
		if (rc)
			return rc;
		rc = vs_file_lock(&serve->lock, error);
		if (rc == VS_EBUSY) {
			size_t len = 0;
			vs_file_load(path, text, sizeof text - 1, &len, NULL);
			text[len] = '\0';
			rc = vs_error_set(error, VS_EBUSY, "another vecstore serve runs here already (process %d, %s)", atoi(text),
			                  path);
		}
		if (rc) {
			vs_file_close(&serve->lock);
			return rc;
		}
		if (!vs_file_unlinked(&serve->lock))
			break;
		vs_file_close(&serve->lock);
	}
	/* Always as long as any pid can be, so that nothing of a longer one stays behind. */
	snprintf(text, sizeof text, "%-10d\n", (int)getpid());
	return vs_file_write(&serve->lock, text, strlen(text), 0, error);
}

static void leave(struct serve *serve)
{
	if (serve->lock.fd >= 0) {
		remove_shared(serve, "cache.shm");
		remove_shared(serve, "tenants.shm"); /* the indexer has brought its counts home */
		if (serve->bound)
			vs_file_remove(serve->socket, NULL);
		vs_file_remove(serve->lock.path, NULL);
	}
	vs_file_close(&serve->lock);
	vs_metrics_close(serve->supervisor.metrics);
	for (int i = 0; i < VS_FLAGS; i++)
		free(serve->fixed[i]);
	free(serve);
}

/* ---- start and reload ------------------------------------------------------------------------------------- */

static int prepare_web(struct serve *serve, bool *changed, struct vs_error *error)
{
	struct vs_webserver *web = &serve->supervisor.webserver;
	web->run_dir = serve->run_dir;
	web->socket = serve->socket;
	web->cert = vs_args_text(serve->args, VS_FLAG_TLS_CERT);
	web->key = vs_args_text(serve->args, VS_FLAG_TLS_KEY);
	web->syslog = strcmp(vs_args_text(serve->args, VS_FLAG_LOG), "syslog") == 0;
	return vs_webserver_prepare(web, changed, error);
}

static int reload(void *context, struct vs_supervisor *sup, bool *web_changed, struct vs_error *error)
{
	struct serve *serve = context;
	int rc = vs_args_load(serve->args, error);
	if (!rc)
		rc = check_tls(serve->args, error);
	if (!rc)
		rc = check_credentials(serve->args, error);
	if (!rc)
		rc = check_quota(serve->args, error);
	if (rc)
		return rc;
	for (size_t i = 0; i < FIXED_FLAGS; i++) {
		const char *now = vs_args_text(serve->args, fixed_flags[i]);
		const char *then = serve->fixed[fixed_flags[i]];
		if ((now != NULL) != (then != NULL) || (now && strcmp(now, then) != 0))
			return vs_error_set(error, VS_EINVAL,
			                    "a changed data, http, run-dir, socket, insecure or log takes a restart");
	}
	if (!sup->web.retired && (rc = prepare_web(serve, web_changed, error)))
		return rc;
	*web_changed |= sup->webserver.cert != NULL; /* it may have been renewed */
	sup->worker_count = (unsigned)vs_args_count(serve->args, VS_FLAG_WORKERS);
	return export_settings(serve, error);
}

static void describe_children(struct serve *serve, int socket)
{
	struct vs_supervisor *sup = &serve->supervisor;
	serve->worker_argv[0] = serve->worker;
	serve->indexer_argv[0] = serve->indexer;
	serve->web_argv[0] = sup->webserver.program;
	serve->web_argv[1] = (char *)"-D";
	serve->web_argv[2] = (char *)"-f";
	serve->web_argv[3] = sup->webserver.conf;
	sup->indexer = (struct vs_child){ .name = "indexer", .argv = serve->indexer_argv, .input = -1 };
	sup->web = (struct vs_child){ .name = "lighttpd", .argv = serve->web_argv, .input = -1 };
	sup->web.retired = !vs_args_text(serve->args, VS_FLAG_HTTP);
	for (int i = 0; i < VS_WORKERS_MAX; i++)
		sup->workers[i] = (struct vs_child){ .name = "worker", .argv = serve->worker_argv, .input = socket, .queue = &serve->queue };
	sup->worker_count = (unsigned)vs_args_count(serve->args, VS_FLAG_WORKERS);
	sup->reload = reload;
	sup->context = serve;
}

static int start(struct serve *serve, struct vs_error *error)
{
	struct vs_supervisor *sup = &serve->supervisor;
	bool web = vs_args_text(serve->args, VS_FLAG_HTTP) != NULL;
	int rc, socket = -1;
	if ((rc = vs_child_find("vecstore.fcgi", serve->worker, sizeof serve->worker, error)) ||
	    (rc = vs_child_find("vecstore-indexer", serve->indexer, sizeof serve->indexer, error)) ||
	    (rc = check_settings(serve, error)) || (rc = keep_fixed(serve, error)) ||
	    (rc = check_data(serve, error)) || (rc = make_run_dir(serve, error)) ||
	    (rc = take_lock(serve, error)) || (rc = export_settings(serve, error)) ||
	    (rc = vs_metrics_open(serve->run_dir, &sup->metrics, error)))
		return rc;
	if (web && ((rc = vs_listen_try(&sup->webserver.address, error)) || (rc = prepare_web(serve, NULL, error))))
		return rc;
	socket = vs_listen_unix(serve->socket, error);
	if (socket < 0)
		return socket;
	serve->bound = true;
	if ((rc = vs_queue_open(&serve->queue, error)))
		return rc;
	describe_children(serve, socket);
	return vs_supervisor_start(sup, error);
}

static void print_ready(const struct serve *serve)
{
	const struct vs_supervisor *sup = &serve->supervisor;
	const struct vs_address *address = &sup->webserver.address;
	bool v6 = strchr(address->host, ':') != NULL;
	fputs("vecstore: ready, ", stderr);
	if (sup->web.retired)
		fprintf(stderr, "socket %s", serve->socket);
	else
		fprintf(stderr, "%s://%s%s%s:%d", sup->webserver.cert ? "https" : "http", v6 ? "[" : "", address->host,
		        v6 ? "]" : "", address->port);
	fprintf(stderr, ", data %s, %u worker%s\n", vs_args_text(serve->args, VS_FLAG_DATA), sup->worker_count,
	        sup->worker_count == 1 ? "" : "s");
}

int vs_command_serve(struct vs_args *args)
{
	struct vs_error error;
	struct serve *serve = calloc(1, sizeof *serve);
	if (!serve) {
		fputs("vecstore: out of memory\n", stderr);
		return 1;
	}
	serve->args = args;
	serve->lock = (struct vs_file)VS_FILE_INIT;
	int rc = start(serve, &error);
	if (rc) {
		fprintf(stderr, "vecstore: %s\n", error.text);
	} else {
		print_ready(serve);
		rc = vs_supervisor_run(&serve->supervisor);
	}
	leave(serve);
	return rc ? 1 : 0;
}
