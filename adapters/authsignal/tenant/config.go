package tenant

import (
	"time"

	"nativebridge/adapters/authsignal"
	"nativebridge/adapters/internal/settings"
	"nativebridge/domain"
)

// DefaultEnrolAction is the action that a passkey is added with.
const DefaultEnrolAction = "enrolPasskey"

// config is what the environment says. Names are those of the bridge's own settings,
// so that its environment file serves here too.
type config struct {
	APIURL settings.BaseURL  `env:"AUTHSIGNAL_API_URL,required,notEmpty" help:"the Server API base URL of your tenant's region, such as https://eu.api.authsignal.com/v1"`
	Key    domain.Secret     `env:"AUTHSIGNAL_MANAGEMENT_SECRET" help:"the tenant's Management API secret key (Authsignal portal, Settings, API keys), which is another one than the Server API's"`
	Action authsignal.Action `env:"AUTHSIGNAL_ACTION" envDefault:"signInWithPasskey" help:"the one action code that the app signs in with"`
	Enrol  authsignal.Action `env:"AUTHSIGNAL_ENROL_ACTION" envDefault:"enrolPasskey" help:"the action code that people add a passkey with"`
	Enrols string            `env:"ENROL_AUDIENCE" help:"set if people add passkeys by the bridge: doctor then looks at the action that they do so with"`
	MaxAge time.Duration     `env:"AUTHSIGNAL_MAX_AGE" envDefault:"10m" help:"how long after the ceremony its token is accepted, up to 1h"`
}

// Load reads from environ who may ask the Management API, and of what is wanted the
// sign-in action and the life of tokens: that of AUTHSIGNAL_MAX_AGE, in whole minutes.
// The error names everything that is wrong, and how to mend it.
func Load(environ map[string]string) (Access, Wanted, error) {
	access, wanted, err := LoadForDoctor(environ)
	if err == nil && access.Key.IsZero() {
		return Access{}, Wanted{}, settings.Faults{{Name: "AUTHSIGNAL_MANAGEMENT_SECRET", Problem: "is not set", Fix: "set it to the tenant's Management API secret key (Authsignal Portal, Settings, API keys), which is another one than the Server API's"}}
	}
	return access, wanted, err
}

// LoadForDoctor reads the same, and does without a key: doctor then says which checks
// it cannot make.
func LoadForDoctor(environ map[string]string) (Access, Wanted, error) {
	var c config
	if err := settings.Load(environ, &c); err != nil {
		return Access{}, Wanted{}, err
	}
	minutes := int((c.MaxAge + time.Minute - 1) / time.Minute)
	return Access{string(c.APIURL), c.Key},
		Wanted{SignInAction: string(c.Action), EnrolAction: string(c.Enrol), Enrols: c.Enrols != "", TokenMinutes: minutes}, nil
}
