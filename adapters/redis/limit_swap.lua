-- Sets the number of a rate limit, if it is the one that was read. Follows store.lua.
--
-- KEYS  the number
-- ARGV  what was read, -1 for none; the new number; how long to keep it in ms

if (redis.call('GET', KEYS[1]) or '-1') ~= ARGV[1] then
	return answer('changed')
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return answer('swapped')
