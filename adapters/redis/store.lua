-- Begins every script that must run in time; script.go puts it before the script's own
-- text. It checks the server and the time. Then the script itself decides, knowing born,
-- when the memory begins in ms, and ends with: return answer(verdict, more, …).
--
-- KEYS  those of the script itself; then the memory: a hash that says when it begins,
--       and in which run of a server
-- ARGV  those of the script itself; then when its caller leaves, and the run by whose
--       clock all times in ARGV are; times in ms
--
-- Answers {verdict, when the memory begins in ms, why it began anew or "", the time
-- in µs, the run, more, …}; times are the server's own.
local memory, leaves, clock = KEYS[#KEYS], ARGV[#ARGV - 1], ARGV[#ARGV]

local function info(section, field)
	return string.match(redis.call('INFO', section), '\n' .. field .. ':([^\r\n]+)') or ''
end

-- A server that evicts keys forgets facts, and nobody knows which. So the memory ends
-- here, and begins anew when the setting is right.
local policy = info('memory', 'maxmemory_policy')
if policy ~= 'noeviction' then
	redis.call('DEL', memory)
	return {'evicts', policy}
end

-- Each start of a server has a run_id of its own. A memory that began in another run
-- came here by a snapshot or a replica, without the last writes.
local run = info('server', 'run_id')
if run == '' then
	return {'nameless'}
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local kept = redis.call('HMGET', memory, 'born', 'run')
local born, anew = kept[1], ''
if kept[2] ~= run then
	anew = kept[2] and 'the server was restarted, or another took its place' or 'nothing was there'
	-- The next millisecond, because something may have been written before in this one.
	born = string.format('%.0f', now + 1)
	redis.call('HSET', memory, 'born', born, 'run', run)
end
local function answer(verdict, ...)
	return {verdict, born, anew, string.format('%.0f', time[1] * 1000000 + time[2]), run, ...}
end

-- Times by another server's clock say nothing here. And a caller who has left by now has
-- been told "unavailable", so nothing may change any more.
if clock ~= run then
	return answer('stranger')
end
if now >= tonumber(leaves) then
	return answer('late')
end

