/* SPDX-License-Identifier: Apache-2.0 */
/* base/boot: which boot of which machine this is. What was written to a map but not synced survives a killed process, and
 * not another boot. */
#ifndef VS_BASE_BOOT_H
#define VS_BASE_BOOT_H

#define VS_BOOT_ID 40

/* Zero-padded text: VECSTORE_BOOT_ID when set (for tests), else the kernel's. */
void vs_boot_id(char boot[VS_BOOT_ID]);

#endif
