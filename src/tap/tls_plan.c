/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/tls_plan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tap/layout.h"
#include "tap/nss_table.h"
#include "tap/site_ends.h"

#define MAX_CALLS 12 /* of a row */
#define MAX_CALLERS 8 /* of an internal function */
#define MAX_HOPS  3 /* exported functions that lead through others: SSL_write_ex, SSL_write_ex2 */

struct calls {
	size_t n;
	const struct tls_call *call;
	struct elf_sym sym[MAX_CALLS];
};

/* The calls of NSS have no names in the file; in the table, they stand in this order. */
static int find_nss(struct calls *c, struct elf_image *img)
{
	const char *mark = NSS_TABLE_MARK;
	struct nss_table t;
	struct elf_sym s;
	int n = elf_image_symbols(img, &mark, 1, &s), err = n == 1 ? nss_table_find(img, &t) : -ENOENT;

	memset(c->sym, 0, sizeof(c->sym));
	if (n < 0 || (err && err != -ENOENT))
		return n < 0 ? n : err;
	if (err)
		return 0;
	c->sym[0].addr = t.recv;
	c->sym[1].addr = t.send;
	c->sym[2].addr = t.read;
	c->sym[3].addr = t.write;
	c->sym[4].addr = t.close;
	return 5;
}

static int find_calls(struct calls *ret, struct elf_image *img, const struct tls_lib *row)
{
	const char *names[MAX_CALLS];

	ret->call = row->calls;
	for (ret->n = 0; ret->n < MAX_CALLS && row->calls[ret->n].symbol; ret->n++)
		names[ret->n] = row->calls[ret->n].symbol;
	return row->fd == TLS_FD_NSS ? find_nss(ret, img) : elf_image_symbols(img, names, ret->n, ret->sym);
}

static bool moves(const struct tls_call *c)
{
	return c->dir == TLS_DIR_READ || c->dir == TLS_DIR_WRITE;
}

/* What matters is that it is called, not what it returns. */
static bool only_entered(const struct tls_call *c)
{
	return c->dir == TLS_DIR_FORGET || c->dir == TLS_DIR_END;
}

static bool moves_data(const struct calls *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->sym[i].addr && moves(&c->call[i]))
			return true;
	return false;
}

int tls_plan_applies(struct elf_image *img, const struct tls_lib *row)
{
	struct calls c;
	int n = find_calls(&c, img, row);

	return n < 0 ? n : moves_data(&c);
}

static int call_len_arg(const struct tls_call *c)
{
	return tls_len_points(c->len) ? c->len_arg : -1;
}

/* The function leads to the internal one, directly or through others of the same file. */
static bool leads_to(struct elf_image *img, uint64_t addr, int len_arg,
		     const struct site_callee *to)
{
	for (int hop = 0; hop < MAX_HOPS; hop++) {
		struct site_callee c;

		if (site_follow(img, addr, len_arg, &c) != 0)
			return false;
		if (c.addr == to->addr)
			return c.len_arg == to->len_arg;
		addr = c.addr;
		len_arg = c.len_arg;
	}
	return false;
}

/* The internal must not serve calls that consume nothing, nor be a public function of its own. */
static bool peeks_too(struct elf_image *img, const struct tls_lib *row,
		      const struct site_callee *to)
{
	for (size_t i = 0; row->peeks && row->peeks[i]; i++) {
		struct site_callee c;
		struct elf_sym s;

		if (elf_image_symbols(img, &row->peeks[i], 1, &s) != 1)
			continue;
		if (s.addr == to->addr)
			return true;
		for (int len_arg = -1; len_arg < 6; len_arg += len_arg < 0 ? 4 : 1)
			if (site_follow(img, s.addr, len_arg, &c) == 0 && c.addr == to->addr)
				return true;
	}
	return false;
}

