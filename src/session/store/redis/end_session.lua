-- id, now, until when to note that it was ended from elsewhere (or ''), how many such notes to keep
local id, now, note_until, note_bound = unpack(ARGV)
local existed = exists(id)
local person = redis.call('HGET', P .. 'session:' .. id, 'person')
local tokens = redis.call('HGETALL', P .. 'tokens:' .. id)

-- PUBLISH comes first: a server that rejects it then rejects the whole script before anything is written.
if existed then
  redis.call('PUBLISH', P .. 'ended', id)
end
-- A full server rejects a script whose first write needs memory, but no later write. So writes that need none come first, and
-- people can log out although the server is full.
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
