/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/folder.h"
#include "fuzz.h"
#include "store.h"

static char folder[] = "/dev/shm/vecstore-fuzz-XXXXXX";

static void remove_folder(void)
{
	(void)vs_folder_remove(folder, NULL, NULL);
}

struct vs_namespace *fuzz_namespace(const char *name, enum vs_tokenizer tokenizer)
{
	struct vs_namespace_options options = { VS_CREATE, VS_COSINE, FUZZ_DIMENSION, VS_QUANTIZATION_INT8, tokenizer };
	static struct vs_store *store;
	struct vs_namespace *ns;
	if (!store) {
		FUZZ_ASSERT(mkdtemp(folder) && atexit(remove_folder) == 0);
		FUZZ_ASSERT(vs_store_open(folder, VS_CREATE, &store, NULL) == 0);
	}
	FUZZ_ASSERT(vs_namespace_open(store, name, &options, &ns, NULL) == 0);
	return ns;
}

void fuzz_put(struct vs_namespace *ns, unsigned number, const char *text)
{
	float vector[FUZZ_DIMENSION] = { 1.0f, (float)number, (float)(number % 7), -1.0f };
	char id[16];
	int len = snprintf(id, sizeof id, "r%u", number);
	struct vs_record_input record = {
		.id = id,
		.id_len = (size_t)len,
		.vector = vector,
		.dimension = FUZZ_DIMENSION,
		.metadata = "{\"tags\":[\"a\",1],\"n\":2.5}",
		.metadata_len = 24,
		.text = text,
		.text_len = text ? strlen(text) : 0,
	};
	struct vs_upsert_result result;
	FUZZ_ASSERT(vs_namespace_upsert(ns, &record, 1, NULL, &result, NULL) == 0);
}
