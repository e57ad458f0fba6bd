# SPDX-License-Identifier: Apache-2.0
pkglibexec_PROGRAMS += vecstore-indexer
vecstore_indexer_SOURCES = \
	src/programs/indexer/compactor.c src/programs/indexer/compactor.h \
	src/programs/indexer/keeper.c src/programs/indexer/keeper.h \
	src/programs/indexer/main.c \
	src/programs/indexer/runner.c src/programs/indexer/runner.h \
	src/programs/indexer/watch.c src/programs/indexer/watch.h
vecstore_indexer_LDADD = $(service_libs)
EXTRA_DIST += src/programs/indexer/README.md
