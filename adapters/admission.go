package adapters

import (
	"context"

	"nativebridge/adapters/limits"
	"nativebridge/domain"
	"nativebridge/ports"
)

// admissions are all asked, in this order; the first that refuses decides.
type admissions []ports.Admission

// NewAdmission returns what admits sign-ins.
func NewAdmission(issuer OpenedIssuer, audit OpenedAuditLog, perPerson *limits.Limits, in Instruments) ports.Admission {
	return DecorateAdmission(admissions{
		recordable{audit},
		issuer.Breakers.Issue,
		perPerson,
		issuer.Budget, // the last: it takes a turn
	}, in)
}

// Admit implements ports.Admission.
func (all admissions) Admit(ctx context.Context, identity domain.Identity) error {
	for _, one := range all {
		if err := one.Admit(ctx, identity); err != nil {
			return err
		}
	}
	return nil
}
