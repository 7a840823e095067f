"""The sandbox, as the witnesses see it."""

import base64
import json
import os
import urllib.request

ADDRESSES = json.loads(os.environ["SANDBOX"])
BRIDGE = ADDRESSES["bridge"]
AUTH0 = ADDRESSES["auth0"]
AUTHSIGNAL = ADDRESSES["authsignal"]

JANE = "auth0|jane"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
CHALLENGE = "urn:authsignal:params:oauth:token-type:challenge"


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def token_of(user="jane", **wish):
    """A token of a passkey sign-in, or of what goes for one."""
    return post(ADDRESSES["page"] + "/dev/token", {"user": user, **wish})["token"]


def session_of(user="jane"):
    return post(BRIDGE + "/v1/sessions", {"token": token_of(user)})


def forged(token, **claims):
    """The token with other claims under the same signature."""
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "==")) | claims
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return ".".join([head, body, signature])
