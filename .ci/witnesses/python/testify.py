"""Starts a sandbox, runs every witness_*.py against it, and writes a line to $WITNESSES for each check that held."""

import json
import os
import subprocess
import sys
import tempfile
import unittest


class Told(unittest.TextTestResult):
    """Writes down what held. A check that was skipped did not hold."""

    def addSuccess(self, test):
        super().addSuccess(test)
        does = test.id().rsplit(".", 1)[1].removeprefix("test_").replace("_", " ")
        with open(os.environ["WITNESSES"], "a", encoding="utf-8") as told:
            told.write(f"{test.KIND}\t{does}\n")

    def addSkip(self, test, reason):
        self.addFailure(test, (AssertionError, AssertionError(f"skipped: {reason}"), None))


def start(program):
    """Starts the sandbox, with nothing that would forgive a second use of a refresh token."""
    settings = {
        "LISTEN_ADDR": "127.0.0.1:0", "OPS_ADDR": "127.0.0.1:0", "METRICS_ADDR": "",
        "RATE_LIMITS": "off", "MAX_CPU_WAIT": "0", "RENEWAL_GRACE": "0",
    }
    log = tempfile.TemporaryFile()
    running = subprocess.Popen([program, "--json"], stdout=subprocess.PIPE, stderr=log, env={**os.environ, **settings})
    line = running.stdout.readline()
    if not line:
        log.seek(0)
        sys.exit(f"the sandbox does not start: {log.read().decode()}")
    return running, json.loads(line)


def main():
    running, addresses = start(sys.argv[1])
    authority = addresses["auth0"]["ca_file"]
    os.environ.update(
        SANDBOX=json.dumps(addresses),
        SSL_CERT_FILE=authority, REQUESTS_CA_BUNDLE=authority,  # of httpx and aiohttp, and of requests
        NO_PROXY="*",
        AUTHLIB_INSECURE_TRANSPORT="1",  # the bridge is on loopback
    )
    try:
        checks = unittest.defaultTestLoader.discover(os.path.dirname(os.path.abspath(__file__)), "witness_*.py")
        result = unittest.TextTestRunner(resultclass=Told, verbosity=2).run(checks)
    finally:
        running.terminate()
        running.wait()
    sys.exit(0 if result.wasSuccessful() else 1)


main()
