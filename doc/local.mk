# SPDX-License-Identifier: Apache-2.0
dist_doc_DATA += doc/architecture.md doc/benchmarks.md doc/file-format.md doc/operations.md doc/reliability.md doc/security.md

# What the server answers at /openapi.json. A tarball brings it along, so that only a checkout needs Python's yaml.
dist_pkgdata_DATA += doc/openapi.json
EXTRA_DIST += doc/openapi.yaml doc/openapi-to-json
MAINTAINERCLEANFILES = doc/openapi.json

doc/openapi.json: doc/openapi.yaml doc/openapi-to-json configure.ac
	$(AM_V_GEN)$(MKDIR_P) doc && \
	$(top_srcdir)/doc/openapi-to-json $(top_srcdir)/doc/openapi.yaml $@ $(PACKAGE_VERSION)
