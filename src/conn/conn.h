/* SPDX-License-Identifier: Apache-2.0 */
/* conn.h - one socket: its two layers of streams, who is at its ends, and its place in the table.
 *
 * Internal to src/conn.  A connection has a raw layer (what the socket carries) and, when a TLS probe
 * sees it, a plaintext layer; each has two directions and at most one protocol.
 *   layer.c   bytes to messages: parsing, gaps, ends; layer_life.c: memory
 *   detect.c  which protocol: when to decide; guess.c: what fits
 *   talk.c    what no protocol reads: one flow, counts and first bytes
 *   conn.c    identity, flows on their way out, close
 *   secure.c  what a handshake says in the clear
 *   unread.c  the row of a TLS connection that nobody reads; who uses how much TLS
 *   pair.c    two sockets that are the ends of one connection
 *   table.c   events, limits, time
 */
#ifndef LIMPID_CONN_CONN_H
#define LIMPID_CONN_CONN_H

#include "base/list.h"
#include "base/map.h"
#include "conn/stream.h"
#include "conn/table.h"
#include "proto/match.h"
#include "proto/tls.h"

struct conn;

struct dir {		    /* one direction of a layer */
	struct stream *s;   /* NULL: no byte yet, or nobody reads them */
	uint64_t seen;	    /* offset behind the last byte known to have moved */
	uint64_t start;	    /* where reading begins */
	uint64_t total;	    /* with has_total: how many there are */
	uint64_t total_ns;  /* when that became known */
	uint64_t begin_ns;  /* first byte of the message being parsed; 0: at a message's start */
	uint64_t end_ns;    /* its last byte so far */
	uint64_t skip_to;   /* before it nothing has to be copied, as told last */
	uint64_t looked_at; /* bytes in which detection found no protocol */
	uint64_t cut_from, cut_to; /* the last bytes that the kernel left out for its own limit */
	size_t need;	    /* bytes the parser waits for */
	size_t resync_from; /* with resync: where in the unread bytes the search begins */
	bool has_total;
	bool after_gap; /* bytes were lost before the next message, or in it ... */
	bool cut;	/* ... or left out for a limit */
	bool resync;	/* a frame's start has to be found first */
	bool poke;	/* the parser may have a message although no byte came */
	bool ended;	/* the parser was told that nothing follows */
	bool hello_done;
};

enum phase {
	PHASE_DETECT, /* which protocol is it? */
	PHASE_PARSE,
	PHASE_HELLO,  /* TLS on the wire: what the handshake says in the clear is read */
	PHASE_TALK,   /* no protocol that is known: its first bytes are kept */
	PHASE_OPAQUE, /* nothing is read */
};

struct layer {
	struct conn *c;
	enum phase phase;
	bool plain;	   /* of a TLS probe */
	bool midstream;	   /* the first bytes may lie inside a message */
	bool owed;	   /* a request from before capture waits for its answer */
	bool force;	   /* the end: holes and late requests are waited for no longer */
	bool spoke;	   /* its protocol gave a message */
	bool ending;	   /* a direction ended, and not yet all exchanges for it */
	struct dir dir[2]; /* by enum ev_dir */
	const struct proto *proto;
	const struct proto *was; /* before it was put to sleep */
	const struct proto *after; /* ended here: what follows is something else */
	uint64_t refuted;	   /* a bit for each candidate that turned out not to be it */
	uint64_t look_ns;	   /* since when detection looks at bytes; 0: there were none */
	struct talk *talk;	   /* NULL: every byte so far belongs to a protocol, or may yet */
	void *state;
	struct match *m;
	unsigned bad;	/* refused frames without a message in between */
	unsigned empty; /* messages without bytes, one after the other */
	struct flow_conn fc;
};

