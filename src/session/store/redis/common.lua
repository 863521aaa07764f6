-- Shared by all scripts: this text precedes each of them.
--
-- All keys start with one prefix. Ids are hex.
--   session:ID        hash: record, person, last_seen, ends
--   tokens:ID         hash: resource server -> "VERSION REVOKE_UNTIL SEALED"
--   sessions          all sessions, in the order of their ids
--   seen, ends        all sessions, by when they were last used and by when they end
--   person:PERSON     set of the sessions of a person
--   revocation:NUMBER hash: session, resource_server, sealed, added
--   due, due:ID       revocations of all sessions and of one, by when they are due
--   worth             revocations by when their tokens have expired
--   last-revocation   the last number used
--   states            spent states by when they are forgotten
--   state-floor       states whose time ends at or before this are too old
--   ended-elsewhere   notes about sessions that were ended from elsewhere, by when they are deleted
--   lease:NAME        hash: holder, until_ms
local P = 'globus-portal:'

-- A number as text of fixed length, so that texts sort like numbers.
local function numbered(number)
  return string.format('%016.0f', number)
end

local function exists(id)
  return redis.call('EXISTS', P .. 'session:' .. id) == 1
end

local function version_of(token)
  return token and string.match(token, '^(%d+) ')
end

local function revoke(id, server, sealed, revoke_until, now)
  local number = numbered(redis.call('INCR', P .. 'last-revocation'))
  redis.call('HSET', P .. 'revocation:' .. number,
    'session', id, 'resource_server', server, 'sealed', sealed, 'added', now)
  redis.call('ZADD', P .. 'due', now, number)
  redis.call('ZADD', P .. 'due:' .. id, now, number)
  redis.call('ZADD', P .. 'worth', revoke_until, number)
end

local function forget_revocation(number)
  local id = redis.call('HGET', P .. 'revocation:' .. number, 'session')
  redis.call('ZREM', P .. 'due', number)
  redis.call('ZREM', P .. 'worth', number)
  if id then
    redis.call('ZREM', P .. 'due:' .. id, number)
  end
  redis.call('DEL', P .. 'revocation:' .. number)
end

-- How many members one trim removes: the server serves no other client meanwhile.
local TRIMMED_AT_ONCE = 1000

-- Removes the first members of a sorted set that has more than `bound`, with all others of the same score. Returns the last
-- score removed, as text.
local function trim(name, bound)
  local over = math.min(redis.call('ZCARD', name) - bound, TRIMMED_AT_ONCE)
  if over <= 0 then
    return nil
  end
  local last = string.format('%.0f', redis.call('ZRANGE', name, over - 1, over - 1, 'WITHSCORES')[2])
  redis.call('ZREMRANGEBYSCORE', name, '-inf', last)
  return last
end

local function trim_states(bound)
  local last = trim(P .. 'states', bound)
  if last then
    -- In the same script as the trim, so that no client sees one without the other.
    redis.call('SET', P .. 'state-floor', last)
  end
end

local function trim_notes(bound)
  trim(P .. 'ended-elsewhere', bound)
end

-- A session as a row: its id and the values of its hash; nil if there is none.
local function row(id)
  local values = redis.call('HMGET', P .. 'session:' .. id, 'record', 'person', 'last_seen', 'ends')
  if values[1] or values[2] or values[3] or values[4] then
    return { id, values[1], values[2], values[3], values[4] }
  end
end

