/*
 * The protocol that makes one proof good for at most one session: admit, claim,
 * issue, release, and what goes wrong around them. README.md tells how to run it
 * and where each rule is in Go.
 *
 * There is one proof. Attempts to exchange it run at replicas that share a guard.
 * The network between them repeats, delays, reorders and loses commands, and the
 * guard's store loses what it holds. Time passes in ticks of the authority's
 * clock; every other clock may be SKEW off.
 *
 * Each #ifdef in a process or script takes a rule away, and so do other values of
 * TTL and MARGIN. The checker must then find a run that delivers two sessions.
 */

#define ATTEMPTS 3 /* one whose claim is freed, one that frees it, one that takes the proof again */
#ifndef LOSSES
#define LOSSES 2
#endif

#define MAX_AGE  1
#define SKEW     1
#define DEADLINE 2 /* of an attempt, counted from its admission */

#define START    SKEW           /* the clock's first tick, so that no reading is negative */
#define PROVEN   (START + SKEW) /* the end of the ceremony */
#define LAST     (PROVEN + MAX_AGE + 2 * SKEW + DEADLINE) /* no attempt gets to issue after it */

#ifndef TTL /* how long the guard keeps a claim */
#define TTL (MAX_AGE + 2 * SKEW + DEADLINE)
#endif
#ifndef MARGIN /* what the born rule allows for clocks that differ: as much as they do, or more */
#define MARGIN behind
#endif
#ifndef GOAL /* what may be so when a session is delivered: the checker must find it */
#define GOAL false
#define note(what)
#else
#define note(what) ; what
#endif

#define NOBODY 0 /* attempts are numbered from 1 */
mtype = { won, refused };

byte now = START;
byte admitted;  /* attempts so far */
byte delivered; /* sessions so far. The property: never more than 1 */
byte losses;    /* of the store so far */
bool released, reborn; /* for GOAL: a claim was released; was won after a loss */

/* The guard's store, as far as it concerns this proof. */
byte holder = NOBODY; /* the owner of the claim */
byte ends;            /* when the claim is forgotten */
byte born;            /* when the guard's memory begins, by the guard's clock */
byte behind;          /* how far that clock is behind the authority's, which answers have told */

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
		:: holder == NOBODY -> answer = won; holder = owner; ends = now + TTL note(reborn = (losses > 0))
		:: holder == owner  -> answer = won
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
		printf("t=%d the guard executes the release of %d: the claim of %d is gone\n", now, owner, holder);
		holder = NOBODY; ends = 0 note(released = true)
	:: else
	fi
}

/* What was sent stays in the network: the guard may be handed it at any time, in
 * any order, any number of times or never. */
bool sentRelease[ATTEMPTS + 1];
#define sentClaim(owner) (admitted >= owner)

proctype Network(byte owner) {
	mtype unheard;
	do
	:: d_step { sentClaim(owner) -> claim(owner, unheard); unheard = 0 }
	:: d_step { sentRelease[owner] -> release(owner) }
	od
}

/* One attempt. If its replica crashes it takes no further step, and any step may
 * be the last. */
proctype Attempt(byte me) {
	byte until;
	mtype answer;

	/* Admit a young proof, by a clock that may be SKEW behind. Admitting
	 * attempts in the order of their numbers leaves out only the same runs with
	 * other numbers. */
	atomic {
		PROVEN <= now && now - SKEW <= PROVEN + MAX_AGE + SKEW && admitted == me - 1;
		printf("t=%d attempt %d is admitted and sends its claim\n", now, me);
		admitted = me;
		until = now + DEADLINE
	}

	/* Claim: an answer arrives, or none. */
	if
	:: atomic {
		claim(me, answer);
		if
		:: answer == refused -> goto over
		:: answer == won     -> answer = 0
		fi
	}
	:: goto giveUp
	fi;
#ifndef NO_DEADLINE
	if
	:: now < until
	:: now >= until -> goto giveUp
	fi;
#endif

	/* Issue, for as long as it takes: a session, a refusal (which keeps the claim), or
	 * nobody knows: unavailable, no answer, the caller gone. */
	if
	:: atomic {
		printf("t=%d attempt %d delivers a session\n", now, me);
		delivered++;
		assert(delivered <= 1 && !(GOAL));
		goto over
	}
	:: goto over
	:: goto giveUp
	fi;

giveUp:
	atomic {
		printf("t=%d attempt %d gives up and sends its release\n", now, me);
		sentRelease[me] = true
	}
over:
	atomic { answer = 0; until = 0 }
}

/* The store loses its memory: all of it, or what was written since it was saved.
 * Either way it is born anew, by a clock that is right or behind: one that is ahead
 * only refuses more. No loss falls into the tick of the ceremony: what is lost was
 * claimed after the ceremony, and within a tick nobody could tell. */
proctype Store() {
	byte savedHolder, savedEnds, savedBorn;
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
		losses < LOSSES && now != PROVEN ->
		losses++;
		select(behind : 0 .. SKEW);
		born = now - behind;
		if
		:: printf("t=%d the store comes back empty\n", now);
			holder = NOBODY; ends = 0
		:: printf("t=%d the store comes back as it was last saved\n", now);
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
	od
}

init {
	atomic {
		byte i;
		for (i : 1 .. ATTEMPTS) {
			run Network(i);
			run Attempt(i)
		}
		run Store();
		run Clock()
	}
}
