# SPDX-License-Identifier: Apache-2.0
unit_tests += tests/unit/test_namespace tests/unit/test_search tests/unit/test_upkeep
tests_unit_test_namespace_SOURCES = tests/unit/test_namespace.c tests/unit/engine_fixture.h
tests_unit_test_search_SOURCES = tests/unit/test_search.c tests/unit/engine_fixture.h
tests_unit_test_upkeep_SOURCES = tests/unit/test_upkeep.c tests/unit/engine_fixture.h
unit_tests += tests/unit/test_columns_match
tests_unit_test_columns_match_SOURCES = tests/unit/test_columns_match.c tests/unit/engine_fixture.h
unit_tests += tests/unit/test_compact
tests_unit_test_compact_SOURCES = tests/unit/test_compact.c tests/unit/engine_fixture.h
