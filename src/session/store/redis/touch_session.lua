-- id, now
local id, now = unpack(ARGV)
if exists(id) then
  redis.call('HSET', P .. 'session:' .. id, 'last_seen', now)
  redis.call('ZADD', P .. 'seen', now, id)
end
