/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/json_vectors: JSON with long vectors, parsed faster. json-c takes a quarter of a microsecond per number; a vector of
 * 768 costs more than its search. So arrays of numbers under the name "vector" are read here, and json-c gets
 * them as the base64 that clients may send as well.
 *
 * Nothing is decided here: what is not plainly a vector (or may not be, or would not give the same float32 as json-c's
 * double) is left as it is, and a text that does not parse then is parsed again as it came, so that it is accepted or
 * refused in the same words.
 */
#ifndef VS_SERVICE_JSON_VECTORS_H
#define VS_SERVICE_JSON_VECTORS_H

#include <stdbool.h>
#include <stddef.h>

struct json_object;
struct vs_json;
struct vs_buf;
struct vs_error;

/* As vs_json_parse, but that vectors of the object, and of the objects in its arrays, may be base64 in the result. */
int vs_json_parse_vectors(struct vs_json *json, const char *text, size_t len, const char *where,
                          struct json_object **object, struct vs_error *error);

/* The text with its vectors in base64, into out. False: it is as it was (or memory is out), and out holds nothing of use. */
bool vs_json_pack_vectors(const char *text, size_t len, struct vs_buf *out);

#endif
