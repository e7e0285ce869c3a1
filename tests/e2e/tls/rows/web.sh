# shellcheck shell=bash
# curl, a process a connection; nginx as a proxy, whose other side is plain HTTP.
client curl "openssl 3.0" "curl, a process a connection" $py $rows/web/curl.py @/usr/bin/curl
both nginx "openssl 3.0" "nginx, two workers, as a proxy" "$rows/web/nginx.sh" @/usr/sbin/nginx
