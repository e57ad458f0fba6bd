/* SPDX-License-Identifier: Apache-2.0 */
/* vecstore.fcgi: a worker. FastCGI when descriptor 0 is a listening socket, else one plain CGI request. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/vecstore.h"
#include "programs/fcgi/worker.h"

#define CACHE_MIB 64ul /* as --cache of `vecstore serve` */
#define GRACE_HOURS 168ul /* as --delete-grace */
#define GRACE_HOURS_MAX 87600ul
#define CACHE_MIB_MAX 4096ul

static const char help[] =
    "Usage: vecstore.fcgi [--help | --version]\n"
    "\n"
    "A worker of the vecstore server. With a listening Unix socket as descriptor 0 it\n"
    "serves FastCGI until SIGTERM, else it answers one CGI request. It is started by\n"
    "`vecstore serve` or by a web server, and configured by its environment:\n"
    "\n"
    "  VECSTORE_DATA       the data folder (needed); made when missing\n"
    "  VECSTORE_RUN_DIR    folder of metrics.shm and cache.shm; without it each worker counts\n"
    "                      for itself and no answers are kept\n"
    "  VECSTORE_QUEUE      set by `vecstore serve`: the queue of those who let others overtake\n"
    "  VECSTORE_CACHE_MB   MiB of answers kept for all workers; 0: none (64)\n"
    "  VECSTORE_MAX_UNINDEXED  vectors that may wait for the indexer before writes are\n"
    "                      refused; 0: any number (what 256 MiB hold)\n"
    "  VECSTORE_DEFAULT_QUOTA\n"
    "                      quotas of namespaces that have none of their own: max_vectors=N,...\n"
    "  VECSTORE_DELETE_GRACE\n"
    "                      hours for which a deleted namespace can be called back (168)\n"
    "  VECSTORE_METRIC     distance of a new namespace: cosine, euclidean, dot, ... (cosine)\n"
    "  VECSTORE_QUANTIZATION\n"
    "                      how vectors of a new namespace are walked: int8 or none (int8)\n"
    "  VECSTORE_TOKENIZER  how words of a new namespace's texts are told apart: unicode61 or\n"
    "                      porter (unicode61)\n"
    "  VECSTORE_INSECURE   1: while no key exists, requests from beyond this machine need no\n"
    "                      credential either\n"
    "  VECSTORE_JWT_KEYS   folder or JWK set of the keys that tokens are signed with\n"
    "  VECSTORE_JWT_ISSUER, VECSTORE_JWT_AUDIENCE  what a token's iss and aud must be\n"
    "  VECSTORE_REMOTE_USERS  file that says who the web server's own users (REMOTE_USER) are\n"
    "  VECSTORE_SHARE      folder of openapi.json\n"
    "  VECSTORE_LOG        stderr or syslog\n"
    "  VECSTORE_LOG_LEVEL  error, warn, info or debug\n";

static bool is_listening(int fd)
{
	int listening = 0;
	socklen_t len = sizeof(listening);
	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 && listening;
}

static const char *get_setting(const char *name)
{
	const char *value = getenv(name);
	return value && *value ? value : NULL;
}

/* One CGI request is alone, and finds nothing that it may use. */
static int get_cache(bool listening, uint64_t *bytes)
{
	const char *text = get_setting("VECSTORE_CACHE_MB");
	char *end = NULL;
	unsigned long mib = text ? strtoul(text, &end, 10) : CACHE_MIB;
	*bytes = listening ? (uint64_t)mib << 20 : 0;
	if (!text || (text[0] >= '0' && text[0] <= '9' && !*end && mib <= CACHE_MIB_MAX))
		return 0;
	vs_log(VS_LOG_ERROR, "VECSTORE_CACHE_MB: '%s' is no number from 0 to %lu", text, CACHE_MIB_MAX);
	return -1;
}

static int get_tail(uint32_t *most)
{
	const char *text = get_setting("VECSTORE_MAX_UNINDEXED");
	char *end = NULL;
	unsigned long number = text ? strtoul(text, &end, 10) : 0;
	*most = text ? (uint32_t)number : VS_TAIL_AUTO;
	if (!text || (text[0] >= '0' && text[0] <= '9' && !*end && number <= INT32_MAX))
		return 0;
	vs_log(VS_LOG_ERROR, "VECSTORE_MAX_UNINDEXED: '%s' is no number from 0 to %d", text, INT32_MAX);
	return -1;
}

