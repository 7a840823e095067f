"""Gives requests tokens that are good, where the description lets any token stand.

Without this everything would be refused as a token that proves nobody, and no answer of a
session would be seen.
"""

import json
import os
import re
import urllib.request

import schemathesis

PAGE = os.environ.get("SANDBOX_PAGE")  # unset: the operations take no tokens
TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,8192}")


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def passkey_token():
    return post(f"{PAGE}/dev/token", {})["token"]


def refresh_token():
    return post(f"{os.environ['SANDBOX_BRIDGE']}/v1/sessions", {"token": passkey_token()})["refresh_token"]


# Every second request keeps the token that was made up for it.
requests = 0


@schemathesis.hook
def before_call(context, case, kwargs):
    global requests
    requests += 1
    if PAGE is None or requests % 2 or not isinstance(case.body, dict):
        return
    good = {"subject_token": passkey_token, "refresh_token": refresh_token}
    good["token"] = passkey_token if case.path == "/v1/sessions" else refresh_token
    for name, make in good.items():
        value = case.body.get(name)
        if isinstance(value, str) and TOKEN.fullmatch(value):
            case.body[name] = make()
