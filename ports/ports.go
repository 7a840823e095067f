// Package ports holds what the application needs from the outside, one interface
// a file, with its contract in the doc comment. Every adapter of a port passes
// that port's suite in portstest; portsmock has the mocks that the use cases are
// tested with.
//
// Two rules hold for all of them. An error wraps one of domain's reasons, or that of
// a context that ended, or it is a fault of ours; and no error, not even deep
// inside, holds a credential.
// All methods are safe for concurrent use and return soon after their context
// ends.
package ports

//go:generate go tool mockgen -destination=portsmock/portsmock.go -package=portsmock nativebridge/ports IdentityVerifier,TokenIssuer,SessionRenewer,SessionRevoker,IssuerKeys,ReplayGuard,RenewalMemory,EndedSessions,SessionEnder,Passkeys,Admission,AuditLog,Probe,TenantSetup,AccessTokenVerifier,PasskeyEnroller
