# SPDX-License-Identifier: Apache-2.0
unit_tests += tests/unit/test_handles tests/unit/test_namespace tests/unit/test_search tests/unit/test_upkeep
tests_unit_test_handles_SOURCES = tests/unit/test_handles.c tests/unit/engine_fixture.h
tests_unit_test_namespace_SOURCES = tests/unit/test_namespace.c tests/unit/engine_fixture.h
tests_unit_test_search_SOURCES = tests/unit/test_search.c tests/unit/engine_fixture.h
tests_unit_test_upkeep_SOURCES = tests/unit/test_upkeep.c tests/unit/engine_fixture.h
unit_tests += tests/unit/test_search_batch
tests_unit_test_search_batch_SOURCES = tests/unit/test_search_batch.c tests/unit/engine_fixture.h
unit_tests += tests/unit/test_columns_match
tests_unit_test_columns_match_SOURCES = tests/unit/test_columns_match.c tests/unit/engine_fixture.h
unit_tests += tests/unit/test_copies
tests_unit_test_copies_SOURCES = tests/unit/test_copies.c tests/unit/engine_fixture.h
unit_tests += tests/unit/test_repair
tests_unit_test_repair_SOURCES = tests/unit/test_repair.c tests/unit/engine_fixture.h
