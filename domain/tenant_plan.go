package domain

// TenantPlan is what must be done at a vendor's tenant before people can sign in
// through the bridge.
type TenantPlan struct {
	// Tenant names it, such as "example.eu.auth0.com".
	Tenant string
	// Steps are in the order in which they must be taken. Those that are done
	// already are listed too.
	Steps []TenantStep
	// ByHand is what no interface of the vendor lets a program do.
	ByHand []Instruction
	// Blockers are what keeps the plan from being carried out, such as a setting of
	// somebody else's that a step would destroy. Nothing is done while there are any.
	Blockers []Instruction
	// Remarks are what the operator should know and the plan leaves as it is.
	Remarks []Instruction
}

// Pending returns the steps that are not done yet.
func (p TenantPlan) Pending() []TenantStep {
	var pending []TenantStep
	for _, step := range p.Steps {
		if step.Action != Keep {
			pending = append(pending, step)
		}
	}
	return pending
}

// StepAction is what a step does to its object.
type StepAction string

// Nothing is ever deleted.
const (
	Keep   StepAction = "keep"   // it is as it should be
	Create StepAction = "create" // it does not exist yet
	Change StepAction = "change" // it exists and differs
)

// TenantStep is one object of the tenant and what becomes of it.
type TenantStep struct {
	// ID tells the steps of a plan apart, and stays the same when the plan is made
	// again: "connection", "application".
	ID string
	// Object is what an operator calls it: `connection "authsignal-bridge"`.
	Object string
	Action StepAction
	// Changes are the settings that differ, in a steady order. A Keep has none.
	Changes []SettingChange
}

// SettingChange is one line of a plan's difference. Neither value is a secret: a
// secret setting says "(secret)" or "(not shown)".
type SettingChange struct {
	Setting  string // options.import_mode
	From, To string // From is empty if it was not set
	Why      string // the reason, in one sentence
}

// Instruction is something that a person should do or know.
type Instruction struct {
	// Where is a path in the vendor's dashboard, a command, or a setting.
	Where string
	// What to do there, with the value to put; or what there is to know.
	What string
	// Why, in one sentence.
	Why string
}

// TenantSetting is a setting of the bridge's environment that a set-up found out or
// made.
type TenantSetting struct {
	Name  string // AUTH0_CLIENT_ID
	Value Secret // some are secrets, so all are kept as such
	Note  string // a comment for the environment file
}
