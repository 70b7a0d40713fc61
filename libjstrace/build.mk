# The part in the target: a static and a shared library that export the public API alone.
OBJCOPY ?= objcopy
# First, one beside the other, those that run in every program: the kernel maps the pages around one that is touched.
libjstrace-start := $(addprefix $(B)/libjstrace/,process.o agent.o raw_thread.o marker.o memfd.o sample.o text.o quiesce.o sites.o)
libjstrace-objects := $(libjstrace-start) $(filter-out $(libjstrace-start),$(call objects,libjstrace))

# It must not change a vector register (leaf.c), whatever CFLAGS say, also those of the command line.
$(B)/libjstrace/leaf.o: override CFLAGS += -mgeneral-regs-only
# Those that talk with a CLI, read files and look through the program's sites, on the agent's thread.
libjstrace-guarded := flip install marker memfd sample serve stacks talk text

# What an object exports must not depend on which of our objects call each other, so all of them become one whose hidden symbols are local. (The sanitizers' variants keep theirs: a tool reads the names.)
$(B)/libjstrace/all.o: $(libjstrace-objects) $(B)/runtime.a
	$(say) LD $@
	$(Q)$(CC) -r -nostdlib -o $@ $^
	$(Q)$(if $(VARIANT),:,$(OBJCOPY) --localize-hidden $@)
$(B)/libjstrace.a: $(B)/libjstrace/all.o
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $^
# Never unloaded: its thread runs in it.
$(B)/libjstrace.so: $(libjstrace-objects) $(B)/runtime.a
	$(say) LD $@
	$(Q)$(CC) -shared -pthread $(sanitize) $(CFLAGS) $(link-flags) $(LDFLAGS) -Wl,-soname,libjstrace.so.0 -Wl,-z,nodelete $(if $(VARIANT),,-Wl,-z,defs) -o $@ $^ $(LDLIBS)
	$(Q)ln -sf $(@F) $@.0

programs: $(B)/libjstrace.a $(B)/libjstrace.so
