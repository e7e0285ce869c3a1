#!/bin/sh
# servers.sh DIR - a server (16379; 16380 by TLS), its replica (16381), and a cluster of three (16391 to 16393), until they are ended.
set -eu
cd "$1"
common="--save '' --appendonly no --daemonize no --dir $1 --bind 127.0.0.1"
eval redis-server $common --port 16379 --tls-port 16380 --tls-cert-file "$2/cert.pem" --tls-key-file "$2/key.pem" --tls-auth-clients no --pidfile '""' >main.log &
for port in 16391 16392 16393; do
	eval redis-server $common --port $port --cluster-enabled yes --cluster-config-file nodes-$port.conf >cluster-$port.log &
done
for port in 16379 16391 16392 16393; do
	until redis-cli -p $port ping >/dev/null 2>&1; do sleep 0.1; done
done
redis-cli --cluster create 127.0.0.1:16391 127.0.0.1:16392 127.0.0.1:16393 --cluster-yes >cluster.log 2>&1
until redis-cli -p 16391 cluster info | grep -q cluster_state:ok; do sleep 0.1; done
echo ready
wait
