package redis

// ClaimScript is what a claim runs.
var ClaimScript = claimText

// Addrs returns the addresses that the store's URL names.
func (c *Config) Addrs() ([]string, error) {
	t, err := c.parse()
	return t.Addrs, err
}
