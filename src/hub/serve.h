/* SPDX-License-Identifier: Apache-2.0 */
/* serve.h - inside of the web side: connections, requests and tabs.  Everything here belongs to the web thread. */
#ifndef LIMPID_HUB_SERVE_H
#define LIMPID_HUB_SERVE_H

#include <libwebsockets.h>

#include "hub/access.h"
#include "hub/job.h"
#include "hub/state.h"
#include "hub/view.h"
#include "hub/web.h"

#define WEB_BODY_MAX	(512u << 10) /* of a request */
#define WEB_MESSAGE_MAX (64u << 10)  /* from a tab */
#define WEB_QUEUE_MAX	(8u << 20)   /* bytes waiting for a tab */
#define WEB_CONNS_MAX	256

struct export_file;
struct import_file;

struct web {
	struct hub_state *st;
	struct access_rules rules;
	const struct store_ops *ops;
	struct store *reader; /* NULL: cannot be opened now */
	struct lws_context *context;
	struct lws_vhost *vhost;
	lws_sorted_usec_list_t timer;
	pthread_t thread;
	bool started, stopping;
	int listen_fd;
	unsigned nconns;
	struct conn *conns; /* all of them */
	struct export_file *exports[8]; /* hub/files.h */
	struct import_file *imports[2];
	struct buf common;  /* what every tick says, as of common_version */
	uint64_t common_version;
	uint64_t jobs; /* begun so far */
	struct schemas *types; /* of st->types as of types_version; NULL: none */
	uint64_t types_version;
	struct resending *resends; /* on their way, also those that nobody awaits any more */
};

struct answer {
	int status; /* 0: none yet */
	const char *type;
	struct buf head;   /* more header lines */
	struct slice body; /* in own, or static */
	struct buf own;
	bool head_only, head_sent, close, last;
	size_t sent;
};

struct message { /* waiting for a tab */
	struct message *next;
	size_t n;
	uint8_t data[]; /* LWS_PRE bytes, then n */
};

struct request {
	char method[8];
	struct buf path, query; /* NUL-terminated; query: fragments "name=value", each with a NUL */
	struct buf body;
	uint64_t ticket; /* of a command that is awaited; 0: none */
	int64_t from;	 /* of the window that is awaited */
	size_t n;
};

struct conn {
	struct web *w;
	struct lws *wsi;
	struct conn *next, **link;
	struct request q;
	struct answer a;
	struct view *view; /* of a tab, or of a request that awaits its window */
	struct job *job;   /* of a request that awaits it */
	struct resending *resend; /* the same */
	bool tab;
	/* of a tab */
	struct buf in;
	struct message *first, **last;
	size_t queued;
	uint64_t seen_containers, seen_saved;
	bool subscribed, closing;
};

/* web.c */
void web_pump(struct web *w); /* scans, ticks, answers that were awaited */
/* request.c */
void request_begin(struct conn *c, const char *path, size_t npath);
void request_body(struct conn *c, struct slice in);
void request_end(struct conn *c);
int request_write(struct conn *c); /* for a writeable callback; -1: close */
void request_reset(struct conn *c);
/* Value of a query parameter, or NULL. */
const char *request_arg(const struct conn *c, const char *name);
/* Whether an upgrade may go on: 0; 1: refused and answered; -1: hang up. */
int request_upgrade(struct conn *c);
/* Sets the answer; body is copied.  type NULL: JSON. */
void answer(struct conn *c, int status, const char *type, struct slice body);
/* The same, with what is in a.own. */
void answer_own(struct conn *c, int status, const char *type);
void answer_error(struct conn *c, int status, const char *text);
/* api.c */
void api_call(struct conn *c);
void api_poll(struct conn *c); /* is what was awaited there? */
/* Hands a command to the main thread, whose result is the answer; takes over cap and part, each may be NULL. */
void api_await(struct conn *c, enum hub_command_kind kind, struct capture *cap, struct buf *part);
/* `"counters":` of docs/api.md; with the lock held. */
void api_counters(const struct hub_state *st, struct buf *out);
/* A query parameter as a number; left alone when it is missing.  False: it is none. */
bool api_number(const struct conn *c, const char *name, int64_t *ret);
/* flow_api.c */
void api_flow(struct conn *c, const char *rest); /* rest: what follows /api/flow/ */
/* related_api.c: f is whole, row its number. */
void api_related(struct conn *c, const struct flow *f, uint64_t row);
/* sums_api.c */
void api_map(struct conn *c, const char *rest);
void api_sql(struct conn *c, const char *rest);
void api_metrics(struct conn *c, const char *rest);
/* flow_raw.c: f and b are borrowed */
void flow_raw(struct conn *c, const struct flow *f);
void flow_preview(struct conn *c, const struct flow_body *b);
/* The whole flow of that id, without its messages, in a.  False: answered, it cannot be had. */
bool api_load(struct conn *c, const char *id, struct arena *a, struct flow *ret);
/* resend_api.c */
void api_resend(struct conn *c, const char *rest);
void resend_poll(struct conn *c);
void resend_detach(struct conn *c); /* nobody awaits it any more */
bool resend_reap(struct web *w);    /* lets go what is over; true: some are on their way */
/* tab.c */
int tab_begin(struct conn *c);
int tab_input(struct conn *c, struct slice in, bool binary, bool final); /* -1: close */
int tab_write(struct conn *c);
void tab_tick(struct conn *c, uint64_t now_ns); /* with the lock held */
void tab_end(struct conn *c);
/* One message, as parsed; -1: close.  Exposed to the fuzzer. */
int tab_message(struct conn *c, struct slice in);

#endif
