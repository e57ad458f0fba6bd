/* SPDX-License-Identifier: Apache-2.0 */
/* A data folder for fuzzers that need one. */
#ifndef VS_TESTS_FUZZ_STORE_H
#define VS_TESTS_FUZZ_STORE_H

#include "engine/vecstore.h"

#define FUZZ_DIMENSION 4

/* A namespace of a folder in memory (/dev/shm), which goes when the program ends. Aborts on faults. */
struct vs_namespace *fuzz_namespace(const char *name, enum vs_tokenizer tokenizer);

/* Stores a record with a vector of its number, and a text (NULL: none). */
void fuzz_put(struct vs_namespace *ns, unsigned number, const char *text);

#endif