struct party { /* one end */
	bool known; /* its socket is captured; else pid, comm and cgroup_id are what the other end's tells */
	bool inferred; /* its name was concluded from its address */
	uint8_t addr[16];
	uint16_t port;
	uint32_t pid;
	uint64_t cgroup_id;
	char comm[EV_COMM_LEN];
	char *names; /* memory of the strings; NULL: not known */
	uint64_t asked_ns; /* when names were asked for in vain; 0: not */
	const char *container, *container_id, *image, *project, *pod, *ns;
};

struct secure { /* of a connection that carries TLS */
	struct tls_hs *hs;	/* the handshake as this end saw it */
	struct tls_facts *copy; /* as the other end saw more of it; NULL: it did not */
	struct flow_tls tls;	/* its strings are in those two, and here: */
	char cipher[8], group[8], alert[8];
	uint64_t since_ns; /* when it was recognised; 0: only plaintext was seen */
	uint64_t from[2];  /* positions in the raw streams where TLS begins */
	/* The row of one that is not read: */
	uint8_t id[16];
	bool row, ended; /* was written; for the last time */
	uint64_t told;	 /* bytes, with its last write */
	enum tls_reason reason; /* the same */
	/* Asking the kernel how much moved: when next, after how long again, what it was. */
	uint64_t ask_ns, wait_ns, asked_sum;
	bool used; /* counted for its process, with so many bytes: */
	uint64_t used_wire, used_plain;
};

struct conn {
	struct conn_table *t;
	struct link lru, holder, attention, dead;
	struct conn *addr_next; /* in the same slot of the address index */
	uint64_t addr_key;

	uint64_t cookie, id;
	uint64_t peer_cookie; /* AF_UNIX: of the other end; 0: not told (yet) */
	uint64_t tcp_link;    /* ev_open.tcp_link; 0: unknown */
	uint64_t base[2], shift[2]; /* ev_open.base of the first; what is added to raw positions since the last */
	char *path; /* AF_UNIX: where the server's end is bound, as flow_conn.path; NULL: nowhere */
	uint64_t open_ns, first_read_ns, last_ns, close_ns;
	size_t held, exchanges; /* as counted in the table's stats */
	struct party self, other;
	struct layer raw, plain;
	struct secure *secure; /* NULL: no TLS was seen */
	struct conn *peer; /* the other socket of this connection, while both exist */

	unsigned flags; /* of every flow that is still to be emitted */
	uint32_t netns;
	enum ev_side side;
	enum ev_l4 l4;
	uint16_t tls_lib;
	uint8_t tls_row;
	uint8_t sure;	    /* enum ev_sure: the greatest of its plaintext; 0: there was none */
	uint8_t verdict;    /* enum ev_verdict, as told last */
	bool opened;	    /* an EV_OPEN was seen */
	bool wire;	    /* between its ends: neither socket was captured */
	bool indexed;	    /* by its addresses */
	bool side_inferred; /* by what its directions look like */
	bool late, closing, reset;
	bool is_tls;	  /* the wire carries TLS */
	bool plain_seen;  /* a probe gave plaintext */
	bool recognised;  /* a protocol was */
	bool counted_now; /* in stats.undecrypted_now */
	bool paired;	  /* it has or had a peer */
	bool spoke;	  /* a flow of it was emitted */
	bool lender;	  /* only its identity counts: the other end is decoded */
	bool lending;	  /* becomes one just now: what it says last claims nothing */
	bool covered;	  /* the other end was decoded, and is gone */
};

struct conn_table {
	struct conn_limits lim;
	struct conn_hooks hooks;
	void *ctx;
	int64_t epoch_ns;
	uint64_t rng[2], next_id;
	uint64_t now_ns, ticked_ns, expired_ns;
	struct map by_cookie, by_addr;
	struct map by_link; /* tcp_link to the end that came first, until it is paired */
	struct link lru;       /* all with a cookie, the last used first */
	struct link holders;   /* those that hold memory for bytes or messages, likewise */
	struct link attention; /* those that a tick has to look at */
	struct link dead;      /* closed ones whose other end may still show up */
	size_t ndead;
	struct conn_stats stats;
};

