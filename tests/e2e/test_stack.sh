#!/usr/bin/env bash
# stack(): chains of calls of real programs, at -O2 and with frame pointers, of the main thread and of others, of two processes as one, of what is loaded in the middle, of the dead; programs without frame pointers; and what each compiler writes of the places.
. "$(dirname "$0")/lib.sh"
need cc c++ objcopy

# The program does what is written to its standard input, each line answered by one: it says where it is, and waits.
cat >"$work/program.c" <<'END'
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jstrace.h>
#define NOINLINE __attribute__((noinline, noclone))
#define HERE __asm__ volatile("" ::: "memory") /* keeps the call before it from being the last */
NOINLINE static void inner(int n) { JSTRACE("work:end", "id", n); HERE; }
static inline __attribute__((always_inline)) void inlined(int n) { inner(n); HERE; }
NOINLINE static void middle(int n) { inlined(n); HERE; }
NOINLINE static void by_name(int n) { jstrace_fire("work:name", (struct jstrace_field[]){ { .key = "id", .type = JSTRACE_TYPE_INT, .value.i = n } }, 1); HERE; }
NOINLINE static void deep(int left) { if (left) deep(left - 1); else inner(9); HERE; }
NOINLINE static void *thread(void *count) { for (int i = *(int *)count; i; i--) { middle(i); HERE; } return NULL; }
static void handler(int number) { inner(number); HERE; }
void cpp_fire(int n);
int main(int argc, char **argv)
{
	static char alternate[1 << 16];
	char line[4096];
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		int n = 0;
		line[strcspn(line, "\n")] = 0;
		if (sscanf(line, "middle %d", &n) == 1) {
			for (int i = 0; i < n; i++) { middle(i); HERE; }
		} else if (sscanf(line, "name %d", &n) == 1) {
			for (int i = 0; i < n; i++) { by_name(i); HERE; }
		} else if (sscanf(line, "deep %d", &n) == 1) {
			deep(n);
		} else if (sscanf(line, "cpp %d", &n) == 1) {
			for (int i = 0; i < n; i++) { cpp_fire(i); HERE; }
		} else if (sscanf(line, "threads %d", &n) == 1) {
			pthread_t threads[8];
			for (int i = 0; i < 8; i++) pthread_create(&threads[i], NULL, thread, &n);
			for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
		} else if (!strncmp(line, "load ", 5)) {
			void *object = dlopen(line + 5, RTLD_NOW | RTLD_LOCAL);
			void (*hit)(int) = object ? (void (*)(int))dlsym(object, "plugin_outer") : NULL;
			if (!hit) { fprintf(stderr, "%s\n", dlerror()); return 3; }
			hit(1);
		} else if (sscanf(line, "alternate %d", &n) == 1) {
			sigaltstack(&(stack_t){ .ss_sp = alternate, .ss_size = sizeof(alternate) }, NULL);
			sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = handler, .sa_flags = SA_ONSTACK }, NULL);
			for (int i = 0; i < n; i++) raise(SIGUSR1);
		}
		printf("done %s\n", line);
		fflush(stdout);
	}
	return argc + !argv;
}
END
cat >"$work/part.cc" <<'END'
#include <vector>
#include <jstrace.h>
namespace shop {
template <typename T> struct server {
	__attribute__((noinline)) int handle(const std::vector<T> &values) { JSTRACE("work:cpp", "n", values.size()); asm volatile("" ::: "memory"); return 1; }
};
}
extern "C" void cpp_fire(int n) { shop::server<long> server; std::vector<long> values(n % 3 + 1); server.handle(values); asm volatile("" ::: "memory"); }
END
cat >"$work/plugin.c" <<'END'
#include <jstrace.h>
__attribute__((noinline)) static void plugin_inner(int n) { JSTRACE("work:plugin", "n", n); __asm__ volatile("" ::: "memory"); }
void plugin_outer(int n) { for (int i = 0; i < 300 * n; i++) { plugin_inner(i); __asm__ volatile("" ::: "memory"); } }
END

# compile NAME OPTION…: with $c and $cxx.
c=cc cxx=c++
compile() {
	local name=$1
	shift
	"$c" -O2 "$@" -Wno-unknown-attributes -I"$root/libjstrace" -c -o "$work/$name.o" "$work/program.c" && "$cxx" -O2 "$@" -I"$root/libjstrace" -c -o "$work/$name.cc.o" "$work/part.cc" &&
		"$cxx" -rdynamic "$@" -o "$work/$name" "$work/$name.o" "$work/$name.cc.o" "$build/libjstrace.a" -pthread -ldl || fail "$name does not compile"
}
compile framed -g -fno-omit-frame-pointer
compile frameless -g -fomit-frame-pointer
compile stripped -s -fno-omit-frame-pointer -static-libstdc++
# Its debug information would be in a file beside it, where a FIFO is: to open that would be to wait for ever.
: >"$work/elsewhere.debug"
objcopy --add-gnu-debuglink="$work/elsewhere.debug" "$work/stripped" "$work/misled" || fail "objcopy"
rm "$work/elsewhere.debug"
mkfifo "$work/elsewhere.debug"
cc -O2 -g -fno-omit-frame-pointer -shared -fPIC -I"$root/libjstrace" -o "$work/plugin.so" "$work/plugin.c" || fail "the plugin does not compile"

