-- Releases a claim, if this owner holds it.
--
-- KEYS  the claim
-- ARGV  owner

if redis.call('GET', KEYS[1]) == ARGV[1] then
	redis.call('DEL', KEYS[1])
end
return {'released'}
