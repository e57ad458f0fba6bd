# SPDX-License-Identifier: Apache-2.0
libvecstore_core_la_SOURCES += \
	src/base/arena.c src/base/arena.h \
	src/base/atomics.h \
	src/base/boot.c src/base/boot.h \
	src/base/buf.c src/base/buf.h \
	src/base/checksum.c src/base/checksum.h \
	src/base/clock.c src/base/clock.h \
	src/base/copy.c src/base/copy.h \
	src/base/cpu.c src/base/cpu.h \
	src/base/error.c src/base/error.h src/base/error.tbl \
	src/base/fault.c src/base/fault.h \
	src/base/file.c src/base/file.h \
	src/base/folder.c src/base/folder.h \
	src/base/hash.c src/base/hash.h \
	src/base/process.c src/base/process.h \
	src/base/log.c src/base/log.h \
	src/base/tar.c src/base/tar.h \
	src/base/trace.c src/base/trace.h \
	src/base/utf8.c src/base/utf8.h
