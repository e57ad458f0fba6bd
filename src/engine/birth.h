/* SPDX-License-Identifier: Apache-2.0 */
/* engine/birth: namespaces that are made with records in them, and what is left of those that came to nothing. */
#ifndef VS_ENGINE_BIRTH_H
#define VS_ENGINE_BIRTH_H

#include "engine/namespace.h"

/* VS_EINVAL, with the field, when it is no name, VS_ECONFLICT when a namespace has it. */
int vs_birth_check(struct vs_store *store, const char *field, const char *name, struct vs_error *error);

/* The name of a folder that never had a row. */
bool vs_birth_is_making(const char *name);
/* The folder is marked as unborn, and somebody fills it; or nobody does any more. */
bool vs_birth_going_on(const char *folder);
bool vs_birth_ended(const char *folder);
/* It has a row: takes the mark away. */
void vs_birth_forget(const char *folder);

#endif
