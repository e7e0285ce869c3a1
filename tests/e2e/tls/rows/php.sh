# shellcheck shell=bash
# PHP of Debian 12, whose streams are non-blocking below.
if [ -x /usr/bin/php8.2 ]; then
	both php "openssl 3.0" "PHP, ssl:// streams, a process a connection as server" /usr/bin/php8.2 $rows/php/talk.php
else
	left_out php "openssl 3.0"
fi
