#!/usr/bin/env bash
# What a program of 100,000 sites pays to be loaded, listed and attached to, and for an object of 10,000 that comes and goes: build/tests/bench/bench_sites must be there (make build/tests/bench/bench_sites), and libjstrace.a.
. "$(dirname "$0")/../e2e/lib.sh"
. "$root/tests/e2e/many.sh"
need "${CC:-cc}" xargs

build_many
start_many
tell loaded
echo "its constructors took $answer ns"
tell churn 20
echo "the slowest dlopen() or dlclose() of 20 took $answer ns"
"$build/tests/bench/bench_sites" "$many" many:part7:site77 many:part7:site77 'many:part7:*7' '*' '*' '*'
tell churn 20
echo "the slowest dlopen() or dlclose() of 20 took $answer ns"
time "$jstrace" -l -p "$many" >/dev/null
