/* SPDX-License-Identifier: Apache-2.0 */
/* check.h - TAP lines, and the steps that all scenarios are made of. */
#ifndef LIMPID_TESTS_CHECK_H
#define LIMPID_TESTS_CHECK_H

#include "chaos.h"
#include "traffic.h"
#include "watch.h"

extern unsigned tests, failed;
extern enum tap_backend backend;		      /* that load() asks for */
enum tap_backend backend_used(const struct watch *w); /* what AUTO has come to */
extern bool quick;				      /* --quick: fewer sizes, for slow machines */
extern uint64_t seed;				      /* --seed */
extern uint32_t hold_up_ns;			      /* of tap_bpf_options, for load() */
/* For groups that move much while nobody reads; both ends may share a ring. */
#define RING_OF_ALL (64 << 20)
extern const char *const family_names[F_ALL];

/* One TAP line; returns ok. */
bool check(bool ok, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Loads the programs with a ring of that size (0: the usual), and watches.  False: said so. */
bool load(struct watch *w, size_t ring);
void start(struct worker *k, int pidns); /* worker_start, or the end */
struct reply order(struct worker *k, uint32_t what, uint32_t a);
struct reply move(struct worker *k, int back, uint32_t sop, uint32_t rop, uint64_t n);
void explain(const char *who, const struct end *e); /* as TAP comments */

/* losses.c: the kernel's counters of what is missing. */
struct losses {
	uint64_t n[EV_LOSS_MAX];
};
struct losses losses_now(const struct watch *w);
/* They grew by what is missing of all that w knows.  False: said so. */
bool losses_agree(const struct watch *w, const struct losses *before);

/* scenarios.c */
void errors(struct watch *w, struct worker *k);
bool late(struct watch *w); /* connections from before: loads, for the groups after it as well; false: cannot */
void life(struct watch *w, struct worker *k); /* open, close, exec, exit, map */
int bench(void);			      /* bench.c: prints one line */
/* transport.c */
void overload(struct watch *w);			   /* loads by itself, with a small ring */
void transport(struct watch *w, struct worker *k); /* several rings, what is left out, wake-ups */
/* movers.c */
void movers(struct watch *w, struct worker *k);	     /* every way to move bytes over TCP */
void unix_movers(struct watch *w, struct worker *k); /* the same over AF_UNIX */
/* udp.c */
void udp(struct watch *w, struct worker *k); /* datagrams */
/* deaf.c */
void deaf(struct watch *w); /* hooks that the kernel does not call; w is not used */
/* sights.c */
void sights(struct watch *w, struct worker *k); /* the program's own table of what is seen; neither is used */
/* odd.c */
void odd(struct watch *w, struct worker *k); /* urgent bytes, TLS by the kernel */
/* waiters.c */
void waiters(struct watch *w, struct worker *k); /* many calls that wait at once */
/* same.c */
extern const char *dump_file;		      /* --dump, or NULL */
void same(struct watch *w, struct worker *k); /* the same traffic, the same report */
/* property.c */
void property(struct watch *w, struct worker *k); /* random calls of random sizes */
/* race.c */
void race(struct watch *w); /* loads by itself: many threads on one socket */
/* order.c */
void causality(struct watch *w, struct worker *k); /* what happened first is read first */
/* forget.c */
void forget(struct watch *w, struct worker *k); /* a connection that had to give way */
/* policies.c */
void policies(struct watch *w, struct worker *k); /* who is captured, and what */
void choices(struct watch *w, struct worker *k);  /* choices.c: which connections */

#endif
