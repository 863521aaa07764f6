-- name, holder
local name, holder = P .. 'lease:' .. ARGV[1], ARGV[2]
if redis.call('HGET', name, 'holder') == holder then
  redis.call('DEL', name)
end
