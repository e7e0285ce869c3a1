# shellcheck shell=bash
# Ruby of Debian 12.
if [ -x /usr/bin/ruby ]; then
	both ruby "openssl 3.0" "Ruby, net/http and OpenSSL::SSL, a thread a connection" /usr/bin/ruby $rows/ruby/talk.rb
else
	left_out ruby "openssl 3.0"
fi
