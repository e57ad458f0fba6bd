/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/trace: in builds with --enable-faults, a log of everything that changes files, from which a test makes the images
 * that a power loss may leave. VECSTORE_FAULT_TRACE=FILE turns it on; FILE is appended to by one write per event, so
 * several processes may share it. Nothing otherwise.
 *
 * An event is struct vs_trace_event, the path, the second path (rename) or text (mark), then the bytes.
 */
#ifndef VS_BASE_TRACE_H
#define VS_BASE_TRACE_H

#ifdef VS_FAULTS
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum vs_trace_kind {
	VS_TRACE_WRITE = 1, /* len bytes at offset follow */
	VS_TRACE_EXTEND,    /* the file reaches to offset at least */
	VS_TRACE_TRUNCATE,  /* the file ends at offset */
	VS_TRACE_SYNC,
	VS_TRACE_IMAGE, /* synced, and all its len bytes follow: it is changed through a map */
	VS_TRACE_CREATE,
	VS_TRACE_FOLDER, /* made */
	VS_TRACE_RENAME,
	VS_TRACE_UNLINK,
	VS_TRACE_FOLDER_SYNC,
	VS_TRACE_MARK, /* of a test */
};

struct vs_trace_event {
	uint32_t kind;
	uint16_t path_len;
	uint16_t other_len;
	uint64_t offset;
	uint64_t len;
};

bool vs_trace_on(void);
/* Reads the variable again: for tests, while one thread runs. */
void vs_trace_reset(void);
void vs_trace(enum vs_trace_kind kind, const char *path, const char *other, uint64_t offset, const void *data,
              size_t len);
/* The file is mapped for writing from now on: its syncs become images. */
void vs_trace_mapped(const char *path);
/* A sync of the open file fd has succeeded. */
void vs_trace_sync(const char *path, int fd);
#endif

#endif
