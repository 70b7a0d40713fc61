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

$(fuzz-tests:%=%): $(B)/tests/fuzz/%: $(B)/tests/fuzz/fuzz_%.o $(fuzz-main) $(fuzz-shared) $(fuzz-generator) $(test-libraries)
	$(say) LD $@
	$(Q)$(CC) -pthread $(sanitize) $(if $(filter fuzz,$(VARIANT)),-fsanitize=fuzzer) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(cli-libs) -lrt $(LDLIBS)
$(call objects,tests/fuzz) $(fuzz-generator): $(B)/grammar/parser.c

$(B)/check/fuzz/%.result: $(B)/tests/fuzz/% force
	@$(sanitizer-options) tests/tally.sh $@ '$(variant-name)fuzz/$*' $< $(wildcard tests/fuzz/corpus/$*)

# FUZZ=NAME…, FUZZ_SECONDS=60 for each.
FUZZ ?= $(fuzz-names)
FUZZ_SECONDS ?= 60
.PHONY: fuzz fuzzers
fuzz:
	@FUZZ_CC='$(FUZZ_CC)' tests/fuzz/run.sh '$(FUZZ_SECONDS)' $(FUZZ)
# What run.sh needs.
fuzzers: $(addprefix $(B)/tests/fuzz/,$(FUZZ))
