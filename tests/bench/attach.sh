attach_section() { :; }
