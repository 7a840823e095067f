// What the app says to its user. Codes are for programs, these are for people: what happened, and what to do now.

const CANNOT_REACH = "We can’t reach the service. Check your connection and try again.";

// afterRefusal returns the words for an answer of the bridge that is no session.
export function afterRefusal(answer) {
  switch (answer.body.code) {
    case "token_rejected":
      return "That sign-in is no longer good. Please sign in again.";
    case "token_replayed":
      return "That sign-in was already used. Please sign in again.";
    case "access_denied":
      return "You can’t sign in here. If you think you should, please contact support.";
    case "mfa_required":
      return "This account needs one more step to sign in, which this app can’t offer. Please contact support.";
    case "account_blocked":
      return "Your account is blocked. Please contact support.";
    case "busy":
      return "Many people are signing in right now. Please try again in a moment. You won’t need your passkey again.";
    case "unavailable":
      return "We can’t sign you in right now. Please try again in a moment. You won’t need your passkey again.";
    case "internal_error":
      return "Something is wrong on our side, not yours. We are looking into it.";
  }
  return answer.status === 0 || answer.status === 502 ? CANNOT_REACH : "That did not work. Please try again.";
}

// afterEnrolment returns the words for an answer of the bridge that lets nobody add a passkey.
export function afterEnrolment(answer) {
  switch (answer.body.code) {
    case "sign_in_too_old":
    case "access_token_invalid":
      return "Please sign in again to add a passkey.";
    case "enrolment_denied":
      return "A passkey cannot be added to this account.";
  }
  return answer.status === 0 || answer.status === 502 ? CANNOT_REACH : "A passkey can’t be added right now. Please try again.";
}

// canRetry reports whether the same token may still become a session.
export function canRetry(answer) {
  return ["busy", "unavailable"].includes(answer.body.code) || answer.status === 0 || answer.status === 502;
}

// afterRenewal returns the words for a session that could not be renewed.
export function afterRenewal(answer) {
  if (isOver(answer)) return "Your session has ended. Please sign in again.";
  return "The session could not be renewed right now. You are still signed in.";
}

// isOver reports whether a renewal failed for good.
export function isOver(answer) {
  return answer.body.error === "invalid_grant";
}

// afterCeremony returns the words for a passkey ceremony that failed. The SDK throws what the browser says, and returns
// what Authsignal says.
export function afterCeremony(failure, name) {
  if (failure.errorCode === "unknown_credential") {
    return "That passkey is not known here any more. Remove it from this device, then create a new one.";
  }
  if (failure.code === "ERROR_AUTHENTICATOR_PREVIOUSLY_REGISTERED") {
    return `This device already has a passkey for ${name}. Sign in with it.`;
  }
  if (failure.code === "ERROR_INVALID_RP_ID" || failure.code === "ERROR_INVALID_DOMAIN" || failure.name === "SecurityError") {
    return "The passkeys of this tenant belong to another name than this page’s. SANDBOX_RP_ID gives the page a name of its own.";
  }
  if (wasCancelled(failure)) {
    return name
      ? "Nothing happened: it was cancelled, or it took too long."
      : "Nothing happened: it was cancelled, it took too long, or this device has no passkey yet.";
  }
  if (failure.name === "TypeError") return CANNOT_REACH; // what fetch throws
  if (failure.errorCode) return "The passkey could not be checked. Please try again.";
  return "This browser could not use a passkey.";
}

// wasCancelled reports whether a ceremony ended without a reason. A device without a passkey ends it in the same way.
export function wasCancelled(failure) {
  return failure.name === "NotAllowedError" || failure.name === "AbortError";
}

// afterSwitch returns the words for somebody who asked for one name and used another's passkey; null if they did not.
export function afterSwitch(typed, name = "") {
  if (!typed || !name || typed === name || typed === nameOf(name)) return null;
  return `That passkey is ${nameOf(name)}’s, so you are signed in as ${nameOf(name)}.`;
}

// nameOf is what stands before the @ of an address.
export function nameOf(address) {
  return address.split("@")[0];
}
