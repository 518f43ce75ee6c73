"""A native program of the lab: hands its name and arguments to the lab's backend, over the socket of $LAB_PROGRAMS, and does what that says."""

import base64
import json
import os
import socket
import sys

with socket.socket(socket.AF_UNIX) as channel:
    channel.connect(os.environ["LAB_PROGRAMS"])
    channel.sendall(json.dumps(sys.argv[1:]).encode() + b"\n")
    code, output, errors = json.loads(channel.makefile().read())
sys.stdout.buffer.write(base64.b64decode(output))
sys.stderr.buffer.write(base64.b64decode(errors))
sys.exit(code)
