# SPDX-License-Identifier: Apache-2.0
libvecstore_core_la_SOURCES += \
	src/engine/vecstore.h src/engine/namespace.h src/engine/generation.h src/engine/matches.h \
	src/engine/scope.h src/engine/scope.c \
	src/engine/store.c src/engine/namespace.c src/engine/generation.c src/engine/matches.c \
	src/engine/json.h src/engine/json.c src/engine/upsert.c src/engine/remove.c src/engine/patch.c \
	src/engine/write.h src/engine/write.c src/engine/write_check.c src/engine/execute.c src/engine/merge.h src/engine/merge.c \
	src/engine/members.h src/engine/members.c src/engine/project.h src/engine/project.c \
	src/engine/expiry.h src/engine/expiry.c src/engine/sweep.h src/engine/sweep.c \
	src/engine/count.c src/engine/facet.h src/engine/facet.c src/engine/facet_table.c \
	src/engine/record.c src/engine/page.c src/engine/search.c \
	src/engine/search_batch.c src/engine/search_impl.h src/engine/search_scan.c \
	src/engine/search_hydrate.c src/engine/plan.c src/engine/plan.h src/engine/estimate.c src/engine/recommend.c \
	src/engine/group.c src/engine/group_value.c src/engine/group_value.h src/engine/mmr.c src/engine/mmr.h \
	src/engine/explain.c src/engine/explain.h \
	src/engine/columns_fill.c src/engine/columns_fill.h src/engine/columns_match.c src/engine/columns_match.h \
	src/engine/compact.c src/engine/compact.h src/engine/compact_copy.c \
	src/engine/rows_fill.c src/engine/rows_fill.h \
	src/engine/columns_tree.c src/engine/columns_tree.h src/engine/columns_check.c src/engine/columns_check.h \
	src/engine/upkeep.c src/engine/check.c src/engine/check.h src/engine/repair.c src/engine/folders.c \
	src/engine/birth.c src/engine/birth.h src/engine/work.c src/engine/work.h \
	src/engine/snapshot.c src/engine/snapshot.h src/engine/snapshot_build.c src/engine/snapshot_capture.c \
	src/engine/snapshot_export.c src/engine/snapshot_import.c src/engine/snapshot_import.h src/engine/import_records.c \
	src/engine/snapshot_restore.c src/engine/snapshot_verify.c \
	src/engine/jobs.tbl src/engine/jobs.h src/engine/jobs.c src/engine/job_compact.c src/engine/job_snapshot.c \
	src/engine/words.h src/engine/words.c src/engine/hybrid.c src/engine/highlight.h src/engine/highlight.c \
	src/engine/tail.c src/engine/changes.c src/engine/admin.c src/engine/policy.c src/engine/reap.c
