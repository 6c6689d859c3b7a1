#!/bin/sh
# The reference entrypoint, without the repair of /agent-home.
set -eu
chown agent:agent /configs /workspace
exec setpriv --reuid=agent --regid=agent --init-groups -- "$@"
