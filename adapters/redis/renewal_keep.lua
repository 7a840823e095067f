-- Keeps the answer to a renewal that went well, and gives the one that is kept. Follows
-- store.lua.
--
-- KEYS  the renewal, as renewal_begin.lua describes it
-- ARGV  the answer; how long to keep it in ms

local kept = string.match(redis.call('GET', KEYS[1]) or '', '^kept (.*)$')
if not kept then
	kept = ARGV[1]
	redis.call('SET', KEYS[1], 'kept ' .. kept, 'PX', ARGV[2])
end
return answer('kept', kept)
