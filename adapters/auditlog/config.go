package auditlog

// Config is how attempts are recorded.
type Config struct {
	Required bool `env:"AUDIT_REQUIRED" envDefault:"false" help:"true: nobody gets a session, or fresh tokens, whose audit line the operating system has not taken, and while lines cannot be written sign-ins and renewals are answered 503; false: lines that are lost are counted and told, and stop nobody"`
}
