/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

static _Noreturn void refuse(const char *path, unsigned line, const char *why)
{
	fprintf(stderr, "%s:%u: %s\n", path, line, why);
	exit(2);
}

static char *copy(const char *s, size_t n)
{
	char *p = calloc(1, n + 1);

	if (!p)
		abort();
	memcpy(p, s, n);
	return p;
}

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct buf b = { 0 };
	uint8_t piece[4096];
	size_t n;

	if (!f)
		return NULL;
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		buf_put(&b, (struct slice){ piece, n });
	fclose(f);
	buf_put(&b, (struct slice){ (const uint8_t *)"", 1 });
	return (char *)b.p;
}

/* --- lines ---------------------------------------------------------------------------------- */

struct reader {
	const char *path, *p;
	unsigned line;
};

static int hex(char c)
{
	return isdigit((unsigned char)c)    ? c - '0'
	       : isxdigit((unsigned char)c) ? (c | 0x20) - 'a' + 10
					    : -1;
}

static uint8_t escape(struct reader *r)
{
	char c = *r->p++;
	int hi, lo;

	switch (c) {
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	case '0':
		return 0;
	case '\\':
	case '"':
		return (uint8_t)c;
	case 'x':
		hi = hex(r->p[0]);
		lo = hi < 0 ? -1 : hex(r->p[1]);
		if (lo < 0)
			refuse(r->path, r->line, "\\x wants two digits");
		r->p += 2;
		return (uint8_t)(hi << 4 | lo);
	default:
		refuse(r->path, r->line, "unknown escape");
	}
}

static void blanks(struct reader *r)
{
	while (*r->p == ' ' || *r->p == '\t')
		r->p++;
}

/* Strings up to the end of the line or a comment. */
static void strings(struct reader *r, struct buf *out)
{
	size_t last = out->n;

	for (blanks(r); *r->p && *r->p != '\n' && *r->p != '#'; blanks(r)) {
		if (*r->p == '*') {
			char *end;
			unsigned long times = strtoul(r->p + 1, &end, 10);
			struct slice s = { 0 };
			char *again = copy((char *)out->p + last, out->n - last);

			s = (struct slice){ (uint8_t *)again, out->n - last };
			for (unsigned long i = 1; i < times; i++)
				buf_put(out, s);
			free(again);
			r->p = end;
			continue;
		}
		if (*r->p++ != '"')
			refuse(r->path, r->line, "a string was expected");
		last = out->n;
		while (*r->p != '"') {
			uint8_t c = (uint8_t)*r->p++;

			if (c == '\n' || c == 0)
				refuse(r->path, r->line, "the string does not end");
			if (c == '\\')
				c = escape(r);
			buf_put(out, (struct slice){ &c, 1 });
		}
		r->p++;
	}
}

static void mode(struct reader *r, struct fixture *f)
{
	char word[16];
	unsigned long n = 0;

	if (sscanf(r->p, " %15[a-z] %lu", word, &n) < 1)
		refuse(r->path, r->line, "a word was expected");
	if (strcmp(word, "midstream") == 0)
		f->midstream = true;
	else if (strcmp(word, "reset") == 0)
		f->reset = true;
	else if (strcmp(word, "open") == 0)
		f->open = true;
	else if (strcmp(word, "via") == 0)
		n = (unsigned long)sscanf(r->p, " via %31[a-z0-9]", f->via);
	else if (strcmp(word, "tails") == 0)
		f->tails = true;
	else if (strcmp(word, "halves") == 0)
		f->halves = true;
	else if (strcmp(word, "body") == 0)
		f->limits.body_bytes = n;
	else if (strcmp(word, "decoded") == 0)
		f->limits.decoded_bytes = n;
	else if (strcmp(word, "head") == 0)
		f->limits.head_bytes = n;
	else
		refuse(r->path, r->line, "unknown mode");
	r->p += strcspn(r->p, "\n");
}

static void chunk(struct reader *r, struct fixture *f, char arrow)
{
	struct fixture_chunk c = { .side = arrow == '>' ? SIDE_REQ : SIDE_RESP };
	size_t begin = f->bytes.n;

	if (*r->p == '-') {
		c.lost = true;
		r->p++;
	}
	strings(r, &f->bytes);
	c.data.n = f->bytes.n - begin;
	if (c.data.n == 0)
		return;
	f->chunks = realloc(f->chunks, (f->n + 1) * sizeof(*f->chunks));
	if (!f->chunks)
		abort();
	f->chunks[f->n++] = c;
}

static void parse(struct fixture *f, const char *path, const char *text)
{
	struct reader r = { path, text, 1 };
	uint64_t off[2] = { 0, 0 };
	const uint8_t *p;

	for (; *r.p; r.line++) {
		char c;

		blanks(&r);
		c = *r.p++;
		if (c == '>' || c == '<')
			chunk(&r, f, c);
		else if (c == '!')
			mode(&r, f);
		else if (c == '\n')
			continue;
		else if (c != '#')
			refuse(path, r.line, "a line begins with > < ! or #");
		r.p += strcspn(r.p, "\n");
		if (*r.p)
			r.p++;
	}
	p = f->bytes.p; /* it moves no more */
	for (size_t i = 0; i < f->n; i++) {
		f->chunks[i].data.p = p;
		f->chunks[i].off = off[f->chunks[i].side];
		off[f->chunks[i].side] += f->chunks[i].data.n;
		p += f->chunks[i].data.n;
	}
}

/* --- folders -------------------------------------------------------------------------------- */

static void load(struct fixture *f, const char *dir, const char *proto, const char *file)
{
	char path[1024];
	char *text;

	snprintf(path, sizeof(path), "%s/%s/%s", dir, proto, file);
	text = read_file(path);
	if (!text)
		refuse(path, 0, "cannot be read");
	*f = (struct fixture){ 0 };
	f->name = copy(file, strlen(file) - strlen(".case"));
	f->proto = copy(proto, strlen(proto));
	parse(f, path, text);
	free(text);
	snprintf(path, sizeof(path), "%s/%s/%s.json", dir, proto, f->name);
	f->json_path = copy(path, strlen(path));
	f->json = read_file(path);
}

static int is_case(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 5 && strcmp(d->d_name + n - 5, ".case") == 0;
}

static int is_folder(const struct dirent *d)
{
	return d->d_name[0] != '.' && !strchr(d->d_name, '.');
}

size_t fixture_load_all(const char *dir, struct fixture **ret)
{
	struct dirent **protos = NULL, **cases;
	struct fixture *all = NULL;
	size_t n = 0;
	int np = scandir(dir, &protos, is_folder, alphasort);

	if (np < 0)
		refuse(dir, 0, "cannot be read: run it at the top of the tree");
	for (int i = 0; i < np; i++) {
		char path[1024];
		int nc;

		snprintf(path, sizeof(path), "%s/%s", dir, protos[i]->d_name);
		nc = scandir(path, &cases, is_case, alphasort);
		for (int k = 0; k < nc; k++) {
			all = realloc(all, (n + 1) * sizeof(*all));
			if (!all)
				abort();
			load(&all[n++], dir, protos[i]->d_name, cases[k]->d_name);
			free(cases[k]);
		}
		if (nc >= 0)
			free(cases);
		free(protos[i]);
	}
	free(protos);
	*ret = all;
	return n;
}

void fixture_free_all(struct fixture *f, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(f[i].name);
		free(f[i].proto);
		free(f[i].json);
		free(f[i].json_path);
		free(f[i].chunks);
		buf_release(&f[i].bytes);
	}
	free(f);
}
