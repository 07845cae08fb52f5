"""What a process that reads replies says, without reading: a reply is a list of words, each a draft and its fate."""

import json
import os
import signal
import sys
import time


def found(word):
    if word == "hang":
        time.sleep(600)
    if word in ("exit", "shout"):
        sys.stderr.write("last words\n" if word == "exit" else "\x1b[31m red\n")
        sys.stderr.flush()
        os._exit(7)
    if word == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "slow":
        time.sleep(0.02)
    if word == "nonsense":
        return {"structure": {"lattice": "no"}}
    return {"verdict": {"kind": "unparsable", "stage": "parse", "detail": word}}


def say(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


say({"ready": True})
for line in sys.stdin:
    request = json.loads(line)
    words = request["text"].split()
    say({"drafts": len(words)})
    for word in words[request["skip"] :]:
        say({"found": found(word)})
