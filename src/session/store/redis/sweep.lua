-- now, how many revocations to delete at most, until when to forget states, how many states and notes to remember
local now, limit, states, state_bound, note_bound = unpack(ARGV)
redis.call('ZREMRANGEBYSCORE', P .. 'states', '-inf', states)
redis.call('ZREMRANGEBYSCORE', P .. 'ended-elsewhere', '-inf', now)
trim_states(tonumber(state_bound))
trim_notes(tonumber(note_bound))
local numbers = redis.call('ZRANGE', P .. 'worth', '-inf', now, 'BYSCORE', 'LIMIT', 0, limit)
for _, number in ipairs(numbers) do
  forget_revocation(number)
end
return #numbers
