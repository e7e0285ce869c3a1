#!/bin/sh
# traffic.sh DIR - what is said to the servers of servers.sh.
set -eu
cd "$1"
cli="redis-cli -p 16379"
$cli set plain hello
$cli get plain
$cli lpush plain x || true
$cli -3 hset h a 1 b 2
$cli -3 hgetall h
$cli eval 'return {KEYS[1], ARGV[1], redis.error_reply("E no")}' 1 k v
$cli config set requirepass hunter2
$cli -a hunter2 --no-auth-warning get plain
$cli -a hunter2 --no-auth-warning config get requirepass
$cli -a hunter2 --no-auth-warning config set requirepass ""
redis-cli -p 16380 --tls --insecure set by-tls secret
redis-cli -p 16380 --tls --insecure get by-tls
# a redirect, and a client that follows one
redis-cli -p 16391 set foo 1 || true
redis-cli -c -p 16391 set foo 2
redis-benchmark -p 16379 -q -n 2000 -P 16 -c 4 -t set,get >benchmark.log
python3 "$1/client.py"
# a replica, for a moment
redis-server --save '' --port 16381 --bind 127.0.0.1 --dir "$1" --dbfilename replica.rdb --replicaof 127.0.0.1 16379 >replica.log &
replica=$!
until redis-cli -p 16381 info replication | grep -q master_link_status:up; do sleep 0.1; done
$cli set replicated 1
until [ "$(redis-cli -p 16381 get replicated)" = 1 ]; do sleep 0.1; done
kill $replica
wait $replica || true
echo "all is said"
