# SPDX-License-Identifier: Apache-2.0
fuzzers = tests/fuzz/fuzz_archive tests/fuzz/fuzz_csv tests/fuzz/fuzz_filter tests/fuzz/fuzz_flow tests/fuzz/fuzz_json \
	tests/fuzz/fuzz_vectors tests/fuzz/fuzz_words
fuzz_common = tests/fuzz/driver.c tests/fuzz/fuzz.h
fuzz_store = tests/fuzz/store.c tests/fuzz/store.h
EXTRA_PROGRAMS += $(fuzzers)
EXTRA_DIST += tests/fuzz/README.md

tests_fuzz_fuzz_archive_SOURCES = tests/fuzz/fuzz_archive.c $(fuzz_common) $(fuzz_store)
tests_fuzz_fuzz_archive_LDADD = $(service_libs)
tests_fuzz_fuzz_csv_SOURCES = tests/fuzz/fuzz_csv.c tests/fuzz/feed.c $(fuzz_common) $(cli_readers)
tests_fuzz_fuzz_csv_LDADD = $(service_libs)
tests_fuzz_fuzz_filter_SOURCES = tests/fuzz/fuzz_filter.c $(fuzz_common)
tests_fuzz_fuzz_filter_LDADD = $(service_libs)
tests_fuzz_fuzz_flow_SOURCES = tests/fuzz/fuzz_flow.c src/programs/fcgi/flow.c src/programs/fcgi/params.c $(fuzz_common)
tests_fuzz_fuzz_flow_LDADD = $(service_libs)
tests_fuzz_fuzz_json_SOURCES = tests/fuzz/fuzz_json.c $(fuzz_common) $(cli_readers) src/programs/cli/output_jsonl.c
tests_fuzz_fuzz_json_LDADD = $(service_libs)
tests_fuzz_fuzz_vectors_SOURCES = tests/fuzz/fuzz_vectors.c tests/fuzz/feed.c $(fuzz_common) $(cli_readers)
tests_fuzz_fuzz_vectors_LDADD = $(service_libs)
tests_fuzz_fuzz_words_SOURCES = tests/fuzz/fuzz_words.c $(fuzz_common) $(fuzz_store)
tests_fuzz_fuzz_words_LDADD = $(service_libs)

FUZZ_SECONDS = 5
if FUZZ
noinst_PROGRAMS += $(fuzzers)
fuzz: $(fuzzers)
	for fuzzer in $(fuzzers); do $$fuzzer $(FUZZ_SECONDS) || exit 1; done
.PHONY: fuzz
endif
