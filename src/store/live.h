/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/live: live.bits of one generation. Derived: which slots hold a live record as of some change, so that a
 * reader starts from it and applies the changes since, instead of reading every row.
 *
 *   OFFSET  SIZE             MEANING
 *   0       64               header:
 *   0       16                 magic "vecstore live\n", two NULs
 *   16      4                  version, 1
 *   20      4                  byte order, 0x01020304
 *   24      4                  generation
 *   28      4                  bits
 *   32      8                  seq: newest change that is in
 *   40      20                 zeros
 *   60      4                  CRC-32 of the 60 bytes before
 *   64      (bits + 63)/64*8 bit s of word s/64: slot s holds a live record
 *   …       4                CRC-32 of the words
 *
 * Written whole by the indexer through rename; a missing, torn or foreign file is simply not used.
 */
#ifndef VS_STORE_LIVE_H
#define VS_STORE_LIVE_H

#include <stdint.h>

#include "math/bitmap.h"

struct vs_error;

/* VS_ENOTFOUND when missing, VS_ECORRUPT when unusable; *bitmap unchanged then. */
int vs_live_load(const char *dir, uint32_t generation, struct vs_bitmap *bitmap, uint64_t *seq, struct vs_error *error);
int vs_live_store(const char *dir, uint32_t generation, const struct vs_bitmap *bitmap, uint64_t seq,
                  struct vs_error *error);

#endif
