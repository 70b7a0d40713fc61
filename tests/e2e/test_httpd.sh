#!/usr/bin/env bash
# The example server itself: what the other tests measure has to be a correct server.
. "$(dirname "$0")/lib.sh"

start_httpd -w 2 -t 2 --stats
nl=$'\r\n'
host="Host: x$nl"
end="$nl$nl"
close="${nl}Connection: close$end"

connect() {
	exec {connection}<>"/dev/tcp/127.0.0.1/$port" || fail "cannot connect"
	[ -z "$1" ] || printf '%s' "$1" >&"$connection"
}
# answers WANTED BYTES: sends the bytes and compares the statuses of all answers until the server closes.
answers() {
	local got
	connect "$2"
	got=$(timeout 10 cat <&"$connection" | tr -d '\0' | sed -n 's/^.*HTTP\/1.1 \([0-9]*\) .*/\1/p' | tr '\n' ' ')
	exec {connection}>&-
	[ "$got" = "$1${1:+ }" ] || fail "answered '$got' instead of '$1' to: ${2:0:80}"
}
# repeat N TEXT: in $repeated; a command substitution would take away newlines at the end.
repeat() {
	local blanks
	printf -v blanks '%*s' "$1" ''
	repeated=${blanks// /$2}
}
# get PATH: a request without the line ends that follow its last header.
get() {
	printf '%s' "GET $1 HTTP/1.1${nl}Host: x"
}

# Requests in one go are answered in order, the slow ones before the fast ones behind them.
answers "200 200 404 200 200 404" "$(get /)$end$(get '/api/orders?customer=3')$end$(get /nope)$end$(get /slow)$end$(get /static/100000)$end$(get /static/x)$close"
repeat 300 "$(get /)$end"
requests=$repeated
repeat 300 "200 "
answers "${repeated}404" "$requests$(get /nope)$close"
answers 200 "GET / HTTP/1.0$nl$nl"
answers "200 404" "HEAD /static/50 HTTP/1.1$nl$host$nl$(get /nope)$close"
answers 404 "$(get http://x/nope)$close"

# Bodies are thrown away, and what follows them is a request.
answers "405 200" "POST / HTTP/1.1$nl${host}Content-Length: 5$nl${nl}hello$(get /)$close"
repeat 30000 z
answers "200 404" "GET / HTTP/1.1$nl${host}Content-Length: 30000$nl$nl$repeated$(get /nope)$close"

# Refused, and the connection closed.
answers 400 "GET / HTTP/1.1$nl$nl"
answers 400 "nonsense$nl$nl"
answers 400 "GET / HTTP/1.1$nl${host}X: a$nl b$nl$nl"
answers 400 "GET / HTTP/1.1$nl${host}X : y$nl$nl"
answers 400 "GET / HTTP/1.1$nl${host}Content-Length: 1${nl}Content-Length: 2$nl$nl"
answers 505 "GET / HTTP/2.0$nl$host$nl"
answers 411 "POST / HTTP/1.1$nl${host}Transfer-Encoding: chunked$nl$nl"
answers 413 "GET / HTTP/1.1$nl${host}Content-Length: 99999999$nl$nl"
repeat 5000 a
answers 414 "GET /$repeated"
repeat 2000 "X: y$nl"
answers 431 "GET / HTTP/1.1$nl$host$repeated"

# A client that begins and says no more is told so; one that says nothing is hung up on.
answers 408 "GET / HT"
answers "" ""

# A big answer arrives whole.
connect "$(get /static/20000000)$close"
bytes=$(timeout 20 cat <&"$connection" | wc -c)
exec {connection}>&-
[ "$bytes" -gt 20000000 ] && [ "$bytes" -lt 20000500 ] || fail "20000000 bytes and a head arrived as $bytes"

# SIGTERM: who waits for an answer gets it. Both requests arrive together, so the second is being served once the first was answered.
connect "$(get /)$end$(get /slow)$end"
read -r -t 10 line <&"$connection"
kill -TERM "$httpd"
got=$(timeout 10 cat <&"$connection" | tr -d '\r' | grep -c -e '^HTTP/1.1 200 OK' -e 'HTTP/1.1 200 OK$' -e '^Connection: close$')
[ "$got" = 2 ] || fail "the last answer was not 200 with Connection: close"
finished "$httpd" 20
[ "$code" = 0 ] || fail "httpd ended with $code"
[ "$(stat_of all count)" = 329 ] && [ "$(stat_of refused count)" = 12 ] || fail "its statistics: $(cat "$work/httpd.out")"
