#!/usr/bin/env bash
# A disabled probe is one load, one test and one branch, which processors make one of, as for a flag that is read by hand: looked up in the disassembly, for each compiler, language and way to build. And every one of these programs has all its sites, and runs.
. "$(dirname "$0")/lib.sh"
need objdump readelf cc
[ "$(uname -m)" = x86_64 ] || skip "knows the instructions of x86-64 alone"

inc=$root/tests/e2e/targets/codegen.inc
cp "$inc" "$work/one.c"
cp "$inc" "$work/one.cc"
# A second object with the same inline functions and templates.
printf '%s\n' '#define probe_plain probe_plain2' '#define probe_many probe_many2' '#define probe_double probe_double2' '#define probe_enabled probe_enabled2' '#define probe_others probe_others2' \
	'#define probe_never probe_never2' "#include \"$inc\"" >"$work/two.cc"
cp "$work/two.cc" "$work/two.c"
# Lists what is registered, in the library's place.
cat >"$work/main.c" <<'END'
#include <stdint.h>
#include <stdio.h>
struct site { uint32_t id; int32_t name, keys, file, word; uint32_t line; uint8_t version, fields, guard, reserved[5]; uint64_t types; };
int registered, fired;
void jstrace_object_register(void *object, void *first, void *end)
{
	(void)object;
	registered++;
	for (struct site *s = first; s < (struct site *)end; s++) {
		printf("site %s %d %d %llx\n", (char *)&s->name + s->name, s->fields, s->guard, (unsigned long long)s->types);
		*(uint32_t *)((char *)&s->word + s->word) = 0x10000;
	}
}
void jstrace_object_unregister(void *object) { (void)object; }
void count_fired(void) { fired++; }
__asm__(".globl jstrace_probe_stub\njstrace_probe_stub:\n pushq %rax\n pushq %rcx\n pushq %rdx\n pushq %rsi\n pushq %rdi\n pushq %r8\n pushq %r9\n pushq %r10\n pushq %r11\n pushq %rbp\n movq %rsp, %rbp\n andq $-16, %rsp\n"
	" call count_fired\n movq %rbp, %rsp\n popq %rbp\n popq %r11\n popq %r10\n popq %r9\n popq %r8\n popq %rdi\n popq %rsi\n popq %rdx\n popq %rcx\n popq %rax\n ret\n");
struct request { long id; const char *path; };
int probe_plain(const struct request *request, int status);
int probe_many(const struct request *request, int a, int b, int c, int d);
double probe_double(double x, double y);
int probe_enabled(int a);
long probe_others(long n);
long probe_others2(long n);
int main(void)
{
	volatile struct request r = { 5, "path" };
	const struct request request = { r.id, r.path };
	long sum = probe_plain(&request, 200) + probe_many(&request, 2, 3, 4, 5) + (long)probe_double(2.5, 4) + probe_enabled(7);

	const long others = probe_others(10) + probe_others2(10);

	printf("objects %d sum %ld others %ld fired %d\n", registered, sum, others, fired);
	return 0;
}
END

