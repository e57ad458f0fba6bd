/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/vfs_fault: in builds with --enable-faults, a SQLite VFS around the system's own. Its calls count in one sequence
 * with those of base/file and fail as VECSTORE_FAULT says (base/fault.h), what they change goes into the trace
 * (base/trace.h), and a rule is watched: meta.db itself is written to only by who holds the write lock of its WAL, since a
 * checkpoint beside a commit can corrupt the database (store/meta.h). Private to the room.
 */
#ifndef VS_STORE_VFS_FAULT_H
#define VS_STORE_VFS_FAULT_H

#ifdef VS_FAULTS
/* Its name, for sqlite3_open_v2. */
const char *vs_vfs_fault(void);
#define VS_VFS vs_vfs_fault()
#else
#define VS_VFS NULL
#endif

#endif
