# For the tests of the documentation: runs what its pages show on targets/docs_target.c, a make-believe server. Source it first.
. "$(dirname "${BASH_SOURCE[0]}")/cli.sh"

# start_server [NAME]: the server, under the name that examples give with -t; its pid is in $target.
start_server() {
	"${CC:-cc}" -O1 -g -I"$root/libjstrace" -o "$work/${1:-api-1}" "$root/tests/e2e/targets/docs_target.c" "$build/libjstrace.a" -pthread || fail "the server does not compile"
	start_target server "$work/${1:-api-1}"
}

# show WORD…: a command line of the documentation that begins with jstrace, with the server's pid for the one it shows. Once it is attached the server answers its twenty requests; then it is ended, as by Ctrl-C, unless it
# ends by itself. What it printed is in $work/shown.out and shown.err (but for what -v adds), its exit code in $code.
show() {
	local words=() ticks=
	for word; do
		case $word in
		77) word=$target ;;
		*tick-* | *interval:*) ticks=1 ;;
		esac
		[ -f "$word" ] && grep -q 'tick-\|interval:' "$word" && ticks=1
		words+=("$word")
	done
	case " ${words[*]} " in
	*" -p "* | *" -t "* | *" -l "* | *" -n "* | *" --dump"* | *" -d "* | *" --help"* | *" --fmt"*) ;;
	*) words+=(-p "$target") ;;
	esac
	case " ${words[*]} " in
	*" -n "*) start shown "$jstrace" "${words[@]:1}" ;; # with -v it would tell what the script does
	*) start shown "$jstrace" -v "${words[@]:1}" ;;
	esac
	tracer=$pid
	wait_for 20 attached_or_ended || fail "does not attach: $*"
	if ! ended "$tracer"; then
		order server serve
		[ -z "$ticks" ] || wait_for 20 test -s "$work/shown.out" || ended "$tracer" || fail "no tick: $*"
		ended "$tracer" || kill -INT "$tracer" 2>/dev/null
	fi
	finished "$tracer" 20
	sed -i "s#$work/##g" "$work/shown.out" "$work/shown.err"
	sed -i -E '/^jstrace: (attached to|going on as|[^ ]*:[0-9]+:[0-9]+: .* is the time of)/d' "$work/shown.err"
}

attached_or_ended() {
	grep -q "attached.*$target" "$work/shown.err" || ended "$tracer"
}

# shape: what may differ from run to run is made equal: figures with a unit of time, long runs of # and blanks.
shape() {
	sed -E -e 's/[0-9]+(\.[0-9]+)?(ns|us|ms|m[0-9]+s|h[0-9]+m|s)\b/T/g' -e 's/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[-+][0-9:]+)/TIME/g' -e 's/\b[0-9]{10,}\b/N/g' -e 's/pid("?[:=])[0-9]+/pid\1N/g' -e 's/"elapsed":[0-9]+/"elapsed":N/g' -e 's/[0-9]+(\.[0-9]+)?\/s/R/g' \
		-e 's/#+//g' -e 's/[[:space:]]+/ /g' -e 's/ +$//' -e 's/^ +//' -e 's/^T \.\. T.*/T .. T/' -e '/^…$/d' | uniq
}
