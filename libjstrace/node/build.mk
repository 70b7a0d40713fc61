# The addon of the Node.js package: `make node`. It has libjstrace in it, and exports nothing of that.
NODE ?= node
node-folder := libjstrace/node
node-addon := $(B)/node/jstrace.node
node-include = $(eval node-include := $$(shell $(NODE) $(node-folder)/headers.js || echo none))$(node-include)

node-objects := $(patsubst $(node-folder)/%.c,$(B)/node/%.o,$(wildcard $(node-folder)/*.c))
$(B)/node/%.o: $(node-folder)/%.c
	$(if $(filter none,$(node-include)),$(error the addon needs Node.js and its headers))
	$(call compile,$(in-target) $(includes-libjstrace) -isystem $(node-include))
$(node-addon): $(node-objects) $(libjstrace-objects) $(B)/runtime.a $(node-folder)/addon.map
	$(say) LD $@
	$(Q)$(CC) -shared -pthread $(sanitize) $(CFLAGS) $(link-flags) $(LDFLAGS) -Wl,-z,nodelete -Wl,--version-script=$(node-folder)/addon.map -o $@ $(filter %.o %.a,$^) $(LDLIBS)

.PHONY: node
node: $(node-addon)
