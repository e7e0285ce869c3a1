/* SPDX-License-Identifier: Apache-2.0 */
/* Sites are found by decoding functions from their first byte.
 *
 * Entry: the branch of the check at the top of each function that the goroutine's stack has room.  It is emulated by the
 * kernel (one trap), the arguments are still in their registers, and the kernel side sees by the flags whether the branch goes to
 * the growing of the stack, after which the function begins anew.
 *
 * End: Read and Write unlock a mutex by a deferred function when they are over.  The compiler has stored the
 * results by then, because a panic may still go on from there, and the deferred function begins with such a branch,
 * too: one trap again.  Where the results are is taken from the code after the call of the deferred function, which loads
 * them: "mov 0x20(%rsp),%rax; ...; add $0x58,%rsp; pop %rbp; ret".  If the function does not look like that, each `ret` is probed,
 * which costs two traps.  Handshakes are rare: their ends are always `ret`s.
 *
 * Rejected: offsets by version, and the copy to the caller's buffer inside Read (its code differs from release to release).
 */
#include "tap/go_plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap/insn_x86.h"
#include "tls/go_table.h"

#define PREFIX	  "crypto/tls.(*Conn)."
#define MAX_FOUND 32
#define MAX_CODE  65536 /* bytes of a function */

static const struct wanted {
	const char *func;
	enum tls_dir dir;
} wanted[] = {
	{ "Read", TLS_DIR_READ },
	{ "Write", TLS_DIR_WRITE },
	{ "clientHandshake", TLS_DIR_NONE },
	{ "serverHandshake", TLS_DIR_NONE },
};

/* --- the file ----------------------------------------------------------------------------------------- */

struct go_elf {
	struct go_file f;
	struct go_segment seg[ELF_LOADS_MAX];
};

static long read_image(void *ctx, uint64_t off, void *buf, size_t n)
{
	return elf_image_read(ctx, off, buf, n);
}

static int describe(struct go_elf *ret, struct elf_image *img)
{
	struct elf_load load[ELF_LOADS_MAX];
	int n = elf_image_loads(img, load);
	uint64_t len;

	if (n < 0)
		return n;
	for (int i = 0; i < n; i++)
		ret->seg[i] = (struct go_segment){ load[i].addr, load[i].off, load[i].len,
						   load[i].exec, load[i].write };
	ret->f = (struct go_file){
		.read = read_image, .ctx = img, .seg = ret->seg, .nsegs = (size_t)n
	};
	/* Nearly all files are no Go programs, and those that have sections say so by these. */
	if (elf_image_section(img, ".go.buildinfo", &ret->f.info_off, &len) != 0 &&
	    elf_image_has_sections(img))
		return -ENOENT;
	if (elf_image_section(img, ".gopclntab", &ret->f.table_off, &len) != 0)
		(void)elf_image_section(img, ".data.rel.ro.gopclntab", &ret->f.table_off, &len);
	(void)elf_image_section(img, ".rela.dyn", &ret->f.rela_off, &ret->f.rela_len);
	if (ret->f.rela_len == 0)
		(void)elf_image_section(img, ".rela", &ret->f.rela_off, &ret->f.rela_len);
	return 0;
}

int go_plan_version(struct elf_image *img, char *ret, size_t size)
{
	struct go_elf e;
	int err = describe(&e, img);

	if (!err)
		err = go_version(&e.f, ret, size);
	return err == -ENOENT ? 0 : err ? err : 1;
}

static const char *short_name(const char *name)
{
	return name + sizeof(PREFIX) - 1;
}

/* One of the wanted functions, or one inside it: "Read.deferwrap1", "Read.func1", "Read·dwrap·15". */
static bool want(const char *name)
{
	const char *s = short_name(name);

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		size_t n = strlen(wanted[i].func);

		if (strncmp(s, wanted[i].func, n) == 0 &&
		    (!s[n] || (wanted[i].dir != TLS_DIR_NONE && (s[n] == '.' || (s[n] & 0x80)))))
			return true;
	}
	return false;
}

struct funcs {
	size_t n;
	struct go_func at[MAX_FOUND];
};

static const struct go_func *find(const struct funcs *fs, const char *func)
{
	for (size_t i = 0; i < fs->n; i++)
		if (strcmp(short_name(fs->at[i].name), func) == 0)
			return &fs->at[i];
	return NULL;
}

struct code {
	uint64_t addr;
	size_t n;
	uint8_t p[MAX_CODE];
};

