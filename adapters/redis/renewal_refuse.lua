-- Ends a turn with a refusal, if this owner holds it. Follows store.lua.
--
-- KEYS  the renewal, as renewal_begin.lua describes it
-- ARGV  owner; the refusal; how long to keep it in ms

local holder = string.match(redis.call('GET', KEYS[1]) or '', '^%l+ %d+ %d+ %d+ (%x+)$')
if holder == ARGV[1] then
	redis.call('SET', KEYS[1], 'refused ' .. ARGV[2], 'PX', ARGV[3])
end
return answer('refused')
