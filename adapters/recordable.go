package adapters

import (
	"context"
	"fmt"

	"nativebridge/domain"
	"nativebridge/ports"
)

// recordable refuses early what must be on record and could not be: a sign-in before its
// proof is claimed, and a renewal before the issuer is asked. What it refuses is recorded
// too, so the first line that can be written again ends the trouble. Revocations are not
// refused: a stolen session must not live on because a disk is full.
type recordable struct{ audit OpenedAuditLog }

func (r recordable) check() error {
	if !r.audit.Required {
		return nil
	}
	if trouble := r.audit.Stream().Trouble; trouble != "" {
		return fmt.Errorf("%w: not begun, since AUDIT_REQUIRED is set and audit lines cannot be written: "+
			"check what reads standard output: %s", domain.ErrUnavailable, trouble)
	}
	return nil
}

// Admit implements ports.Admission.
func (r recordable) Admit(context.Context, domain.Identity) error { return r.check() }

// recordableRenewals are those of an issuer which can be recorded.
type recordableRenewals struct {
	ports.SessionRenewer
	recordable
}

// Renew implements ports.SessionRenewer.
func (r recordableRenewals) Renew(ctx context.Context, refresh domain.Secret, asked domain.Access, from domain.Client) (domain.Session, error) {
	if err := r.check(); err != nil {
		return domain.Session{}, err
	}
	return r.SessionRenewer.Renew(ctx, refresh, asked, from)
}
