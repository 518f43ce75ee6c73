"""A native program for tests: what it does is its first argument. Started by the executor under a name that ends in .exe."""

import json
import os
import subprocess
import sys
import time

what, rest = (sys.argv[1:2] or ["arguments"])[0], sys.argv[2:]
if what == "exit":
    sys.exit(int(rest[0]))
elif what == "input":
    print(len(sys.stdin.read()))
elif what == "bytes":
    sys.stdout.buffer.write(bytes.fromhex(rest[0]))
    sys.stderr.buffer.write(bytes.fromhex(rest[1]))
elif what == "flood":
    for _piece in range(40):
        os.write(1, b"o" * 65536)
        os.write(2, b"e" * 20000)
elif what == "sleep":
    print("begun", flush=True)
    time.sleep(float(rest[0]))
elif what == "leave":
    subprocess.Popen(["/bin/sleep", rest[0]])
    print("parent", flush=True)
else:
    print(json.dumps(sys.argv[1:]))
