-- id, resource server, sealed, revoke_until, now
revoke(unpack(ARGV))
