# shellcheck shell=bash
# curl, a process a connection; nginx before a server that speaks plain HTTP.
client curl "openssl 3.0" "curl, a process a connection" $py $rows/web/curl.py @/usr/bin/curl
server nginx "openssl 3.0" "nginx, two workers, proxy to plain HTTP" "$rows/web/nginx.sh" @/usr/sbin/nginx
