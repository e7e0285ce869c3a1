/* SPDX-License-Identifier: Apache-2.0 */
#include "moving.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "check.h"

struct movings *movings;

struct movings *movings_new(void)
{
	void *p = mmap(NULL, sizeof(struct movings), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void movings_free(struct movings *m)
{
	if (m)
		munmap(m, sizeof(*m));
}

void movings_clear(struct movings *m)
{
	memset(m, 0, sizeof(*m));
}

void moving_begin(struct moving *m, uint32_t conn, uint32_t family, int back, bool sends, uint64_t total)
{
	*m = (struct moving){
		.used = true, .conn = conn, .family = family, .back = back != 0, .sends = sends, .total = total
	};
}

void moving_call(struct moving *m, const struct way *way, uint64_t done, size_t asked)
{
	m->way = way;
	m->done = done;
	m->asked = asked;
	m->bufs = 0;
	m->waitall = m->unmapped = false;
	m->calls++;
	m->inside = true;
}

void moving_came_back(struct moving *m, ssize_t rc)
{
	m->rc = rc;
	m->err = errno;
	m->inside = false;
}

void moving_failed(struct moving *m, int error)
{
	if (m->failed)
		return;
	m->error = error;
	m->failed = 1 + atomic_fetch_add(&movings->failures, 1);
}

int movings_error(const struct movings *m)
{
	for (int i = 0; i < MOVINGS; i++)
		if (m->at[i].failed == 1)
			return m->at[i].error;
	return 0;
}

static void print(const struct moving *m, FILE *f)
{
	fprintf(f, "# connection %u (%s), %s, %s: ", m->conn, m->family < F_ALL ? family_names[m->family] : "?",
		m->back ? "server to client" : "client to server", m->sends ? "sender" : "receiver");
	if (m->failed)
		fprintf(f, "number %u to fail, %s; ", m->failed, m->error == -EILSEQ ? "wrong bytes" : strerror(-m->error));
	fprintf(f, "%llu of %llu bytes", (unsigned long long)m->done, (unsigned long long)m->total);
	if (m->way)
		fprintf(f, "; call %llu, %s of %zu%s", (unsigned long long)m->calls, m->way->name, m->asked,
			m->waitall ? " with MSG_WAITALL" : "");
	if (m->bufs)
		fprintf(f, " in %zu buffers", m->bufs);
	if (m->unmapped)
		fputs(", the last ends in unmapped memory", f);
	if (m->inside)
		fputs(", has not come back", f);
	else if (m->way)
		fprintf(f, ": %zd%s%s", m->rc, m->rc < 0 ? ", " : "", m->rc < 0 ? strerror(m->err) : "");
	if (m->error == -EILSEQ)
		fprintf(f, "; byte %llu is %02x, not %02x", (unsigned long long)m->wrong_at, m->wrong_got, m->wrong_want);
	fputc('\n', f);
}

void movings_print(const struct movings *m, FILE *f)
{
	for (unsigned n = 1; n <= MOVINGS; n++)
		for (int i = 0; i < MOVINGS; i++)
			if (m->at[i].used && m->at[i].failed == n)
				print(&m->at[i], f);
	for (int i = 0; i < MOVINGS; i++)
		if (m->at[i].used && !m->at[i].failed)
			print(&m->at[i], f);
}