# program NAME BINARY: its pid is in $pid, and in PID_OF[NAME].
declare -A pid_of
program() {
	mkfifo "$work/$1.fifo"
	"$work/$2" <>"$work/$1.fifo" >"$work/$1.out" 2>"$work/$1.err" &
	pid=$!
	children+=("$pid")
	pid_of[$1]=$pid
	wait_for 10 grep -q ready "$work/$1.out" || fail "$1 does not start"
	instrumented "$pid"
}

# order NAME COMMAND…: has the program do it, and waits until it is done.
order() {
	local name=$1 before
	shift
	before=$(grep -c '^done ' "$work/$name.out")
	echo "$*" >"$work/$name.fifo"
	wait_for 20 more_done "$name" "$before" || fail "$name does not do: $*"
}
more_done() { [ "$(grep -c '^done ' "$work/$1.out")" -gt "$2" ]; }

# trace NAME OPTION…: jstrace in the background; its pid is in $tracer.
trace() {
	local name=$1
	shift
	start "$name" "$jstrace" -v "$@"
	tracer=$pid
}
stop_trace() {
	kill -INT "$tracer"
	finished "$tracer" 20
	[ "$code" = 0 ] || fail "jstrace ended with $code"
}

# has NAME LINE…: the lines stand one after the other in the output.
has() {
	local name=$1 text
	shift
	text=$(printf '%s\n' "$@")
	case $(cat "$work/$name.out") in
	*"$text"*) ;;
	*) fail "not in the output of $name: $text" ;;
	esac
}
line_of() { grep -n "$1" "$work/$2" | head -n 1 | cut -d: -f1; }
inner=$(line_of 'void inner(' program.c) inlined=$(line_of 'void inlined(' program.c) middle=$(line_of 'void middle(' program.c)

# Two processes, two addresses, one key; threads from their first event on.
program one framed
program two framed
trace both -p "${pid_of[one]}","${pid_of[two]}" -e 'work:end < @calls[stack()] = count(); @both[stack(2), 1] = count() > work:name < @names[stack()] = count() > work:cpp < @cpp[stack(1)] = count() >'
attached both "${pid_of[one]}"
attached both "${pid_of[two]}"
order one middle 30
order two middle 12
order one name 5
order two cpp 4
order one threads 100
order two deep 100
stop_trace
main_line=$(line_of 'middle %d' program.c)
main_line=$((main_line + 1))
has both "    inner  program.c:$inner" "    inlined  program.c:$inlined" "    middle  program.c:$middle" "    main  program.c:$main_line"
has both "    middle  program.c:$middle" "    thread  program.c:$(line_of 'void .thread' program.c)"
has both "    by_name  program.c:$(line_of 'void by_name' program.c)" "    main  program.c:"
has both "    shop::server<long>::handle  part.cc:$(line_of handle part.cc)"
# 30 and 12 of the main threads in one key, 800 of eight threads in another.
grep -q '| 800$' "$work/both.out" || fail "the threads' stacks are not one key of 800"
grep -q '|  42$' "$work/both.out" || fail "the stacks of two processes are not one key of 42"
# A walk has an end, which is marked; and a stack goes with other keys, which have a column.
[ "$(grep -c "    deep  program.c" "$work/both.out")" -ge 30 ] || fail "a deep stack is short"
grep -q '^    …$' "$work/both.out" || fail "a stack that is cut has no mark"
sed -n '/^@both/,$p' "$work/both.out" | grep -q '^  1 | ####* *| 842' || fail "no row with another key"

# As records, in both forms, by a program that is killed before anything is read of it; what it loads in between is known.
trace dead --format json -p "${pid_of[one]}" -e 'work:end < @k[stack()] = count() > work:plugin < @p[stack()] = count() >'
attached dead "${pid_of[one]}"
order one middle 7
order one load "$work/plugin.so"
# The tracer looks at the mappings each second, the target when a stack leads into code that it does not know.
plugin_known() { order one load "$work/plugin.so"; ls -l "/proc/$tracer/fd" | grep -q 'plugin.so'; }
wait_for 20 plugin_known || fail "the plugin is not seen"
kill -KILL "${pid_of[one]}"
wait "${pid_of[one]}" 2>/dev/null
finished "$tracer" 20
grep -q '"function":"inner","file":"[^"]*program.c","line":'"$inner"',"module":"[^"]*framed"},{"function":"inlined"' "$work/dead.out" || fail "the dead have no stacks"
grep -q '"function":"plugin_inner","file":"[^"]*plugin.c","line":2,"module":"[^"]*plugin.so"},{"function":"plugin_outer"' "$work/dead.out" || fail "no stack of the plugin"
grep '"name":"@k"' "$work/dead.out" | grep -q '"value":7}' || fail "not one key of seven"

