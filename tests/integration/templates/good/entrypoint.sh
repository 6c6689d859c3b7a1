#!/bin/sh
# Root's work on each start; then the agent, for good.
set -eu

for folder in /agent-home /configs /workspace; do
    mkdir -p "$folder"
    chown -R agent:agent "$folder"
done

if [ -S /var/run/docker.sock ]; then
    gid=$(stat -c %g /var/run/docker.sock)
    if [ "$gid" != 0 ] && ! getent group "$gid" >/dev/null; then
        groupadd --gid "$gid" host-docker
    fi
    if [ "$gid" != 0 ]; then
        usermod --append --groups "$gid" agent
    fi
fi

export HOME=/agent-home
exec gosu agent "$@"
