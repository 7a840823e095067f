-- Drops the answer to a renewal, if there is one.
--
-- KEYS  the renewal, as renewal_begin.lua describes it

if string.match(redis.call('GET', KEYS[1]) or '', '^kept ') then
	redis.call('DEL', KEYS[1])
end
return {'forgotten'}
