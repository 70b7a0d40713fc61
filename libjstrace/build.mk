# The part in the target: a static and a shared library that export the public API alone.
libjstrace-objects := $(call objects,libjstrace)
