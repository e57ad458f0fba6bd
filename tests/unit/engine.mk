# SPDX-License-Identifier: Apache-2.0
unit_tests += tests/unit/test_namespace tests/unit/test_search tests/unit/test_upkeep
tests_unit_test_namespace_SOURCES = tests/unit/test_namespace.c tests/unit/engine_fixture.h
tests_unit_test_search_SOURCES = tests/unit/test_search.c tests/unit/engine_fixture.h
tests_unit_test_upkeep_SOURCES = tests/unit/test_upkeep.c tests/unit/engine_fixture.h
unit_tests += tests/unit/test_search_batch
tests_unit_test_search_batch_SOURCES = tests/unit/test_search_batch.c tests/unit/engine_fixture.h
unit_tests += tests/unit/test_columns_match
tests_unit_test_columns_match_SOURCES = tests/unit/test_columns_match.c tests/unit/engine_fixture.h
unit_tests += tests/unit/test_copies
tests_unit_test_copies_SOURCES = tests/unit/test_copies.c tests/unit/engine_fixture.h
unit_tests += tests/unit/test_choice tests/unit/test_explain tests/unit/test_group
tests_unit_test_choice_SOURCES = tests/unit/test_choice.c tests/unit/engine_fixture.h
tests_unit_test_explain_SOURCES = tests/unit/test_explain.c tests/unit/engine_fixture.h
tests_unit_test_group_SOURCES = tests/unit/test_group.c tests/unit/engine_fixture.h
