#!/bin/sh
# Boot a workspace: as root, hand the agent what is the agent's; then be the agent, for good.
set -eu

say() {
    echo "entrypoint: $*" >&2
}

# The children before the folder itself: a folder that is the agent's has been handed over whole,
# and a big one is not walked again. Links are handed over themselves, never what they point to.
hand_over() {
    find "$1" -xdev -depth \( ! -user agent -o ! -group agent \) \
        -exec chown --no-dereference agent:agent {} +
}

# A volume comes up as root's, and masks what the image has in its place.
give() {
    if [ -L "$1" ]; then
        say "'$1' is a symbolic link; it is left as it is."
        return
    fi
    [ -d "$1" ] || mkdir -p "$1"
    [ "$(stat --format=%U:%G "$1")" = agent:agent ] || hand_over "$1"
}

# 'docker exec' takes the agent's groups from /etc/group, so the socket's group has to stand there.
# Root's own group is not given away: there is sudo for that.
join_docker_group() {
    gid=$(stat --dereference --format=%g /var/run/docker.sock)
    case " 0 $(id -G agent) " in *" $gid "*) return ;; esac
    getent group "$gid" >/dev/null || groupadd --gid "$gid" host-docker
    usermod --append --groups "$gid" agent
}

if [ "$(id -u)" -ne 0 ]; then
    exec "$@"
fi

for folder in /agent-home /workspace /configs; do
    give "$folder" || say "'$folder' cannot be made the agent's."
done
# The platform lays files into /configs as root, at any time: it is small, and always walked.
hand_over /configs || say "Not all of '/configs' can be made the agent's."
if [ -S /var/run/docker.sock ]; then
    join_docker_group || say "The agent cannot join the socket's group; 'sudo -n docker' is left."
fi

export HOME=/agent-home USER=agent LOGNAME=agent
exec setpriv --reuid=agent --regid=agent --init-groups --inh-caps=-all -- "$@"
