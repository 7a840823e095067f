package oidctest

// Fault is something that goes wrong at the endpoints for POST.
type Fault string

// The faults. None is the zero value.
const (
	None          Fault = ""
	InvalidClient Fault = "invalid_client" // the client is refused
	Reset         Fault = "reset"          // the connection breaks instead of an answer
	Limited       Fault = "limited"        // 429
	Garbled       Fault = "garbled"        // 200 and a page
	Hang          Fault = "hang"           // no answer before the caller gives up
	WrongSubject  Fault = "wrong_subject"  // the session is somebody else's
	NoIDToken     Fault = "no_id_token"    // though openid was granted
	MoreScope     Fault = "more_scope"     // the session is good for "admin", too, and the answer says so
	NotYourToken  Fault = "not_your_token" // invalid_grant to a revocation

	// ID tokens that must not be believed.
	IDWrongIssuer    Fault = "id_wrong_issuer"
	IDSlashIssuer    Fault = "id_slash_issuer" // the right one and a slash
	IDWrongAudience  Fault = "id_wrong_audience"
	IDWrongAZP       Fault = "id_wrong_azp"
	IDExpired        Fault = "id_expired"
	IDIssuedInFuture Fault = "id_issued_in_future"
	IDNonce          Fault = "id_nonce"
	IDWrongAtHash    Fault = "id_wrong_at_hash"
	IDUnsigned       Fault = "id_unsigned"
	IDHS256          Fault = "id_hs256"       // signed with the client's secret
	IDUnknownKey     Fault = "id_unknown_key" // its id is not published
	IDForeignKey     Fault = "id_foreign_key" // another key with the id of ours
)

// IDTokenFaults lists the faults that make an ID token one that must not verify.
func IDTokenFaults() []Fault {
	return []Fault{
		IDWrongIssuer, IDSlashIssuer, IDWrongAudience, IDWrongAZP, IDExpired, IDIssuedInFuture, IDNonce, IDWrongAtHash,
		IDUnsigned, IDHS256, IDUnknownKey, IDForeignKey,
	}
}
