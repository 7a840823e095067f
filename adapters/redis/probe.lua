-- Tries every command that the scripts give, on a key that no user has.
--
-- KEYS  that key

redis.call('INFO', 'server')
redis.call('TIME')
redis.call('HSET', KEYS[1], 'a', '1')
redis.call('HMGET', KEYS[1], 'a')
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], '', 'PX', 1000)
redis.call('GET', KEYS[1])
redis.call('DEL', KEYS[1])
return 'works'
