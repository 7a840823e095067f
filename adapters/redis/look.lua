-- Tries what the scripts of the store's users do. Follows store.lua.
--
-- KEYS  a key that no user has

redis.call('SET', KEYS[1], '', 'PX', 1000)
redis.call('GET', KEYS[1])
redis.call('DEL', KEYS[1])
return answer('works')
