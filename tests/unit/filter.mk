# SPDX-License-Identifier: Apache-2.0
unit_tests += tests/unit/test_filter_parse tests/unit/test_filter_eval tests/unit/test_filter_json
tests_unit_test_filter_parse_SOURCES = tests/unit/test_filter_parse.c
tests_unit_test_filter_eval_SOURCES = tests/unit/test_filter_eval.c tests/unit/filter_fixture.h
tests_unit_test_filter_json_SOURCES = tests/unit/test_filter_json.c
unit_tests += tests/unit/test_filter_object tests/unit/test_filter_sql
tests_unit_test_filter_object_SOURCES = tests/unit/test_filter_object.c tests/unit/filter_fixture.h
tests_unit_test_filter_sql_SOURCES = tests/unit/test_filter_sql.c tests/unit/engine_fixture.h
