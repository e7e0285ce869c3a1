# shellcheck shell=bash
# Python 3.11 of Debian 12: its ssl module uses the system's OpenSSL.
py=/usr/bin/python3
both python "openssl 3.0" "Python, ssl on blocking sockets, a thread a connection" $py $rows/talk.py
