/* SPDX-License-Identifier: Apache-2.0 */
/* math/quantization: in which form vectors are walked, by name. Public: installed beneath vecstore.h. */
#ifndef VS_MATH_QUANTIZATION_H
#define VS_MATH_QUANTIZATION_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Values are stored in files: never renumber. */
enum vs_quantization {
	VS_QUANTIZATION_NONE = 1, /* float32 rows */
	VS_QUANTIZATION_INT8 = 2, /* codes of one byte a dimension, for cosine, dot and euclidean; rows for the others */
};

const char *vs_quantization_name(enum vs_quantization quantization);             /* "none", "int8"; NULL when unknown */
bool vs_quantization_find(const char *name, enum vs_quantization *quantization); /* false when unknown */

#ifdef __cplusplus
}
#endif
#endif
