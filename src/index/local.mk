# SPDX-License-Identifier: Apache-2.0
libvecstore_core_la_SOURCES += \
	src/index/graph.c src/index/graph.h \
	src/index/graph_check.c \
	src/index/graph_copy.c \
	src/index/graph_distance.h \
	src/index/graph_file.c src/index/graph_file.h \
	src/index/graph_filter.c \
	src/index/graph_impl.h \
	src/index/graph_layer.h \
	src/index/graph_link.c \
	src/index/graph_order.c \
	src/index/graph_pool.h \
	src/index/graph_repair.c \
	src/index/graph_search.c \
	src/index/graph_select.c src/index/graph_select.h \
	src/index/graph_vnni.c src/index/graph_vnni.h \
	src/index/graph_walk.c \
	src/index/scan.c src/index/scan.h \
	src/index/scan_batch.c src/index/scan_batch.h src/index/scan_impl.h \
	src/index/scan_tile.c