static int read_code(const struct elf_image *img, const struct go_func *f, struct code *ret)
{
	int n;

	if (f->size > sizeof(ret->p))
		return -ENOEXEC;
	n = elf_image_code(img, f->addr, ret->p, (size_t)f->size);
	if (n < 0)
		return n;
	ret->addr = f->addr;
	ret->n = (size_t)n;
	return 0;
}

static int site_in(const struct elf_image *img, const struct code *c, size_t at, size_t len,
		   enum site_cost cost, struct site *ret)
{
	struct site s = {
		.addr = c->addr + at, .delta = (uint32_t)at, .cost = cost, .nbytes = (uint8_t)len
	};

	memcpy(s.bytes, c->p + at, len);
	if (elf_image_offset(img, s.addr, &s.off) != 0)
		return -ERANGE;
	*ret = s;
	return 0;
}

/* Where the results of a function are when its deferred functions run. */
struct results {
	uint16_t frame, slot;
	uint64_t deferred[8]; /* functions whose address it takes */
	size_t ndeferred;
};

/* What the two processors differ in:
 * stack_check: the branch of the check at the top.  0; -ENOTSUP: there is none.
 * next_return: the first `ret` at or after *at, which moves behind it; *ret_len: its length.  -ENOENT: no more; -ENOEXEC.
 * find_results: 0, -ENOENT: not as expected. */
static int stack_check(const struct code *c, size_t *ret_at, size_t *ret_len);
static int next_return(const struct code *c, size_t *at, size_t *ret_at, size_t *ret_len);
static int find_results(const struct code *c, struct results *ret);

#if defined(__x86_64__)

static bool decode(const struct code *c, size_t at, struct insn *ret)
{
	return at < c->n && insn_decode(c->p + at, c->n - at, ret);
}

static bool is_reg(const ZydisDecodedOperand *op, ZydisRegister r)
{
	return op->type == ZYDIS_OPERAND_TYPE_REGISTER && op->reg.value == r;
}

static bool is_at(const ZydisDecodedOperand *op, ZydisRegister base)
{
	return op->type == ZYDIS_OPERAND_TYPE_MEMORY && op->mem.base == base &&
	       op->mem.index == ZYDIS_REGISTER_NONE;
}

/* "cmp 0x10(%r14),%rsp" or another register with the deepest address of the frame, then "jbe": g is in r14, and its third
 * word is the guard, before which are the ends of the stack. */
static int stack_check(const struct code *c, size_t *ret_at, size_t *ret_len)
{
	enum { MOST = 6, GUARD = 16 };
	bool compared = false;
	struct insn in;
	size_t at = 0;

	for (int i = 0; i < MOST && decode(c, at, &in); i++, at += in.i.length) {
		if (in.i.mnemonic == ZYDIS_MNEMONIC_JBE && compared) {
			*ret_at = at;
			*ret_len = in.i.length;
			return 0;
		}
		compared = in.i.mnemonic == ZYDIS_MNEMONIC_CMP &&
			   is_at(&in.op[1], ZYDIS_REGISTER_R14) && in.op[1].mem.disp.value == GUARD;
		if (in.i.meta.branch_type != ZYDIS_BRANCH_TYPE_NONE &&
		    in.i.mnemonic != ZYDIS_MNEMONIC_JB) /* of a huge frame: below zero */
			break;
	}
	return -ENOTSUP;
}

static int next_return(const struct code *c, size_t *at, size_t *ret_at, size_t *ret_len)
{
	struct insn in;

	for (; *at < c->n; *at += in.i.length) {
		if (!decode(c, *at, &in))
			return -ENOEXEC;
		if (in.i.meta.category != ZYDIS_CATEGORY_RET)
			continue;
		*ret_at = *at;
		*ret_len = in.i.length;
		*at += in.i.length;
		return 0;
	}
	return -ENOENT;
}

/* The code between a call and the next branch. */
struct tail {
	bool after_call;
	int64_t slot, add; /* what %rax was loaded from; what was added to %rsp; -1: nothing */
	bool popped;	   /* %rbp */
};

