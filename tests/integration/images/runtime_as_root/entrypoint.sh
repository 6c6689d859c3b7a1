#!/bin/sh
# The reference entrypoint, without its last step.
set -eu
chown agent:agent /agent-home /configs /workspace
exec "$@"
