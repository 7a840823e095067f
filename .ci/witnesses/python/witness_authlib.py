"""Authlib as a client of the bridge and as a verifier of its ID tokens. It is told the bridge's address, the client id and
the issuer, and finds the rest in the metadata."""

import asyncio
import unittest

import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import BadSignatureError
from joserfc.jwk import KeySet

from sandbox import AUTH0, BRIDGE, CHALLENGE, EXCHANGE, JANE, forged, token_of

SCOPE = "openid offline_access"
metadata = requests.get(BRIDGE + "/.well-known/openid-configuration", timeout=30).json()


def client():
    return OAuth2Session(AUTH0["client_id"], scope=SCOPE, token_endpoint=metadata["token_endpoint"])


def exchange(session, token=None, **asked):
    return session.fetch_token(
        metadata["token_endpoint"], grant_type=EXCHANGE, scope=SCOPE,
        subject_token=token or token_of(), subject_token_type=CHALLENGE, **asked,
    )


def claims_of(id_token, issuer=AUTH0["issuer"], client_id=AUTH0["client_id"], access_token=None):
    """Verifies an ID token by the bridge's keys."""
    keys = KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=30).json())
    decoded = jwt.decode(id_token, keys, algorithms=metadata["id_token_signing_alg_values_supported"])
    claims = CodeIDToken(decoded.claims, decoded.header, {"iss": {"value": issuer}, "aud": {"value": client_id}}, {
        "client_id": client_id, "access_token": access_token,
    })
    claims.validate(leeway=30)
    return claims


class Authlib(unittest.TestCase):
    KIND = "Authlib"

    def refused(self, error, call, *args, **asked):
        with self.assertRaises(OAuthError) as raised:
            call(*args, **asked)
        self.assertEqual(raised.exception.error, error)
        return raised.exception

    def test_exchanges_a_token_for_a_session_of_the_person(self):
        opened = exchange(client())
        self.assertEqual((opened["token_type"], set(SCOPE.split()) <= set(opened["scope"].split())), ("Bearer", True))
        self.assertEqual(claims_of(opened["id_token"], access_token=opened["access_token"])["sub"], JANE)

    def test_renews_by_the_metadata_and_the_refresh_token_alone(self):
        session = client()
        opened = exchange(session)
        renewed = session.refresh_token(metadata["token_endpoint"], refresh_token=opened["refresh_token"])
        self.assertNotEqual(renewed["refresh_token"], opened["refresh_token"])
        self.assertEqual(claims_of(renewed["id_token"])["sub"], JANE)

    def test_renews_by_itself_when_the_access_token_is_over(self):
        session = client()
        opened = exchange(session)
        session.token = {**opened, "expires_at": 1}
        session.get(BRIDGE + "/.well-known/jwks.json")
        self.assertNotEqual(session.token["refresh_token"], opened["refresh_token"])

    def test_revokes_and_cannot_renew_afterwards(self):
        session = client()
        opened = exchange(session)
        answer = session.revoke_token(metadata["revocation_endpoint"], token=opened["refresh_token"], token_type_hint="refresh_token")
        self.assertEqual(answer.status_code, 200)
        self.refused("invalid_grant", session.refresh_token, metadata["token_endpoint"], refresh_token=opened["refresh_token"])

    def test_reads_why_it_gets_no_session(self):
        token = token_of()
        exchange(client(), token)
        self.assertIn("used before", self.refused("invalid_request", exchange, client(), token).description)
        self.refused("invalid_request", exchange, client(), token_of(flaw="sign_up"))
        self.refused("invalid_target", exchange, client(), audience="https://no.example")

    def test_does_all_of_it_without_waiting_too(self):
        async def go():
            async with AsyncOAuth2Client(AUTH0["client_id"], scope=SCOPE, trust_env=False) as session:
                opened = await session.fetch_token(
                    metadata["token_endpoint"], grant_type=EXCHANGE, scope=SCOPE, subject_token=token_of(), subject_token_type=CHALLENGE)
                renewed = await session.refresh_token(metadata["token_endpoint"], refresh_token=opened["refresh_token"])
                await session.revoke_token(metadata["revocation_endpoint"], token=renewed["refresh_token"], token_type_hint="refresh_token")
                with self.assertRaises(OAuthError) as raised:
                    await session.refresh_token(metadata["token_endpoint"], refresh_token=renewed["refresh_token"])
                return claims_of(renewed["id_token"])["sub"], raised.exception.error
        self.assertEqual(asyncio.run(go()), (JANE, "invalid_grant"))

    def test_takes_an_ID_token_of_nobody_but_the_issuer_and_for_nobody_else(self):
        opened = exchange(client())
        with self.assertRaises(Exception) as stranger:
            claims_of(opened["id_token"], issuer=BRIDGE)
        with self.assertRaises(Exception) as other:
            claims_of(opened["id_token"], client_id="somebody-else")
        self.assertEqual((type(stranger.exception).__name__, type(other.exception).__name__), ("InvalidClaimError", "InvalidClaimError"))

    def test_takes_no_ID_token_that_was_changed_or_that_goes_with_another_access_token(self):
        opened = exchange(client())
        with self.assertRaises(BadSignatureError):
            claims_of(forged(opened["id_token"], sub="auth0|joe"))
