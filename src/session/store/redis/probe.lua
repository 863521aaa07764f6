-- a random name
local name = P .. 'probe:' .. ARGV[1]
redis.call('SET', name, ARGV[1])
local kept = redis.call('GET', name) == ARGV[1]
redis.call('DEL', name)
return kept and 1 or 0
