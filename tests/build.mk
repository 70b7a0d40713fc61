# Tests. Every test program leaves a RESULT file, "passed failed skipped", which tests/tally.sh makes and adds up. All of them run even if one fails.
#
#     tests/unit/test_NAME.c      a Check suite; also under ASan+UBSan, TSan and valgrind
#     tests/differential/         random programs, by the virtual machine and by a reference that walks the tree; also under ASan+UBSan; DIFFERENTIAL='COUNT SEED' asks for others
#     tests/fuzz/fuzz_NAME.c      a fuzzer: its seeds and its corpus, once each; also under ASan+UBSan. make fuzz looks for more
#     tests/fuzz/mutate-verifier.sh  whether a test notices each check of the verifier that is left out
#     tests/golden/run            a script and its expected output, one pair a file
#     tests/e2e/test_NAME.sh      real processes; exit code 77 skips. Those of the addon for Node.js also under ASan+UBSan
#     tests/fault/                victims under load, one fault each, and what must hold whatever happens; SOAK=1 takes hours
#     tests/stress/stress_NAME.c  a program that tries hard for some seconds and exits 0 or 1; also under ASan+UBSan and TSan
#     tests/model/NAME.pml        a protocol without a lock, all of whose interleavings spin looks at
#     tests/layers.sh             who may include and export what
#     tests/hardening.sh          how what is built is linked and guarded, and what of libc an event may come to
#     tests/editors.sh            what the files for editors know of the language
#     tests/bench/instructions.sh how many instructions an event takes

# $(call test-names,FOLDER,PATTERN,SUFFIX): unit/test_cell …
test-names = $(patsubst tests/%$(3),%,$(wildcard tests/$(1)/$(2)$(3)))
# $(call results,BUILD,NAMES): their RESULT files, under a build folder.
results = $(patsubst %,$(1)/check/%.result,$(2))

unit-names := $(call test-names,unit,test_*,.c)
fuzz-names := $(patsubst fuzz/fuzz_%,%,$(call test-names,fuzz,fuzz_*,.c))
stress-names := $(call test-names,stress,stress_*,.c)
e2e-names := $(call test-names,e2e,test_*,.sh)

unit-results := $(call results,build,$(unit-names))
stress-results := $(call results,build,$(stress-names))
e2e-results := $(call results,build,$(e2e-names))
differential-results := $(call results,build,differential/differential)
fuzz-replays := $(call results,build,$(addprefix fuzz/,$(fuzz-names)))
node-names := e2e/test_node e2e/test_node_churn
asan-results := $(call results,build/asan,$(unit-names) $(stress-names) differential/differential $(addprefix fuzz/,$(fuzz-names)) $(node-names))
# Those that have threads, of their own or the agent's; but of test_attach, whose many processes TSan makes slow.
tsan-unit-names := $(filter-out unit/test_attach,$(patsubst tests/%.c,%,$(shell grep -lE 'pthread_create|"agent_wait.h"|"jstrace.h"' $(wildcard tests/unit/test_*.c))))
tsan-results := $(call results,build/tsan,$(tsan-unit-names) $(stress-names))
# valgrind knows no pidfds, and neither clocks nor threads run under it as they do by themselves; maps under contention would take it minutes.
valgrind-names := $(filter-out $(addprefix unit/test_,attach clock find interleaving map site thread watch),$(unit-names))
valgrind-results := $(patsubst unit/%,build/check/valgrind/%.result,$(valgrind-names))
golden-results := $(if $(wildcard tests/golden/run),build/check/golden.result)
model-results := $(call results,build,$(filter-out model/memory,$(call test-names,model,*,.pml)))
layers-results := build/check/layers.result
hardening-results := build/check/hardening.result
editors-results := build/check/editors.result
instructions-results := build/check/instructions.result

# ---- building them ----

