# SPDX-License-Identifier: Apache-2.0
#
# libvecstore.so: the core rooms, of which the installed headers' functions alone are exported.

public_headers = src/engine/vecstore.h src/engine/admin.h src/engine/snapshots.h src/base/error.h src/math/metric.h \
	src/math/quantization.h src/store/audit_event.h src/store/job.h src/store/policy.h src/store/tokenizer.h src/store/usage.h

pkginclude_HEADERS = src/engine/vecstore.h
publicenginedir = $(pkgincludedir)/engine
publicengine_HEADERS = src/engine/admin.h src/engine/snapshots.h
publicbasedir = $(pkgincludedir)/base
publicbase_HEADERS = src/base/error.h src/base/error.tbl
publicmathdir = $(pkgincludedir)/math
publicmath_HEADERS = src/math/metric.h src/math/quantization.h
publicstoredir = $(pkgincludedir)/store
publicstore_HEADERS = src/store/audit_event.h src/store/job.h src/store/policy.h src/store/quota.tbl src/store/tokenizer.h src/store/usage.h src/store/usage.tbl

lib_LTLIBRARIES += libvecstore.la
libvecstore_la_SOURCES =
libvecstore_la_LIBADD = $(core_libs)
libvecstore_la_LDFLAGS = $(AM_LDFLAGS) -no-undefined -Wl,-z,defs -version-info 0:0:0 -export-symbols libvecstore.sym
EXTRA_libvecstore_la_DEPENDENCIES = libvecstore.sym

# A prototype starts in column 0; its name is what stands before the first parenthesis.
libvecstore.sym: $(public_headers)
	$(AM_V_GEN)cd $(srcdir) && $(SED) -n 's/^[a-z][^(]*[ *]\(vs_[a-z0-9_]*\)(.*/\1/p' $(public_headers) | \
		LC_ALL=C sort >$(abs_builddir)/$@.tmp && mv $(abs_builddir)/$@.tmp $(abs_builddir)/$@
CLEANFILES += libvecstore.sym
