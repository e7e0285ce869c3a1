/* SPDX-License-Identifier: Apache-2.0 */
/* Prepared statements of a connection, the last used first.  They are the server's, which bounds them; so are those kept
 * here, by number and by bytes: the one not used for longest is forgotten first. */
#include "proto/mysql.h"

#include <stdlib.h>

static void unlink_stmt(struct mysql *m, struct my_stmt *s)
{
	if (s->prev)
		s->prev->next = s->next;
	else
		m->stmts = s->next;
	if (s->next)
		s->next->prev = s->prev;
	else
		m->stmts_last = s->prev;
	s->next = s->prev = NULL;
}

static void put_first(struct mysql *m, struct my_stmt *s)
{
	s->next = m->stmts;
	if (s->next)
		s->next->prev = s;
	else
		m->stmts_last = s;
	m->stmts = s;
}

struct my_stmt *my_stmt_find(struct mysql *m, uint32_t id)
{
	struct my_stmt *s = map_find(&m->stmt_ids, id);

	if (s && m->stmts != s) {
		unlink_stmt(m, s);
		put_first(m, s);
	}
	return s;
}

void my_stmt_drop(struct mysql *m, struct my_stmt *s)
{
	(void)map_take(&m->stmt_ids, s->id);
	unlink_stmt(m, s);
	m->nstmts--;
	m->stmts_bytes -= s->bytes;
	free(s->text);
	free(s->types);
	free(s->cols);
	free(s->names);
	free(s->type_names);
	free(s);
}

void my_stmt_drop_all(struct mysql *m)
{
	while (m->stmts)
		my_stmt_drop(m, m->stmts);
	map_release(&m->stmt_ids);
}

struct my_stmt *my_stmt_new(struct mysql *m, uint32_t id)
{
	struct my_stmt *s = my_stmt_find(m, id);

	if (s)
		my_stmt_drop(m, s);
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->id = id;
	if (map_put(&m->stmt_ids, id, s) < 0) {
		free(s);
		return NULL;
	}
	put_first(m, s);
	m->nstmts++;
	my_stmt_count(m, s);
	return s;
}

void my_stmt_count(struct mysql *m, struct my_stmt *s)
{
	size_t n = sizeof(*s) + s->text_n + (s->types ? s->nparams * sizeof(*s->types) : 0);

	n += s->ncols * sizeof(*s->cols);
	n += s->names ? strlen(s->names) : 0;
	n += s->type_names ? strlen(s->type_names) : 0;
	m->stmts_bytes += n - s->bytes;
	s->bytes = n;
	while (m->stmts_last != s && (m->nstmts > MY_STMTS || m->stmts_bytes > MY_STMTS_BYTES))
		my_stmt_drop(m, m->stmts_last);
}

static char *array(const struct sql_list *l)
{
	char *s = l->text.n && !l->text.failed ? malloc(l->text.n + 2) : NULL;

	if (!s)
		return NULL;
	memcpy(s, l->text.p, l->text.n);
	s[l->text.n] = ']';
	s[l->text.n + 1] = '\0';
	return s;
}

bool my_stmt_set_cols(struct mysql *m, struct my_stmt *s, const struct my_answer *a)
{
	struct my_col *cols = malloc(a->cols_n * sizeof(*cols) + 1);

	free(s->cols);
	free(s->names);
	free(s->type_names);
	s->cols = cols;
	s->ncols = cols ? (unsigned)a->cols_n : 0;
	s->names = array(&a->names);
	s->type_names = array(&a->types);
	s->cols_known = cols != NULL;
	if (cols && a->cols_n)
		memcpy(cols, a->cols, a->cols_n * sizeof(*cols));
	my_stmt_count(m, s);
	return cols && (!a->cols_n || (s->names && s->type_names));
}
