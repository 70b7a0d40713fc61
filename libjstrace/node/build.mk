# The addon of the Node.js package: `make node`. It has libjstrace in it, and exports nothing of that.
NODE ?= node
node-folder := libjstrace/node
node-addon := $(B)/node/jstrace.node
node-include = $(eval node-include := $$(shell $(NODE) $(node-folder)/headers.js || echo none))$(node-include)

$(B)/node/addon.o: $(node-folder)/addon.c
	$(if $(filter none,$(node-include)),$(error the addon needs Node.js and its headers))
	$(call compile,$(in-target) $(includes-libjstrace) -isystem $(node-include))
$(node-addon): $(B)/node/addon.o $(libjstrace-objects) $(B)/runtime.a $(node-folder)/addon.map
	$(say) LD $@
	$(Q)$(CC) -shared -pthread $(sanitize) $(CFLAGS) $(LDFLAGS) -Wl,-z,nodelete -Wl,-z,now -Wl,--version-script=$(node-folder)/addon.map -o $@ $(filter %.o %.a,$^) $(LDLIBS)

.PHONY: node
node: $(node-addon)
