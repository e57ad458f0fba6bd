# SPDX-License-Identifier: Apache-2.0

LDADD = $(core_libs) $(CMOCKA_LIBS)

lints = \
	tests/lint/exports \
	tests/lint/file-length \
	tests/lint/includes-of-rooms \
	tests/lint/io-seam \
	tests/lint/man-pages \
	tests/lint/openapi-routes \
	tests/lint/spdx

TESTS += $(lints)
if HAVE_CMOCKA
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
else
check-local:
	@echo 'cmocka is missing, so nothing was tested. On Debian: apt-get install libcmocka-dev' >&2; exit 1
endif

# Lints read the sources where they are and the objects where they were built.
AM_TESTS_ENVIRONMENT = top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)' NM='$(NM)'; \
	export top_srcdir top_builddir NM;

EXTRA_DIST += $(lints) tests/lint/rooms tests/blackbox tests/properties tests/coverage

dist-hook:
	find $(distdir) -type d \( -name __pycache__ -o -name .pytest_cache \) -prune -exec rm -rf {} +
