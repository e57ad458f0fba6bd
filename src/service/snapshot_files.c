/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots as files: sent piece by piece, and taken from a request's body. */
#include <string.h>

#include "base/arena.h"
#include "service/audit.h"
#include "service/snapshots.h"
#include "service/stream.h"

#define PIECE ((size_t)256 << 10)

static const char *const namespace_parameter[] = { "namespace", NULL };

/* ---- download ------------------------------------------------------------------------------------------- */

static int put_piece(struct vs_call *call, void *state, bool *more, struct vs_error *error)
{
	struct vs_buf *out = &call->response->body;
	char *to = vs_buf_reserve(out, PIECE);
	size_t len;
	if (!to)
		return vs_error_set(error, VS_ENOMEM, "no memory for a piece of the snapshot");
	int rc = vs_snapshot_read(state, to, PIECE, &len, error);
	if (rc)
		return rc;
	out->len += len;
	*more = len == PIECE;
	return 0;
}

static void release(void *state)
{
	vs_snapshot_reader_close(state);
}

int vs_handle_snapshot_download(struct vs_call *call, struct vs_error *error)
{
	struct vs_work_options work = vs_call_work(call);
	struct vs_snapshot_reader *reader;
	struct vs_namespace *ns;
	uint64_t bytes;
	int rc = vs_target_check(&call->target, namespace_parameter, error);
	if (!rc)
		rc = vs_call_namespace(call, NULL, false, &ns, error);
	if (!rc && !ns)
		rc = vs_error_set(error, VS_ENOTFOUND, "nothing was ever stored in namespace " VS_DEFAULT_NAMESPACE);
	if (!rc)
		rc = vs_call_worked(vs_snapshot_reader_open(ns, call->id.data, &work, &reader, &bytes, error), error);
	return rc ? rc : vs_stream_begin(call, "application/x-tar", put_piece, release, reader, error);
}

/* ---- upload --------------------------------------------------------------------------------------------- */

struct body {
	const char *data;
	size_t len;
};

static int read_body(void *source, void *data, size_t cap, size_t *len, struct vs_error *error)
{
	struct body *body = source;
	(void)error;
	*len = cap < body->len ? cap : body->len;
	memcpy(data, body->data, *len);
	body->data += *len;
	body->len -= *len;
	return 0;
}

/* What is wrong with the body is no fault of the server's. */
static int blame(int rc, struct vs_error *error)
{
	return rc == VS_ECORRUPT || rc == VS_EFORMAT ? (error->code = VS_EINVAL) : rc;
}

int vs_handle_snapshot_upload(struct vs_call *call, struct vs_error *error)
{
	struct vs_work_options work = vs_call_work(call);
	struct body body = { call->request->body, call->request->body_len };
	enum vs_media media = vs_call_media(call);
	char text[VS_SNAPSHOT_JSON];
	struct vs_snapshot snapshot;
	struct vs_namespace *ns;
	int rc = vs_target_check(&call->target, namespace_parameter, error);
	if (!rc && media != VS_MEDIA_NONE && media != VS_MEDIA_TAR && media != VS_MEDIA_OCTETS)
		rc = vs_error_set(error, VS_EMEDIA, "the body must be sent as Content-Type: application/x-tar");
	if (!rc && body.len == 0)
		rc = vs_error_at(error, VS_EINVAL, "body", -1, "is empty; a snapshot as it was downloaded is expected");
	if (!rc)
		rc = vs_call_namespace(call, NULL, true, &ns, error);
	if (!rc)
		rc = vs_audit_begin(call, error);
	if (!rc)
		rc = blame(vs_call_worked(vs_snapshot_import(ns, call->id.data, read_body, &body, &work, &snapshot, error), error), error);
	if (rc)
		return rc;
	vs_metrics_add(call->metrics, VS_COUNT_SNAPSHOTS, 1);
	vs_snapshot_json(&snapshot, text);
	vs_buf_printf(&call->response->body, "{\"success\":true,\"path\":\"/v1/snapshots/%s\",%s\n", snapshot.name, text + 1);
	return 0;
}
