/* SPDX-License-Identifier: Apache-2.0 */
/* The manifest of a snapshot: what is written is read, and nothing else is, though its sum be right. */
#include "store_fixture.h"

#include "base/checksum.h"
#include "store/manifest.h"

static struct vs_manifest good(void)
{
	struct vs_manifest manifest = {
		.name = "nightly-1",
		.created_at = 1700000000000,
		.state = { .generation = 3, .seq = 70, .active = 5, .deleted = 2, .next_slot = 9, .dimension = 4, .metric = VS_COSINE,
		           .quantization = VS_QUANTIZATION_INT8 },
		.files = { { 8192, 0x01020304 }, { 4672, 0xa1b2c3d4 }, { 0, 0 }, { 0, 0 }, { 4096, 7 } },
	};
	return manifest;
}

static int decode(const char *text, size_t len, struct vs_manifest *manifest)
{
	error = (struct vs_error){ 0 };
	return vs_manifest_decode(text, len, manifest, &error);
}

static void what_is_written_is_read(void **state)
{
	struct vs_manifest manifest = good(), read;
	char text[VS_MANIFEST_MAX], again[VS_MANIFEST_MAX];
	size_t len = vs_manifest_encode(&manifest, text);

	(void)state;
	assert_int_equal(decode(text, len, &read), 0);
	assert_int_equal(vs_manifest_encode(&read, again), len);
	assert_memory_equal(again, text, len);
	assert_int_equal(vs_manifest_bytes(&read), 8192 + 4672 + 4096);
	assert_int_equal(vs_manifest_load(folder, &read, &error), VS_ENOTFOUND);
	assert_int_equal(vs_manifest_store(folder, &manifest, &error), 0);
	assert_int_equal(vs_manifest_load(folder, &read, &error), 0);
	assert_string_equal(read.name, "nightly-1");
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(decode(text, cut, &read), VS_ECORRUPT);
	for (size_t at = 0; at < len; at++) { /* the format's number may become that of another vecstore */
		text[at] ^= 1;
		assert_true(decode(text, len, &read) < 0);
		text[at] ^= 1;
	}
	text[len] = '\n';
	assert_int_equal(decode(text, len + 1, &read), VS_ECORRUPT);
}

/* Puts `to` in the place of `from`, and a right sum at the end. */
static size_t change(char *text, size_t len, const char *from, const char *to)
{
	char *at;
	size_t rest;

	text[len] = '\0';
	at = strstr(text, from);
	assert_non_null(at);
	rest = strlen(at + strlen(from)) + 1;
	memmove(at + strlen(to), at + strlen(from), rest);
	memcpy(at, to, strlen(to));
	at = strstr(text, "\nend ") + 1;
	return (size_t)(at - text) + (size_t)sprintf(at, "end %08x\n", (unsigned)vs_crc32(text, (size_t)(at - text)));
}

static void nonsense_under_a_right_sum(void **state)
{
	static const struct {
		const char *from, *to;
		int code;
	} changes[] = {
		{ "snapshot 1\n", "snapshot 2\n", VS_EFORMAT },
		{ "snapshot 1\n", "snapshot one\n", VS_ECORRUPT },
		{ "name nightly-1\n", "name\n", VS_ECORRUPT },
		{ "name nightly-1\n", "name \n", VS_ECORRUPT },
		{ "name nightly-1\n", "name ../x\n", VS_ECORRUPT },
		{ "name nightly-1\n", "name a234567890123456789012345678901234567890123456789012345678901234\n", VS_ECORRUPT },
		{ "name nightly-1\n", "mame nightly-1\n", VS_ECORRUPT },
		{ "created_at 1700000000000\n", "created_at 9223372036854775808\n", VS_ECORRUPT },
		{ "created_at 1700000000000\n", "created_at -1\n", VS_ECORRUPT },
		{ "generation 3\n", "generation 4294967296\n", VS_ECORRUPT },
		{ "generation 3\n", "generation 3 \n", VS_ECORRUPT },
		{ "seq 70\n", "seq 99999999999999999999\n", VS_ECORRUPT },
		{ "active 5\n", "active five\n", VS_ECORRUPT },
		{ "deleted 2\n", "", VS_ECORRUPT },
		{ "slots 9\n", "slots 4294967295\n", VS_ECORRUPT },
		{ "dimension 4\n", "dimension 8193\n", VS_ECORRUPT },
		{ "metric cosine\n", "metric cosinus\n", VS_ECORRUPT },
		{ "quantization int8\n", "quantization int9\n", VS_ECORRUPT },
		{ "quantization int8\n", "", VS_ECORRUPT },
		{ "file meta.db 8192 01020304\n", "", VS_ECORRUPT },
		{ "file meta.db 8192 01020304\n", "file meta.db 0 01020304\n", VS_ECORRUPT },
		{ "file meta.db 8192 01020304\n", "file meta.db many 01020304\n", VS_ECORRUPT },
		{ "file meta.db 8192 01020304\n", "file meta.db 8192\n", VS_ECORRUPT },
		{ "file meta.db 8192 01020304\n", "file meta.db 8192 0102030\n", VS_ECORRUPT },
		{ "file meta.db 8192 01020304\n", "file meta.db 8192 0102030G\n", VS_ECORRUPT },
		{ "file meta.db 8192 01020304\n", "file meta.dbx 8192 01020304\n", VS_ECORRUPT },
		{ "file meta.db 8192 01020304\n", "file meta.db 8192 01020304\nfile meta.db 8192 01020304\n", VS_ECORRUPT },
		{ "file vectors.f32 4672 a1b2c3d4\n", "", VS_ECORRUPT },
		{ "file vectors.f32 4672 a1b2c3d4\n", "file catalog.db 4672 a1b2c3d4\n", VS_ECORRUPT },
		{ "file vectors.f32 4672 a1b2c3d4\n", "files\n", VS_ECORRUPT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct vs_manifest manifest = good(), read;
		char text[2 * VS_MANIFEST_MAX];
		size_t len = vs_manifest_encode(&manifest, text);
		assert_int_equal(decode(text, change(text, len, "seq 70\n", "seq 71\n"), &read), 0); /* what change does is right */
		assert_int_equal(read.state.seq, 71);
		len = vs_manifest_encode(&manifest, text);
		assert_int_equal(decode(text, change(text, len, changes[i].from, changes[i].to), &read), changes[i].code);
		assert_true(error.text[0] != '\0');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_written_is_read, folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(nonsense_under_a_right_sum, folder_make, folder_remove),
	};

	return cmocka_run_group_tests_name("manifest", tests, NULL, NULL);
}
