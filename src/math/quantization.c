/* SPDX-License-Identifier: Apache-2.0 */
#include "math/quantization.h"

#include <stddef.h>
#include <string.h>

static const char *const names[] = {
	[VS_QUANTIZATION_NONE] = "none",
	[VS_QUANTIZATION_INT8] = "int8",
};

#define NAME_COUNT (sizeof(names) / sizeof(names[0]))

const char *vs_quantization_name(enum vs_quantization quantization)
{
	return (size_t)quantization < NAME_COUNT ? names[quantization] : NULL;
}

bool vs_quantization_find(const char *name, enum vs_quantization *quantization)
{
	for (size_t i = VS_QUANTIZATION_NONE; i < NAME_COUNT; i++)
		if (strcmp(names[i], name) == 0) {
			*quantization = (enum vs_quantization)i;
			return true;
		}
	return false;
}
