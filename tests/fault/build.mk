# Faults: victims under load to which one thing happens (harness.h, README.md). A group of cases is one run of one program; they mostly wait, so groups run side by side.
#
#     tests/fault/case_NAME.c      the cases of a group, named in fault.c
#     tests/fault/victim*.c        what they happen to
#     SOAK=1                       the long forms: each system call, ten thousands of rounds

fault-groups := steps cli target more signal resource identity
fault-results := $(patsubst %,build/check/fault/%.result,$(fault-groups))
fault-folder := $(B)/tests/fault
fault-of = $(patsubst %.c,$(B)/%.o,$(wildcard $(addprefix tests/fault/,$(1))))

fault-victim-objects := $(call fault-of,victim*.c) $(fault-folder)/victim_throw.o
fault-objects := $(call fault-of,fault.c harness*.c step.c case_*.c)
fault-programs := $(fault-folder)/fault $(fault-folder)/victim $(fault-folder)/plugin.so $(fault-folder)/locked.so $(fault-folder)/second.so

$(fault-objects): CPPFLAGS += -iquote tests/e2e
$(call fault-of,victim*.c): CPPFLAGS += -Ilibjstrace
$(fault-folder)/victim_throw.o: tests/fault/victim_throw.cc libjstrace/jstrace.h
	$(say) CXX $<
	@mkdir -p $(@D)
	$(Q)$(CXX) -std=c++17 -pthread -D_GNU_SOURCE $(sanitize) $(CFLAGS) -Ilibjstrace -c -o $@ $<
$(fault-folder)/fault: $(fault-objects) $(B)/tests/e2e/client.o $(B)/tests/e2e/look.o $(B)/runtime.a
	$(say) LD $@
	$(Q)$(CC) -pthread $(sanitize) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lm $(LDLIBS)
# Objects that it opens find the library, and what they count by, in the program.
$(fault-folder)/victim: $(fault-victim-objects) $(B)/libjstrace.a
	$(say) LD $@
	$(Q)$(CXX) -pthread -rdynamic $(sanitize) $(CFLAGS) $(LDFLAGS) -o $@ $^ -ldl $(LDLIBS)
$(fault-folder)/%.so: tests/fault/%.c libjstrace/jstrace.h
	$(say) LD $@
	@mkdir -p $(@D)
	$(Q)$(CC) -shared -fPIC $(sanitize) $(CFLAGS) -Ilibjstrace -o $@ $<

# All that is its own stays its own.
$(fault-folder)/second.so: tests/fault/second.c $(B)/libjstrace.a
	$(say) LD $@
	@mkdir -p $(@D)
	$(Q)$(CC) -shared -fPIC -pthread -Wl,-Bsymbolic -Wl,--whole-archive $(sanitize) $(CFLAGS) -Ilibjstrace -o $@ $^ -Wl,--no-whole-archive

build/check/fault/%.result: $(fault-programs) programs force
	@tests/tally.sh $@ 'fault/$*' build/tests/fault/fault $*

.PHONY: check-fault
check-fault: check-setup
	$(call run,,$(fault-results))
	$(call sum,$(fault-results))
