/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service: the server without a transport. A program (FastCGI, CGI, later gRPC and WebSocket) turns what it
 * received into a struct vs_request, calls vs_service_handle, and sends the struct vs_response.
 *
 *   handle: request id -> route (operations.tbl) -> authenticate -> authorise -> decode (codec) -> engine -> encode
 */
#ifndef VS_SERVICE_SERVICE_H
#define VS_SERVICE_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "engine/vecstore.h"

struct vs_service;
struct vs_stream;

#define VS_AUDIT_LINE 512        /* bytes that tell of an event */
#define VS_BODY_MAX (64u << 20) /* bytes of a request's body */
#define VS_BATCH_MAX 10000      /* records of a batch-upsert, ids of a delete */

struct vs_service_options {
	const char *data;      /* the data folder; made when missing */
	const char *run_dir;   /* where metrics.shm and cache.shm lie; NULL: metrics of this process alone, no cache */
	uint64_t cache_bytes;  /* capacity of the query cache, at least 1 MiB; 0: none */
	bool insecure;         /* while no key exists, requests from beyond loopback act as admin, too */
	const char *users;     /* see struct vs_auth_options, also for what follows; NULL: none are trusted */
	const char *jwt_keys;  /* NULL: no tokens are taken */
	const char *jwt_issuer;
	const char *jwt_audience;
	struct vs_namespace_options fresh; /* for namespaces made on first use; flags are not looked at */
	uint32_t tail_most;    /* vs_store_set_tail */
	struct vs_quota quota; /* vs_store_set_quota */
	int64_t grace_ms;      /* until a deleted namespace goes */
};

/* Opens lazily: the first request opens the store. Never fails but for memory, and for wrong files of users and jwt_keys. When
 * run_dir cannot be used, metrics are those of this process alone, and *error says why though 0 is returned. */
int vs_service_open(const struct vs_service_options *options, struct vs_service **service, struct vs_error *error);
void vs_service_close(struct vs_service *service); /* NULL allowed */

/* All strings are the caller's and must live until the response was sent. */
struct vs_request {
	const char *method;
	const char *target;       /* REQUEST_URI as the client sent it: decoded once, by the service */
	const char *content_type; /* NULL: none */
	const char *remote_addr;  /* NULL: unknown, which is not loopback */
	const char *host;         /* Host header; NULL: none */
	const char *origin;       /* Origin header, which browsers send; NULL: none */
	const char *ns;           /* X-Namespace header; NULL: none */
	const char *peer;         /* the address that the web server saw, for the audit trail; NULL: unknown */
	const char *api_key;      /* X-API-Key header; NULL: none */
	const char *authorization; /* Authorization header; NULL: none */
	const char *remote_user;   /* whom the web server itself has let in (REMOTE_USER, no header); NULL: nobody */
	const char *accept;       /* Accept header; NULL: none */
	const char *if_match;     /* If-Match header; NULL: none */
	const char *if_none_match;
	const void *body;
	size_t body_len;
	struct vs_arena *arena; /* reset by the program after sending */
	bool (*stopping)(void); /* the program is to end: work that takes long is given up; NULL: it never is */
};

struct vs_response {
	int status; /* 304: without a body */
	const char *content_type;
	const char *route;     /* its path in the description, for the program's log: {id} for an id; "-": no operation's */
	const char *allow;     /* Allow header of a 405; NULL: none */
	int retry_after;       /* seconds; 0: no Retry-After header */
	char etag[32];         /* ETag header; "": none */
	char location[128];    /* Location header of a 202; "": none */
	char request_id[33];   /* also sent as X-Request-Id */
	char begun[VS_AUDIT_LINE];       /* as audit, of what went before it */
	char audit[VS_AUDIT_LINE];       /* what the audit trail now says of this request, for the program's log; "": nothing */
	struct vs_error error; /* what the body says, for the program's log; code VS_OK when all went well */
	struct vs_buf body;    /* reused: reset before each request by vs_service_handle */
	struct vs_stream *stream; /* not NULL: body is only the first piece of it, see vs_service_more */
};

/* Always answers: faults become an error response. *response is zeroed before its first use and keeps its body's
 * memory from one request to the next; vs_buf_release(&response->body) at the end. */
void vs_service_handle(struct vs_service *service, const struct vs_request *request, struct vs_response *response);
/* Once body was sent: makes its next piece. False when there is none. After a fault the last piece is a line with the error,
 * which is in response->error, too. The request's arena and strings must still be there. */
bool vs_service_more(struct vs_response *response);
/* The answer was sent, or given up. */
void vs_service_end(struct vs_response *response);
/* A reader who does not take the answer holds the program up, or no longer does. */
void vs_service_stall(struct vs_service *service, bool stalled);
/* It may go on waiting for that reader. Else too many workers do already: it should give the answer up. */
bool vs_service_may_stall(const struct vs_service *service);
/* The program answers a request of this flow from now on: a number by which it knows who asks. 0: it waits for one. */
void vs_service_set_flow(struct vs_service *service, uint64_t flow);
/* Whether this process or another one of the run folder has done so for a while; and whether some flow is at work like that, and
 * is not the only one of late. See service/tenants. */
bool vs_service_flow_at_work(const struct vs_service *service, uint64_t flow);
bool vs_service_flows_meet(const struct vs_service *service);
/* Answers with error alone, for a request that the program could not even read (a body too large or cut short). */
void vs_service_refuse(struct vs_service *service, const struct vs_request *request, const struct vs_error *error,
                       struct vs_response *response);

#endif
