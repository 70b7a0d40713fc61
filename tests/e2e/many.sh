# For tests and measurements with a program of 100,000 sites: builds targets/many.c, which takes some seconds, and talks with it. Source lib.sh first.

# build_many: $work/many, and $work/plugin.so with 10,000 sites, of which 2,500 have the names of sites in the program.
build_many() {
	local part
	cp "$root/tests/e2e/targets/many_part.c" "$root/tests/e2e/targets/many.c" "$work"
	for ((part = 0; part < 43; part++)); do echo $part; done |
		xargs -P "$(nproc)" -I@ "${CC:-cc}" -O1 -fPIC -I"$root/libjstrace" -DPART=@ -c -o "$work/part@.o" "$work/many_part.c" || fail 'the sites do not compile'
	"${CC:-cc}" -O1 -g -rdynamic -I"$root/libjstrace" -o "$work/many" "$work/many.c" "$work"/part{,1,2,3}[0-9].o "$build/libjstrace.a" -pthread -ldl || fail 'the program does not compile'
	# It finds the library in the program.
	"${CC:-cc}" -shared -Wl,-Bsymbolic -o "$work/plugin.so" "$work"/part{0,40,41,42}.o || fail 'the plugin does not compile'
}

# start_many: starts it; sets $many to its pid.
start_many() {
	rm -f "$work/many.in"
	mkfifo "$work/many.in"
	"$work/many" "$work/plugin.so" <"$work/many.in" >"$work/many.out" 2>"$work/many.err" &
	many=$!
	children+=("$many")
	exec 7>"$work/many.in"
	told=1
	wait_for 10 grep -q ready "$work/many.out" || fail 'the program does not begin'
	instrumented "$many"
}

answered() {
	[ "$(wc -l <"$work/many.out")" -ge "$told" ]
}

# tell COMMAND…: waits for its answer, and sets $answer to it.
tell() {
	echo "$*" >&7
	told=$((told + 1))
	wait_for 60 answered || fail "the program does not answer to '$*'"
	answer=$(tail -n 1 "$work/many.out")
}