# Between the function's first instruction and its ret: as many words loaded and tested as branches, and nothing that a probe could have caused: no push, no stack pointer moved, no call.
look() {
	local what=$1 object=$2 function probes code
	objdump -d --no-show-raw-insn --no-addresses "$object" 2>/dev/null | sed 's/^[ \t]*//' >"$work/code"
	shift 2
	for function in "$@"; do
		probes=${function#*=}
		function=${function%=*}
		code=$(awk -v f="<$function>:" 'index($0, f) { on = 1; next } /^$/ { on = 0 } on { print } on && /^ret/ { exit }' "$work/code")
		[ -n "$code" ] || fail "$what: no function $function"
		[ "$(grep -c '^mov  *0x[0-9a-f]*(%rip),%[er]' <<<"$code")" = "$probes" ] || fail "$what: $function does not load $probes words:
$code"
		[ "$(grep -cE '^test +(%[a-z0-9]+),\1$' <<<"$code")" = "$probes" ] || fail "$what: $function has not $probes tests:
$code"
		[ "$(grep -cE '^(jne|je|cmovne|cmove)' <<<"$code")" = "$probes" ] || fail "$what: $function has not $probes branches:
$code"
		grep -qE '^(push|pop|call|sub .*rsp|add .*rsp|lea .*rsp|set|cmp|xmm)' <<<"$code" && fail "$what: $function does more than that:
$code"
	done
	looked=$((looked + 1))
}

looked=0 built=0
expected_c="site double 1 0 4
site many 7 0 6511111
site never 1 0 1
site request:end 0 1 0
site request:end 1 0 1
site request:end 3 0 511"
expected_cxx="site box:add 2 0 11
site box:add 2 0 44
site double 1 0 4
site inline:one 2 0 51
site many 7 0 6511111
site never 1 0 1
site request:end 0 1 0
site request:end 1 0 1
site request:end 3 0 511
site template:one 1 0 1
site template:one 1 0 1"

for compiler in "gcc c" "g++ cc" "clang c" "clang++ cc"; do
	read -r compiler suffix <<<"$compiler"
	command -v "$compiler" >/dev/null || { echo "without $compiler"; continue; }
	case $compiler in *clang*) c=clang ;; *) c=gcc ;; esac
	for options in "-O2" "-O3" "-O2 -fPIC" "-Os" "-O0" "-O1" "-O2 -static" "-O2 -flto" "-O2 -ffunction-sections -fdata-sections -Wl,--gc-sections" "-O2 -mavx2" "-O2 -g" "-O2 -no-pie -fno-pie"; do
		# clang's LTO wants another linker.
		case "$compiler$options" in clang*-flto*) continue ;; esac
		what="$compiler $options"
		# shellcheck disable=SC2086
		"$compiler" $options -I"$root/libjstrace" -c "$work/one.$suffix" -o "$work/one.o" 2>"$work/compile.err" || fail "$what: does not compile"
		# shellcheck disable=SC2086
		"$compiler" $options -I"$root/libjstrace" -c "$work/two.$suffix" -o "$work/two.o" 2>>"$work/compile.err" && "$c" -O1 -c "$work/main.c" -o "$work/main.o" || fail "$what: does not compile"
		# shellcheck disable=SC2086
		"$compiler" $options "$work/main.o" "$work/one.o" "$work/two.o" -o "$work/program" 2>"$work/link.err" || fail "$what: does not link"
		"$work/program" >"$work/run.out" || fail "$what: does not run"
		built=$((built + 1))
		grep -q '^objects 1 sum 258 ' "$work/run.out" || fail "$what: computes something else: $(tail -1 "$work/run.out")"
		if [ "$suffix" = c ]; then fired=4; else fired=14; fi
		grep -q "fired $fired\$" "$work/run.out" || fail "$what: not every probe fired: $(tail -1 "$work/run.out")"
		# Each name, kind and type that there must be; how often depends on what was inlined, and what nobody calls may be gone.
		if [ "$suffix" = c ]; then expected=$expected_c; else expected=$expected_cxx; fi
		missing=$(comm -23 <(sort -u <<<"$expected") <(grep '^site' "$work/run.out" | sort -u) | grep -v '^site never')
		[ -z "$missing" ] || fail "$what: sites are missing: $missing"
		readelf -SW "$work/program" | grep -q TEXTREL && fail "$what: text relocations"
		case $options in
		-O2 | -O3 | *-fPIC | *-g | *-no-pie*)
			if [ "$suffix" = c ]; then
				look "$what" "$work/one.o" probe_plain=1 probe_many=2 probe_double=1 probe_enabled=1
			else
				look "$what" "$work/one.o" probe_plain=1 probe_many=2 probe_double=1 probe_enabled=1 _Z12probe_inlinel=1 _Z14probe_templateIiET_S0_=1 _ZN3boxIlE12probe_memberEl=1
			fi
			;;
		esac
	done
done
echo "$built builds run, the code of $looked was looked at"
