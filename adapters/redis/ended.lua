-- Tells whether a session has ended. Follows store.lua.
--
-- KEYS  the person's mark; when the session began that the refresh token continues which
--       was shown; the same of the refresh token that continues it from now on
-- ARGV  when the session began at the earliest, or "" if that is not known; how long to
--       remember it, or "" if nothing continues it; in ms

local mark = redis.call('GET', KEYS[1])
if not mark then
	return answer('lives')
end
local began = redis.call('GET', KEYS[2]) or ARGV[1]
if began == '' or tonumber(began) < tonumber(mark) then
	return answer('ended')
end
if ARGV[2] ~= '' then
	redis.call('SET', KEYS[3], began, 'PX', ARGV[2])
end
return answer('lives')
