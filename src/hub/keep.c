/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/keep.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "flow/pb.h"

#define ARENA_MAX ((size_t)1 << 30)
#define FLOW_BASE (16u << 20) /* a flow may take this and four times its bytes of it */

struct known_agent {
	char id[65];
	uint64_t stored, seen; /* highest batch that is durable; that was taken */
	int64_t used_s;	       /* Unix time */
	bool refusing;	       /* a batch was turned away: nothing after it may be taken */
};

struct keep {
	struct hub_state *st;
	const struct store_ops *ops;
	struct store *store;
	struct keep_hooks hooks;
	struct buf batch, waiting; /* records: 4 bytes of length, then the flow as protobuf */
	size_t nbatch, nwaiting;
	uint64_t stored_ns, retry_ns; /* the last commit; not before, 0: not failing */
	struct known_agent agents[KEEP_AGENTS_MAX];
	size_t nagents;
	bool numbers_changed, capture_changed;
	bool importing; /* what waits is an import, not what agents sent */
};

/* --- agents' batch numbers ------------------------------------------------------------------------------- */

static struct known_agent *find(struct keep *k, const char *id)
{
	for (size_t i = 0; i < k->nagents; i++)
		if (strcmp(k->agents[i].id, id) == 0)
			return &k->agents[i];
	return NULL;
}

static struct known_agent *find_or_add(struct keep *k, const char *id)
{
	struct known_agent *a = find(k, id);

	if (a)
		return a;
	if (k->nagents < KEEP_AGENTS_MAX) {
		a = &k->agents[k->nagents++];
	} else {
		a = &k->agents[0];
		for (size_t i = 1; i < k->nagents; i++)
			if (k->agents[i].used_s < a->used_s)
				a = &k->agents[i];
	}
	*a = (struct known_agent){ 0 };
	(void)snprintf(a->id, sizeof(a->id), "%s", id);
	return a;
}

/* Lines "ID SEQ UNIX-TIME". */
static void load_numbers(struct keep *k)
{
	struct buf b = { 0 };
	struct rd r;

	if (k->ops->get(k->store, "agents", &b) < 0)
		return;
	r = rd_init(buf_slice(&b));
	while (rd_left(&r) > 0 && !r.short_read) {
		struct slice line = rd_line(&r);
		char text[128], id[65];
		uint64_t seq;
		int64_t used;

		(void)snprintf(text, sizeof(text), "%.*s", (int)line.n, (const char *)line.p);
		if (sscanf(text, "%64s %" SCNu64 " %" SCNd64, id, &seq, &used) == 3) {
			struct known_agent *a = find_or_add(k, id);

			a->stored = a->seen = seq;
			a->used_s = used;
		}
	}
	buf_release(&b);
}

static int save_numbers(struct keep *k)
{
	struct buf b = { 0 };
	int r;

	for (size_t i = 0; i < k->nagents; i++)
		if (k->agents[i].seen > 0)
			buf_printf(&b, "%s %" PRIu64 " %" PRId64 "\n", k->agents[i].id,
				   k->agents[i].seen, k->agents[i].used_s);
	r = b.failed ? -ENOMEM : k->ops->set(k->store, "agents", buf_slice(&b));
	buf_release(&b);
	return r;
}

static int save_capture(struct keep *k)
{
	struct buf b = { 0 };
	int r;

	hub_lock(k->st);
	capture_json(&b, &k->st->capture);
	hub_unlock(k->st);
	r = b.failed ? -ENOMEM : k->ops->set(k->store, "capture", buf_slice(&b));
	buf_release(&b);
	return r;
}

/* --- taking --------------------------------------------------------------------------------------------- */

int keep_open(struct keep **ret, struct hub_state *st, const struct store_ops *ops,
	      struct store *store, const struct keep_hooks *h)
{
	struct keep *k = calloc(1, sizeof(*k));

	if (!k)
		return -ENOMEM;
	k->st = st;
	k->ops = ops;
	k->store = store;
	k->hooks = *h;
	load_numbers(k);
	*ret = k;
	return 0;
}

void keep_close(struct keep *k)
{
	if (!k)
		return;
	buf_release(&k->batch);
	buf_release(&k->waiting);
	free(k);
}

uint64_t keep_hello(struct keep *k, const char *agent_id)
{
	struct known_agent *a = find_or_add(k, agent_id);

	/* What it sends now begins after a->stored; what waits here is not taken twice. */
	a->refusing = false;
	a->used_s = time(NULL);
	return a->stored;
}

