/* SPDX-License-Identifier: Apache-2.0 */
/* base/copy: long files read from end to end, to copy them or to sum them up. Made of what base/file has. */
#ifndef VS_BASE_COPY_H
#define VS_BASE_COPY_H

#include <stdint.h>

struct vs_error;

/* Hears of the bytes done since the last time; what it returns but 0 ends the work, and is returned. NULL allowed. */
typedef int vs_copy_progress(void *context, uint64_t bytes);

/* Makes the file `to`, in place of what is there, of the first len bytes of `from`, and syncs it; its folder is not. *crc
 * (NULL allowed) is the CRC-32 of the bytes. VS_ECORRUPT when `from` is shorter. */
int vs_file_copy(const char *from, const char *to, uint64_t len, uint32_t *crc, vs_copy_progress *progress, void *context,
                 struct vs_error *error);

/* The CRC-32 of the first len bytes. VS_ECORRUPT when the file is shorter. */
int vs_file_checksum(const char *path, uint64_t len, uint32_t *crc, vs_copy_progress *progress, void *context,
                     struct vs_error *error);

#endif
