/*
 * The protocol that has the issuer asked once for a refresh token and gives a lost
 * answer again: begin, ask, keep. README.md tells how to run it and where each rule
 * is in Go.
 *
 * There is one session, whose refresh token R0 the issuer rotates. The honest app sends
 * R0 until it has an answer, and its answers get lost. Attempts run at replicas that
 * share a store, and crash at any point; the issuer acts on an ask at any time until
 * ASKS after it was sent, or never, and its answers get lost, too. Time passes in ticks.
 *
 * The issuer takes R0 once more within LEEWAY of its first use. After that it takes R0
 * for stolen and ends the session: the property is that this never happens, as long as
 * the app comes within GRACE of its first try; if the store lost what it knew, it must
 * come once within LEEWAY.
 *
 * Each #ifdef takes a rule away. The checker must then find a run that breaks it.
 */

#define ATTEMPTS 3
#define LEASE    1
#define ASKS     1 /* how long the issuer may take to act */
#ifndef LEEWAY
#define LEEWAY   3
#endif
#define GRACE    4
#ifndef LOSSES
#define LOSSES   1
#endif
#ifdef THIEF
#define LAST     (2 * GRACE + 2)
#else
#define LAST     (GRACE + 2) /* the app asks for nothing later */
#endif
#ifndef GOAL /* what may be so at the end of an attempt: the checker must find it */
#define GOAL false
#endif

mtype = { nothing, asking, kept };

byte now = 1;

/* The issuer. */
bool used, ended; /* R0 was used; the session was ended for its reuse */
byte usedAt;
bool stolen;      /* the thief got something with R0 */

/* The store's record of R0. */
mtype record = nothing;
byte owner, held, over; /* attempts are numbered from 1 */
byte first;
bool sure;        /* first is known */
byte losses, bornAt, keptAt;
bool lost;        /* the store lost a record */

bool asked;       /* the app sent R0 before */
byte askedAt;     /* when it did so first */
bool delivered;   /* the app has an answer */
bool again, repeated; /* for GOAL */

#define forget() if :: record != nothing && now >= over -> record = nothing; owner = 0; held = 0; over = 0; first = 0; sure = false :: else fi

/* The honest app keeps within what is promised. After a loss the next try must come within
 * the issuer's leeway; from then on the store knows again. */
#define promised (!asked || (lost && record == nothing -> now + ASKS < askedAt + LEEWAY : now < askedAt + GRACE))

inline act() { /* the issuer acts on an ask with R0 */
	if
	:: !used -> used = true; usedAt = now; printf("t=%d the issuer rotates R0 (%d)\n", now, me)
	:: used && now < usedAt + LEEWAY -> printf("t=%d the issuer takes R0 once more (%d)\n", now, me)
	:: else -> printf("t=%d the issuer sees a reuse (%d)\n", now, me); ended = true
	fi;
	assert(!ended)
}

proctype Attempt(byte me) {
	byte until;

	atomic { !delivered && promised;
		if :: !asked -> asked = true; askedAt = now :: else fi;
		printf("t=%d the app sends R0 (%d)\n", now, me);
		forget();
		if
		:: record == kept -> goto answered
#ifdef ASK_WITHOUT_STORE
		:: true -> printf("t=%d %d asks without the store\n", now, me); until = now + ASKS; goto ask
#else
		:: true -> goto over_ /* the store is away: the app keeps R0 */
#endif
		:: record == nothing ->
			record = asking; owner = me; held = now + LEASE; over = now + GRACE;
#ifdef VOUCH
			first = now; sure = true;
#else
			if :: bornAt == 0 || now >= bornAt + LEEWAY -> first = now; sure = true :: else -> first = 0; sure = false fi;
#endif
			printf("t=%d %d has the turn\n", now, me);
			until = now + ASKS
#ifdef NO_TURN
		:: record == asking -> until = now + ASKS
#else
		:: record == asking && now < held -> goto over_ /* it waits, and then the app comes back */
#ifdef NO_DOUBT
		:: record == asking && now >= held ->
#else
		:: record == asking && now >= held && sure && now + ASKS < first + LEEWAY ->
#endif
#ifdef COUNT_ANEW
			first = now;
#endif
			owner = me; held = now + LEASE; until = now + ASKS; again = true;
			printf("t=%d %d may ask again\n", now, me)
		:: record == asking && now >= held && !(sure && now + ASKS < first + LEEWAY) -> goto over_
#endif
		fi
	}
ask:
	/* The issuer acts in time, or never. The attempt may be dead by then. */
	if
	:: atomic { now <= until -> act() }
	:: goto over_
	fi;
	if
	:: skip
	:: goto over_ /* the answer is lost, or the replica is dead */
	fi;
	atomic { /* keep */
		forget();
		if
		:: record != kept -> record = kept; owner = 0; held = 0; over = now + GRACE; keptAt = now; first = 0; sure = false; printf("t=%d the answer is kept by %d\n", now, me)
		:: else
		fi
	}
answered:
	atomic {
		if :: used -> repeated = true :: else fi;
		if
		:: delivered = true; printf("t=%d the app has the answer (%d)\n", now, me); assert(!(GOAL))
		:: printf("t=%d the answer to the app is lost (%d)\n", now, me)
		fi
	}
over_:
	atomic { until = 0 }
}

/* The thief has R0, and asks the bridge at a time when nobody else does any more. What
 * is not kept goes to the issuer, which detects the reuse: the thief must not get what is
 * kept after GRACE. */
proctype Thief() {
	atomic {
		keptAt > 0 && now >= keptAt + GRACE ->
#ifndef KEEP_FOREVER
		forget();
#endif
		if
		:: record == kept -> stolen = true; printf("t=%d the thief gets the answer\n", now); assert(!stolen)
		:: else
		fi
	}
}

proctype Store() {
	do
	:: atomic {
		losses < LOSSES ->
		losses++; bornAt = now;
		if :: record != nothing -> lost = true :: else fi;
		record = nothing; owner = 0; held = 0; over = 0; first = 0; sure = false;
		printf("t=%d the store comes back empty\n", now)
	}
	od
}

proctype Clock() {
	do
	:: now < LAST -> now++
	od
}

init {
	atomic {
		byte i;
		for (i : 1 .. ATTEMPTS) {
			run Attempt(i)
		}
#ifdef THIEF
		run Thief();
#endif
		run Store();
		run Clock()
	}
}
