# SPDX-License-Identifier: Apache-2.0
libvecstore_core_la_SOURCES += \
	src/math/bitmap.c src/math/bitmap.h \
	src/math/int8.c src/math/int8.h \
	src/math/kernels.c src/math/kernels.h src/math/kernels_impl.h \
	src/math/kernels_avx2.c \
	src/math/kernels_avx512.c \
	src/math/kernels_neon.c \
	src/math/kernels_scalar.c \
	src/math/metric.c src/math/metric.h \
	src/math/quantization.c src/math/quantization.h \
	src/math/space.c src/math/space.h \
	src/math/tile.c src/math/tile.h \
	src/math/topk.c src/math/topk.h \
	src/math/view.h
