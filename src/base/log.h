/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/log: one line per event, for programs. The library rooms (store, index, engine) never log: they return
 * errors. Control characters are escaped; callers pass no bodies and no secrets.
 */
#ifndef VS_BASE_LOG_H
#define VS_BASE_LOG_H

enum vs_log_level { VS_LOG_ERROR, VS_LOG_WARN, VS_LOG_INFO, VS_LOG_DEBUG };

/* ident: static string put before each line. target: "stderr" (default) or "syslog" (facility daemon).
 * level: lines above it are dropped. Both come from VECSTORE_LOG and VECSTORE_LOG_LEVEL when NULL / -1. */
void vs_log_init(const char *ident, const char *target, int level);

void vs_log(enum vs_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
