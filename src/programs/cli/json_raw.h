/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/json_raw: pieces of JSON as they stand, so that numbers come back digit by digit. All of it expects text that
 * vs_json_parse has accepted.
 */
#ifndef VS_CLI_JSON_RAW_H
#define VS_CLI_JSON_RAW_H

#include <stdbool.h>
#include <stddef.h>

/* The value of the member of the object whose name stands there as `name`, quotes and escapes included. */
bool vs_json_member(const char *text, size_t len, const char *name, const char **value, size_t *value_len);
/* text without the blanks and line ends between its tokens, into out[len]: its length. */
size_t vs_json_compact(char *out, const char *text, size_t len);

#endif
