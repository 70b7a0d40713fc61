# Fuzzers: tests/fuzz/fuzz.h says what one is.
#
#     make check-fuzz      build/tests/fuzz/NAME: seeds and corpus, once each
#     make fuzz            build/fuzz/tests/fuzz/NAME: with libFuzzer, by run.sh
#     make check-mutants   a verifier that leaves out one check at a time

fuzz-tests := $(addprefix $(B)/tests/fuzz/,$(fuzz-names))
fuzz-shared := $(addprefix $(B)/tests/fuzz/,fuzz.o scripts.o guarded.o)
# Random programs of the differential test, without what runs them.
fuzz-generator := $(addprefix $(B)/tests/differential/,generator.o generator_definition.o generator_expression.o generator_value.o write.o)
fuzz-main := $(B)/tests/fuzz/$(if $(filter fuzz,$(VARIANT)),libfuzzer,replay).o

# Those that are about programs need no more than what makes and runs them.
fuzz-of-programs := $(filter compile program mutate,$(fuzz-names))
mutant-skip := $(if $(filter mutant,$(VARIANT)),$(B)/tests/fuzz/skip.o)
$(addprefix $(B)/tests/fuzz/,$(fuzz-of-programs)): $(B)/tests/fuzz/%: $(B)/tests/fuzz/fuzz_%.o $(fuzz-main) $(fuzz-shared) $(mutant-skip) $(fuzz-generator) $(B)/grammar.a $(B)/runtime.a
	$(say) LD $@
	$(Q)$(CC) -pthread $(sanitize) $(if $(filter fuzz,$(VARIANT)),-fsanitize=fuzzer) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lm $(LDLIBS)
$(addprefix $(B)/tests/fuzz/,$(filter-out $(fuzz-of-programs),$(fuzz-names))): $(B)/tests/fuzz/%: $(B)/tests/fuzz/fuzz_%.o $(fuzz-main) $(fuzz-shared) $(test-libraries)
	$(say) LD $@
	$(Q)$(CC) -pthread $(sanitize) $(if $(filter fuzz,$(VARIANT)),-fsanitize=fuzzer) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(cli-libs) -lrt $(LDLIBS)
$(call objects,tests/fuzz) $(fuzz-generator): $(B)/grammar/parser.c

# There are many scripts in the tree.
fuzz-scripts := $(wildcard tests/golden/*.jst examples/*.jst cli/library/*.jst)
$(B)/check/fuzz/%.result: $(B)/tests/fuzz/% force
	@$(sanitizer-options) tests/tally.sh $@ '$(variant-name)fuzz/$*' $< $(wildcard tests/fuzz/corpus/$*) $(if $(filter compile,$*),$(fuzz-scripts))

tests: $(fuzz-tests)

# FUZZ=NAME…, FUZZ_SECONDS=60 for each.
FUZZ ?= $(fuzz-names)
FUZZ_SECONDS ?= 60
.PHONY: fuzz fuzzers
fuzz:
	@FUZZ_CC='$(FUZZ_CC)' tests/fuzz/run.sh '$(FUZZ_SECONDS)' $(FUZZ)
# What run.sh needs.
fuzzers: $(addprefix $(B)/tests/fuzz/,$(FUZZ))

# The verifier's own test and the fuzzers' corpora, with a verifier that can leave out a check.
mutant-programs := $(addprefix build/mutant/tests/fuzz/,verify program mutate)
ifeq ($(VARIANT),mutant)
build/mutant/tests/fuzz/verify: build/mutant/tests/unit/test_verify.o $(mutant-skip) $(B)/runtime.a
	$(say) LD $@
	@mkdir -p $(@D)
	$(Q)$(CC) -pthread $(CFLAGS) $(LDFLAGS) -o $@ $^ $(check-libs) -lm $(LDLIBS)
endif
mutants-results := build/check/mutants.result
build/check/mutants.result: force
	$(Q)$(MAKE) --no-print-directory VARIANT=mutant $(mutant-programs)
	@tests/tally.sh $@ mutants tests/fuzz/mutate-verifier.sh
.PHONY: check-mutants
check-mutants: check-setup
	$(call run,,$(mutants-results))
	$(call sum,$(mutants-results))
