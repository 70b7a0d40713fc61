# The runtime: linked into targets (by libjstrace), into the CLI and into tests.
runtime-objects := $(call objects,runtime)
$(B)/runtime.a: $(runtime-objects)
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $^
