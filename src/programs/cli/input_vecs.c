/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fvecs, ivecs, bvecs (corpus-texmex.irisa.fr): per vector an int32 count and as many float32, int32 or uint8,
 * little-endian. And numbers of all these kinds as float32, for npy, too.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "programs/cli/records.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are read as they are");

uint32_t vs_records_number_size(char type)
{
	switch (type) {
	case 'B':
		return 1;
	case 'e':
		return 2;
	case 'd':
		return 8;
	default:
		return 4;
	}
}

/* IEEE 754 binary16. */
static float from_half(uint16_t half)
{
	int exponent = half >> 10 & 31;
	float fraction = (float)(half & 1023);
	float size = exponent == 31  ? (fraction > 0 ? NAN : INFINITY)
	             : exponent == 0 ? ldexpf(fraction, -24)
	                             : ldexpf(fraction + 1024, exponent - 25);
	return half & 0x8000 ? -size : size;
}

static float number_at(char type, const unsigned char *data, uint32_t i)
{
	uint16_t half;
	int32_t whole;
	float single;
	double wide;
	switch (type) {
	case 'B':
		return data[i];
	case 'e':
		memcpy(&half, data + 2 * (size_t)i, sizeof half);
		return from_half(half);
	case 'i':
		memcpy(&whole, data + 4 * (size_t)i, sizeof whole);
		return (double)(float)whole == (double)whole ? (float)whole : NAN;
	case 'd':
		memcpy(&wide, data + 8 * (size_t)i, sizeof wide);
		return (float)wide;
	default:
		memcpy(&single, data + 4 * (size_t)i, sizeof single);
		return single;
	}
}

int vs_records_vector(struct vs_arena *arena, char type, const void *data, uint32_t dimension,
                      struct vs_record_input *record, struct vs_error *error)
{
	float *vector = vs_arena_alloc(arena, dimension * sizeof *vector);
	if (!vector)
		return vs_error_set(error, VS_ENOMEM, "no memory for a record");
	for (uint32_t i = 0; i < dimension; i++) {
		vector[i] = number_at(type, data, i);
		if (!isfinite(vector[i]))
			return vs_error_at(error, VS_EINVAL, "vector", i, "%s",
			                   type == 'i' ? "an integer that float32 cannot hold exactly"
			                               : "not a finite number of float32");
	}
	record->vector = vector;
	record->dimension = dimension;
	return 0;
}

static int next_vector(struct vs_records *records, char type, struct vs_arena *arena, struct vs_record_input *record,
                       struct vs_error *error)
{
	int32_t dimension = 0;
	unsigned char *data = records->state;
	int rc = vs_input_read(&records->input, &dimension, sizeof dimension, error);
	if (rc <= 0)
		return rc;
	if (dimension < 1 || dimension > VS_VECTOR_DIM_MAX)
		return vs_error_set(error, VS_EINVAL, "it claims %d dimensions, which no vector has: is the file %s?", dimension,
		                    records->reader->name);
	if (!data && !(data = records->state = malloc(VS_VECTOR_DIM_MAX * sizeof(float))))
		return vs_error_set(error, VS_ENOMEM, "no memory for a vector");
	rc = vs_input_read(&records->input, data, (uint32_t)dimension * vs_records_number_size(type), error);
	if (rc == 0)
		return vs_error_set(error, VS_EINVAL, "the file ends too early");
	if (rc < 0)
		return rc;
	records->whole = true;
	rc = record ? vs_records_vector(arena, type, data, (uint32_t)dimension, record, error) : 0;
	return rc ? rc : 1;
}

#define VS_READER(name_, type)                                                                                         \
	static int name_##_next(struct vs_records *records, struct vs_arena *arena, struct vs_record_input *record,        \
	                        struct vs_error *error)                                                                    \
	{                                                                                                                  \
		return next_vector(records, type, arena, record, error);                                                       \
	}                                                                                                                  \
	const struct vs_reader vs_reader_##name_ = { .name = #name_, .next = name_##_next }

VS_READER(fvecs, 'f');
VS_READER(ivecs, 'i');
VS_READER(bvecs, 'B');
