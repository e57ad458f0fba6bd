# SPDX-License-Identifier: Apache-2.0
cli_readers = src/programs/cli/csv.c src/programs/cli/input.c src/programs/cli/input_csv.c src/programs/cli/input_jsonl.c \
	src/programs/cli/input_npy.c src/programs/cli/input_vecs.c src/programs/cli/json_raw.c src/programs/cli/records.c
unit_tests += tests/unit/test_config tests/unit/test_csv tests/unit/test_flow tests/unit/test_jsonl tests/unit/test_serve_conf
tests_unit_test_config_SOURCES = tests/unit/test_config.c src/programs/cli/args.c src/programs/cli/flags.c
tests_unit_test_config_LDADD = $(service_libs) $(INIH_LIBS) $(CMOCKA_LIBS)
tests_unit_test_csv_SOURCES = tests/unit/test_csv.c src/programs/cli/csv.c src/programs/cli/json_raw.c
tests_unit_test_csv_LDADD = $(service_libs) $(CMOCKA_LIBS)
tests_unit_test_flow_SOURCES = tests/unit/test_flow.c src/programs/fcgi/flow.c src/programs/fcgi/flow.h \
	src/programs/fcgi/params.c src/programs/fcgi/params.h
tests_unit_test_flow_LDADD = $(service_libs) $(CMOCKA_LIBS)
tests_unit_test_jsonl_SOURCES = tests/unit/test_jsonl.c $(cli_readers)
tests_unit_test_jsonl_LDADD = $(service_libs) $(CMOCKA_LIBS)
tests_unit_test_serve_conf_SOURCES = tests/unit/test_serve_conf.c src/programs/cli/child.c src/programs/cli/queue.c src/programs/cli/webserver_conf.c
tests_unit_test_serve_conf_LDADD = $(service_libs) $(CMOCKA_LIBS)
