/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of a snapshot's archive, five bytes each: page, place in it (2), what to do, value. Sums that stand in the archive are
 * made right again, so that what is forged reaches those who read records. Every seed is such a list.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif
#include <string.h>

#include "base/checksum.h"
#include "base/tar.h"
#include "fuzz.h"
#include "store.h"
#include "store/manifest.h"

#define PAGE 4096
#define CHANGE 5
#define RECORDS 40

/* In pages of SQLite the header and the cells' places come first, cells last. */
const struct fuzz_text fuzz_seeds[] = {
	FUZZ_TEXT(""),
	FUZZ_TEXT("\x00\x00\x10\x00\x20"),
	FUZZ_TEXT("\x01\x00\x00\x01\xff\x02\x00\x08\x00\x03"),
	FUZZ_TEXT("\x03\x0f\xf0\x02\x01\x04\x0f\x80\x00\x7f\x05\x00\x05\x00\x01"),
	{ NULL, 0 },
};
const struct fuzz_text fuzz_words[] = {
	FUZZ_TEXT("\x00\x00\x14\x00"), FUZZ_TEXT("\x01\x00\x03\x00"), FUZZ_TEXT("\x02\x00\x08\x00"), FUZZ_TEXT("\x03\x0f\xff\x01"),
	FUZZ_TEXT("\x04\x0f\xe0\x02"), { NULL, 0 },
};

struct archive {
	unsigned char *data;
	size_t len, at;
	struct vs_manifest manifest;
	size_t meta, vectors; /* where their bytes are */
};

static int read_archive(void *source, void *data, size_t cap, size_t *len, struct vs_error *error)
{
	struct archive *archive = source;
	size_t left = archive->len - archive->at;
	(void)error;
	*len = left < cap ? left : cap;
	memcpy(data, archive->data + archive->at, *len);
	archive->at += *len;
	return 0;
}

static size_t padded(uint64_t len)
{
	return (size_t)len + vs_tar_padding(len);
}

static void make(struct vs_namespace *ns, struct archive *archive)
{
	struct vs_snapshot_reader *reader;
	struct vs_snapshot snapshot;
	uint64_t bytes;
	size_t got;
	FUZZ_ASSERT(vs_snapshot_create(ns, "base", NULL, &snapshot, NULL) == 0);
	FUZZ_ASSERT(vs_snapshot_reader_open(ns, "base", NULL, &reader, &bytes, NULL) == 0);
	archive->data = malloc(bytes + 1);
	FUZZ_ASSERT(archive->data);
	do {
		FUZZ_ASSERT(vs_snapshot_read(reader, archive->data + archive->len, bytes + 1 - archive->len, &got, NULL) == 0);
		archive->len += got;
	} while (got > 0);
	vs_snapshot_reader_close(reader);
	const char *text = (const char *)archive->data + VS_TAR_BLOCK;
	const char *end = memmem(text, archive->len - VS_TAR_BLOCK, "\nend ", 5);
	FUZZ_ASSERT(end);
	size_t len = (size_t)(strchr(end + 1, '\n') + 1 - text);
	FUZZ_ASSERT(vs_manifest_decode(text, len, &archive->manifest, NULL) == 0);
	archive->meta = 2 * VS_TAR_BLOCK + padded(len);
	archive->vectors = archive->meta + padded(archive->manifest.files[VS_MANIFEST_META].len) + VS_TAR_BLOCK;
}

static void change(struct archive *archive, const uint8_t *bytes)
{
	size_t first = archive->meta, last = archive->vectors + archive->manifest.files[VS_MANIFEST_VECTORS].len;
	size_t at = first + ((size_t)bytes[0] * PAGE + ((size_t)bytes[1] << 8 | bytes[2]) % PAGE) % (last - first);
	unsigned char *byte = archive->data + at;
	switch (bytes[3] % 4) {
	case 0:
		*byte = bytes[4];
		break;
	case 1:
		*byte ^= (unsigned char)(1u << bytes[4] % 8);
		break;
	case 2:
		*byte = (unsigned char)(*byte + (bytes[4] & 1 ? 1 : -1));
		break;
	default: /* a piece of elsewhere */
		memmove(byte, archive->data + first + (size_t)bytes[4] * 64 % (last - first - 16), last - at < 16 ? last - at : 16);
	}
}

static void mend(struct archive *archive)
{
	struct vs_manifest manifest = archive->manifest;
	char text[VS_MANIFEST_MAX];
	manifest.files[VS_MANIFEST_META].crc = vs_crc32_more(0, archive->data + archive->meta, manifest.files[VS_MANIFEST_META].len);
	manifest.files[VS_MANIFEST_VECTORS].crc =
	    vs_crc32_more(0, archive->data + archive->vectors, manifest.files[VS_MANIFEST_VECTORS].len);
	size_t len = vs_manifest_encode(&manifest, text);
	memcpy(archive->data + VS_TAR_BLOCK, text, len); /* as long as before */
	vs_tar_encode(archive->data + archive->vectors - VS_TAR_BLOCK, vs_manifest_names[VS_MANIFEST_VECTORS],
	              manifest.files[VS_MANIFEST_VECTORS].len, 0);
}

static int count(void *context, const struct vs_snapshot *snapshot)
{
	(void)snapshot;
	++*(int *)context;
	return 0;
}

static void refuse(void *context, const char *finding)
{
	(void)context;
	fprintf(stderr, "%s\n", finding);
}

static void try(struct vs_namespace *ns, struct archive *archive)
{
	struct vs_work_options one = { 1, NULL, NULL };
	struct vs_snapshot snapshot;
	struct vs_error error = { .code = VS_OK };
	uint64_t problems;
	int snapshots = 0;
	int rc = vs_snapshot_import(ns, "forged", read_archive, archive, &one, &snapshot, &error);
	if (rc == 0) {
		FUZZ_ASSERT(snapshot.records <= archive->manifest.state.next_slot);
		FUZZ_ASSERT(vs_snapshot_verify(ns, "forged", &one, refuse, &problems, NULL) == 0 && problems == 0);
		FUZZ_ASSERT(vs_snapshot_remove(ns, "forged", NULL) == 0);
	} else {
		FUZZ_ASSERT(rc < 0 && rc != VS_EINTERNAL && error.text[0]);
	}
	FUZZ_ASSERT(vs_snapshot_each(ns, count, &snapshots, NULL) == 0 && snapshots == 1); /* nothing is left of it */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vs_namespace *ns;
	static struct archive good;
	if (!ns) {
		ns = fuzz_namespace("default", VS_TOKENIZER_UNICODE61);
		for (unsigned i = 0; i < RECORDS; i++)
			fuzz_put(ns, i, i % 3 == 0 ? NULL : "some words of a text");
		make(ns, &good);
	}
	struct archive archive = good;
	archive.data = malloc(good.len);
	FUZZ_ASSERT(archive.data);
	memcpy(archive.data, good.data, good.len);
	for (size_t at = 0; at + CHANGE <= size && at < 20 * CHANGE; at += CHANGE)
		change(&archive, data + at);
	mend(&archive);
	try(ns, &archive);
	free(archive.data);
	return 0;
}
