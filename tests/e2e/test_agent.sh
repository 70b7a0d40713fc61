#!/usr/bin/env bash
# The agent, its sessions and their ends, by a CLI written for tests: agent.c.
exec "$(dirname "$0")/../../build/tests/e2e/agent"
