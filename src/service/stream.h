/* SPDX-License-Identifier: Apache-2.0 */
/* service/stream: an answer that is made piece by piece while it is sent. */
#ifndef VS_SERVICE_STREAM_H
#define VS_SERVICE_STREAM_H

#include "service/call.h"

/* Appends the next piece to the response's body; *more: others follow. */
typedef int vs_stream_piece(struct vs_call *call, void *state, bool *more, struct vs_error *error);

/* Makes the first piece now, so that what is wrong with it is an ordinary error. state lives until the answer was sent, or was given
 * up: then, and when this fails, release (NULL allowed) is called with it. */
int vs_stream_begin(struct vs_call *call, const char *content_type, vs_stream_piece *piece, void (*release)(void *state),
                    void *state, struct vs_error *error);

/* Nothing of it is sent: what it holds is released. Without a stream: does nothing. */
void vs_stream_drop(struct vs_response *response);

#endif