# print, printf and emit.
trace lines -p "${pid_of[two]}" -e 'work:end < print(id, stack(2), id); printf("%d at%v\n%v\n", id, stack(3), stack(1)); emit(id, where: stack(1), twice: id * 2) >'
attached lines "${pid_of[two]}"
order two middle 1
printed() { grep -q 'twice=0' "$work/lines.out"; }
wait_for 10 printed || fail "no event was printed"
stop_trace
has lines "0" "    inner  program.c:$inner" "    inlined  program.c:$inlined" "    middle  program.c:$middle" "0" "0 at" "    inner  program.c:$inner"
has lines "twice=0" "  where:" "    inner  program.c:$inner"

# On an alternate signal stack the innermost frame, and a mark.
trace signals -p "${pid_of[two]}" -e 'work:end < @[stack()] = count() >'
attached signals "${pid_of[two]}"
order two alternate 3
stop_trace
has signals "| 3" "    inner  program.c:$inner" "    …"

# Histograms and tables of statistics with a stack for a key.
trace shapes -p "${pid_of[two]}" -e 'work:end < @h[stack(1), id] = hist(id); @s[stack(1)] = stats(id) >'
attached shapes "${pid_of[two]}"
order two middle 2
stop_trace
has shapes "@h[stack, 1]" "    inner  program.c:$inner" "  1 .. 2 |"
grep -q '^ *2  *1  ' "$work/shapes.out" || fail "no row of statistics"

# A clause of the CLI sees a stack as a line, outermost frame first, and finds its entry by that.
trace folded -p "${pid_of[two]}" -e 'work:end < @a[stack(), 1] = count() > END { for ($stack, $one, $n : @a) { if ($stack ~ "*;middle*") { printf("%s %d %d\n", $stack, $n, @a[$stack, 1]); print(@a[$stack, $one]); } } clear(@a); }'
attached folded "${pid_of[two]}"
order two middle 5
order two deep 50
stop_trace
grep -q "main program.c:$main_line;middle program.c:$middle;inlined program.c:$inlined;inner program.c:$inner 5 5\$" "$work/folded.out" || fail "no folded stack"
has folded "@a[stack, 1]: 5" "    inner  program.c:$inner"
grep -q deep "$work/folded.out" && fail "a stack that does not match was printed"

# Without symbols, the place in the file; without frame pointers, whatever the register holds: no harm, the innermost frame is right.
program bare stripped
program free frameless
trace rest -p "${pid_of[bare]}","${pid_of[free]}" -e 'work:end < @[stack()] = count() >'
attached rest "${pid_of[bare]}"
attached rest "${pid_of[free]}"
order bare middle 20
order free threads 5000
order free middle 1000
order free deep 500
stop_trace
grep -q '^    stripped+0x[0-9a-f]*$' "$work/rest.out" || fail "no places in a stripped program"
grep -q "^    inner  program.c:$inner" "$work/rest.out" || fail "no innermost frame without frame pointers"
order free middle 1
kill -0 "${pid_of[bare]}" || fail "the stripped program is gone"

program misled misled
trace misled -p "${pid_of[misled]}" -e 'work:end < @[stack()] = count() >'
attached misled "${pid_of[misled]}"
order misled middle 20
stop_trace
grep -q '^    misled+0x[0-9a-f]*$' "$work/misled.out" || fail "no places in a program with a FIFO for debug information"

# The same lines whatever a compiler writes of them and where: one stack, and as often as all programs were there. gcc tells the linker which unit has which code, clang only when asked; the functions may lie in a file beside the object.
passed=1 skipped=0
for pair in 'gcc g++' 'clang clang++'; do
	read -r c cxx <<<"$pair"
	if ! { command -v "$c" && command -v "$cxx"; } >/dev/null; then
		echo "places of $c: not checked, it is not installed"
		skipped=$((skipped + 1))
		continue
	fi
	names=() pids=
	for version in 4 5; do
		for options in -g -gsplit-dwarf -gdwarf-aranges; do
			[ "$c $options" = 'gcc -gdwarf-aranges' ] && continue
			name=$c$version$options
			compile "$name" -fno-omit-frame-pointer -g "$options" "-gdwarf-$version"
			program "$name" "$name"
			names+=("$name")
			pids+=${pids:+,}$pid
		done
	done
	trace "places-$c" -p "$pids" -e 'work:end < @calls[stack()] = count() > work:cpp < @cpp[stack(1)] = count() >'
	for name in "${names[@]}"; do
		attached "places-$c" "${pid_of[$name]}"
	done
	for name in "${names[@]}"; do
		order "$name" middle 5
		order "$name" cpp 5
	done
	stop_trace
	has "places-$c" "| $((${#names[@]} * 5))" "    inner  program.c:$inner" "    inlined  program.c:$inlined" "    middle  program.c:$middle" "    main  program.c:$main_line"
	has "places-$c" "| $((${#names[@]} * 5))" "    shop::server<long>::handle  part.cc:$(line_of handle part.cc)"
	passed=$((passed + 1))
done
echo "$passed passed, 0 failed, $skipped skipped"
