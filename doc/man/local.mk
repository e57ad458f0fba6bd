# SPDX-License-Identifier: Apache-2.0
dist_man_MANS += \
	doc/man/vecstore-audit.1 \
	doc/man/vecstore-bench.1 \
	doc/man/vecstore-changes.1 \
	doc/man/vecstore-check.1 \
	doc/man/vecstore-clone.1 \
	doc/man/vecstore-compact.1 \
	doc/man/vecstore-export.1 \
	doc/man/vecstore-import.1 \
	doc/man/vecstore-indexer.8 \
	doc/man/vecstore-ns.1 \
	doc/man/vecstore-jobs.1 \
	doc/man/vecstore-key.1 \
	doc/man/vecstore-query.1 \
	doc/man/vecstore-serve.1 \
	doc/man/vecstore-snapshot.1 \
	doc/man/vecstore-token.1 \
	doc/man/vecstore-usage.1 \
	doc/man/vecstore.1 \
	doc/man/vecstore.conf.5 \
	doc/man/vecstore.fcgi.8