void keep_flow(struct keep *k, struct slice packed)
{
	uint8_t head[4];

	if (packed.n > UINT32_MAX) {
		k->batch.failed = true;
		return;
	}
	for (size_t i = 0; i < sizeof(head); i++)
		head[i] = (uint8_t)(packed.n >> 8 * i);
	buf_put(&k->batch, (struct slice){ head, sizeof(head) });
	buf_put(&k->batch, packed);
	k->nbatch++;
}

void keep_batch_end(struct keep *k, const char *agent_id, uint64_t seq)
{
	struct known_agent *a = find_or_add(k, agent_id);

	if (seq <= a->seen) { /* once more: the answer to the first time was lost */
		if (seq <= a->stored)
			k->hooks.stored(k->hooks.ctx, a->id, a->stored);
	} else if (a->refusing || k->batch.failed || k->waiting.failed ||
		   k->waiting.n + k->batch.n > KEEP_BYTES_MAX) {
		a->refusing = true; /* its next hello says from where on to send again */
	} else {
		buf_put(&k->waiting, buf_slice(&k->batch));
		if (k->waiting.failed) {
			a->refusing = true;
			buf_clear(&k->batch);
			k->nbatch = 0;
			return;
		}
		k->nwaiting += k->nbatch;
		a->seen = seq;
		a->used_s = time(NULL);
		k->numbers_changed = true;
	}
	buf_clear(&k->batch);
	k->nbatch = 0;
}

void keep_capture(struct keep *k)
{
	k->capture_changed = true;
}

/* --- storing -------------------------------------------------------------------------------------------- */

struct stored {
	struct flow flow;
	uint64_t row; /* 0: it was refused */
	bool is_new;
};

/* -EBADMSG: it is no flow, or one that grows beyond measure when it is unpacked (many empty parts). */
static int unpack(struct arena *a, struct slice record, struct flow *ret)
{
	struct arena_mark before = arena_mark(a);
	size_t room = FLOW_BASE + 4 * record.n, used = arena_used(a);
	int r;

	arena_limit(a, room < ARENA_MAX - used ? room : ARENA_MAX - used);
	r = flow_pb_unpack(record, a, ret);
	if (r < 0)
		arena_rewind(a, before);
	return r < 0 ? -EBADMSG : 0;
}

/* Of an import what was noted beside the flow; agents note nothing. */
static int take_mark(struct keep *k, struct arena *a, struct flow *f)
{
	const struct flow_mark *brought = f->mark;
	struct flow_mark *now;

	f->mark = NULL;
	if (!k->importing || !brought)
		return 0;
	f->mark = now = arena_alloc(a, sizeof(*now));
	return now ? store_note_import(k->ops, k->store, f->id, brought, a, now) : -ENOMEM;
}

/* Puts every record; those that cannot be stored are counted and left out. */
static int put_all(struct keep *k, struct arena *a, struct stored *list)
{
	struct rd r = rd_init(buf_slice(&k->waiting));
	uint64_t rejected = 0;
	int e = 0;

	for (size_t i = 0; i < k->nwaiting && e == 0; i++) {
		size_t n = rd_le32(&r);
		struct slice record = rd_bytes(&r, n);

		e = unpack(a, record, &list[i].flow);
		if (e == 0)
			e = k->ops->put(k->store, &list[i].flow, record, &list[i].row, &list[i].is_new);
		if (e == 0)
			e = take_mark(k, a, &list[i].flow);
		if (e == -EINVAL || e == -EBADMSG) {
			list[i].row = 0;
			rejected++;
			e = 0;
		}
	}
	if (e == 0 && k->numbers_changed)
		e = save_numbers(k);
	if (e == 0 && k->capture_changed)
		e = save_capture(k);
	if (e == 0)
		e = k->ops->commit(k->store);
	if (e == 0 && rejected > 0) {
		hub_lock(k->st);
		k->st->rejected += rejected;
		hub_unlock(k->st);
		log_warn("%" PRIu64 " flows of an agent were unusable and are left out", rejected);
	}
	return e;
}

/* Durable now: the list and the agents may know. */
static void publish(struct keep *k, const struct stored *list)
{
	hub_lock(k->st);
	for (size_t i = 0; i < k->nwaiting; i++) {
		if (list[i].row == 0)
			continue;
		k->st->flows += list[i].is_new;
		(void)list_put(&k->st->list, list[i].row,
			       &list[i].flow); /* without memory: not shown, but stored */
	}
	hub_unlock(k->st);
	for (size_t i = 0; i < k->nagents; i++) {
		struct known_agent *a = &k->agents[i];

		if (a->seen > a->stored) {
			a->stored = a->seen;
			k->hooks.stored(k->hooks.ctx, a->id, a->stored);
		}
	}
}

