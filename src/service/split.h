/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/split: where the elements of a long array lie in a JSON text, so that each can be parsed, used and released
 * before the next: memory then follows the largest element, and stays in the processor's cache (twice as fast). Nothing is
 * checked here: all that is skipped or cut out goes through the parser.
 */
#ifndef VS_SERVICE_SPLIT_H
#define VS_SERVICE_SPLIT_H

#include <stdbool.h>
#include <stddef.h>

struct vs_split {
	const char *text;
	size_t from; /* of the array, its brackets included */
	size_t to;
	size_t next; /* where the next element begins */
};

/* Finds the one member `name` of the object that text is. False when there is none, when it is no array, when there are
 * several, or when text looks odd: parse it whole then. */
bool vs_split_find(struct vs_split *split, const char *text, size_t len, const char *name);
/* The next element, [*from, *to) of the text, with its white space; false after the last. */
bool vs_split_next(struct vs_split *split, size_t *from, size_t *to);

#endif
