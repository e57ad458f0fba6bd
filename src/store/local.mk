# SPDX-License-Identifier: Apache-2.0
libvecstore_core_la_SOURCES += \
	src/store/audit.c src/store/audit.h src/store/audit_event.h \
	src/store/catalog.c src/store/catalog.h src/store/catalog_impl.h src/store/catalog_admin.c \
	src/store/catalog_usage.c src/store/usage.c src/store/usage.h src/store/usage.tbl \
	src/store/columns.h src/store/columns_impl.h \
	src/store/columns_file.c src/store/columns_read.c src/store/columns_write.c \
	src/store/job.h src/store/jobs.c src/store/jobs.h \
	src/store/keys.c src/store/keys.h src/store/roles.tbl \
	src/store/live.c src/store/live.h \
	src/store/manifest.c src/store/manifest.h \
	src/store/meta.c src/store/meta.h src/store/meta_impl.h src/store/meta_rows.c \
	src/store/policy.c src/store/policy.h src/store/quota.tbl \
	src/store/rows.c src/store/rows.h src/store/rows_impl.h src/store/rows_write.c \
	src/store/sql.c src/store/sql.h \
	src/store/text.c src/store/text.h src/store/text_impl.h src/store/text_search.c src/store/text_check.c \
	src/store/tokenizer.c src/store/tokenizer.h \
	src/store/vectors.c src/store/vectors.h \
	src/store/vfs_fault.c src/store/vfs_fault.h

# The schemas, as C strings: comments and empty lines go, each line becomes a literal.
nodist_libvecstore_core_la_SOURCES = src/store/catalog_sql.c src/store/meta_sql.c
EXTRA_DIST += sql/catalog.sql sql/meta.sql src/store/README.md
CLEANFILES += src/store/catalog_sql.c src/store/meta_sql.c

SQL_LINES = sed -e 's/ *--.*$$//' -e '/^ *$$/d' -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/    "/' -e 's/$$/\\n"/'
SQL_TO_C = { echo "extern const char vs_$${name}_sql[];" && echo "const char vs_$${name}_sql[] =" && \
	$(SQL_LINES) "$$file" && echo "    ;"; } >$@.tmp && mv $@.tmp $@

src/store/catalog_sql.c: $(top_srcdir)/sql/catalog.sql
	$(AM_V_GEN)$(MKDIR_P) src/store && name=catalog file=$(top_srcdir)/sql/catalog.sql && $(SQL_TO_C)

src/store/meta_sql.c: $(top_srcdir)/sql/meta.sql
	$(AM_V_GEN)$(MKDIR_P) src/store && name=meta file=$(top_srcdir)/sql/meta.sql && $(SQL_TO_C)
