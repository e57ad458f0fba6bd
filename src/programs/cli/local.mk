# SPDX-License-Identifier: Apache-2.0
bin_PROGRAMS += vecstore
vecstore_SOURCES = \
	src/programs/cli/args.c src/programs/cli/args.h \
	src/programs/cli/batch.c src/programs/cli/batch.h \
	src/programs/cli/child.c src/programs/cli/child.h \
	src/programs/cli/cmd_audit.c \
	src/programs/cli/cmd_bench.c \
	src/programs/cli/cmd_changes.c \
	src/programs/cli/cmd_check.c \
	src/programs/cli/cmd_compact.c \
	src/programs/cli/cmd_export.c \
	src/programs/cli/cmd_import.c \
	src/programs/cli/cmd_ns.c \
	src/programs/cli/cmd_jobs.c \
	src/programs/cli/cmd_key.c \
	src/programs/cli/cmd_query.c \
	src/programs/cli/cmd_query_file.c src/programs/cli/query_file.h \
	src/programs/cli/query_print.c src/programs/cli/query_print.h \
	src/programs/cli/cmd_serve.c \
	src/programs/cli/cmd_snapshot.c \
	src/programs/cli/cmd_token.c \
	src/programs/cli/cmd_usage.c \
	src/programs/cli/cmd_version.c \
	src/programs/cli/commands.tbl \
	src/programs/cli/csv.c src/programs/cli/csv.h \
	src/programs/cli/export.h \
	src/programs/cli/flags.c src/programs/cli/flags.h \
	src/programs/cli/input.c src/programs/cli/input.h \
	src/programs/cli/input_csv.c \
	src/programs/cli/input_jsonl.c \
	src/programs/cli/input_npy.c \
	src/programs/cli/input_vecs.c \
	src/programs/cli/interrupt.c src/programs/cli/interrupt.h \
	src/programs/cli/journal.c src/programs/cli/journal.h \
	src/programs/cli/json_raw.c src/programs/cli/json_raw.h \
	src/programs/cli/listen.c src/programs/cli/listen.h \
	src/programs/cli/local.c src/programs/cli/local.h \
	src/programs/cli/main.c \
	src/programs/cli/output.c src/programs/cli/output.h \
	src/programs/cli/output_csv.c \
	src/programs/cli/output_jsonl.c \
	src/programs/cli/output_npy.c \
	src/programs/cli/preflight.c src/programs/cli/preflight.h \
	src/programs/cli/progress.c src/programs/cli/progress.h \
	src/programs/cli/queue.c src/programs/cli/queue.h \
	src/programs/cli/records.c src/programs/cli/records.h \
	src/programs/cli/rejects.c src/programs/cli/rejects.h \
	src/programs/cli/supervisor.c src/programs/cli/supervisor.h \
	src/programs/cli/when.c src/programs/cli/when.h \
	src/programs/cli/webserver.c src/programs/cli/webserver.h \
	src/programs/cli/webserver_conf.c
vecstore_LDADD = $(service_libs) $(INIH_LIBS)
EXTRA_DIST += src/programs/cli/README.md
