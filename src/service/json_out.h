/* SPDX-License-Identifier: Apache-2.0 */
/* service/json_out: JSON written straight into a buffer. */
#ifndef VS_SERVICE_JSON_OUT_H
#define VS_SERVICE_JSON_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;
struct vs_buf;
struct vs_error;
struct vs_record;
struct vs_record_change;

/* Quoted and escaped. What is no valid UTF-8 (a user's bytes in an error text) becomes U+FFFD. */
void vs_json_text(struct vs_buf *out, const char *text, size_t len);
/* A finite float32 in the fewest digits that read back as the same float32; from 1e7 to 1e8 all digits of the integer. */
void vs_json_float(struct vs_buf *out, float value);
void vs_json_vector(struct vs_buf *out, const float *vector, uint32_t dimension);
/* A time in RFC 3339, quoted. */
void vs_json_time(struct vs_buf *out, int64_t wall_ms);
/* What was read, again: numbers with their text, no white space. */
void vs_json_value(struct vs_buf *out, struct json_object *value);
void vs_json_bool(struct vs_buf *out, bool value);

/* {"id", "vector" (if there), "metadata", "text" (if there), "version", "created_at", "updated_at", "deleted_at", "expires_at" (if there)} */
void vs_json_record(struct vs_buf *out, const struct vs_record *record);
/* {"seq", "op", and what vs_json_record puts, metadata if there; of a deletion the id alone} */
void vs_json_change(struct vs_buf *out, const struct vs_record_change *change);
/* The text of a fault for those outside, who need not know where the data folder lies: paths are told from there on. */
void vs_json_fault(struct vs_buf *out, const char *text, const char *folder);
/* "error" (such a text), "code", and "field" and "position" when known, without braces. */
void vs_json_error(struct vs_buf *out, const struct vs_error *error, const char *folder);

#endif
