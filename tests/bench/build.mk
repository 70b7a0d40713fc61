# The benchmark: one small program a tracer, with the same event loops; programs that measure the CLI; a driver; and one of the package for Node.js, where that is.
bench-folder := $(B)/tests/bench
bench-programs := $(addprefix $(bench-folder)/,bench_jstrace bench_ideal bench_attach bench_command bench_idle bench_idle_without)
ifneq ($(filter x86_64%,$(shell $(CC) -dumpmachine)),)
bench-programs += $(addprefix $(bench-folder)/,bench_sdt1 bench_sdt5)
endif
bench-lttng-programs := $(addprefix $(bench-folder)/,bench_lttng bench_idle_lttng)
bench-sites-programs := $(addprefix $(bench-folder)/sites_,10 100 1000 10000 100000)
bench-flags := -std=gnu11 -D_GNU_SOURCE -pthread -O2 -g

# $(call bench-link,FLAGS,LIBRARIES): the first prerequisite into a program.
define bench-link
$(say) LD $@
@mkdir -p $(@D)
$(Q)$(CC) $(bench-flags) $(1) $(LDFLAGS) -o $@ $< $(2)
endef

$(bench-folder)/bench_jstrace: tests/bench/bench_jstrace.c tests/bench/bench.h libjstrace/jstrace.h $(B)/libjstrace.a
	$(call bench-link,$(warnings) -Ilibjstrace,$(B)/libjstrace.a)
$(bench-folder)/bench_ideal: tests/bench/bench_ideal.c tests/bench/bench.h
	$(call bench-link,$(warnings))
$(bench-folder)/bench_sdt%: tests/bench/bench_sdt.c tests/bench/bench.h
	$(call bench-link,$(warnings) -DNOP_BYTES=$*)
$(bench-folder)/bench_command: tests/bench/bench_command.c
	$(call bench-link,$(warnings))
$(bench-folder)/bench_attach: tests/bench/bench_attach.c libjstrace/jstrace.h $(B)/libjstrace.a
	$(call bench-link,$(warnings) -Ilibjstrace,$(B)/libjstrace.a)
$(bench-folder)/bench_idle: tests/bench/bench_idle.c libjstrace/jstrace.h $(B)/libjstrace.a
	$(call bench-link,$(warnings) -Ilibjstrace,$(B)/libjstrace.a)
$(bench-folder)/bench_idle_without: tests/bench/bench_idle.c libjstrace/jstrace.h
	$(call bench-link,$(warnings) -Ilibjstrace -DJSTRACE_DISABLE)
# LTTng's headers are not clean under our warnings.
$(bench-folder)/bench_lttng: tests/bench/bench_lttng.c tests/bench/bench_lttng.h tests/bench/bench.h
	$(call bench-link,-Itests/bench,-llttng-ust -ldl)
$(bench-folder)/bench_idle_lttng: tests/bench/bench_idle.c tests/bench/bench_lttng.h
	$(call bench-link,-Itests/bench -DWITH_LTTNG,-llttng-ust -ldl)

$(bench-folder)/bench_attach.o: tests/bench/bench_attach.c libjstrace/jstrace.h
	$(call bench-link,$(warnings) -Ilibjstrace -c)
$(bench-sites-programs): $(bench-folder)/sites_%: tests/bench/many_sites.sh $(bench-folder)/bench_attach.o $(B)/libjstrace.a
	$(say) LD $@
	$(Q)CC='$(CC)' tests/bench/many_sites.sh $* $@ $(filter %.o %.a,$^)

# What many sites cost: see sites.sh.
$(B)/tests/bench/bench_sites.o: CPPFLAGS += -iquote tests/e2e
$(B)/tests/bench/bench_sites: $(B)/tests/bench/bench_sites.o $(B)/tests/e2e/client.o $(B)/runtime.a
	$(say) LD $@
	$(Q)$(CC) -pthread $(sanitize) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lm $(LDLIBS)

# What callgrind counts: see instructions.sh.
instructions-program := $(bench-folder)/instructions
$(instructions-program): $(bench-folder)/instructions.o $(B)/grammar.a $(B)/runtime.a
	$(say) LD $@
	$(Q)$(CC) -pthread $(sanitize) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lm $(LDLIBS)
$(bench-folder)/instructions.o: $(B)/grammar/parser.c
build/check/instructions.result: $(instructions-program) force
	@CC='$(CC)' CFLAGS='$(CFLAGS)' tests/tally.sh $@ instructions tests/bench/instructions.sh

.PHONY: bench bench-build
bench-build: programs $(bench-programs) $(bench-sites-programs) $(e2e-addon)
	@if echo '#include <lttng/tracepoint.h>' | $(CC) -E -o /dev/null - 2>/dev/null; then $(MAKE) --no-print-directory $(bench-lttng-programs); fi
bench:
	@tests/setup.sh bench
	@$(MAKE) --no-print-directory bench-build
	@tests/bench/run $(B)
	@tests/bench/run-node $(B)
