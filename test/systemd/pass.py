"""Opens sockets and becomes a program that has them, as a service manager does: `pass.py SOCKET... -- PROGRAM...`.

SOCKET is TYPE|ADDRESS|PORT[|RECEIVE_BUFFER], TYPE one of udp4, udp6, dual, tcp4, unix. Says where they are bound, on stderr.
"""
import os
import socket
import sys

split = sys.argv.index("--")
wanted, program = sys.argv[1:split], sys.argv[split + 1 :]
passed = []
for text in wanted:
    kind, address, port, *buffer = text.split("|")
    if kind == "unix":
        made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        made.bind("")
    else:
        family = socket.AF_INET if kind in ("udp4", "tcp4") else socket.AF_INET6
        made = socket.socket(family, socket.SOCK_STREAM if kind == "tcp4" else socket.SOCK_DGRAM)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if kind == "dual" else 1)
        made.bind((address, int(port)))
        if kind == "tcp4":
            made.listen()
        if buffer:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, int(buffer[0]))
        print(made.getsockname()[1], file=sys.stderr, flush=True)
    passed.append(made)
# Out of the way first: the numbers that are wanted may be taken.
high = [os.dup2(made.fileno(), 100 + n) for n, made in enumerate(passed)]
for n, fd in enumerate(high):
    os.dup2(fd, 3 + n, inheritable=True)
    os.close(fd)
os.environ["LISTEN_FDS"] = str(len(passed))
os.environ["LISTEN_PID"] = str(os.getpid())
os.environ["LISTEN_FDNAMES"] = ":".join(["accounting"] * len(passed))
os.execvp(program[0], program)
