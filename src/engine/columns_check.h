/* SPDX-License-Identifier: Apache-2.0 */
/* engine/columns_check: every code of every sealed block against the record's metadata. For `vecstore check`. */
#ifndef VS_ENGINE_COLUMNS_CHECK_H
#define VS_ENGINE_COLUMNS_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "store/meta.h"

struct vs_error;
struct vs_columns_check;

/* As the columns are now. VS_ENOTFOUND when a namespace of `slots` slots should have some and has none, VS_ECORRUPT when their
 * fields make no sense. */
int vs_columns_check_open(const char *dir, uint32_t generation, uint32_t slots, struct vs_columns_check **check,
                          struct vs_error *error);
void vs_columns_check_close(struct vs_columns_check *check); /* NULL allowed */
/* 0 or VS_ENOMEM. */
int vs_columns_check_row(struct vs_columns_check *check, const struct vs_meta_row *row);
/* Columns whose files are gone or damaged. */
uint32_t vs_columns_check_damaged(const struct vs_columns_check *check);
/* Tells each of every field with wrong codes; of how many records, and the id of the first of them. */
void vs_columns_check_each(struct vs_columns_check *check,
                           void (*each)(void *context, const char *field, uint32_t wrong, const char *id), void *context);

#endif