static void follow_tail(struct tail *t, const struct insn *in)
{
	if (in->i.meta.branch_type != ZYDIS_BRANCH_TYPE_NONE) {
		*t = (struct tail){ in->i.meta.category == ZYDIS_CATEGORY_CALL, -1, -1, false };
	} else if (in->i.mnemonic == ZYDIS_MNEMONIC_ADD && is_reg(&in->op[0], ZYDIS_REGISTER_RSP) &&
		   in->op[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
		t->add = t->add < 0 ? in->op[1].imm.value.s : INT64_MAX;
	} else if (in->i.mnemonic == ZYDIS_MNEMONIC_POP && is_reg(&in->op[0], ZYDIS_REGISTER_RBP)) {
		t->popped = true;
	} else if (is_reg(&in->op[0], ZYDIS_REGISTER_RAX) &&
		   (in->op[0].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)) {
		t->slot = in->i.mnemonic == ZYDIS_MNEMONIC_MOV &&
					  is_at(&in->op[1], ZYDIS_REGISTER_RSP) && t->add < 0
				  ? in->op[1].mem.disp.value
				  : INT64_MAX;
	}
}

/* The end of a function after a call: all of its kind must say the same. */
static bool take_tail(struct results *r, const struct tail *t, unsigned *seen)
{
	uint64_t frame = (uint64_t)t->add + (t->popped ? 8 : 0);

	if (t->slot < 0 || t->add <= 0 || t->add > UINT16_MAX - 8 || t->slot > t->add - 8)
		return false;
	if (*seen && (r->frame != frame || r->slot != t->slot))
		return false;
	r->frame = (uint16_t)frame;
	r->slot = (uint16_t)t->slot;
	(*seen)++;
	return true;
}

static int find_results(const struct code *c, struct results *ret)
{
	enum { MAX_DEFERRED = sizeof(ret->deferred) / sizeof(ret->deferred[0]) };
	struct tail t = { false, -1, -1, false };
	struct results r = { 0 };
	unsigned seen = 0;
	struct insn in;

	for (size_t at = 0; at < c->n; at += in.i.length) {
		if (!decode(c, at, &in))
			return -ENOENT;
		if (in.i.meta.category == ZYDIS_CATEGORY_RET && t.after_call &&
		    !take_tail(&r, &t, &seen))
			return -ENOENT;
		if (in.i.mnemonic == ZYDIS_MNEMONIC_LEA && is_at(&in.op[1], ZYDIS_REGISTER_RIP) &&
		    r.ndeferred < MAX_DEFERRED)
			r.deferred[r.ndeferred++] =
				c->addr + at + in.i.length + (uint64_t)in.op[1].mem.disp.value;
		follow_tail(&t, &in);
	}
	/* After each way out, and after runtime.deferreturn. */
	if (seen < 2)
		return -ENOENT;
	*ret = r;
	return 0;
}

#elif defined(__aarch64__)

static uint32_t word(const struct code *c, size_t at)
{
	return (uint32_t)c->p[at] | (uint32_t)c->p[at + 1] << 8 | (uint32_t)c->p[at + 2] << 16 |
	       (uint32_t)c->p[at + 3] << 24;
}

/* "ldr x16, [x28, #16]", then "b.ls": g is in x28, and its third word is the guard. */
static int stack_check(const struct code *c, size_t *ret_at, size_t *ret_len)
{
	bool loaded = false;

	for (size_t at = 0; at + 4 <= c->n && at < 32; at += 4) {
		loaded = loaded || word(c, at) == 0xf9400b90;
		if (!loaded || (word(c, at) & 0xff00001f) != 0x54000009)
			continue;
		*ret_at = at;
		*ret_len = 4;
		return 0;
	}
	return -ENOTSUP;
}

static int next_return(const struct code *c, size_t *at, size_t *ret_at, size_t *ret_len)
{
	for (; *at + 4 <= c->n; *at += 4) {
		if (word(c, *at) != 0xd65f03c0)
			continue;
		*ret_at = *at;
		*ret_len = 4;
		*at += 4;
		return 0;
	}
	return -ENOENT;
}

/* Not needed: the kernel emulates `ret`. */
static int find_results(const struct code *c, struct results *ret)
{
	(void)c, (void)ret;
	return -ENOENT;
}

#endif

#if defined(__aarch64__)
#define RETURN_COST SITE_BRANCH
#else
#define RETURN_COST SITE_STEP
#endif

/* --- the plan ----------------------------------------------------------------------------------------- */

struct planner {
	struct elf_image *img;
	const struct funcs *funcs;
	struct go_plan *plan;
	struct code code, other; /* of the function that is planned; of one that it calls */
};

static int add(struct planner *p, const struct go_place *place)
{
	if (p->plan->n == GO_PLAN_PLACES)
		return -ENOSPC;
	p->plan->place[p->plan->n++] = *place;
	return 0;
}

/* An end in the first deferred function that has a cheap place. */
static int add_deferred(struct planner *p, const struct wanted *w)
{
	struct go_place place = { .func = w->func, .dir = w->dir, .exit = true };
	struct results r;
	size_t at, len;

	if (find_results(&p->code, &r) != 0)
		return -ENOENT;
	place.frame = r.frame;
	place.slot = r.slot;
	for (size_t i = 0; i < r.ndeferred; i++)
		for (size_t k = 0; k < p->funcs->n; k++) {
			const struct go_func *f = &p->funcs->at[k];
			const char *name = short_name(f->name);

			if (f->addr != r.deferred[i] ||
			    strncmp(name, w->func, strlen(w->func)) != 0 ||
			    read_code(p->img, f, &p->other) != 0 ||
			    stack_check(&p->other, &at, &len) != 0)
				continue;
			return site_in(p->img, &p->other, at, len, SITE_BRANCH, &place.at)
				       ? -ENOENT
				       : add(p, &place);
		}
	return -ENOENT;
}

static int add_returns(struct planner *p, const struct wanted *w)
{
	struct go_place place = { .func = w->func, .dir = w->dir, .exit = true };
	size_t from = 0, at = 0, len = 0, n = 0;
	int err;

	while ((err = next_return(&p->code, &from, &at, &len)) == 0) {
		err = site_in(p->img, &p->code, at, len, RETURN_COST, &place.at);
		if (!err)
			err = add(p, &place);
		if (err)
			return err;
		n++;
	}
	return err == -ENOENT && n ? 0 : -ENOEXEC;
}

static int plan_func(struct planner *p, const struct wanted *w, const struct go_func *f)
{
	struct go_place place = { .func = w->func, .dir = w->dir };
	size_t at, len;
	int err = read_code(p->img, f, &p->code);

	if (!err)
		err = stack_check(&p->code, &at, &len);
	if (!err)
		err = site_in(p->img, &p->code, at, len, SITE_BRANCH, &place.at);
	if (!err)
		err = add(p, &place);
	if (!err && (w->dir == TLS_DIR_NONE || add_deferred(p, w) != 0))
		err = add_returns(p, w);
	return err;
}

static int plan_all(struct go_plan *ret, struct elf_image *img, const struct funcs *funcs)
{
	struct planner *p = calloc(1, sizeof(*p));
	int err = 0;

	if (!p)
		return -ENOMEM;
	p->img = img;
	p->funcs = funcs;
	p->plan = ret;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]) && !err; i++) {
		const struct go_func *f = find(funcs, wanted[i].func);
		size_t before = ret->n;

		if (f)
			err = plan_func(p, &wanted[i], f);
		/* Without handshakes, some connections are known a little later. */
		if (err && wanted[i].dir == TLS_DIR_NONE) {
			ret->n = before;
			err = 0;
		}
	}
	free(p);
	return err;
}

