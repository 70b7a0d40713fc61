# The benchmark: one small program a tracer, with the same event loops, and a driver; and one of the package for Node.js, where that is.
bench-programs := $(addprefix $(B)/tests/bench/,bench_jstrace bench_ideal)
ifneq ($(filter x86_64%,$(shell $(CC) -dumpmachine)),)
bench-programs += $(addprefix $(B)/tests/bench/,bench_sdt1 bench_sdt5)
endif
bench-flags := -std=gnu11 -D_GNU_SOURCE -pthread -O2 -g

$(B)/tests/bench/bench_jstrace: tests/bench/bench_jstrace.c tests/bench/bench.h libjstrace/jstrace.h $(B)/libjstrace.a
	$(say) LD $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(bench-flags) $(warnings) -Ilibjstrace $(LDFLAGS) -o $@ $< $(B)/libjstrace.a
$(B)/tests/bench/bench_ideal: tests/bench/bench_ideal.c tests/bench/bench.h
	$(say) LD $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(bench-flags) $(warnings) $(LDFLAGS) -o $@ $<
$(B)/tests/bench/bench_sdt%: tests/bench/bench_sdt.c tests/bench/bench.h
	$(say) LD $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(bench-flags) $(warnings) -DNOP_BYTES=$* $(LDFLAGS) -o $@ $<
# LTTng's headers are not clean under our warnings.
$(B)/tests/bench/bench_lttng: tests/bench/bench_lttng.c tests/bench/bench_lttng.h tests/bench/bench.h
	$(say) LD $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(bench-flags) -Itests/bench $(LDFLAGS) -o $@ $< -llttng-ust -ldl

# What many sites cost: see sites.sh.
$(B)/tests/bench/bench_sites.o: CPPFLAGS += -iquote tests/e2e
$(B)/tests/bench/bench_sites: $(B)/tests/bench/bench_sites.o $(B)/tests/e2e/client.o $(B)/runtime.a
	$(say) LD $@
	$(Q)$(CC) -pthread $(sanitize) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lm $(LDLIBS)

# What callgrind counts: see instructions.sh.
instructions-program := $(B)/tests/bench/instructions
$(instructions-program): $(B)/tests/bench/instructions.o $(B)/grammar.a $(B)/runtime.a
	$(say) LD $@
	$(Q)$(CC) -pthread $(sanitize) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lm $(LDLIBS)
$(B)/tests/bench/instructions.o: $(B)/grammar/parser.c
build/check/instructions.result: $(instructions-program) force
	@CC='$(CC)' CFLAGS='$(CFLAGS)' tests/tally.sh $@ instructions tests/bench/instructions.sh

.PHONY: bench bench-build
bench-build: programs $(bench-programs) $(e2e-addon)
	@if echo '#include <lttng/tracepoint.h>' | $(CC) -E -o /dev/null - 2>/dev/null; then $(MAKE) -s $(B)/tests/bench/bench_lttng; fi
bench:
	@tests/setup.sh bench
	@$(MAKE) --no-print-directory bench-build
	@tests/bench/run $(B)
	@tests/bench/run-node $(B)
