#!/usr/bin/env bash
# The page's logic without a browser.
exec "$(dirname "$0")/../web/unit.sh"
