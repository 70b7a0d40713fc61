# Unit tests: one Check suite a module, tests/unit/test_MODULE.c, one program each. It links grammar, runtime, libjstrace and the CLI but for its main.
unit-tests := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(wildcard tests/unit/test_*.c))
test-libraries = $(filter-out $(B)/cli/main.o,$(cli-objects)) $(B)/grammar.a $(libjstrace-objects) $(B)/runtime.a

$(B)/tests/unit/%.o: tests/unit/%.c
	$(call compile,-Itests -Icli -Igrammar -I$(B)/grammar -Ilibjstrace -Iruntime -DJSTRACE_VERSION='"$(version)"' -Wno-conversion)
