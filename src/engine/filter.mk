# SPDX-License-Identifier: Apache-2.0
libvecstore_core_la_SOURCES += \
	src/engine/filter.h src/engine/filter_impl.h \
	src/engine/filter_build.c src/engine/filter_build.h \
	src/engine/filter_date.c src/engine/filter_date.h \
	src/engine/filter_eval.c \
	src/engine/filter_json.c src/engine/filter_json.h \
	src/engine/filter_lex.c src/engine/filter_lex.h \
	src/engine/filter_object.c \
	src/engine/filter_parse.c
