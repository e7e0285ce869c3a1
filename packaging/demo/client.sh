#!/bin/sh
# Asks the web service a few things a second, over HTTP and HTTPS, until it is stopped.
ask() { curl -sk -o /dev/null --max-time 10 "$@"; }
while :; do
	ask --compressed https://web/v1/users?page=1
	ask -H 'X-Request-Id: demo' -H 'Content-Type: application/json' -d '{"sku":"W-19","quantity":2}' https://web/v1/orders
	ask http://web/v1/users
	ask https://web/v1/broken
	ask http://web/v1/missing
	ask http://web/v1/slow
	sleep 1
done
