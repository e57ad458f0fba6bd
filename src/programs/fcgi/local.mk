# SPDX-License-Identifier: Apache-2.0
pkglibexec_PROGRAMS += vecstore.fcgi
vecstore_fcgi_SOURCES = \
	src/programs/fcgi/accept.c src/programs/fcgi/accept.h \
	src/programs/fcgi/cgi.c \
	src/programs/fcgi/fair.c src/programs/fcgi/fair.h \
	src/programs/fcgi/fastcgi.c \
	src/programs/fcgi/flow.c src/programs/fcgi/flow.h \
	src/programs/fcgi/main.c \
	src/programs/fcgi/params.c src/programs/fcgi/params.h \
	src/programs/fcgi/variables.c src/programs/fcgi/variables.h \
	src/programs/fcgi/worker.c src/programs/fcgi/worker.h
vecstore_fcgi_LDADD = $(service_libs) $(FCGI_LIBS)
EXTRA_DIST += src/programs/fcgi/README.md
