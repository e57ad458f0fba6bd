/* SPDX-License-Identifier: Apache-2.0 */
#include "service/stream.h"

#include "base/arena.h"
#include "service/admit.h"
#include "service/handles.h"
#include "service/json_out.h"
#include "service/tenants.h"

struct vs_stream {
	struct vs_call call; /* of the request, without what its first piece took */
	vs_stream_piece *piece;
	void (*release)(void *state);
	void *state;
};

int vs_stream_begin(struct vs_call *call, const char *content_type, vs_stream_piece *piece, void (*release)(void *state),
                    void *state, struct vs_error *error)
{
	struct vs_stream *stream = vs_arena_calloc(call->request->arena, 1, sizeof(*stream));
	bool more = false;
	call->response->content_type = content_type;
	int rc = stream ? piece(call, state, &more, error) : vs_error_set(error, VS_ENOMEM, "no memory for an answer");
	if (!rc && more && !vs_tenants_may_stall(call->tenants)) {
		vs_buf_reset(&call->response->body);
		call->retry_after = 1;
		rc = vs_error_set(error, VS_ERATE, "readers who are slow to take their answers hold half of the workers: try again, or "
		                                   "ask for pages");
	}
	if (rc || !more) {
		if (release)
			release(state);
		return rc;
	}
	*stream = (struct vs_stream){ *call, piece, release, state };
	stream->call.body = NULL;
	call->response->stream = stream;
	return 0;
}

bool vs_service_more(struct vs_response *response)
{
	struct vs_stream *stream = response->stream;
	struct vs_error error = { .position = -1 };
	bool more = false;
	vs_buf_reset(&response->body);
	if (!stream)
		return false;
	int rc = stream->piece(&stream->call, stream->state, &more, &error);
	if (!rc && response->body.failed)
		rc = vs_error_set(&error, VS_ENOMEM, "no memory for the answer");
	if (rc) {
		/* The status has been sent: the last line tells. */
		error.code = rc;
		response->error = error;
		vs_buf_reset(&response->body);
		vs_buf_putc(&response->body, '{');
		vs_json_error(&response->body, &error, vs_call_handles(&stream->call)->data);
		vs_buf_printf(&response->body, ",\"request_id\":\"%s\"}\n", response->request_id);
	}
	vs_tenant_count(stream->call.tenant, VS_USAGE_BYTES_OUT, response->body.len);
	if (rc || !more)
		vs_service_end(response);
	return true;
}

void vs_stream_drop(struct vs_response *response)
{
	struct vs_stream *stream = response->stream;
	response->stream = NULL;
	if (stream && stream->release)
		stream->release(stream->state);
}

void vs_service_end(struct vs_response *response)
{
	struct vs_stream *stream = response->stream;
	vs_stream_drop(response);
	if (stream)
		vs_admit_leave(&stream->call, 0);
}
