# SPDX-License-Identifier: Apache-2.0
unit_tests += \
	tests/unit/test_auth_matrix \
	tests/unit/test_jwt \
	tests/unit/test_target \
	tests/unit/test_codec \
	tests/unit/test_json_vectors \
	tests/unit/test_cache \
	tests/unit/test_batch_query \
	tests/unit/test_metrics \
	tests/unit/test_service \
	tests/unit/test_service_records \
	tests/unit/test_tenants
tests_unit_test_target_SOURCES = tests/unit/test_target.c
tests_unit_test_target_LDADD = $(service_libs) $(CMOCKA_LIBS)
tests_unit_test_codec_SOURCES = tests/unit/test_codec.c
tests_unit_test_codec_LDADD = $(service_libs) $(CMOCKA_LIBS)
tests_unit_test_json_vectors_SOURCES = tests/unit/test_json_vectors.c
tests_unit_test_json_vectors_LDADD = $(service_libs) $(CMOCKA_LIBS)
tests_unit_test_cache_SOURCES = tests/unit/test_cache.c
tests_unit_test_cache_LDADD = $(service_libs) $(CMOCKA_LIBS)
tests_unit_test_batch_query_SOURCES = tests/unit/test_batch_query.c
tests_unit_test_batch_query_LDADD = $(service_libs) $(CMOCKA_LIBS)
tests_unit_test_metrics_SOURCES = tests/unit/test_metrics.c
tests_unit_test_metrics_LDADD = $(service_libs) $(CMOCKA_LIBS)
tests_unit_test_service_SOURCES = tests/unit/test_service.c tests/unit/service_fixture.h
tests_unit_test_service_LDADD = $(service_libs) $(CMOCKA_LIBS)
tests_unit_test_service_records_SOURCES = tests/unit/test_service_records.c tests/unit/service_fixture.h
tests_unit_test_service_records_LDADD = $(service_libs) $(CMOCKA_LIBS)
tests_unit_test_auth_matrix_SOURCES = tests/unit/test_auth_matrix.c tests/unit/service_fixture.h
tests_unit_test_auth_matrix_LDADD = $(service_libs) $(CMOCKA_LIBS)
tests_unit_test_jwt_SOURCES = tests/unit/test_jwt.c tests/unit/service_fixture.h
tests_unit_test_jwt_LDADD = $(service_libs) $(CMOCKA_LIBS)
tests_unit_test_tenants_SOURCES = tests/unit/test_tenants.c tests/unit/service_fixture.h
tests_unit_test_tenants_LDADD = $(service_libs) $(CMOCKA_LIBS)
