/* SPDX-License-Identifier: Apache-2.0 */
/* store/usage: what namespaces were used for, by day (table usage of catalog.db). This header is public. */
#ifndef VS_STORE_USAGE_H
#define VS_STORE_USAGE_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum vs_usage_kind {
#define VS_USAGE(id, column, what) VS_USAGE_##id,
#include "usage.tbl"
#undef VS_USAGE
	VS_USAGES
};
const char *vs_usage_name(enum vs_usage_kind kind); /* "bytes_in". Static string. */

#define VS_USAGE_DAY 16 /* bytes that a day takes as text */
bool vs_usage_parse_day(const char *text, int32_t *day); /* "2026-01-31" as a number of days since 1970 */
void vs_usage_format_day(int32_t day, char text[VS_USAGE_DAY]);

struct vs_usage_row {
	char name[64];   /* of the namespace, as it was called last */
	char folder[17]; /* tells namespaces of the same name apart; "" in a question: any */
	int32_t day;     /* since 1970-01-01, UTC */
	uint64_t counts[VS_USAGES];
};

#ifdef __cplusplus
}
#endif
#endif