static int get_grace(int64_t *grace_ms)
{
	const char *text = get_setting("VECSTORE_DELETE_GRACE");
	char *end = NULL;
	unsigned long hours = text ? strtoul(text, &end, 10) : GRACE_HOURS;
	*grace_ms = (int64_t)hours * 3600000;
	if (!text || (text[0] >= '0' && text[0] <= '9' && !*end && hours <= GRACE_HOURS_MAX))
		return 0;
	vs_log(VS_LOG_ERROR, "VECSTORE_DELETE_GRACE: '%s' is no number from 0 to %lu", text, GRACE_HOURS_MAX);
	return -1;
}

static int get_quota(struct vs_quota *quota)
{
	const char *text = get_setting("VECSTORE_DEFAULT_QUOTA");
	struct vs_error error;
	*quota = vs_quota_none();
	if (!text || vs_quota_parse(text, quota, &error) == 0)
		return 0;
	vs_log(VS_LOG_ERROR, "VECSTORE_DEFAULT_QUOTA: %s", error.text);
	return -1;
}

static int get_options(bool listening, struct vs_service_options *options)
{
	const char *metric = get_setting("VECSTORE_METRIC");
	const char *quantization = get_setting("VECSTORE_QUANTIZATION");
	const char *tokenizer = get_setting("VECSTORE_TOKENIZER");
	const char *insecure = get_setting("VECSTORE_INSECURE");
	*options = (struct vs_service_options){
		.data = get_setting("VECSTORE_DATA"),
		.run_dir = get_setting("VECSTORE_RUN_DIR"),
		.insecure = insecure && strcmp(insecure, "1") == 0,
		.users = get_setting("VECSTORE_REMOTE_USERS"),
		.jwt_keys = get_setting("VECSTORE_JWT_KEYS"),
		.jwt_issuer = get_setting("VECSTORE_JWT_ISSUER"),
		.jwt_audience = get_setting("VECSTORE_JWT_AUDIENCE"),
		.fresh = VS_NAMESPACE_OPTIONS,
	};
	if (!options->data) {
		vs_log(VS_LOG_ERROR, "VECSTORE_DATA is not set: it names the data folder");
		return -1;
	}
	if (metric && !vs_metric_find(metric, &options->fresh.metric)) {
		vs_log(VS_LOG_ERROR, "VECSTORE_METRIC: there is no distance called %s", metric);
		return -1;
	}
	if (quantization && !vs_quantization_find(quantization, &options->fresh.quantization)) {
		vs_log(VS_LOG_ERROR, "VECSTORE_QUANTIZATION: there is none called %s", quantization);
		return -1;
	}
	if (tokenizer && !vs_tokenizer_find(tokenizer, &options->fresh.tokenizer)) {
		vs_log(VS_LOG_ERROR, "VECSTORE_TOKENIZER: there is none called %s", tokenizer);
		return -1;
	}
	if (get_quota(&options->quota) || get_grace(&options->grace_ms))
		return -1;
	return get_tail(&options->tail_most) ? -1 : get_cache(listening, &options->cache_bytes);
}

/* A web server may pass a query string as arguments (RFC 3875, 4.4): only a person's are looked at. */
static int answer_person(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(help, stdout);
		return EXIT_SUCCESS;
	}
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("vecstore.fcgi %s\n", vs_version());
		return EXIT_SUCCESS;
	}
	fputs("vecstore.fcgi: is started by `vecstore serve` or a web server; see --help\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	struct vs_service_options options;
	struct vs_worker worker;
	struct vs_error error;
	bool listening = is_listening(STDIN_FILENO);
	if (!getenv("REQUEST_METHOD") && (argc > 1 || !listening))
		return answer_person(argc, argv);
	vs_log_init("vecstore.fcgi", NULL, -1);
	if (get_options(listening, &options))
		return EXIT_FAILURE;
	if (vs_worker_open(&worker, &options, &error)) {
		vs_log(VS_LOG_ERROR, "%s", error.text);
		return EXIT_FAILURE;
	}
	if (error.code)
		vs_log(VS_LOG_WARN, "figures and rates are not shared: %s", error.text);
	int rc = 0;
	if (listening)
		rc = vs_fcgi_serve(&worker, STDIN_FILENO, &error);
	else
		vs_cgi_serve(&worker);
	if (rc)
		vs_log(VS_LOG_ERROR, "%s", error.text);
	vs_worker_close(&worker);
	return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}
