-- Takes the turn to renew with a refresh token, or tells why it is not to be had. Follows
-- store.lua.
--
-- KEYS  the renewal
-- ARGV  owner; how long the turn is held; the issuer's leeway; how long the issuer may take;
--       how long it is remembered that it may have been asked; how far back the memory must
--       reach to know the first use of the token; all times in ms
--
-- The renewal is one of these texts, where first is when the issuer may have been asked first
-- (0 if that may have been forgotten), over when this is forgotten, and held until when the
-- owner holds the turn:
--   yours <first> <over> <held> <owner>
--   again <first> <over> <held> <owner>   the turn began in doubt
--   kept <answer>
--   refused <answer>
--
-- Gives "yours"; "again" and how long the issuer may be asked; "taken"; "answered" and the
-- answer; or "in_doubt" and how long that will be so.

local owner, lease, leeway = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local patience, keep, reach = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])

local function hold(kind, first, over)
	local text = string.format('%s %.0f %.0f %.0f %s', kind, first, over, now + lease, owner)
	redis.call('SET', KEYS[1], text, 'PX', string.format('%.0f', over - now))
	return answer(kind, string.format('%.0f', first + leeway - now))
end

local known = redis.call('GET', KEYS[1])
if not known then
	local first = now
	if now - reach < tonumber(born) then
		first = 0
	end
	return hold('yours', first, now + keep)
end
local kept = string.match(known, '^kept (.*)$') or string.match(known, '^refused (.*)$')
if kept then
	return answer('answered', kept)
end
local kind, first, over, held, holder = string.match(known, '^(%l+) (%d+) (%d+) (%d+) (%x+)$')
first, over, held = tonumber(first), math.max(tonumber(over), now + 1), tonumber(held)
if holder == owner then
	return hold(kind, first, over)
end
if held > now then
	return answer('taken')
end
if first + leeway - now >= patience then
	return hold('again', first, over)
end
return answer('in_doubt', string.format('%.0f', over - now))
