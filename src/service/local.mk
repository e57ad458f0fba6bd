# SPDX-License-Identifier: Apache-2.0
libvecstore_service_la_SOURCES += \
	src/service/audit.c src/service/audit.h \
	src/service/auth.c src/service/auth.h \
	src/service/base64.c src/service/base64.h \
	src/service/batch_query.c \
	src/service/cache.c src/service/cache.h \
	src/service/cache_file.c src/service/cache_file.h \
	src/service/call.h \
	src/service/compact.c \
	src/service/condition.c src/service/condition.h \
	src/service/count.c \
	src/service/execute.c \
	src/service/estimate.c src/service/explain.c src/service/recommend.c \
	src/service/admit.c src/service/admit.h \
	src/service/changes.c \
	src/service/handles.c src/service/handles.h \
	src/service/hybrid.c \
	src/service/jobs.c src/service/jobs.h \
	src/service/json_in.c src/service/json_in.h \
	src/service/json_vectors.c src/service/json_vectors.h \
	src/service/json_out.c src/service/json_out.h \
	src/service/jwt.c src/service/jwt.h src/service/jwt_keys.c src/service/jwt_keys.h \
	src/service/keys.c src/service/keys.h \
	src/service/lifetime.c src/service/lifetime.h \
	src/service/metrics.c src/service/metrics.h src/service/metrics.tbl \
	src/service/operations.tbl \
	src/service/namespaces.c src/service/namespace_in.c src/service/namespace_in.h src/service/namespace_out.c src/service/namespace_out.h \
	src/service/pages.c \
	src/service/patch.c \
	src/service/query.c src/service/query.h src/service/query_in.c src/service/query_out.c \
	src/service/query_cache.c src/service/query_cache.h \
	src/service/quota_json.c src/service/quota_json.h \
	src/service/record_in.c src/service/record_in.h \
	src/service/records.c \
	src/service/remove.c \
	src/service/route.c src/service/route.h \
	src/service/service.c src/service/service.h \
	src/service/shared.c src/service/shared.h \
	src/service/shape.c src/service/shape.h \
	src/service/snapshots.c src/service/snapshots.h src/service/snapshot_files.c \
	src/service/split.c src/service/split.h \
	src/service/status.c \
	src/service/stream.c src/service/stream.h \
	src/service/tenants.c src/service/tenants.h \
	src/service/usage.c \
	src/service/target.c src/service/target.h \
	src/service/upsert.c \
	src/service/users.c src/service/users.h
EXTRA_DIST += src/service/README.md
