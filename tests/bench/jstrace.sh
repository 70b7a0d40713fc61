# jstrace and the workloads: source it after lib.sh.

# What is made of each workload's events. pair and cross have the same probes.
declare -A script=(
	[filter]='bench:filter /status >= 1000/ < @n = count() >'
	[count]='bench:count < @n[status] = count() >'
	[sum]='bench:sum < @n[path] = sum(bytes) >'
	[hist]='bench:hist < @n[path] = hist(ns) >'
	[print]='bench:print /status < 1000/ { printf("%d %d\n", id, status); }'
	[pair]='request:end < @n = hist(now - start[id]) >'
	[ten]="bench:ten < @n0[status] = count() >"
	[glob]='many:*777 < @n = count() >'
	[keys]='bench:keys < @n[key] = count() >'
)
script[cross]=${script[pair]}
for clause in 1 2 3 4 5 6 7 8 9; do
	script[ten]+=" bench:ten < @n${clause}[status] = count() >"
done
jstrace_workloads='filter count sum hist print pair cross ten glob keys'

# attach NAME WORKLOAD BUILD [OPTION…]: BUILD's jstrace to the process NAME with the workload's script. Results go to $work/NAME.json or, of print, $work/NAME.text.
attach() {
	local name=$1 options=(--format json -o "$work/$1.json")
	case $2 in
	print) options=(-o "$work/$1.text") ;;
	keys) options+=(--memory=1GiB) ;;
	esac
	"$3/jstrace" "${options[@]}" "${@:4}" -e "${script[$2]}" -p "${pid[$name]}" >"$work/$name.stdout" 2>"$work/$name.err" &
	tracer[$name]=$!
	ask "$name" wait "$2" on
	[ "$answer" = ok ] || die "jstrace did not enable the probes of '$2': $(cat "$work/$name.err")"
}

# member FILE NAME: sums the member of all lines of type aggregation.
member() {
	awk -v name="\"$2\":" '/"type": ?"aggregation"/ { i = index($0, name); if (i) { rest = substr($0, i + length(name)); sum += rest + 0 } } END { printf "%.0f", sum }' "$1"
}

# detach NAME WORKLOAD: ends the CLI, sets $lost, and checks that every event was counted. Only records that print had no room for may be missing, if they were counted as dropped: then that is noted.
detach() {
	lost=0
	local name=$1 workload=$2 got want=${events[$1]} code
	kill -INT "${tracer[$name]}"
	wait "${tracer[$name]}"
	code=$?
	unset "tracer[$name]"
	[ "$code" = 0 ] || die "jstrace on '$workload' ended with $code: $(cat "$work/$name.err")"
	if [ "$workload" = print ]; then
		lost=$(sed -n "s/.*records dropped: \\([0-9]*\\).*/\\1/p" "$work/$name.err")
		[ -z "$lost" ] || note "$lost of $want records of $name found a full ring, and were counted as dropped"
	elif [ -s "$work/$name.err" ]; then
		die "jstrace on '$workload' said: $(cat "$work/$name.err")"
	fi
	case $workload in
	filter) got=$(member "$work/$name.json" value) want=0 ;;
	count | keys) got=$(member "$work/$name.json" value) ;;
	sum) got=$(member "$work/$name.json" value) want=$((want * 512)) ;;
	hist) got=$(member "$work/$name.json" count) ;;
	print) got=$(($(wc -l <"$work/$name.text") + ${lost:-0})) ;;
	pair | cross) got=$(member "$work/$name.json" count) want=$((want / 2)) ;;
	ten) got=$(member "$work/$name.json" value) want=$((want * 10)) ;;
	glob) got=$(member "$work/$name.json" value) want=$((want / 1000)) ;;
	esac
	[ "$got" = "$want" ] || die "jstrace counted $got instead of $want events of '$workload': $(cat "$work/$name.err")"
}
