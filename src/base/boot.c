/* SPDX-License-Identifier: Apache-2.0 */
#include "base/boot.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

void vs_boot_id(char boot[VS_BOOT_ID])
{
	const char *set = getenv("VECSTORE_BOOT_ID");
	size_t len = 0;

	memset(boot, 0, VS_BOOT_ID);
	if (set != NULL && set[0] != '\0') {
		strncpy(boot, set, VS_BOOT_ID - 1);
		return;
	}
	if (vs_file_load("/proc/sys/kernel/random/boot_id", boot, VS_BOOT_ID, &len, NULL) != 0)
		memset(boot, 0, VS_BOOT_ID);
	boot[VS_BOOT_ID - 1] = '\0';
}
