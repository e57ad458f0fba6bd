/* SPDX-License-Identifier: Apache-2.0 */
/* store/tokenizer: how the words of texts are told apart, by name. Public: installed beneath vecstore.h. */
#ifndef VS_STORE_TOKENIZER_H
#define VS_STORE_TOKENIZER_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Values are stored in files: never renumber. */
enum vs_tokenizer {
	VS_TOKENIZER_UNICODE61 = 1, /* letters and digits as Unicode 6.1 has them, without case and diacritics: any language */
	VS_TOKENIZER_PORTER = 2,    /* of these the stems of English (Porter, 1980): "running" finds "runs" */
};

const char *vs_tokenizer_name(enum vs_tokenizer tokenizer);             /* "unicode61", "porter"; NULL when unknown */
bool vs_tokenizer_find(const char *name, enum vs_tokenizer *tokenizer); /* false when unknown */

#ifdef __cplusplus
}
#endif
#endif
