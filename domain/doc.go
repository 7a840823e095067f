// Package domain holds the vocabulary of an exchange and the rules that judge
// it: which proof is a sign-in, what a session may be asked for, and the closed
// set of reasons an exchange can fail. It imports the standard library only and
// knows no vendor, no transport and no storage.
package domain