/* --- layer.c --- */
void layer_init(struct layer *l, struct conn *c, bool plain);
/* A record of data: 0; -ENOMEM or -EOVERFLOW, both already counted and visible as a gap. */
int layer_put(struct layer *l, const struct ev_data *ev);
/* Parses what can be parsed by now. */
void layer_feed(struct layer *l);
/* What every byte that will come did: the rest is parsed, ends are told, pending flows emitted. */
void layer_finish(struct layer *l);
void layer_drop_state(struct layer *l);	 /* the parser goes, its matcher stays */
void layer_drop_parser(struct layer *l); /* what is pending was emitted, or is lost */
/* Nobody is left to answer: what waits is over.  But a request of which a part came goes on, and what is missing of one
 * may still be given up. */
void layer_end_exchanges(struct layer *l);
/* Gives up reading; nothing is emitted. */
void layer_release(struct layer *l);
void layer_opaque(struct layer *l);
/* The direction is total bytes long. */
void layer_total(struct layer *l, enum ev_dir dir, uint64_t total);
/* After layer_finish: forgets all but the positions, and begins anew with the next byte. */
void layer_sleep(struct layer *l);
/* After layer_finish: the positions begin anew, too. */
void layer_restart(struct layer *l);
void layer_wake(struct layer *l); /* the same for a layer that was opaque */
void layer_trim(struct layer *l);
size_t layer_held(const struct layer *l);
bool layer_waits(struct layer *l);	    /* for a hole, a late request, a time */
bool layer_complete(const struct layer *l); /* every announced byte came, none is missing */
bool layer_holds(struct layer *l);	    /* an answer is there, its request may still come */
struct dir *layer_dir(struct layer *l, enum side side); /* the side must be known */

/* --- detect.c --- */
bool layer_detect(struct layer *l); /* true: something changed, go on */
/* TLS on the wire: reads what came of the handshake.  True: something changed. */
bool layer_hellos(struct layer *l);
/* The raw layer's unread bytes begin a handshake of TLS: from here on it is that.  False: they do not; *ret_wait:
 * they may, when more of them are there. */
bool layer_turn_tls(struct layer *l, bool *ret_wait);

/* --- guess.c --- */
enum fit { /* how well a protocol fits both directions, the best last */
	FIT_NONE,
	FIT_OPEN,     /* more bytes are needed */
	FIT_LIKELY,   /* likely in one direction, nothing yet from the other */
	FIT_DISPUTED, /* sure in one direction, and the other does not fit */
	FIT_BOTH,     /* likely in both */
	FIT_SURE,
};
struct guess {
	const struct proto *p; /* NULL: none that fits at all */
	enum fit fit;
	bool open;	/* a protocol waits for more bytes */
	enum side side; /* what dir is to it; */
	enum ev_dir dir; /* the direction that is surest */
};
/* The best guess when the unread bytes are the first of a message, or may be with l->midstream. */
struct guess guess_from_start(struct layer *l);
/* Searches the unread bytes of one direction for the start of a message.  NULL: there is none; *ret_keep is from where
 * on they may still hold one. */
const struct proto *guess_inside(struct layer *l, enum ev_dir dir, enum side side, size_t *ret_keep);
/* Nothing in that direction can come to fit.  Under an unknown side, of both readings. */
bool guess_is_hopeless(struct layer *l, enum ev_dir dir);
/* Another protocol than l's is sure of the bytes at hand, of which l's has read nothing. */
bool guess_has_other(struct layer *l);
void guess_refute(struct layer *l, const struct proto *p);

