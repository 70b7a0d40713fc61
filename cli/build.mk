# The part in the terminal.
cli-objects := $(call objects,cli)

$(B)/jstrace: $(cli-objects) $(B)/grammar.a $(B)/runtime.a
	$(say) LD $@
	$(Q)$(CC) -pthread $(sanitize) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lm $(LDLIBS)

programs: $(B)/jstrace
