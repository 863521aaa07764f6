-- the lower bound for ZRANGE, limit
local from, limit = ARGV[1], tonumber(ARGV[2])
local rows = {}
while #rows < limit do
  local ids = redis.call('ZRANGE', P .. 'sessions', from, '+', 'BYLEX', 'LIMIT', 0, limit - #rows)
  if #ids == 0 then
    break
  end
  for _, id in ipairs(ids) do
    rows[#rows + 1] = row(id)
    from = '(' .. id
  end
end
return rows
