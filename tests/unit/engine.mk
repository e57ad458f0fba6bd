# SPDX-License-Identifier: Apache-2.0
unit_tests += tests/unit/test_namespace tests/unit/test_search tests/unit/test_upkeep
tests_unit_test_namespace_SOURCES = tests/unit/test_namespace.c tests/unit/engine_fixture.h
tests_unit_test_search_SOURCES = tests/unit/test_search.c tests/unit/engine_fixture.h
tests_unit_test_upkeep_SOURCES = tests/unit/test_upkeep.c tests/unit/engine_fixture.h
unit_tests += tests/unit/test_columns_match
tests_unit_test_columns_match_SOURCES = tests/unit/test_columns_match.c tests/unit/engine_fixture.h
unit_tests += tests/unit/test_compact
tests_unit_test_compact_SOURCES = tests/unit/test_compact.c tests/unit/engine_fixture.h
unit_tests += tests/unit/test_expiry tests/unit/test_facet tests/unit/test_merge tests/unit/test_page tests/unit/test_write
tests_unit_test_expiry_SOURCES = tests/unit/test_expiry.c tests/unit/engine_fixture.h
tests_unit_test_facet_SOURCES = tests/unit/test_facet.c tests/unit/engine_fixture.h
tests_unit_test_merge_SOURCES = tests/unit/test_merge.c
tests_unit_test_page_SOURCES = tests/unit/test_page.c tests/unit/engine_fixture.h
tests_unit_test_write_SOURCES = tests/unit/test_write.c tests/unit/engine_fixture.h
