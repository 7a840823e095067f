/*
 * The protocol that makes one proof good for at most one session: admit, claim,
 * issue, release, and what can go wrong around them. README.md tells how to read
 * and run it.
 *
 * There is one proof. Attempts to exchange it run at replicas that share a guard.
 * The network between them repeats, delays, reorders and loses commands, and the
 * guard's store loses what it holds. Time passes in ticks of the authority's
 * clock; every other clock may be SKEW off.
 *
 * Each #ifdef takes one rule away. Then the checker must find a run that delivers
 * two sessions.
 */

#define ATTEMPTS 3
#ifndef LOSSES
#define LOSSES   2
#endif

#define MAX_AGE  2
#define SKEW     2
#define DEADLINE 2 /* of an attempt, counted from its admission */

#define START    SKEW           /* the clock's first tick, so that no reading is negative */
#define PROVEN   (START + SKEW) /* the end of the ceremony */
#define LAST     (PROVEN + MAX_AGE + 2 * SKEW + DEADLINE) /* no attempt gets to issue after it */

#ifndef TTL /* how long the guard keeps a claim */
#define TTL (MAX_AGE + 2 * SKEW + DEADLINE)
#endif
#ifndef LAG /* how far the guard's clock may be behind the authority's */
#define LAG SKEW
#endif
#ifndef MARGIN /* what the born rule allows for that */
#define MARGIN SKEW
#endif
#ifndef GOAL /* what must be possible: given one, the checker must find it */
#define GOAL false
#endif

#define NOBODY 0 /* attempts are numbered from 1 */
mtype = { silence, won, refused };

byte now = START;
byte delivered; /* the property: it never exceeds 1 */

/* The guard's store, as far as it concerns this proof. */
byte holder = NOBODY; /* the owner of the claim */
byte ends;            /* when the claim is forgotten */
byte born;            /* when the guard's memory begins, by the guard's clock */

/* The commands of each attempt. What is sent stays in the network for good. */
bool claimSent[ATTEMPTS + 1], releaseSent[ATTEMPTS + 1];

/* What has happened, for GOAL. */
byte admitted, losses;
bool released, repeated;

/* The guard executes a command as one atomic script. */
inline claim(owner, answer) {
	if
	:: holder != NOBODY && now >= ends -> holder = NOBODY; ends = 0
	:: else
	fi;
	if
#ifndef NO_BORN
	:: PROVEN - MARGIN < born -> answer = refused
#endif
	:: else ->
		if
		:: holder == NOBODY -> answer = won; holder = owner; ends = now + TTL
		:: holder == owner  -> answer = won; repeated = true
		:: else             -> answer = refused
		fi
	fi;
	printf("t=%d the guard executes the claim of %d: %e\n", now, owner, answer)
}

inline release(owner) {
	if
#ifdef NO_OWNER
	:: holder != NOBODY ->
#else
	:: holder == owner ->
#endif
		printf("t=%d the guard executes the release of %d: %d holds the proof no more\n", now, owner, holder);
		holder = NOBODY; ends = 0; released = true
	:: else
	fi
}

/* One attempt. A replica that crashes is one that takes no further step, and any
 * step may be the last. */
proctype Attempt(byte me) {
	byte until;
	mtype answer = silence;

	/* Admit: the proof is young by a clock that may be SKEW behind. That attempts
	 * are admitted in the order of their numbers leaves out only the same runs with
	 * other numbers. */
	atomic {
		now > PROVEN && now - SKEW <= PROVEN + MAX_AGE + SKEW && admitted == me - 1;
		printf("t=%d attempt %d is admitted and sends its claim\n", now, me);
		admitted = me;
		until = now + DEADLINE;
		claimSent[me] = true
	}

	/* Claim: the guard executes the command and the answer arrives, or it does not. */
	if
	:: d_step { claim(me, answer) }
	:: goto giveUp
	fi;
	atomic {
		if
		:: answer == refused -> answer = silence; goto over
#ifdef NO_DEADLINE
		:: answer == won -> answer = silence; until = 0
#else
		:: answer == won && now < until -> answer = silence; until = 0
#endif
		:: answer == won -> answer = silence; goto giveUp
		fi
	}

	/* Issue: for as long as it takes. */
	if
	:: skip
	:: goto over   /* refused, so the claim is kept */
	:: goto giveUp /* unavailable, no answer, or the caller gone */
	fi;

	atomic {
		delivered++;
		printf("t=%d attempt %d delivers a session\n", now, me);
		assert(delivered <= 1 && !(GOAL));
		goto over
	}
giveUp:
	atomic {
		printf("t=%d attempt %d gives up and sends its release\n", now, me);
		releaseSent[me] = true
	}
over:
	until = 0
}

/* The network hands what was sent to the guard at any time, in any order, any
 * number of times or never. */
proctype Network(byte me) {
	mtype lost = silence;
	do
	:: d_step { claimSent[me] -> claim(me, lost); lost = silence }
	:: d_step { releaseSent[me] -> release(me) }
	od
}

/* The store loses its memory: all of it, or what was written since it was saved.
 * Either way it is born anew. */
proctype Store() {
	byte savedHolder = NOBODY, savedEnds, savedBorn;
	do
	:: d_step {
		holder != NOBODY && losses < LOSSES ->
		printf("t=%d the store is saved\n", now);
		savedHolder = holder; savedEnds = ends
#ifdef OLD_BORN
		; savedBorn = born
#endif
	}
	:: atomic {
		losses < LOSSES -> losses++; born = now - LAG;
		if
		:: printf("t=%d the store comes back empty\n", now);
			holder = NOBODY; ends = 0
		:: printf("t=%d the store comes back as it was saved\n", now);
			holder = savedHolder; ends = savedEnds
#ifdef OLD_BORN
			; born = savedBorn
#endif
		fi
	}
	od
}

proctype Clock() {
	do
	:: now < LAST -> now++
	:: else -> break
	od
}

init {
	byte i;
	atomic {
		for (i : 1 .. ATTEMPTS) {
			run Attempt(i);
			run Network(i)
		}
		run Store();
		run Clock()
	}
}
