-- Claims a proof. Follows store.lua.
--
-- KEYS  the claim
-- ARGV  owner, end of the ceremony, how long to keep the claim; times in ms

if tonumber(ARGV[2]) < tonumber(born) then
	return answer('older')
end
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
	return answer('held')
end
if not holder then
	redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
end
return answer('won')
