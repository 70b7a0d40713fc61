# The examples: programs with probes, and scripts for them.
