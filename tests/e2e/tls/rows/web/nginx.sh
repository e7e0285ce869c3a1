#!/bin/sh
# nginx.sh NGINX client|server - nginx does the TLS of ../script.py; who answers behind it, or asks before it, speaks plain HTTP.
nginx=$1 side=$2
dir=$(mktemp -d)
plain=$dir/plain.sock
talk() { env -u CERT -u LOG PLAIN="$plain" /usr/bin/python3 "$(dirname "$0")/../talk.py" "$side"; }
if [ "$side" = server ]; then
	listen="127.0.0.1:$PORT ssl; ssl_certificate $CERT; ssl_certificate_key $KEY" to=http://unix:$plain
else
	listen="unix:$plain" to=https://up
fi
cat >"$dir/nginx.conf" <<C
user root;
daemon off;
worker_processes 2;
pid $dir/pid;
error_log stderr warn;
events {}
http {
	access_log off;
	client_max_body_size 16m;
	client_body_temp_path $dir; proxy_temp_path $dir; fastcgi_temp_path $dir; uwsgi_temp_path $dir; scgi_temp_path $dir;
	upstream up { server 127.0.0.1:$PORT; keepalive 8; }
	server {
		listen $listen;
		location / { proxy_pass $to; proxy_http_version 1.1; proxy_set_header Connection ""; }
	}
}
C
"$nginx" -c "$dir/nginx.conf" -p "$dir" &
front=$!
if [ "$side" = server ]; then
	talk &
	behind=$!
	trap 'kill $front $behind' TERM
	wait $front
	wait $behind
else
	while kill -0 $front && [ ! -S "$plain" ]; do sleep 0.1; done
	talk
	rc=$?
	kill $front
	wait $front
fi
rm -r "$dir"
exit ${rc:-0}
