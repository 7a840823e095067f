-- Claims a proof.
--
-- KEYS  the memory: a hash that says when it begins, and in which run of a server
--       the claim
-- ARGV  owner, end of the ceremony, how long to keep the claim, when its caller
--       leaves, and the run by whose clock these times are; times in ms
--
-- Answers {verdict, when the memory begins in ms, why it began anew or "", the time
-- in µs, the run}; times are the server's own.

local function info(section, field)
	return string.match(redis.call('INFO', section), '\n' .. field .. ':([^\r\n]+)') or ''
end

-- A server that evicts forgets claims. What it has forgotten by then nobody
-- knows, so the memory ends here and begins anew when the setting is right.
local policy = info('memory', 'maxmemory_policy')
if policy ~= 'noeviction' then
	redis.call('DEL', KEYS[1])
	return {'evicts', policy}
end

-- run_id is another after each restart, and at each server. A memory that began
-- in another run came here by a snapshot or a replica, without its last claims.
local run = info('server', 'run_id')
if run == '' then
	return {'nameless'}
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local memory = redis.call('HMGET', KEYS[1], 'born', 'run')
local born, anew = memory[1], ''
if memory[2] ~= run then
	anew = memory[2] and 'the server was restarted, or another took its place' or 'nothing was there'
	-- The millisecond after this one: nothing that was claimed before is of it.
	born = string.format('%.0f', now + 1)
	redis.call('HSET', KEYS[1], 'born', born, 'run', run)
end
local function answer(verdict)
	return {verdict, born, anew, string.format('%.0f', time[1] * 1000000 + time[2]), run}
end

-- Times by another server's clock say nothing here. And whoever has left by now
-- has been told "unavailable": a claim would spend a proof that may be sent again.
if ARGV[5] ~= run then
	return answer('stranger')
end
if now >= tonumber(ARGV[4]) then
	return answer('late')
end
if tonumber(ARGV[2]) < tonumber(born) then
	return answer('older')
end
local holder = redis.call('GET', KEYS[2])
if holder and holder ~= ARGV[1] then
	return answer('held')
end
if not holder then
	redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[3])
end
return answer('won')