int go_plan_make(struct go_plan *ret, struct elf_image *img)
{
	struct funcs *funcs = calloc(1, sizeof(*funcs));
	struct go_plan plan = { 0 };
	struct go_elf e;
	int err = describe(&e, img), n;
	char version[32];

	if (!funcs)
		err = -ENOMEM;
	if (!err)
		err = go_version(&e.f, version, sizeof(version));
	if (err)
		goto out;
	n = go_functions(&e.f, PREFIX, want, funcs->at, MAX_FOUND);
	funcs->n = n > 0 ? (size_t)n : 0;
	err = n < 0 ? n : 0;
#if defined(__aarch64__) /* arguments are on the stack there */
	if (strncmp(version, "go1.17", 6) == 0)
		err = -ENOTSUP;
#endif
	if (!err && !find(funcs, "Read") && !find(funcs, "Write"))
		err = -ENOENT;
	if (!err)
		err = plan_all(&plan, img, funcs);
	if (!err)
		*ret = plan;
out:
	free(funcs);
	return err;
}

const char *go_plan_func(const char *name)
{
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (strcmp(wanted[i].func, name) == 0)
			return wanted[i].func;
	return NULL;
}

static void put(char *buf, size_t size, const char *sep, const struct go_place *p)
{
	size_t at = strlen(buf);

	(void)snprintf(buf + at, size - at, "%s%s%s+%u (%s)", sep, p->func,
		       p->exit ? " deferred" : "", p->at.delta, site_cost_name(p->at.cost));
}

void go_plan_text(const struct go_plan *p, char *buf, size_t size)
{
	const char *sep = "";
	size_t returns = 0, at;

	if (size == 0)
		return;
	buf[0] = '\0';
	for (int exits = 0; exits < 2; exits++) {
		for (size_t i = 0; i < p->n; i++) {
			const struct go_place *g = &p->place[i];

			if (g->exit != exits)
				continue;
			if (g->exit && !g->frame) {
				returns++;
				continue;
			}
			put(buf, size, sep, g);
			sep = ", ";
		}
		if (!exits)
			sep = "; ends ";
	}
	at = strlen(buf);
	if (returns)
		(void)snprintf(buf + at, size - at, "%s%zu returns (%s)", sep, returns,
			       site_cost_name(RETURN_COST));
}
