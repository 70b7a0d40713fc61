# The part in the terminal.
cli-objects := $(call objects,cli)
# The demangler that gcc and binutils share. libdw, for the symbols of stacks, is loaded when it is needed (libdw.h); what it opens, it opens by the program's open() (guard.h), which therefore is exported.
# libm is linked only where the compiler does not make its few functions itself.
cli-libs := -Wl,--dynamic-list=cli/exported.list -liberty -Wl,--as-needed -lm -ldl

$(B)/jstrace: $(cli-objects) $(B)/grammar.a $(B)/runtime.a
	$(say) LD $@
	$(Q)$(CC) -pthread $(sanitize) $(CFLAGS) -pie $(link-flags) $(LDFLAGS) -o $@ $^ $(cli-libs) $(LDLIBS)

# What scripts import lies beside the program, as it will where it is installed.
library := $(patsubst cli/%,$(B)/%,$(wildcard cli/library/*.jst))
$(B)/library/%.jst: cli/library/%.jst
	@mkdir -p $(@D)
	$(Q)cp $< $@

# What hosts scripts in JavaScript, with the files that it shares with the package for Node.js.
node-shared := $(addprefix libjstrace/node/,pattern.js trace_object.js remote_folder.js)
node-host := $(patsubst cli/%,$(B)/%,$(wildcard cli/node/*.js)) $(patsubst libjstrace/%,$(B)/%,$(node-shared))
$(B)/node/%.js: cli/node/%.js
	@mkdir -p $(@D)
	$(Q)cp $< $@
$(B)/node/%.js: libjstrace/node/%.js
	@mkdir -p $(@D)
	$(Q)cp $< $@

programs: $(B)/jstrace $(library) $(node-host)