# A unit test links grammar, runtime, libjstrace and the CLI but for its main. A stress test the same, so that it may be about any of them.
# libjstrace comes as an archive whose hidden symbols are still there: a test that uses none of it must not become a target by itself.
test-libraries = $(filter-out $(B)/cli/main.o,$(cli-objects)) $(B)/grammar.a $(B)/tests/libjstrace.a $(B)/runtime.a
# Quoted includes alone: a header of ours may be called as one of the system's is, check.h.
test-includes = $(addprefix -iquote ,tests tests/differential tests/unit cli grammar $(B)/grammar libjstrace runtime) -DJSTRACE_VERSION='"$(version)"'
unit-tests := $(addprefix $(B)/tests/,$(unit-names))
stress-tests := $(addprefix $(B)/tests/,$(stress-names))

$(B)/tests/%.o: tests/%.c
	$(call compile,$(test-includes) -Wno-conversion -Wno-shadow)
$(unit-tests:=.o): $(B)/grammar/parser.c
$(unit-tests:=.o): CPPFLAGS += -include tests/unit/marks.h

$(B)/tests/libjstrace.a: $(libjstrace-objects)
	$(say) AR $@
	@mkdir -p $(@D)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# Debian's Check is linked with subunit, others' may not be. Looked up once, when it is first needed.
check-libs = $(eval check-libs := -lcheck $$(shell echo 'int main(void) { return 0; }' | $$(CC) -x c -o /dev/null - -lsubunit 2>/dev/null && echo -lsubunit))$(check-libs)

$(unit-tests): %: %.o $(test-libraries)
	$(say) LD $@
	$(Q)$(CC) -pthread $(sanitize) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(check-libs) $(cli-libs) -lrt $(LDLIBS)
$(stress-tests): %: %.o $(test-libraries)
	$(say) LD $@
	$(Q)$(CC) -pthread $(sanitize) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(cli-libs) $(LDLIBS)
differential-test := $(B)/tests/differential/differential
$(differential-test): $(call objects,tests/differential) $(B)/grammar.a $(B)/runtime.a
	$(say) LD $@
	$(Q)$(CC) -pthread $(sanitize) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lm $(LDLIBS)
$(call objects,tests/differential): $(B)/grammar/parser.c

.PHONY: tests
tests: $(unit-tests) $(stress-tests) $(differential-test)

# ---- running them ----

# What hangs is ended; what is only slow, under a tool and beside other tests, is not.
sanitizer-options := CK_TIMEOUT_MULTIPLIER=8 ASAN_OPTIONS=abort_on_error=0:detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS=halt_on_error=0:exitcode=66
variant-name := $(if $(VARIANT),$(VARIANT) )

.PHONY: force
$(B)/check/unit/%.result: $(B)/tests/unit/% force
	@$(sanitizer-options) tests/tally.sh $@ '$(variant-name)unit/$*' $<
$(B)/check/stress/%.result: $(B)/tests/stress/% force
	@$(sanitizer-options) tests/tally.sh $@ '$(variant-name)stress/$*' $<
$(B)/check/differential/%.result: $(B)/tests/differential/% force
	@$(sanitizer-options) tests/tally.sh $@ '$(variant-name)differential/$*' $< $(DIFFERENTIAL)
build/check/valgrind/%.result: build/tests/unit/% force
	@CK_TIMEOUT_MULTIPLIER=8 CK_EXCLUDE_TAGS='native slow' tests/tally.sh $@ 'valgrind unit/$*' valgrind -q --fair-sched=try --error-exitcode=9 --child-silent-after-fork=no $<
build/check/golden.result: programs force
	@tests/tally.sh --live $@ golden tests/golden/run
build/check/e2e/%.result: tests/e2e/%.sh programs force
	@tests/tally.sh $@ 'e2e/$*' $<
# The addon with the sanitizers in a Node.js without: they need the ordinary jstrace.
build/asan/check/e2e/%.result: tests/e2e/%.sh force
	$(Q)$(MAKE) --no-print-directory VARIANT= programs
	$(Q)$(if $(e2e-addon),$(MAKE) --no-print-directory VARIANT=asan node)
	@VARIANT=asan tests/tally.sh $@ 'asan e2e/$*' $<
