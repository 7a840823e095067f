"""Authsignal's SDK for back ends in Python, authsignal, against the emulated Server API.

None is not tried as a value that is not given: authsignal 4.1.0 takes it out of the body after it has counted the bytes, and
then any server waits for the rest.
"""

import datetime
import unittest

from authsignal.client import ApiException, AuthsignalClient

from sandbox import AUTHSIGNAL, JANE, token_of

ACTION = AUTHSIGNAL["action"]
authsignal = AuthsignalClient(AUTHSIGNAL["secret"], api_url=AUTHSIGNAL["api_url"], timeout=30)


class Authsignal(unittest.TestCase):
    KIND = "authsignal of PyPI"

    def refused(self, status, code, call, *args):
        with self.assertRaises(ApiException) as raised:
            call(*args)
        self.assertEqual((raised.exception.status_code, raised.exception.error_code), (status, code))

    def test_validate_challenge_tells_who_signed_in_how_when_and_for_what(self):
        told = authsignal.validate_challenge({"token": token_of()})
        at = datetime.datetime.fromisoformat(told.pop("state_updated_at"))
        self.assertLess(abs(datetime.datetime.now(datetime.timezone.utc) - at), datetime.timedelta(minutes=2))
        self.assertEqual(len(told.pop("idempotency_key")), 36)
        self.assertEqual(told.pop("action_code"), ACTION)
        self.assertEqual(told, {
            "is_valid": True, "state": "CHALLENGE_SUCCEEDED", "user_id": JANE, "action": ACTION, "verification_method": "PASSKEY",
        })

    def test_validate_challenge_refuses_another_user_or_action(self):
        self.assertTrue(authsignal.validate_challenge({"token": token_of(), "userId": JANE, "action": ACTION})["is_valid"])
        self.assertFalse(authsignal.validate_challenge({"token": token_of(), "userId": "auth0|joe"})["is_valid"])
        self.assertFalse(authsignal.validate_challenge({"token": token_of(), "action": "other"})["is_valid"])

    def test_validate_challenge_refuses_tokens_that_prove_nothing(self):
        for flaw, error in {"expired": "expired_token", "foreign_tenant": "invalid_token", "alg_none": "invalid_token"}.items():
            told = authsignal.validate_challenge({"token": token_of(flaw=flaw)})
            self.assertEqual((told["is_valid"], told["error"]), (False, error), flaw)

    def test_validate_challenge_says_of_a_challenge_that_was_not_completed_whose_it_is(self):
        told = authsignal.validate_challenge({"token": token_of(flaw="unverified")})
        self.assertEqual((told["is_valid"], told["state"], told["user_id"]), (False, "CHALLENGE_REQUIRED", JANE))

    def test_validate_challenge_tells_a_sign_up_by_its_action(self):
        told = authsignal.validate_challenge({"token": token_of(flaw="sign_up")})
        self.assertTrue(told["is_valid"])
        self.assertNotEqual(told["action"], ACTION)

    def test_errors_say_that_a_key_is_wrong(self):
        stranger = AuthsignalClient(AUTHSIGNAL["secret"] + "x", api_url=AUTHSIGNAL["api_url"])
        self.refused(401, "unauthorized", stranger.validate_challenge, {"token": "x"})

    def test_errors_say_that_the_base_URL_is_wrong(self):
        lost = AuthsignalClient(AUTHSIGNAL["secret"], api_url=AUTHSIGNAL["api_url"] + "/v1")
        self.refused(404, "not_found", lost.get_user, JANE)

    def test_get_user_knows_somebody_with_a_passkey(self):
        token_of()
        user = authsignal.get_user(JANE)
        self.assertTrue(user["is_enrolled"])
        self.assertEqual(user["enrolled_verification_methods"], ["PASSKEY"])
        self.assertEqual((user["email"], user["email_verified"]), ("jane@example.com", True))

    def test_get_user_is_no_error_for_somebody_unknown(self):
        self.assertFalse(authsignal.get_user("auth0|nobody")["is_enrolled"])

    def test_track_begins_an_action_that_can_be_looked_up_and_changed(self):
        asked = ("auth0|tracked", "pay")
        tracked = authsignal.track(*asked, {"email": "tracked@example.com", "idempotencyKey": "order 1"})
        self.assertEqual((tracked["state"], tracked["is_enrolled"], tracked["idempotency_key"]), ("CHALLENGE_REQUIRED", False, "order 1"))
        self.assertEqual(authsignal.get_user("auth0|tracked")["email"], "tracked@example.com")
        self.assertEqual(authsignal.get_action(*asked, "order 1")["state"], "CHALLENGE_REQUIRED")
        authsignal.update_action(*asked, "order 1", {"state": "REVIEW_FAILED"})
        self.assertEqual(authsignal.get_action(*asked, "order 1")["state"], "REVIEW_FAILED")

    def test_track_refuses_a_name_that_is_no_action_code(self):
        self.refused(400, "invalid_request", authsignal.track, JANE, "pay now")

    def test_update_user_changes_what_get_user_tells(self):
        authsignal.track("auth0|updated", "pay", {"email": "old@example.com"})
        authsignal.update_user("auth0|updated", {"email": "new@example.com"})
        self.assertEqual(authsignal.get_user("auth0|updated")["email"], "new@example.com")

    def test_delete_authenticator_takes_a_passkey_away(self):
        token_of("leaver")
        passkey, = authsignal.get_authenticators("auth0|leaver")
        self.assertEqual(passkey["verification_method"], "PASSKEY")
        authsignal.delete_authenticator("auth0|leaver", passkey["user_authenticator_id"])
        self.assertEqual(authsignal.get_authenticators("auth0|leaver"), [])

    def test_delete_user_forgets_the_user(self):
        token_of("gone")
        authsignal.delete_user("auth0|gone")
        self.assertFalse(authsignal.get_user("auth0|gone")["is_enrolled"])
