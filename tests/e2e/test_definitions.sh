#!/usr/bin/env bash
# Imports, functions and arguments with names, as a user meets them.
. "$(dirname "$0")/cli.sh"

mkdir -p "$work/scripts/lib" "$work/library"
cat >"$work/scripts/lib/own.jst" <<'END'
import "shared.jst";
fn double($x) { return plus($x, $x); }
END
echo 'fn plus($a, $b) { return $a + $b; }' >"$work/library/shared.jst"
cat >"$work/scripts/main.jst" <<'END'
#!/usr/bin/env jstrace
# Says numbers,
# twice.
import "lib/own.jst";
import "lib/../lib/own.jst";
arg limit = 10ms;  # more than this is long
arg name;          # whom to greet
const TWO = 2;
BEGIN { print($name, double(TWO), $limit, $limit > 5ms ? "long" : "short"); exit(double(TWO)); }
END

# Beside the file that imports, then in the library; each file once.
export JSTRACE_LIBRARY=$work/library
run 4 --arg name=world "$work/scripts/main.jst"
out 'world 4 10.0ms long'
run 4 --arg name=7 --arg limit=1ms "$work/scripts/main.jst"
out '7 4 1.00ms short'
cd "$work/scripts" || exit 1
run 4 -e 'import "lib/own.jst"; BEGIN { exit(double(2)); }'
cd "$root" || exit 1

run 2 "$work/scripts/main.jst"
err "main.jst:7:5: error: the script needs the argument 'name'"
run 2 --arg name=x --arg limit=5 "$work/scripts/main.jst"
err 'expected a duration such as 10ms'
run 2 --arg name=x --arg limti=5ms "$work/scripts/main.jst"
err "the script declares no argument 'limti'; did you mean 'limit'?"
run 2 --arg limit -e 'BEGIN { }'
err "--arg takes a name and a value, such as limit=5ms, not 'limit'"
JSTRACE_LIBRARY=$work/nowhere run 2 --arg name=x "$work/scripts/main.jst"
err "lib/own.jst:1:8: error: cannot import 'shared.jst': there is no such file"

printf 'import "lib";' >"$work/scripts/folder.jst"
run 2 "$work/scripts/folder.jst"
err "folder.jst:1:8: error: cannot import 'lib': it is a folder"
run 2 -e "import \"$work/scripts/lib\";"
err "lib': it is a folder"

# The library that comes with jstrace, beside the program.
unset JSTRACE_LIBRARY
run 0 -e 'import "units.jst"; import "http.jst"; BEGIN { print(ms(1500us), percent(1, 4), status_class(404), route("/users/17/x?y=2"), route("/")); exit(0); }'
out '1.5 25 4xx /users/:n/x /'

run 0 --help "$work/scripts/main.jst"
out 'Says numbers,'
out 'twice.'
out '--arg limit=10ms  more than this is long'
out '--arg name=…      whom to greet (must be given)'
echo 'imports, arguments and help are as they should be'
