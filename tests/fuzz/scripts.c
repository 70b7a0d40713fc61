/*
 * Scripts to begin with: between them they have all statements, functions, aggregations and quick instructions, and clauses of the CLI.
 */
#include "fuzz.h"

#include <stddef.h>

const char *const fuzz_scripts[] = {
	"request:end < @lat = hist(now - start[id]) >",
	"request:end < @lat[status] = hist(now - start[id], 7) >",
	"request:start < t[id] = now > request:end /t[id]/ < @ = hist((now - t[id]) / 1000); delete(t[id]) >",
	"request:start < t[id] = path; t[status] = id > request:end < @[t[id]] = count(); t[id] = nil; t[path] += \"x\" >",
	"* < @ = count() > request:end < @r = rate() >",
	"request:end < @a[id] = count(); @b[path, status] = count(); @c[ratio] = sum(size) >",
	"request:end < @ = hist(id, exemplar: path); @q = quantiles(size); @l = lhist(status, 0, 600, 100) >",
	"request:end < @a = avg(ratio); @s = stats(ratio); @m = min(size); @n = max(size); @l = last(path); @d = distinct(id) >",
	"request:end < @d[path] = distinct(path); @l[status] = last(ratio); @h[path] = hist(size) >",
	"request:end /status >= 500 || !path/ < @ = count() > request:end /status < 200/ < @b[id] = count() >",
	"request:end /200 > status && id/ < n++; total += id; both += ratio; text += path; n -= status >",
	"request:end < printf(\"%d %s %v\\n\", id, path, ratio); print(id, path) >",
	"request:end { emit; emit(id, path); if (id % 2) { exit(3); } }",
	"request:end { $i = 0; while ($i < status % 9) { @[$i] = count(); $i++; if ($i == 5) { break; } } }",
	"request:end { for ($i : 0..5) { if ($i & 1) { continue; } x[$i, path] = $i << 3 ^ ~id | size >> 2; } }",
	"request:start < self.t = now > request:end /self.t/ < @ = hist(now - self.t); self.t = nil >",
	"request:end { speculate(id); emit; print(path); } request:start /status > 200/ { commit(id); } request:start /status < 200/ { discard(id); }",
	"request:end < @[stack()] = count(); print(stack()) >",
	"request:end { @[name, probename, file, line, prefix] = count(); @t[pid, tid, cpu, uid, title, comm, hostname] = count(); @n = max(timestamp - elapsed); }",
	"request:end { x = path ~ \"/a*[b-d]?\" ? strstr(path, \"/\") : substr(path, 1, 2); y = path + \"!\"; z = x == nil || y < path; @ = sum(strlen(str(ratio))); }",
	"request:end { a = abs(id); b = max(id, size, 3); c = min(ratio, 2); d = sqrt(ratio); e = log2(size); f = int(path); g = float(id); h = rand(); i = floor(ratio) + ceil(ratio) + round(ratio); j = hash(path); k = has(path); }",
	"request:end { a = lower(path); b = upper(path); c = trim(path); d = cat(path, id, ratio); e = basename(path); f = dirname(path); g = starts_with(path, \"/\") + ends_with(path, \"x\") + strcontains(path, \"ap\"); }",
	"request:end { a = id / status; b = id % status; c = -ratio; d = !path; e = ratio * 2 - size / 0; f = ratio % 0.3; }",
	"const LIMIT = 5; fn f($x) { if ($x > LIMIT) { return $x * 2; } return nil; } request:end { @ = sum(f(status)); x = f(id) || 7; }",
	"BEGIN { limit = 7; names[\"a\", 1] = \"text\"; } request:end /status > limit/ < @[names[path, 1]] = count() >",
	"request:end < @ = count(); @lat = hist(size); @k[path] = sum(id) > END { print(@); print(@lat); print(@k, top: 3); printf(\"%d\\n\", @k[\"a\"]); }",
	"request:end < @k[path, status] = hist(size) > tick-1s { for ($p, $s, $v : @k) { printf(\"%s %d %d\\n\", $p, $s, quantile($v, 0.99)); } clear(@k); }",
	"request:end < @ = hist(now - start[id]) > END { print(open(start)); print(open(start), top: 3); }",
	"BEGIN { printf(\"go %s\\n\", \"x\"); n = 3; } END { if (n > 2) { print(n); } }",
	NULL,
};
