/* SPDX-License-Identifier: Apache-2.0 */
/* math/view: rows of vectors as they lie mapped, all that index needs to know of the store. */
#ifndef VS_MATH_VIEW_H
#define VS_MATH_VIEW_H

#include "math/space.h"

struct vs_view {
	const struct vs_space *space;
	const unsigned char *rows; /* row s at rows + s * stride; layout as math/space.h */
	size_t stride;
	uint32_t count; /* rows mapped; slots at or past it must not be touched */
};

static inline const float *vs_view_row(const struct vs_view *view, uint32_t slot)
{
	return (const float *)(const void *)(view->rows + (size_t)slot * view->stride);
}

#endif
