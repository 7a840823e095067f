/*
 * The protocol that makes one proof good for at most one session: admit, claim,
 * issue, release, and what can go wrong around them. README.md tells how to read
 * and run it.
 *
 * There is one proof. A few attempts to exchange it run at replicas that share a
 * guard. Between them and the guard is a network that repeats, delays and
 * reorders commands, and the guard's store loses what it holds. A time is a whole
 * number of ticks, by the authority's clock; every other clock may be SKEW off.
 *
 * Each '#ifdef' takes one rule away. Then the checker must find a run with two
 * sessions.
 */

#define ATTEMPTS 3
#define COPIES   2 /* of every command: a client library repeats what it got no answer to */
#define LOSSES   2 /* of the store */

#define MAX_AGE  2
#define SKEW     2
#define DEADLINE 2 /* of an attempt, from its admission on */

#define START    SKEW               /* the clock's first tick, so that no reading is negative */
#define PROVEN   (START + SKEW)     /* the end of the ceremony */
#define LAST     (PROVEN + MAX_AGE + SKEW + SKEW + DEADLINE) /* nobody begins to issue after it */

/* How long a claim is kept. */
#ifndef TTL
#define TTL (MAX_AGE + SKEW + SKEW + DEADLINE)
#endif

/* How far the guard's clock may be behind the authority's, and what the guard
 * allows for that when it asks whether a proof is older than its memory. */
#ifndef LAG
#define LAG SKEW
#endif
#ifndef MARGIN
#define MARGIN SKEW
#endif

/* Something that must be possible. Given one, the checker must find it. */
#ifndef GOAL
#define GOAL false
#endif

#define NOBODY 0 /* attempts are numbered from 1 */

mtype = { silence, won, refused };

byte now = START;
byte delivered; /* sessions: the property is that there is at most one */

/* The guard's store, for this proof. */
byte holder = NOBODY; /* the owner of the claim */
byte ends;            /* when the claim is forgotten */
byte born = 0;        /* when the guard's memory begins, by the guard's clock */

/* What is on its way between an attempt and the guard. */
byte claims[ATTEMPTS + 1];
byte releases[ATTEMPTS + 1];
mtype answer[ATTEMPTS + 1] = silence;

/* History, for GOAL. */
byte admitted, released, repeated, losses;

/* The guard executes a command as one atomic script. */
inline claim(owner) {
	if
	:: holder != NOBODY && now >= ends -> holder = NOBODY
	:: else
	fi;
	if
#ifndef NO_BORN
	:: PROVEN - MARGIN < born -> answer[owner] = refused
#else
	:: false
#endif
	:: else ->
		if
		:: holder == NOBODY -> answer[owner] = won; holder = owner; ends = now + TTL
		:: holder == owner  -> answer[owner] = won; repeated++
		:: else             -> answer[owner] = refused
		fi
	fi;
	printf("t=%d the guard executes the claim of %d: %e\n", now, owner, answer[owner])
}

inline release(owner) {
	if
#ifdef NO_OWNER
	:: holder != NOBODY
#else
	:: holder == owner
#endif
		-> printf("t=%d the guard executes the release of %d and frees the claim of %d\n", now, owner, holder);
		holder = NOBODY; released = 1
	:: else
	fi
}

/* One attempt. A replica that crashes is an attempt that takes no further step,
 * and every step may be the last. */
proctype Attempt(byte me) {
	byte until;

	/* Admit, if the proof is young by a clock that may be SKEW behind. */
	atomic {
		now > PROVEN && now - SKEW <= PROVEN + MAX_AGE + SKEW && admitted == me - 1;
		admitted = me; /* in the order of their numbers: the others are the same runs */
		until = now + DEADLINE;
		claims[me] = COPIES;
		printf("t=%d attempt %d is admitted and sends its claim\n", now, me)
	}

	/* Claim. The last choice is an answer that was lost or came too late. */
	if
#ifdef NO_DEADLINE
	:: answer[me] == won
#else
	:: answer[me] == won && now < until
#endif
	:: answer[me] == refused -> goto over
	:: goto giveUp
	fi;

	/* Issue. The issuer may take longer than the deadline. */
	if
	:: skip
	:: goto over   /* refused: the claim is kept */
	:: goto giveUp /* unavailable, the answer lost, or the caller gone */
	fi;

	/* Deliver. */
	atomic {
		delivered++;
		printf("t=%d attempt %d delivers a session\n", now, me);
		assert(delivered <= 1 && !(GOAL));
		goto over
	}

giveUp:
	atomic {
		releases[me] = COPIES;
		printf("t=%d attempt %d gives up and sends its release\n", now, me)
	}
over:
}

/* The network hands every copy of a command to the guard at any time, in any
 * order, or never. */
proctype Network(byte me) {
	do
	:: d_step { claims[me] > 0 -> claims[me]--; claim(me) }
	:: d_step { releases[me] > 0 -> releases[me]--; release(me) }
	od
}

/* The store is saved, and loses what it holds: all of it, or what was written
 * since it was saved. Whoever loses memory is born anew. */
proctype Store() {
	byte savedHolder = NOBODY, savedEnds, savedBorn;
	do
	:: d_step { savedHolder = holder; savedEnds = ends; savedBorn = born; printf("t=%d the store is saved\n", now) }
	:: atomic {
		losses < LOSSES -> losses++;
		if
		:: born = now - LAG
		:: born = now
		:: born = now + SKEW
		fi;
		if
		:: holder = NOBODY; printf("t=%d the store comes back empty\n", now)
		:: holder = savedHolder; ends = savedEnds; printf("t=%d the store comes back as it was saved\n", now)
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
