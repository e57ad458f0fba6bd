# SPDX-License-Identifier: Apache-2.0
fault_common = tests/faults/again.c tests/faults/folders.c tests/faults/work.c tests/faults/work_admin.c tests/faults/work.h
fault_tests = tests/faults/answers tests/faults/beside tests/faults/clock tests/faults/damage tests/faults/memory tests/faults/pauses \
	tests/faults/power tests/faults/rivals tests/faults/steps
EXTRA_PROGRAMS += $(fault_tests)
EXTRA_DIST += tests/faults/planted tests/faults/README.md

if FAULTS
check_PROGRAMS += $(fault_tests)
if SANITIZED
# Those in which memory is handled wrongly, if anywhere; the others are about bytes on disk.
TESTS += tests/faults/answers tests/faults/damage tests/faults/memory tests/faults/steps
else
TESTS += $(fault_tests) tests/faults/planted
endif
endif

allocation = tests/faults/allocation.c tests/faults/allocation.h

tests_faults_answers_SOURCES = tests/faults/answers.c $(allocation) $(fault_common)
tests_faults_answers_LDADD = $(service_libs)
tests_faults_clock_SOURCES = tests/faults/clock.c $(fault_common)
tests_faults_clock_LDADD = $(core_libs)
tests_faults_beside_SOURCES = tests/faults/beside.c $(fault_common)
tests_faults_beside_LDADD = $(core_libs)
tests_faults_damage_SOURCES = tests/faults/damage.c $(fault_common)
tests_faults_damage_LDADD = $(core_libs)
tests_faults_memory_SOURCES = tests/faults/memory.c tests/faults/cases.h $(allocation) $(fault_common)
tests_faults_memory_LDADD = $(core_libs)
tests_faults_pauses_SOURCES = tests/faults/pauses.c $(fault_common)
tests_faults_pauses_LDADD = $(core_libs)
tests_faults_power_SOURCES = tests/faults/power.c tests/faults/image.c tests/faults/image.h $(fault_common)
tests_faults_power_LDADD = $(core_libs)
tests_faults_rivals_SOURCES = tests/faults/rivals.c $(fault_common)
tests_faults_rivals_LDADD = $(core_libs)
tests_faults_steps_SOURCES = tests/faults/steps.c tests/faults/cases.h $(fault_common)
tests_faults_steps_LDADD = $(core_libs)
