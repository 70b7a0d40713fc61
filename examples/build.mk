# The examples: a program with probes, and scripts for it. The program is compiled as anybody's would be: the public header and libjstrace.a.
httpd-objects := $(addprefix $(B)/examples/,httpd.o server.o routes.o http.o)

$(B)/examples/%.o: examples/%.c
	$(call compile,-Ilibjstrace)

$(B)/examples/httpd: $(httpd-objects) $(B)/libjstrace.a
	$(say) LD $@
	$(Q)$(CC) -pthread $(sanitize) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

programs: $(B)/examples/httpd

.PHONY: demo
demo:
	@tests/setup.sh demo
	@$(MAKE) --no-print-directory all
	@examples/demo.sh $(B)
