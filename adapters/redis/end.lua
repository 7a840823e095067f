-- Notes that the sessions of a person have ended which began before a time. Follows
-- store.lua. A mark only moves forward, so it does no harm to repeat this.
--
-- KEYS  the person's mark
-- ARGV  the time, by the clock of who vouches for the person; how long to keep it; in ms

local mark = redis.call('GET', KEYS[1])
if not mark or tonumber(mark) < tonumber(ARGV[1]) then
	redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
return answer('marked')
