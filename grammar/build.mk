# The compiler: script text to programs.
grammar-objects := $(call objects,grammar) $(B)/grammar/lexer.o $(B)/grammar/parser.o

$(B)/grammar/lexer.c: grammar/lexer.re $(B)/grammar/parser.c
	$(say) RE2C $<
	@mkdir -p $(@D)
	$(Q)$(RE2C) -W --no-debug-info -c -o $@ $<
$(B)/grammar/parser.c: grammar/parser.y
	$(say) BISON $<
	@mkdir -p $(@D)
	$(Q)$(BISON) -Werror -Wall -o $@ --defines=$(@:.c=.h) $<
$(B)/grammar/lexer.o $(B)/grammar/parser.o: $(B)/grammar/%.o: $(B)/grammar/%.c
	$(call compile,-fPIE $(guarded) $(fortified) $(includes-grammar) -Wno-conversion -Wno-sign-conversion)
$(call objects,grammar): $(B)/grammar/parser.c

$(B)/grammar.a: $(grammar-objects)
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $^
