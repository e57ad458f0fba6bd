# SPDX-License-Identifier: Apache-2.0
unit_tests += tests/unit/test_audit tests/unit/test_catalog tests/unit/test_keys tests/unit/test_columns tests/unit/test_folder tests/unit/test_jobs tests/unit/test_live tests/unit/test_meta tests/unit/test_meta_rows \
	tests/unit/test_rows tests/unit/test_vectors
tests_unit_test_audit_SOURCES = tests/unit/test_audit.c tests/unit/catalog_fixture.h tests/unit/store_fixture.h
tests_unit_test_keys_SOURCES = tests/unit/test_keys.c tests/unit/catalog_fixture.h tests/unit/store_fixture.h
tests_unit_test_catalog_SOURCES = tests/unit/test_catalog.c tests/unit/catalog_fixture.h tests/unit/store_fixture.h
tests_unit_test_folder_SOURCES = tests/unit/test_folder.c tests/unit/store_fixture.h
tests_unit_test_columns_SOURCES = tests/unit/test_columns.c tests/unit/store_fixture.h
tests_unit_test_jobs_SOURCES = tests/unit/test_jobs.c tests/unit/catalog_fixture.h tests/unit/store_fixture.h
tests_unit_test_live_SOURCES = tests/unit/test_live.c tests/unit/store_fixture.h
tests_unit_test_meta_SOURCES = tests/unit/test_meta.c tests/unit/store_fixture.h
tests_unit_test_meta_rows_SOURCES = tests/unit/test_meta_rows.c tests/unit/store_fixture.h
tests_unit_test_rows_SOURCES = tests/unit/test_rows.c tests/unit/store_fixture.h
tests_unit_test_vectors_SOURCES = tests/unit/test_vectors.c tests/unit/store_fixture.h
unit_tests += tests/unit/test_manifest
tests_unit_test_manifest_SOURCES = tests/unit/test_manifest.c tests/unit/store_fixture.h
