-- The load that wrk puts on httpd: mostly fast pages, some that wait, a few that fail.
--     wrk -t1 -c16 -d10s -s examples/load.lua http://127.0.0.1:PORT
local mix = {
	{40, "/"}, {25, "/api/users"}, {25, "/api/orders"}, {4, "/static/20000"},
	{2, "/slow"}, {2, "/error"}, {2, "/no-such-page"},
}
local requests, threads = {}, 0

function setup(thread)
	threads = threads + 1
	thread:set("seed", threads)
end

function init()
	math.randomseed(seed)
	for _, part in ipairs(mix) do
		for _ = 1, part[1] do
			requests[#requests + 1] = wrk.format("GET", part[2])
		end
	end
end

function request()
	return requests[math.random(#requests)]
end
