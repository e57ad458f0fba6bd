/* SPDX-License-Identifier: Apache-2.0 */
/* base/atomics: the few orders that shared maps need, by name. All work on aligned 32- and 64-bit integers. */
#ifndef VS_BASE_ATOMICS_H
#define VS_BASE_ATOMICS_H

#define vs_load_relaxed(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define vs_load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define vs_store_relaxed(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define vs_store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define vs_add_relaxed(p, v) __atomic_fetch_add((p), (v), __ATOMIC_RELAXED)

#endif
