-- id, now, until when it is noted that somebody else did it or nothing, how many such notes are kept
local id, now, note_until, note_bound = unpack(ARGV)
local existed = exists(id)
local person = redis.call('HGET', P .. 'session:' .. id, 'person')
local tokens = redis.call('HGETALL', P .. 'tokens:' .. id)

-- First, for a server that refuses this refuses the whole, before anything is written.
if existed then
  redis.call('PUBLISH', P .. 'ended', id)
end
-- A full server refuses the first write of a script if that needs room, and none after it. So what needs none is first:
-- people can log out of a full server.
redis.call('ZREM', P .. 'sessions', id)
redis.call('ZREM', P .. 'seen', id)
redis.call('ZREM', P .. 'ends', id)
for i = 1, #tokens, 2 do
  local revoke_until, sealed = string.match(tokens[i + 1], '^%d+ (%-?%d+) (.*)$')
  if sealed then
    revoke(id, tokens[i], sealed, revoke_until, now)
  end
end
if person then
  redis.call('SREM', P .. 'person:' .. person, id)
end
if existed and note_until ~= '' then
  redis.call('ZADD', P .. 'ended-elsewhere', note_until, id)
  trim_notes(tonumber(note_bound))
end
redis.call('DEL', P .. 'session:' .. id, P .. 'tokens:' .. id)
return existed and 1 or 0