static int add_site(struct tls_plan *p, struct elf_image *img, const struct tls_call *call,
		    uint64_t addr, bool nop5)
{
	struct tls_site s = { .call = *call, .by_exit = only_entered(call) };
	int err = site_choose(img, addr, nop5, &s.at);

	if (err)
		return err;
	for (size_t i = 0; i < p->n; i++)
		if (p->site[i].at.off == s.at.off) /* two names of one function, or nonsense */
			return p->site[i].call.dir == call->dir ? 0 : -EINVAL;
	if (p->n == TLS_PLAN_SITES)
		return -ENOSPC;
	p->site[p->n++] = s;
	return 0;
}

static int add_exit(struct tls_plan *p, const struct site *s)
{
	for (size_t i = 0; i < p->nexits; i++)
		if (p->exit[i].off == s->off)
			return 0;
	if (p->nexits == TLS_PLAN_EXITS)
		return -ENOSPC;
	p->exit[p->nexits++] = *s;
	return 0;
}

bool tls_plan_returns(const struct tls_plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (!p->site[i].by_exit)
			return true;
	return false;
}

/* The exported call that is the function at addr; NULL: none. */
static const struct tls_call *exported_at(const struct calls *c, uint64_t addr)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->sym[i].addr == addr)
			return &c->call[i];
	return NULL;
}

/* An internal function without a cheap site may be entered by its callers' calls, each with an end behind it.  An exported
 * caller whose end is dear is probed itself, since a return probe is cheaper than that.  -ENOENT: nothing is cheaper this
 * way; or why it cannot be. */
static int plan_callers(struct tls_plan *p, struct elf_image *img, const struct tls_call *call,
			uint64_t internal, const struct calls *c, bool nop5)
{
	struct site_caller at[MAX_CALLERS];
	struct tls_plan q = *p;
	struct site s;
	int n, err = site_choose(img, internal, nop5, &s);
	bool gain = false;

	if (err || s.cost < SITE_STEP)
		return err ? err : -ENOENT;
	n = site_callers(img, internal, at, MAX_CALLERS);
	for (int i = 0; i < n && !err; i++) {
		const struct tls_call *exported = exported_at(c, at[i].func);

		err = site_after(img, at[i].back, nop5, &s);
		if (!err && s.cost == SITE_STEP && exported) {
			err = add_site(&q, img, exported, at[i].func, nop5);
			continue;
		}
		gain |= s.cost < SITE_STEP;
		if (!err && q.n == TLS_PLAN_SITES)
			err = -ENOSPC;
		if (err || (err = add_exit(&q, &s)))
			break;
		q.site[q.n++] = (struct tls_site){ at[i].at, *call, true, true };
	}
	if (n < 0 || err)
		return n < 0 ? n : err;
	if (!gain)
		return -ENOENT;
	*p = q;
	return 0;
}

/* Probes an internal function in place of the calls that lead to it; marks those in covered. */
static int plan_internal(struct tls_plan *p, struct elf_image *img, const struct tls_lib *row,
			 const struct tls_call *internal, const struct calls *c, bool nop5,
			 bool covered[MAX_CALLS])
{
	struct site_callee to;
	struct tls_call call;
	size_t first = 0;
	int err;

	while (first < c->n && !(c->sym[first].addr && c->call[first].dir == internal->dir &&
				 c->call[first].len == TLS_LEN_RETURN))
		first++;
	if (first == c->n || site_follow(img, c->sym[first].addr, -1, &to) != 0 ||
	    peeks_too(img, row, &to))
		return 0;
	call = *internal;
	call.len_arg = (uint8_t)to.len_arg;
	err = plan_callers(p, img, &call, to.addr, c, nop5);
	if (err)
		err = add_site(p, img, &call, to.addr, nop5);
	if (err)
		return 0; /* the exported calls are left to be probed */
	for (size_t i = 0; i < c->n; i++)
		if (c->sym[i].addr && c->call[i].dir == internal->dir && c->call[i].len != TLS_LEN_AROUND)
			covered[i] = i == first ||
				     leads_to(img, c->sym[i].addr, call_len_arg(&c->call[i]), &to);
	return 0;
}

