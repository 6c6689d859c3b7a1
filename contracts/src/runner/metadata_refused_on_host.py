import os
import pwd
import socket
import sys
import time


def connect(address):
    """At once: what is dropped, or lost on its way, is refused by nobody here."""
    begun = time.monotonic()
    try:
        socket.create_connection((address, 80), timeout=2).close()
    except TimeoutError:
        return 8
    except OSError:
        return 8 if time.monotonic() - begun > 1 else 0
    return 7


def connect_as(uid, gid, address):
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
            os._exit(connect(address))
        finally:
            os._exit(9)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


user = pwd.getpwnam(sys.argv[1])
users = {f"'{user.pw_name}'": (user.pw_uid, user.pw_gid), "uid 1000": (1000, 1000)}
for address in ("169.254.169.254", "fd00:ec2::254"):
    for name, ids in users.items():
        answer = connect_as(*ids, address)
        if answer == 7:
            sys.exit(f"{address} answers {name}.")
        if answer == 8:
            sys.exit(f"Nothing on this host refuses {address} to {name}.")
        if answer != 0:
            sys.exit(f"{address} could not be looked at as {name}.")
