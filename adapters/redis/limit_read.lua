-- Reads the number of a rate limit. Follows store.lua.
--
-- KEYS  the number
--
-- Gives the number, -1 if there is none, and the server's time in µs.

return answer('read', redis.call('GET', KEYS[1]) or '-1', string.format('%.0f', time[1] * 1000000 + time[2]))
