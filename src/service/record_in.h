/* SPDX-License-Identifier: Apache-2.0 */
/* service/record_in: a record as it is given, from the fields of a JSON object. */
#ifndef VS_SERVICE_RECORD_IN_H
#define VS_SERVICE_RECORD_IN_H

#include "engine/vecstore.h"

struct vs_arena;
struct vs_fields;

/* Into *record, which borrows from the object and from arena. `more` may name one field besides those of every record. */
int vs_record_decode(const struct vs_fields *fields, const char *more, struct vs_arena *arena,
                     struct vs_record_input *record, struct vs_error *error);

#endif