/* --- talk.c --- */
/* The first n unread bytes of that direction will be passed over without belonging to a message. */
void talk_keep(struct layer *l, enum ev_dir dir, size_t n);
/* No protocol is known for what follows: it is shown, and the kernel asked for less. */
void talk_begin(struct layer *l);
void talk_read(struct layer *l);  /* with PHASE_TALK: takes what came.  May become TLS */
void talk_moved(struct layer *l); /* after positions may have gone on */
void talk_flush(struct layer *l); /* every 100 ms */
void talk_tick(struct layer *l);  /* every second */
bool talk_waits(const struct layer *l); /* for talk_flush */
void talk_rebase(struct layer *l); /* before positions begin anew behind those that were seen */
/* Writes it for the last time, if there was anything (true), and forgets it. */
bool talk_end(struct layer *l);
void talk_end_here(struct layer *l); /* the same: what was not read yet is something else */
bool talk_finish(struct layer *l); /* the same at the connection's end, also of bytes that were never decided on */
void talk_drop(struct layer *l);   /* they were a protocol's after all; ends it if it was shown */
void talk_release(struct layer *l);
size_t talk_held(const struct layer *l);

/* --- layer_life.c --- */
/* Begins to parse as p.  False: out of memory, counted, tried again later. */
bool layer_start(struct layer *l, const struct proto *p);
/* Gives up the hole at the head of d when its time has come; one of no more than unkept bytes is no loss, others set
 * d->after_gap or d->cut.  Bytes missing, or 0. */
uint64_t layer_skip_gap(struct layer *l, struct dir *d, uint64_t unkept);
/* The flow flag that says what d's missing bytes were: FLOW_AFTER_GAP or FLOW_TRUNCATED. */
unsigned layer_lost_flag(const struct dir *d);

/* --- conn.c --- */
struct conn *conn_new(struct conn_table *t, uint64_t cookie);
void conn_identify(struct conn *c, const struct ev_open *ev);
void conn_close(struct conn *c, const struct ev_close *ev);
void conn_emit(void *ctx, const struct flow *f); /* ctx: struct layer */
void conn_emit_tls(struct layer *l, const struct flow *f, const struct flow_tls *tls);
/* Where the server is, for people: "10.0.0.4:443", a path, or "". */
void conn_server_name(const struct conn *c, char *ret, size_t size);
void conn_new_id(void *ctx, uint64_t begin_ns, uint8_t ret_id[16]);
void conn_verdict(struct conn *c, enum ev_verdict v);
void conn_count_undecrypted(struct conn *c);		    /* after anything that may change it */
void party_copy(struct party *p, const struct party *from); /* without the names */
void party_forget_names(struct party *p);
/* Emits what is pending and says how it ended in the counters. */
void conn_finish(struct conn *c);
void conn_release(struct conn *c); /* memory of c, and c */

/* --- secure.c --- */
struct secure *secure_of(struct conn *c); /* made if need be; NULL: out of memory, counted */
/* Takes what came of one direction of the raw layer.  True: it says no more. */
bool secure_read(struct layer *l, enum ev_dir dir);
/* What the flows of c say of its TLS, until the next call; p: what is spoken inside, or NULL.  NULL: out of memory. */
const struct flow_tls *secure_describe(struct conn *c, const struct proto *p);
size_t secure_held(const struct conn *c);
void secure_release(struct conn *c);

/* --- unread.c --- */
void unread_begin(struct layer *l); /* TLS was recognised */
void unread_tick(struct conn *c);   /* every second */
void unread_use(struct conn *c);    /* tells what moved since the last time */
/* It is not read, and its process has not been looked at yet. */
bool unread_waits(const struct conn *c);
/* Writes the row of a TLS connection that is not read (any more) for the last time.  True: it had or has one. */
bool unread_end(struct conn *c);

/* --- pair.c --- */
int pair_index(struct conn *c); /* under its addresses; 0, -ENOMEM */
void pair_unindex(struct conn *c);
void pair_find(struct conn *c);
void pair_claim(struct conn *c); /* c yields messages: the other end only lends */
/* c is a lender whose plaintext is seen, unlike the other end's: from now on it is decoded. */
void pair_take_over(struct conn *c);
void pair_share(struct conn *c); /* tells the other end who c is */
void pair_part(struct conn *c);	 /* c goes away */

#endif
