"""Auth0's SDKs in Python: auth0-python for back ends, against the emulated tenant and as a client of the bridge, and
auth0-api-python, which guards an API that the sessions are for."""

import asyncio
import unittest

from auth0.authentication import GetToken, RevokeToken, Users
from auth0.authentication.exceptions import Auth0Error, TokenValidationError
from auth0.authentication.token_verifier import AsymmetricSignatureVerifier, TokenVerifier
from auth0.management import ManagementClient
from auth0.management.core.api_error import ApiError
from auth0_api_python import ApiClient, ApiClientOptions
from auth0_api_python.errors import VerifyAccessTokenError

from sandbox import AUTH0, BRIDGE, JANE, forged, session_of, token_of

DOMAIN, CLIENT, SECRET = AUTH0["domain"], AUTH0["client_id"], AUTH0["client_secret"]
tenant = GetToken(DOMAIN, CLIENT, client_secret=SECRET, timeout=30)
management = ManagementClient(
    domain=DOMAIN, client_id=AUTH0["management_client_id"], client_secret=AUTH0["management_client_secret"], timeout=30)


def sign_in(username=JANE, password=None, realm=AUTH0["connection"], **asked):
    """The grant that the bridge asks for: a token of Authsignal as the password, which the Login script checks."""
    asked = {"scope": "openid profile email offline_access", "audience": AUTH0["audience"], **asked}
    return tenant.login(username, password or token_of(), realm=realm, **asked)


def claims_of(id_token, issuer=AUTH0["issuer"], audience=CLIENT, keys=BRIDGE + "/.well-known/jwks.json"):
    return TokenVerifier(AsymmetricSignatureVerifier(keys), issuer=issuer, audience=audience, leeway=30).verify(id_token)


class Refusals(unittest.TestCase):
    def refused(self, status, error, call, *args, **asked):
        with self.assertRaises(Auth0Error) as raised:
            call(*args, **asked)
        self.assertEqual((raised.exception.status_code, raised.exception.error_code), (status, error))
        return raised.exception


class Authentication(Refusals):
    KIND = "auth0-python (authentication)"

    def test_login_opens_a_session_whose_ID_token_the_SDK_accepts(self):
        session = sign_in(forwarded_for="203.0.113.7")
        claims = claims_of(session["id_token"], keys=AUTH0["issuer"] + ".well-known/jwks.json")
        self.assertEqual((claims["sub"], claims["email"]), (JANE, "jane@example.com"))
        self.assertEqual(Users(DOMAIN).userinfo(session["access_token"])["sub"], JANE)

    def test_login_is_refused_for_a_password_that_is_no_token(self):
        self.refused(403, "invalid_grant", sign_in, password="secret")

    def test_login_is_refused_for_the_token_of_somebody_else(self):
        self.refused(403, "invalid_grant", sign_in, username="auth0|joe")

    def test_login_is_refused_for_an_API_or_a_realm_that_does_not_exist(self):
        self.refused(403, "access_denied", sign_in, audience="https://no.example")
        self.refused(400, "invalid_request", sign_in, realm="nowhere")

    def test_a_client_whose_secret_is_wrong_gets_nothing(self):
        stranger = GetToken(DOMAIN, CLIENT, client_secret="wrong")
        self.refused(401, "invalid_client", stranger.login, JANE, "x", realm=AUTH0["connection"])

    def test_refresh_token_renews_and_revoke_refresh_token_ends_it(self):
        session = sign_in()
        renewed = tenant.refresh_token(session["refresh_token"])
        self.assertEqual(claims_of(renewed["id_token"])["sub"], JANE)
        RevokeToken(DOMAIN, CLIENT, client_secret=SECRET).revoke_refresh_token(renewed["refresh_token"])
        self.refused(403, "invalid_grant", tenant.refresh_token, renewed["refresh_token"])


