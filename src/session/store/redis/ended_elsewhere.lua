-- id, now
local until_ = tonumber(redis.call('ZSCORE', P .. 'ended-elsewhere', ARGV[1]))
return until_ and until_ > tonumber(ARGV[2]) and 1 or 0