/* It only leads to another of the calls, of the same kind. */
static bool forwards(struct elf_image *img, const struct calls *c, size_t i)
{
	uint64_t to = site_forwards(img, c->sym[i].addr);

	for (size_t k = 0; to && k < c->n; k++)
		if (c->sym[k].addr == to && k != i && c->call[k].dir == c->call[i].dir && c->call[k].len == c->call[i].len)
			return true;
	return false;
}

int tls_plan_make(struct tls_plan *ret, struct elf_image *img, const struct tls_lib *row, bool nop5)
{
	bool covered[MAX_CALLS] = { 0 };
	struct tls_plan p = { 0 };
	struct calls c;
	int err = find_calls(&c, img, row);

	if (err < 0)
		return err;
	if (!moves_data(&c))
		return -ENOENT;
	err = 0;
	for (const struct tls_call *i = row->internals; !err && i && i->symbol; i++)
		err = plan_internal(&p, img, row, i, &c, nop5, covered);
	for (size_t i = 0; !err && i < c.n; i++)
		if (c.sym[i].addr && !covered[i] && !forwards(img, &c, i))
			err = add_site(&p, img, &c.call[i], c.sym[i].addr, nop5);
	(void)layout_find(img, row, &p.layout); /* without it, sockets of some programs stay unknown */
	if (!err)
		*ret = p;
	return err;
}

/* --- without return probes ----------------------------------------------------------------------- */

static int add_ends(struct tls_plan *p, struct elf_image *img, uint64_t func)
{
	struct site at[TLS_PLAN_EXITS];
	int n = site_ends(img, func, at, TLS_PLAN_EXITS), err = n < 0 ? n : 0;

	for (int i = 0; i < n && !err; i++)
		err = add_exit(p, &at[i]);
	return err;
}

/* Where the function at addr, which leads to the probed one, goes on after it.  A jump to it has no such place: then it
 * is in who called. */
static int add_after(struct tls_plan *p, struct elf_image *img, uint64_t addr, int len_arg,
		     uint64_t probed, bool nop5)
{
	for (int hop = 0; hop < MAX_HOPS; hop++) {
		struct site_callee c;
		struct site s;

		if (site_follow(img, addr, len_arg, &c) != 0)
			return -ENOTSUP;
		if (c.addr == probed) {
			int err = c.back ? site_after(img, c.back, nop5, &s) : -ENOTSUP;

			return err ? err : add_exit(p, &s);
		}
		addr = c.addr;
		len_arg = c.len_arg;
	}
	return -ENOTSUP;
}

static uint64_t function_of(const struct tls_site *s)
{
	return s->at.addr - s->at.delta;
}

static int exits_of_call(struct tls_plan *p, struct elf_image *img, const struct calls *c, size_t k,
			 bool nop5)
{
	const struct elf_sym *sym = &c->sym[k];
	struct site_callee jump;
	int err = -ENOTSUP;

	for (size_t i = 0; i < p->n; i++)
		if (function_of(&p->site[i]) == sym->addr)
			return p->site[i].by_exit ? 0 : add_ends(p, img, sym->addr);
	for (size_t i = 0; i < p->n && err; i++)
		if (p->site[i].call.dir == c->call[k].dir)
			err = add_after(p, img, sym->addr, call_len_arg(&c->call[k]),
					function_of(&p->site[i]), nop5);
	/* It jumps to another exported call, which has its exits. */
	if (err && site_follow(img, sym->addr, call_len_arg(&c->call[k]), &jump) == 0 && !jump.back &&
	    exported_at(c, jump.addr))
		return 0;
	return err;
}

/* Every probed function by itself. */
static int exits_of_sites(struct tls_plan *p, struct elf_image *img)
{
	struct tls_plan q = { .layout = p->layout };

	for (size_t i = 0; i < p->n; i++) {
		bool ends = !only_entered(&p->site[i].call);
		int err = ends ? add_ends(&q, img, function_of(&p->site[i])) : 0;

		if (err && p->site[i].call.dir != TLS_DIR_NONE)
			return err;
		if (err)
			continue;
		q.site[q.n] = p->site[i];
		q.site[q.n++].by_exit = true;
	}
	*p = q;
	return 0;
}