class Bridge(Refusals):
    KIND = "auth0-python (client of the bridge)"
    host = BRIDGE.removeprefix("http://")
    bridge = GetToken(host, CLIENT, protocol="http", timeout=30)

    def test_the_ID_token_of_the_bridge_holds_by_the_keys_of_the_bridge(self):
        id_token = session_of()["id_token"]
        self.assertEqual(claims_of(id_token)["sub"], JANE)
        for wrong in ({"issuer": BRIDGE}, {"audience": "somebody-else"}):
            with self.assertRaises(TokenValidationError):
                claims_of(id_token, **wrong)
        with self.assertRaises(TokenValidationError):
            claims_of(forged(id_token, sub="auth0|joe"))

    def test_refresh_token_renews_though_it_asks_for_an_empty_scope(self):
        session = session_of()
        renewed = self.bridge.refresh_token(session["refresh_token"])
        self.assertNotEqual(renewed["refresh_token"], session["refresh_token"])
        self.assertEqual(claims_of(renewed["id_token"])["sub"], JANE)

    def test_revoke_refresh_token_ends_the_session(self):
        session = session_of()
        RevokeToken(self.host, CLIENT, protocol="http").revoke_refresh_token(session["refresh_token"])
        refusal = self.refused(400, "invalid_grant", self.bridge.refresh_token, session["refresh_token"])
        self.assertEqual(refusal.message, "Unknown or invalid refresh token.")

    def test_a_grant_that_the_bridge_has_not_is_refused_by_its_name(self):
        self.refused(400, "unsupported_grant_type", self.bridge.client_credentials, AUTH0["audience"])
        self.refused(400, "unsupported_grant_type", self.bridge.login, JANE, "x", realm=AUTH0["connection"])


class Management(unittest.TestCase):
    KIND = "auth0-python (management)"

    def test_it_lists_the_applications_and_reads_one(self):
        self.assertEqual({app.client_id for app in management.clients.list()}, {CLIENT, AUTH0["management_client_id"]})
        app = management.clients.get(CLIENT)
        self.assertIn("http://auth0.com/oauth/grant-type/password-realm", app.grant_types)
        self.assertEqual(app.refresh_token.rotation_type, "rotating")

    def test_what_it_changes_is_what_sign_ins_go_by(self):
        grants = management.clients.get(CLIENT).grant_types
        management.clients.update(CLIENT, grant_types=["refresh_token"])
        try:
            with self.assertRaises(Auth0Error) as raised:
                sign_in()
            self.assertEqual(raised.exception.error_code, "unauthorized_client")
        finally:
            management.clients.update(CLIENT, grant_types=grants)
        self.assertTrue(sign_in()["id_token"])

    def test_it_finds_the_connection_with_its_script_and_no_secret_of_it(self):
        connection, = [each for each in management.connections.list() if each.name == AUTH0["connection"]]
        options = management.connections.get(connection.id).options
        options = options if isinstance(options, dict) else options.model_dump()
        self.assertIn("function", str(options))
        self.assertNotIn(AUTH0["client_secret"], str(options))

    def test_it_makes_and_deletes_an_application(self):
        made = management.clients.create(name="Made by Python", app_type="non_interactive", oidc_conformant=True)
        self.assertTrue(made.client_secret)
        management.clients.delete(made.client_id)
        with self.assertRaises(ApiError) as raised:
            management.clients.get(made.client_id)
        self.assertEqual(raised.exception.status_code, 404)

    def test_it_finds_what_became_of_a_sign_in_in_the_log(self):
        sign_in()
        self.assertIn("sepft", {entry.type for entry in management.logs.list()})


class Guard(unittest.TestCase):
    KIND = "auth0-api-python"

    def verify(self, token, audience=AUTH0["audience"]):
        return asyncio.run(ApiClient(ApiClientOptions(domain=DOMAIN, audience=audience)).verify_access_token(token))

    def refused(self, *args):
        with self.assertRaises(VerifyAccessTokenError):
            self.verify(*args)

    def test_a_session_of_the_bridge_opens_the_API(self):
        self.assertEqual(self.verify(session_of()["access_token"])["sub"], JANE)

    def test_nothing_else_of_a_session_opens_it(self):
        session = session_of()
        self.refused(session["id_token"])
        self.refused(token_of())
        self.refused(forged(session["access_token"], sub="auth0|joe"))

    def test_a_session_for_another_API_does_not_open_it(self):
        self.refused(session_of()["access_token"], "https://other.example")


del Refusals
