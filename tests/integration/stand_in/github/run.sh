#!/bin/bash
# Run this runner in the foreground; how the listener ended is not passed on.
if [ "$(id -u)" -eq 0 ] && [ -z "$RUNNER_ALLOW_RUNASROOT" ]; then
    echo "Must not run interactively with sudo"
    exit 1
fi
cd "$(dirname "$(readlink -f "$0")")" || exit 1
while :; do
    ./bin/Runner.Listener run "$@"
    [ $? -eq 2 ] || break
    sleep 5
done
echo "Exiting runner..."
exit 0