build/check/model/%.result: tests/model/%.pml force
	@CC='$(CC)' tests/tally.sh $@ 'model/$*' tests/model/run $*
build/check/layers.result: programs force
	@CC='$(CC)' tests/tally.sh $@ layers tests/layers.sh
build/check/editors.result: force
	@tests/tally.sh $@ editors tests/editors.sh

# $(call run,VARIANT,RESULTS): builds and runs; what cannot be built has no RESULT, and the sum says so.
# Without -j it takes as many jobs as there are CPUs.
jobs = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))
run = +$(Q)rm -f $(2); $(if $(strip $(2)),$(MAKE) --no-print-directory $(jobs) -k $(if $(1),VARIANT=$(1)) $(2) || :)
sum = @tests/tally.sh --sum $(1)

.PHONY: check check-setup check-layers check-editors check-instructions check-unit check-differential check-hardening check-model check-fuzz check-golden check-e2e check-stress check-asan check-tsan check-valgrind
check-setup:
	@tests/setup.sh check

check-layers: check-setup
	$(call run,,$(layers-results))
	$(call sum,$(layers-results))
check-hardening: check-setup
	$(call run,,$(hardening-results))
	$(call sum,$(hardening-results))
check-editors:
	$(call run,,$(editors-results))
	$(call sum,$(editors-results))
check-instructions: check-setup
	$(call run,,$(instructions-results))
	$(call sum,$(instructions-results))
check-model: check-setup
	$(call run,,$(model-results))
	$(call sum,$(model-results))
check-unit: check-setup
	$(call run,,$(unit-results))
	$(call sum,$(unit-results))
check-differential: check-setup
	$(call run,,$(differential-results))
	$(call sum,$(differential-results))
check-fuzz: check-setup
	$(call run,,$(fuzz-replays))
	$(call sum,$(fuzz-replays))
check-golden: check-setup
	$(call run,,$(golden-results))
	$(call sum,$(golden-results))
check-e2e: check-setup
	$(call run,,$(e2e-results))
	$(call sum,$(e2e-results))
check-stress: check-setup
	$(call run,,$(stress-results))
	$(call sum,$(stress-results))
check-asan: check-setup
	$(call run,asan,$(asan-results))
	$(call sum,$(asan-results))
check-tsan: check-setup
	$(call run,tsan,$(tsan-results))
	$(call sum,$(tsan-results))
check-valgrind: check-setup
	$(call run,,$(valgrind-results))
	$(call sum,$(valgrind-results))

# All parts. They share the CPUs; but what looks at an idle process, at the time that requests take, or at all processes there are, has the machine to itself.
e2e-alone := $(call results,build,$(addprefix e2e/test_,agent node_page coming_from tutorial))
.PHONY: run-valgrind run-asan run-tsan
run-valgrind:
	$(call run,,$(valgrind-results))
run-asan:
	$(call run,asan,$(asan-results))
run-tsan:
	$(call run,tsan,$(tsan-results))
check: check-setup
	$(call run,,$(layers-results) $(editors-results) $(instructions-results) $(hardening-results) $(model-results) $(unit-results) $(differential-results) $(fuzz-replays) $(mutants-results))
	$(call run,,$(golden-results))
	+$(Q)$(MAKE) --no-print-directory $(jobs) run-asan run-tsan run-valgrind
	$(call run,,$(stress-results))
	$(call run,,$(filter-out $(e2e-alone),$(e2e-results)) $(fault-results))
	$(Q)rm -f $(e2e-alone)
	+$(Q)$(MAKE) --no-print-directory -k -j1 $(e2e-alone) || :
	$(call sum,$(layers-results) $(editors-results) $(instructions-results) $(hardening-results) $(model-results) $(unit-results) $(differential-results) $(fuzz-replays) $(mutants-results) $(golden-results) $(valgrind-results) $(asan-results) $(tsan-results) $(stress-results) $(e2e-results) $(fault-results))

# ---- coverage ----

