package domain

// Check is one thing that a diagnosis looks at.
type Check struct {
	// Code names the check in tickets, scripts and documents, such as "NB501". It is
	// never changed, and never given to another check.
	Code string
	// Asks is what should be true, as a sentence without a full stop: "the
	// application may use the password-realm grant".
	Asks string
	// Why says what goes wrong, and for whom, if it is not true.
	Why string
	// Remedy says what mends it as a rule. The Fix of a finding says it exactly.
	Remedy string
	// Grade is how bad that is.
	Grade Grade
}

// Grade is how bad it is if a check finds that something is not as it should be.
type Grade uint8

const (
	// Failure means that sign-ins fail, or that something is unsafe.
	Failure Grade = iota
	// Warning means that sign-ins work now, and that somebody should look at it.
	Warning
)

// Outcome is what became of a check.
type Outcome uint8

const (
	// Passed means that it is as it should be.
	Passed Outcome = iota
	// Failed means that it is not.
	Failed
	// NotMade means that the check has no answer: a right is missing, a service is
	// away, or an earlier check failed that this one builds upon.
	NotMade
)

// Finding is a check and what became of it. It holds no secret and no person's
// name, so that a diagnosis can be pasted into a ticket.
type Finding struct {
	Check
	Outcome Outcome
	// Problem says what is wrong, or why the check could not be made. It is empty if
	// the check passed.
	Problem string
	// Fix is the exact command, setting or dashboard path that mends it. It is empty
	// if the check passed.
	Fix string
}

// Pass says that it is as it should be.
func (c Check) Pass() Finding { return Finding{Check: c, Outcome: Passed} }

// Fail says what is wrong, and how to mend it.
func (c Check) Fail(problem, fix string) Finding { return Finding{c, Failed, problem, fix} }

// CannotTell says why the check could not be made, and what would let it be made.
func (c Check) CannotTell(why, fix string) Finding { return Finding{c, NotMade, why, fix} }

// Diagnosis is the findings in the order in which their checks build upon each
// other, so that the first that failed is the cause to mend first.
type Diagnosis []Finding

// First returns the first finding that failed with the grade, and false if none did.
func (d Diagnosis) First(grade Grade) (Finding, bool) {
	for _, f := range d {
		if f.Outcome == Failed && f.Grade == grade {
			return f, true
		}
	}
	return Finding{}, false
}
