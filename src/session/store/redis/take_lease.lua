-- name, holder, length in milliseconds
local name, holder, length = P .. 'lease:' .. ARGV[1], ARGV[2], tonumber(ARGV[3])
local DAY = 24 * 60 * 60 * 1000
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local held_until = tonumber(redis.call('HGET', name, 'until_ms'))
if held_until and held_until > now then
  return 'held'
end
local until_ms = now + length
redis.call('HSET', name, 'holder', holder, 'until_ms', string.format('%.0f', until_ms))
-- A lease that was not released is remembered for a day.
redis.call('PEXPIREAT', name, string.format('%.0f', until_ms + DAY))
return held_until and 'taken over' or 'taken'
