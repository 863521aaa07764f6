-- now, how many at most
local now, limit = unpack(ARGV)
redis.call('ZREMRANGEBYSCORE', P .. 'states', '-inf', now)
local numbers = redis.call('ZRANGE', P .. 'worth', '-inf', now, 'BYSCORE', 'LIMIT', 0, limit)
for _, number in ipairs(numbers) do
  forget_revocation(number)
end
return #numbers
