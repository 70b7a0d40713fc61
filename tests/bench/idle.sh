idle_section() { :; }
