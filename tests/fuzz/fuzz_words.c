/* SPDX-License-Identifier: Apache-2.0 */
/* What a user writes to search texts, after a byte that says how: 2 by English stems, 4 marks for HTML. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif
#include <string.h>

#include "base/utf8.h"
#include "fuzz.h"
#include "store.h"

const struct fuzz_text fuzz_seeds[] = {
	FUZZ_TEXT("0quick fox"),
	FUZZ_TEXT("1+quick -lazy \"brown fox\" jump*"),
	FUZZ_TEXT("2running \"the dog\"* -\"a b\" don't"),
	FUZZ_TEXT("3\xc3\x84pfel \xe6\x97\xa5\xe6\x9c\xac e\xcc\x81t\xc3\xa9"),
	FUZZ_TEXT("4<b>fox</b> & \"dog"),
	FUZZ_TEXT("0NEAR(a b, 2) AND {text} : ^fox OR rowid"),
	{ NULL, 0 },
};
const struct fuzz_text fuzz_words[] = {
	FUZZ_TEXT("\""), FUZZ_TEXT(" +"), FUZZ_TEXT(" -"), FUZZ_TEXT("* "), FUZZ_TEXT("\"\""), FUZZ_TEXT("fox"), FUZZ_TEXT("dog*"),
	FUZZ_TEXT(" AND "), FUZZ_TEXT(" OR "), FUZZ_TEXT(" NOT "), FUZZ_TEXT("NEAR("), FUZZ_TEXT("text:"), FUZZ_TEXT("^"),
	FUZZ_TEXT("{a b}:"), FUZZ_TEXT(")"), FUZZ_TEXT("\xc2\xa0"), FUZZ_TEXT("\xe2\x80\xa8"), FUZZ_TEXT("\xf0\x9f\x98\x80"),
	FUZZ_TEXT("\xcc\x81"), FUZZ_TEXT("\xef\xbf\xbd"), FUZZ_TEXT("x x x x x x x x x x"), FUZZ_TEXT("\xd7\xa9"), { NULL, 0 },
};

static struct vs_namespace *fill(const char *name, enum vs_tokenizer tokenizer)
{
	static const char *const texts[] = {
		"The quick brown fox jumps over the lazy dog", "a b a b dog's <b>fox</b> & \"dogs\"", "x x x x x x x x",
		"\xc3\x84pfel \xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e \xc3\xa9t\xc3\xa9 e\xcc\x81t\xc3\xa9", "near and or not text rowid",
		"running ran runs runner", NULL,
	};
	struct vs_namespace *ns = fuzz_namespace(name, tokenizer);
	for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++)
		fuzz_put(ns, i, texts[i]);
	return ns;
}

/* How many it finds, or the code of its fault. */
static int ask(struct vs_namespace *ns, const struct vs_text_query *text)
{
	const struct vs_hybrid_part *parts;
	struct vs_query query = VS_QUERY;
	struct vs_results results;
	struct vs_error error = { .code = VS_OK };
	int rc = vs_namespace_search_hybrid(ns, &query, text, &results, &parts, &error);
	if (rc) { /* no words make a fault of SQLite's */
		FUZZ_ASSERT(rc == VS_EINVAL && strcmp(error.field, "text_query") == 0 && error.text[0]);
		FUZZ_ASSERT(error.position <= (int64_t)text->words_len);
		return rc;
	}
	for (size_t i = 0; i < results.count; i++) {
		FUZZ_ASSERT(parts[i].has_text && parts[i].text_score >= 0);
		FUZZ_ASSERT(!parts[i].highlight || vs_utf8_check(parts[i].highlight, parts[i].highlight_len) < 0);
		FUZZ_ASSERT(!parts[i].highlight || memmem(parts[i].highlight, parts[i].highlight_len, "<em>", 4));
	}
	return (int)results.count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vs_namespace *plain, *stems;
	struct vs_highlight highlight = VS_HIGHLIGHT;
	struct vs_text_query text = VS_TEXT_QUERY;
	if (!plain) {
		plain = fill("plain", VS_TOKENIZER_UNICODE61);
		stems = fill("stems", VS_TOKENIZER_PORTER);
	}
	if (size == 0)
		return 0;
	struct vs_namespace *ns = data[0] & 2 ? stems : plain;
	highlight.html = (data[0] & 4) != 0;
	text.words = (const char *)data + 1;
	text.words_len = size - 1;
	text.highlight = &highlight;
	int any = ask(ns, &text);
	FUZZ_ASSERT(ask(ns, &text) == any);
	text.all = true;
	int all = ask(ns, &text);
	FUZZ_ASSERT(any < 0 ? all == any : all <= any);
	return 0;
}