# Which lines of grammar, runtime and libjstrace the unit, differential, golden and end-to-end tests run; less than COVERAGE_LEAST % fails. A process that is killed tells nothing. The table, with the lines that were not run: build/coverage/report.txt, and as pages beside it.
COVERAGE_LEAST ?= 95
coverage-programs := $(addprefix build/coverage/,$(addprefix tests/,$(unit-names)) tests/differential/differential tests/golden/driver tests/e2e/agent tests/e2e/targets/target tests/e2e/targets/plugin.so)
.PHONY: coverage
coverage:
	@tests/setup.sh coverage
	+$(Q)$(MAKE) --no-print-directory $(jobs) VARIANT=coverage programs $(coverage-programs)
	$(Q)find build/coverage -name '*.gcda' -delete
	+$(Q)$(MAKE) --no-print-directory $(jobs) -k VARIANT=coverage $(call results,build/coverage,$(unit-names) differential/differential) || :
	@DRIVER=$(abspath build/coverage/tests/golden/driver) tests/tally.sh build/coverage/check/golden.result golden tests/golden/run
	$(Q)for test in $(e2e-names); do JSTRACE_BUILD=$(abspath build/coverage) tests/tally.sh build/coverage/check/$$test.result $$test tests/$$test.sh; done
	$(Q)gcovr --root . --filter 'grammar/.*' --filter 'runtime/.*' --filter 'libjstrace/[^/]*' --exclude-throw-branches --gcov-ignore-parse-errors --html-details build/coverage/report.html --txt build/coverage/report.txt --fail-under-line $(COVERAGE_LEAST) --print-summary build/coverage

# ---- golden tests of the compiler ----

$(B)/tests/golden/fmt_check.o: $(B)/grammar/parser.c
$(B)/tests/golden/driver: $(B)/tests/golden/driver.o $(B)/tests/golden/fmt_check.o $(B)/grammar.a $(B)/runtime.a
	$(say) LD $@
	$(Q)$(CC) -pthread $(sanitize) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lm $(LDLIBS)
build/check/golden.result: build/tests/golden/driver

# Without the rest: grammar and runtime suffice.
.PHONY: check-golden-compile
check-golden-compile: $(B)/tests/golden/driver
	$(Q)DRIVER=$(abspath $<) tests/golden/run

# The addon where there is a Node.js to load it; else the tests of that skip.
e2e-addon := $(if $(shell command -v $(NODE)),$(node-addon))

build/check/hardening.result: programs $(e2e-addon) force
	@CC='$(CC)' tests/tally.sh $@ hardening tests/hardening.sh

include tests/bench/build.mk
include tests/fuzz/build.mk
include tests/fault/build.mk

# ---- the library in the target, by a CLI written for tests and targets that do as they are told ----

e2e-programs := $(e2e-addon) $(B)/tests/e2e/agent $(B)/tests/e2e/targets/target $(B)/tests/e2e/targets/plugin.so
$(e2e-results): $(e2e-programs)
$(B)/tests/e2e/targets/target.o: CPPFLAGS += -Ilibjstrace
$(B)/tests/e2e/agent: $(B)/tests/e2e/agent.o $(B)/tests/e2e/client.o $(B)/tests/e2e/look.o $(B)/runtime.a
	$(say) LD $@
	$(Q)$(CC) -pthread $(sanitize) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lm $(LDLIBS)
# The plugin finds the library in the program.
$(B)/tests/e2e/targets/target: $(B)/tests/e2e/targets/target.o $(B)/libjstrace.a
	$(say) LD $@
	$(Q)$(CC) -pthread -rdynamic $(sanitize) $(CFLAGS) $(LDFLAGS) -o $@ $^ -ldl -lrt $(LDLIBS)
$(B)/tests/e2e/targets/plugin.so: tests/e2e/targets/plugin.c libjstrace/jstrace.h
	$(say) LD $@
	@mkdir -p $(@D)
	$(Q)$(CC) -shared -fPIC $(sanitize) $(CFLAGS) -Ilibjstrace -o $@ $<
