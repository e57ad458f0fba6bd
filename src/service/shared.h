/* SPDX-License-Identifier: Apache-2.0 */
/* service/shared: a file of the run folder that all processes have mapped, volatile, of words that begin as zeros. */
#ifndef VS_SERVICE_SHARED_H
#define VS_SERVICE_SHARED_H

#include <stddef.h>
#include <stdint.h>

struct vs_error;

/* How it begins. */
struct vs_shared_head {
	uint64_t magic;
	uint64_t layout; /* version << 32 | size of it all */
};

/* Maps RUN/<stem>.shm, size bytes, and makes it when it is missing or of another layout: zeros but for the head. */
int vs_shared_open(const char *run_dir, const char *stem, uint64_t magic, uint32_t version, size_t size, void **address,
                   struct vs_error *error);
void vs_shared_close(void *address, size_t size);

#endif