/* The places behind the direct calls of an internal function that is probed, whoever makes them. */
static void exits_of_callers(struct tls_plan *p, struct elf_image *img, const struct calls *c,
			     uint64_t internal, bool nop5)
{
	struct site_caller at[MAX_CALLERS];
	struct site s;
	int n = exported_at(c, internal) ? 0 : site_callers(img, internal, at, MAX_CALLERS);

	for (int i = 0; i < n; i++)
		if (site_after(img, at[i].back, nop5, &s) == 0)
			(void)add_exit(p, &s); /* the exported ones are looked at again */
}

int tls_plan_exits(struct tls_plan *p, struct elf_image *img, const struct tls_lib *row, bool nop5)
{
	struct tls_plan q = { 0 };
	struct calls c;
	int err;

	if (!row->internals)
		return exits_of_sites(p, img);
	err = find_calls(&c, img, row);
	for (size_t i = 0; i < p->n; i++)
		if (p->site[i].call.dir != TLS_DIR_NONE && p->site[i].call.len != TLS_LEN_AROUND)
			q.site[q.n++] = p->site[i];
	for (size_t i = 0; i < p->nexits; i++)
		q.exit[q.nexits++] = p->exit[i];
	err = err < 0 ? err : 0;
	for (size_t i = 0; i < c.n && !err; i++)
		if (c.sym[i].addr && moves(&c.call[i]) && c.call[i].len != TLS_LEN_AROUND)
			err = exits_of_call(&q, img, &c, i, nop5);
	for (size_t i = 0; i < q.n && !err; i++)
		if (moves(&q.site[i].call) && !q.site[i].by_exit)
			exits_of_callers(&q, img, &c, function_of(&q.site[i]), nop5);
	if (err)
		return err;
	for (size_t i = 0; i < q.n; i++)
		q.site[i].by_exit = true;
	q.layout = p->layout;
	*p = q;
	return 0;
}

int tls_plan_naive(struct tls_plan *ret, struct elf_image *img, const struct tls_lib *row)
{
	struct tls_plan p = { 0 };
	struct calls c;
	int err = find_calls(&c, img, row);

	if (err < 0)
		return err;
	if (!moves_data(&c))
		return -ENOENT;
	for (size_t i = 0; i < c.n && p.n < TLS_PLAN_SITES; i++) {
		struct tls_site *s = &p.site[p.n];

		if (!c.sym[i].addr || !moves(&c.call[i]))
			continue;
		s->call = c.call[i];
		s->at = (struct site){ .addr = c.sym[i].addr, .cost = SITE_STEP, .nbytes = 1 };
		if (elf_image_offset(img, s->at.addr, &s->at.off) != 0 ||
		    elf_image_code(img, s->at.addr, s->at.bytes, 1) != 1)
			return -ERANGE;
		p.n++;
	}
	*ret = p;
	return 0;
}

void tls_plan_text(const struct tls_plan *p, char *buf, size_t size)
{
	size_t at = 0;

	if (size)
		buf[0] = '\0';
	for (size_t i = 0; i < p->n && at < size; i++) {
		const struct tls_site *s = &p->site[i];
		int n;

		if (s->caller)
			n = snprintf(buf + at, size - at, "%scall of %s (%s)", i ? ", " : "",
				     s->call.symbol, site_cost_name(s->at.cost));
		else
			n = snprintf(buf + at, size - at, "%s%s+%u (%s)", i ? ", " : "",
				     s->call.symbol, s->at.delta, site_cost_name(s->at.cost));

		at += n > 0 ? (size_t)n : 0;
	}
	for (size_t i = 0; i < p->nexits && at < size; i++) {
		int n = snprintf(buf + at, size - at, "%s%s", i ? ", " : "; exits ",
				 site_cost_name(p->exit[i].cost));

		at += n > 0 ? (size_t)n : 0;
	}
}
