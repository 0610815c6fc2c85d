-- Queues an exchange of which there is a letter once more, as if it had not been learnt; its letter goes. Of an
-- exchange that is not on record any more only that.
--
-- KEYS: dead, stream, exchange. ARGV: exchange.
if redis.call('HDEL', KEYS[1], ARGV[1]) == 1 and redis.call('EXISTS', KEYS[3]) == 1 then
  redis.call('HDEL', KEYS[3], 'learnt')
  redis.call('XADD', KEYS[2], '*', 'id', ARGV[1], 'version', redis.call('HGET', KEYS[3], 'version') or '')
end
