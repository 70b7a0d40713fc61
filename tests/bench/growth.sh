growth_section() { :; }
