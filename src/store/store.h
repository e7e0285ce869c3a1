/* SPDX-License-Identifier: Apache-2.0 */
/* store.h - flows kept on disk: rows by number, bodies and messages aside; knows no protocol. */
#ifndef LIMPID_STORE_STORE_H
#define LIMPID_STORE_STORE_H

#include "base/arena.h"
#include "flow/flow.h"

struct store_limits {
	uint64_t max_bytes, max_age_ns; /* 0: none */
};
struct store_stats {
	uint64_t rows, bytes, first_row,
		last_row;	   /* rows there are; file size; lowest and highest number */
	uint64_t oldest_ns;	   /* Unix time of the oldest flow; 0: empty */
	uint64_t evicted, repeats; /* by the limits; flows written again with nothing new */
};

/* Of a conversation's messages so many are kept, of the first and of the newest; struct flow_stream counts them all. */
#define STORE_MSGS_FIRST 1000
#define STORE_MSGS_LAST	 9000

struct store_window { /* messages to read, in their order */
	size_t n;      /* at most */
	uint64_t from; /* the first with at least this number; */
	bool before;   /* or the last ones with a smaller one */
};

#define STORE_PINS_MAX 1000

/* Which parts of a mark are to become what `to` says. */
struct store_mark {
	bool colour, pinned, note;
	struct flow_mark to;
};

struct store;
struct store_ops { /* sqlite; later clickhouse */
	/* The one writer.  0; -EACCES, -EROFS, -ENOSPC: cannot be written; -EUCLEAN: was corrupt and has
	 * been set aside (err says where): call again; -EPROTONOSUPPORT: made by a newer Limpid; -EINVAL: made
	 * by another program; -EBUSY: another hub has it open.
	 * err gets one sentence with what to do. */
	int (*open)(struct store **ret, const char *path, const struct store_limits *lim, char *err,
		    size_t errlen);
	/* packed: the limpid.v1.Flow that f was read from, which saves writing it again; or nothing.
	 * A known id is updated: later facts win, a side that f does not have is kept, messages are appended by
	 * seq, within bounds; a write of a stream that is older than what is known changes nothing else.  *ret_row counts from 1.  -EINVAL: f has no protocol or connection; nothing was done.  Any other
	 * error, also of set and commit: everything since the last commit is undone, to be put again later:
	 * -ENOSPC, -EIO, -ENOMEM, -EUCLEAN (damaged: close it, which sets it aside, and open again). */
	int (*put)(struct store *s, const struct flow *f, struct slice packed, uint64_t *ret_row, bool *ret_new);
	/* Changes what people noted beside a flow.  *ret_row: its number; *ret: what holds now, the note in a.  -ENOENT;
	 * -EDQUOT: STORE_PINS_MAX flows are pinned; else as put. */
	int (*mark)(struct store *s, const uint8_t id[16], const struct store_mark *change,
		    struct arena *a, uint64_t *ret_row, struct flow_mark *ret);
	/* Gives a pinned flow, whose turn it is to be evicted from the list, the next free number.  0, and *ret_row;
	 * -ENOENT: there is no such number, or it is not pinned; else as put. */
	int (*renumber)(struct store *s, uint64_t row, uint64_t *ret_row);
	/* Makes everything put and set so far durable against the end of this process.  0; as put. */
	int (*commit)(struct store *s);
	/* Rows deleted, or negative errno.  now_ns is Unix time.  Pinned flows among them are not deleted, but get a new number
	 * each, above all others, unless there is nothing else left. */
	int64_t (*trim)(struct store *s, uint64_t now_ns);
	int (*clear)(struct store *s);
	/* Small texts that outlive the flows: capture settings, agents' batch numbers, saved filters.
	 * get: 0 and *ret filled; -ENOENT. */
	int (*set)(struct store *s, const char *key, struct slice value);
	int (*get)(struct store *s, const char *key, struct buf *ret);
	int (*stats)(struct store *s, struct store_stats *ret);
	void (*close)(struct store *s);

	/* A reader of its own for another thread, on the same path. */
	int (*open_reader)(struct store **ret, const char *path);
	/* The whole flow with bodies and up to max_msgs messages; pointers lie in a.  -ENOENT. */
	int (*by_id)(struct store *s, const uint8_t id[16], struct arena *a, size_t max_msgs,
		     struct flow *ret, uint64_t *ret_row);
	/* The flow without bodies, but with these messages.  *ret_kept: how many there are to read.  -ENOENT. */
	int (*messages)(struct store *s, const uint8_t id[16], const struct store_window *w,
			struct arena *a, struct flow *ret, uint64_t *ret_kept);
	/* Rows first..last in order, without bodies and messages unless bodies is set; ends early when fn
	 * returns false.  0 or negative errno. */
	int (*scan)(struct store *s, uint64_t first, uint64_t last, bool bodies,
		    bool (*fn)(void *ctx, uint64_t row, const struct flow *f), void *ctx);
};
extern const struct store_ops store_sqlite;

/* What an imported flow brings of notes, where nothing is noted: what somebody noted here is never overwritten, and what may not be pinned
 * because STORE_PINS_MAX are is not.  *ret: what holds now, the note in a.  0; as store_ops.mark. */
int store_note_import(const struct store_ops *ops, struct store *s, const uint8_t id[16], const struct flow_mark *m,
		      struct arena *a, struct flow_mark *ret);

#endif