static void report(struct keep *k, int r)
{
	char text[sizeof(k->st->store_error)] = "";
	bool news;

	if (r == -ENOSPC)
		(void)snprintf(text, sizeof(text),
			       "the disk is full: nothing is stored until there is space; free "
			       "some, or press Clear");
	else if (r < 0)
		(void)snprintf(text, sizeof(text),
			       "the database cannot be written (%s): check the disk", strerror(-r));
	hub_lock(k->st);
	news = strcmp(text, k->st->store_error) != 0;
	memcpy(k->st->store_error, text, sizeof(text));
	k->st->version += news;
	hub_unlock(k->st);
	if (news && r < 0)
		log_error("%s", text);
	else if (news)
		log_info("the database can be written again");
}

static int commit(struct keep *k, uint64_t now_ns)
{
	struct arena *a = arena_new(ARENA_MAX);
	struct stored *list = a ? arena_alloc(a, (k->nwaiting + 1) * sizeof(*list)) : NULL;
	int r = list ? put_all(k, a, list) : -ENOMEM;

	if (r == 0) {
		publish(k, list);
		buf_clear(&k->waiting);
		if (k->waiting.cap > KEEP_BYTES_MAX / 8)
			buf_release(&k->waiting);
		k->nwaiting = 0;
		k->numbers_changed = k->capture_changed = false;
		k->retry_ns = 0;
	} else {
		k->retry_ns = now_ns + KEEP_RETRY_NS;
	}
	k->stored_ns = now_ns;
	arena_free(a);
	report(k, r);
	return r == -EUCLEAN ? r : 0;
}

static bool something(const struct keep *k)
{
	return k->nwaiting > 0 || k->numbers_changed || k->capture_changed;
}

uint64_t keep_due_ns(const struct keep *k)
{
	if (!something(k))
		return UINT64_MAX;
	if (k->retry_ns)
		return k->retry_ns;
	return k->capture_changed || k->nwaiting >= KEEP_ROWS ? 0 : k->stored_ns + KEEP_NS;
}

int keep_run(struct keep *k, uint64_t now_ns, bool all)
{
	if (!something(k) || (!all && now_ns < keep_due_ns(k)))
		return 0;
	return commit(k, now_ns);
}

bool keep_count(struct slice records, uint64_t *ret_n)
{
	struct rd r = rd_init(records);
	uint64_t n = 0;

	while (rd_left(&r) > 0 && !r.short_read) {
		(void)rd_bytes(&r, rd_le32(&r));
		n++;
	}
	*ret_n = n;
	return !r.short_read;
}

int keep_import(struct keep *k, struct slice records)
{
	int r = keep_run(k, hub_now_ns(), true);
	uint64_t n;

	if (!keep_count(records, &n))
		return -EINVAL;

	if (r == 0 && k->nwaiting > 0) /* what came before cannot be stored now */
		return -EAGAIN;
	if (r == 0)
		buf_put(&k->waiting, records);
	if (r < 0 || k->waiting.failed) {
		buf_clear(&k->waiting);
		return r < 0 ? r : -ENOMEM;
	}
	k->nwaiting = n;
	k->importing = true;
	r = keep_run(k, hub_now_ns(), true);
	k->importing = false;
	if (r == 0 && k->nwaiting > 0) { /* whoever sent it is told, and keeps it */
		buf_clear(&k->waiting);
		k->nwaiting = 0;
		r = -EIO;
	}
	return r;
}

int keep_clear(struct keep *k)
{
	int r = keep_run(k, hub_now_ns(), true);

	if (r == 0 && k->nwaiting > 0) {
		/* A full disk: what waits is deleted too, and the agents need not send it again. */
		buf_clear(&k->waiting);
		k->nwaiting = 0;
		k->numbers_changed = true;
		k->retry_ns = 0;
	}
	if (r == 0)
		r = k->ops->clear(k->store);
	if (r == 0) {
		hub_lock(k->st);
		list_clear(&k->st->list);
		k->st->version++;
		hub_unlock(k->st);
		(void)keep_run(k, hub_now_ns(), true);
	}
	return r;
}
