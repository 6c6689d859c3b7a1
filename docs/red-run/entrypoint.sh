#!/bin/sh
# The reference image's, without what makes /agent-home.
set -eu
chown agent:agent /configs /workspace
exec setpriv --reuid=agent --regid=agent --init-groups -- "$@"
