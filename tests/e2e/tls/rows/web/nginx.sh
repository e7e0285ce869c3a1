#!/bin/sh
# nginx.sh NGINX - the server of ../script.py by nginx: TLS here, what answers behind it.
dir=$(mktemp -d)
plain=$dir/plain.sock
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
	server {
		listen 127.0.0.1:$PORT ssl;
		ssl_certificate $CERT;
		ssl_certificate_key $KEY;
		location / { proxy_pass http://unix:$plain; }
	}
}
C
env -u CERT -u LOG PLAIN="$plain" /usr/bin/python3 "$(dirname "$0")/../talk.py" server &
behind=$!
"$1" -c "$dir/nginx.conf" -p "$dir" &
front=$!
trap 'kill $front $behind' TERM
wait $front
wait $behind
rm -r "$dir"
