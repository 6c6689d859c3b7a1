#!/bin/sh
# An entrypoint that misses something, and says what.
echo "entrypoint: MODEL is not set." >&2
exit 3
