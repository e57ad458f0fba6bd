/* SPDX-License-Identifier: Apache-2.0 */
#include "store/tokenizer.h"

#include <stddef.h>
#include <string.h>

static const char *const names[] = {
	[VS_TOKENIZER_UNICODE61] = "unicode61",
	[VS_TOKENIZER_PORTER] = "porter",
};

#define NAME_COUNT (sizeof(names) / sizeof(names[0]))

const char *vs_tokenizer_name(enum vs_tokenizer tokenizer)
{
	return (size_t)tokenizer < NAME_COUNT ? names[tokenizer] : NULL;
}

bool vs_tokenizer_find(const char *name, enum vs_tokenizer *tokenizer)
{
	for (size_t i = VS_TOKENIZER_UNICODE61; i < NAME_COUNT; i++)
		if (strcmp(names[i], name) == 0) {
			*tokenizer = (enum vs_tokenizer)i;
			return true;
		}
	return false;
}
