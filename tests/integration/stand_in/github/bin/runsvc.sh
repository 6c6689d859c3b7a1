#!/bin/bash
# Run this runner as a service: the listener gets an interrupt for a termination.
trap 'kill -INT "$PID"' TERM INT
cd "$(dirname "$(readlink -f "$0")")" || exit 1
[ -d bin ] || cd ..
if [ -f .path ]; then
    PATH=$(cat .path)
    export PATH
fi
./bin/Runner.Listener run --startuptype service &
PID=$!
wait $PID
trap - TERM INT
wait $PID
