/* SPDX-License-Identifier: Apache-2.0 */
/* store/job: a row of the table of jobs. This header is public: it is installed beneath vecstore.h. */
#ifndef VS_STORE_JOB_H
#define VS_STORE_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum vs_job_state { VS_JOB_QUEUED, VS_JOB_RUNNING, VS_JOB_SUCCEEDED, VS_JOB_FAILED, VS_JOB_CANCELLED };
#define VS_JOB_STATES 5
const char *vs_job_state_name(enum vs_job_state state); /* "queued", …; NULL for no state. Static string. */

#define VS_JOB_JSON_MAX 1023 /* bytes of arguments, and of a result */

struct vs_job {
	int64_t id; /* never given out twice */
	char kind[32];
	char name[64];   /* of the namespace, when the job was made, */
	char folder[17]; /* and its folder: another namespace of that name is not meant */
	char arguments[VS_JOB_JSON_MAX + 1]; /* a JSON object */
	enum vs_job_state state;
	double progress;                  /* 0 to 1; never less than before, 1 when it has succeeded */
	char message[128];                /* what it is doing; "" mostly when it is not running */
	char result[VS_JOB_JSON_MAX + 1]; /* a JSON object once it has succeeded, else "" */
	int code;                         /* enum vs_code of a failure, else VS_OK */
	char error[320];                  /* and its text, else "" */
	bool cancel;                      /* it is wished that it stops */
	uint32_t attempts;                /* begun so often */
	int64_t created_at;               /* milliseconds since 1970 */
	int64_t started_at;               /* of the last attempt; 0: none */
	int64_t finished_at;              /* 0: not finished */
};

bool vs_job_is_finished(const struct vs_job *job);

struct vs_job_page {
	const char *name; /* of the namespace that has this name now; NULL: of all, also those that are gone */
	int state;        /* of enum vs_job_state; -1: in any */
	int64_t before;   /* only smaller ids; 0: all */
	size_t limit;
};

#ifdef __cplusplus
}
#endif
#endif
