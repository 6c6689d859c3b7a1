#!/bin/bash
# Root's only work, and then 'dev' for good; tini stays above as PID 1.
set -euo pipefail
mkdir -p /agent-home
chown dev:dev /agent-home /configs /workspace
cd /workspace
HOME=/home/dev exec setpriv --reuid=1000 --regid=1000 --init-groups \
  python3 -u /opt/workspace/serve.py
