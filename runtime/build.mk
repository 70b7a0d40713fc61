# The runtime: linked into targets (by libjstrace), into the CLI and into tests.
# Those that look at a program, or a memory, which somebody else made, and are in no probe.
runtime-guarded := verify verify_code verify_structure result result_distinct result_exemplar result_quantile result_state builder disassemble
runtime-objects := $(call objects,runtime)
$(B)/runtime.a: $(runtime-objects)
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $^
