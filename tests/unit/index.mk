# SPDX-License-Identifier: Apache-2.0
unit_tests += \
	tests/unit/test_graph \
	tests/unit/test_graph_repair \
	tests/unit/test_races \
	tests/unit/test_scan \
	tests/unit/test_scan_batch
tests_unit_test_graph_SOURCES = tests/unit/test_graph.c tests/unit/graph_fixture.h
tests_unit_test_graph_repair_SOURCES = tests/unit/test_graph_repair.c tests/unit/graph_fixture.h
tests_unit_test_races_SOURCES = tests/unit/test_races.c tests/unit/graph_fixture.h
tests_unit_test_scan_SOURCES = tests/unit/test_scan.c
tests_unit_test_scan_batch_SOURCES = tests/unit/test_scan_batch.c
