-- state, until, how many to remember
local state, until_, bound = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local floor = tonumber(redis.call('GET', P .. 'state-floor'))
if floor and until_ <= floor then
  return 'too old'
end
if redis.call('ZADD', P .. 'states', 'NX', ARGV[2], state) == 0 then
  return 'again'
end
trim_states(bound)
return 'first'
