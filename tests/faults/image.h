/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images of a data folder as a power loss may leave it, made from a trace (base/trace.h).
 *
 * The rules: what was synced is there. Of what was not, each write may be there, be missing, be torn between sectors of 512
 * bytes, or be there although an earlier one is not. Names that were made, moved or removed since the last sync of their
 * folder may be as before, up to any of these changes. A file that is changed through a map is a mix of sectors of two
 * syncs.
 */
#ifndef VS_TESTS_FAULTS_IMAGE_H
#define VS_TESTS_FAULTS_IMAGE_H

#include <stddef.h>
#include <stdint.h>

struct trace;

/* Reads the events below the data folder `root`. NULL when there is no such file. */
struct trace *trace_load(const char *path, const char *root);
void trace_free(struct trace *trace);
size_t trace_length(const struct trace *trace);
/* Goes on to the state after the first `events` events; never back. */
void trace_advance(struct trace *trace, size_t events);
/* Marks passed up to now: how many begin with the letter. */
unsigned trace_marks(const struct trace *trace, char letter);
/* The image of this moment that the seed chooses, into the new folder `to`. */
void trace_image(const struct trace *trace, uint64_t seed, const char *to);

#endif
