#!/bin/bash
# Register or remove this runner.
if [ "$(id -u)" -eq 0 ] && [ -z "$RUNNER_ALLOW_RUNASROOT" ]; then
    echo "Must not run with sudo"
    exit 1
fi
cd "$(dirname "$(readlink -f "$0")")" || exit 1
# What its jobs will see is what this shell sees now.
touch .env
echo "$PATH" >.path
if [ "$1" = remove ]; then
    exec ./bin/Runner.Listener "$@"
fi
exec ./bin/Runner.Listener configure "$@"
