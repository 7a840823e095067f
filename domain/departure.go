package domain

import "time"

// Departure is the authority's word that a person lost a passkey, or is gone.
type Departure struct {
	// ID is that of the message. It comes again with each delivery of it.
	ID string
	// Authority and Subject are as in Identity.
	Authority string
	Subject   string
	// At is when it happened, by Authority's clock.
	At time.Time
	// Why is NotePasskeyDeleted or NoteUserDeleted.
	Why Note
}
