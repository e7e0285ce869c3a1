/* SPDX-License-Identifier: Apache-2.0 */
/* An export is begun with what is wanted and fetched piece by piece, each made within moments, so that a file of any size holds up nothing and
 * whoever fetches it can say how far it is, or stop. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "export/export.h"
#include "export/redact.h"
#include "hub/files.h"
#include "store/pick.h"

#define PIECE_BYTES ((size_t)4 << 20)
#define PIECE_NS    UINT64_C(30000000)
#define FLOW_MEMORY ((size_t)1 << 30)

struct export_file {
	char id[17];
	const struct export_ops *ops;
	struct exporter *exporter;
	struct redact *redact; /* NULL: as it was said */
	struct filter *filter;
	struct pick pick;
	uint8_t (*ids)[16]; /* of a selection, or NULL */
	size_t nids, next;
	uint64_t first, used_ns, until_ns;
	uint64_t flows, left_out, kept_back;
	struct buf *out;
	bool session, begun, ended, failed;
};

bool files_id(char ret[17])
{
	uint8_t b[8];

	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		return false;
	for (size_t i = 0; i < sizeof(b); i++)
		(void)snprintf(ret + 2 * i, 3, "%02x", b[i]);
	return true;
}

static void drop(struct export_file *f)
{
	if (!f)
		return;
	if (f->ops && f->exporter)
		f->ops->free(f->exporter);
	redact_free(f->redact);
	filter_free(f->filter);
	free(f->ids);
	free(f);
}

void files_exports_drop(struct web *w, uint64_t now_ns, bool all)
{
	for (size_t i = 0; i < FILES_EXPORTS; i++) {
		struct export_file *f = w->exports[i];

		if (f && (all || now_ns > f->used_ns + FILES_IDLE_NS)) {
			drop(f);
			w->exports[i] = NULL;
		}
	}
}

static struct export_file **find(struct web *w, const char *id)
{
	for (size_t i = 0; i < FILES_EXPORTS; i++)
		if (w->exports[i] && strcmp(w->exports[i]->id, id) == 0)
			return &w->exports[i];
	return NULL;
}

/* --- beginning --------------------------------------------------------------------------------------------------- */

static int take_ids(struct export_file *f, const cJSON *list)
{
	const cJSON *item;
	int n = cJSON_GetArraySize(list);

	if (!cJSON_IsArray(list) || n > FILES_IDS)
		return -EINVAL;
	f->ids = calloc((size_t)n + 1, sizeof(*f->ids));
	if (!f->ids)
		return -ENOMEM;
	cJSON_ArrayForEach(item, list) {
		if (!cJSON_IsString(item) || flow_id_parse(item->valuestring, f->ids[f->nids]) < 0)
			return -EINVAL;
		f->nids++;
	}
	return 0;
}

int files_redact(struct web *w, struct redact **ret)
{
	char err[200];
	int r;

	hub_lock(w->st);
	r = redact_new(ret, (const char *const *)w->st->capture.redact, w->st->capture.nredact, err, sizeof(err));
	hub_unlock(w->st);
	return r;
}

static int take(struct web *w, struct export_file *f, const cJSON *j, char *why, size_t n)
{
	const cJSON *format = cJSON_GetObjectItemCaseSensitive(j, "format"), *filter = cJSON_GetObjectItemCaseSensitive(j, "filter"),
		    *ids = cJSON_GetObjectItemCaseSensitive(j, "ids"), *secrets = cJSON_GetObjectItemCaseSensitive(j, "secrets");
	struct filter_error e = { 0 };
	int r = 0;

	f->session = cJSON_IsString(format) && strcmp(format->valuestring, "session") == 0;
	f->ops = f->session ? &export_jsonl : cJSON_IsString(format) ? export_find(format->valuestring) : NULL;
	(void)snprintf(why, n, "format is \"har\", \"jsonl\", \"pcapng\" or \"session\"");
	if (!f->ops)
		return -EINVAL;
	(void)snprintf(why, n, "filter is a text, ids a list of at most %d flows' ids, secrets true or false", FILES_IDS);
	if ((filter && !cJSON_IsString(filter)) || (secrets && !cJSON_IsBool(secrets)))
		return -EINVAL;
	if (ids && !cJSON_IsNull(ids))
		r = take_ids(f, ids);
	if (r == 0) {
		r = filter_new(&f->filter, filter ? filter->valuestring : "", &e);
		if (r == -EINVAL)
			(void)snprintf(why, n, "at byte %zu of the filter: %s", e.at, e.text);
	}
	if (r == 0 && !cJSON_IsTrue(secrets))
		r = files_redact(w, &f->redact);
	if (r == 0 && !(f->exporter = f->ops->open()))
		r = -ENOMEM;
	return r;
}

void files_export_begin(struct conn *c, const char *rest)
{
	struct web *w = c->w;
	struct export_file **place = NULL, *f;
	char why[300] = "";
	cJSON *j;
	int r;

	(void)rest;
	files_exports_drop(w, hub_now_ns(), false);
	for (size_t i = 0; i < FILES_EXPORTS && !place; i++)
		place = w->exports[i] ? NULL : &w->exports[i];
	if (!place) {
		answer_error(c, 503, "several exports are under way: wait for one of them to end");
		return;
	}
	j = cJSON_ParseWithLength((const char *)c->q.body.p, c->q.body.n);
	f = calloc(1, sizeof(*f));
	r = f && files_id(f->id) ? take(w, f, j, why, sizeof(why)) : -ENOMEM;
	cJSON_Delete(j);
	if (r < 0) {
		drop(f);
		answer_error(c, r == -EINVAL ? 400 : 503, r == -EINVAL ? why : "the hub is out of memory");
		return;
	}
	f->used_ns = hub_now_ns();
	f->pick = (struct pick){ .ops = w->ops, .filter = f->filter };
	*place = f;
	buf_clear(&c->a.own);
	buf_printf(&c->a.own, "{\"id\":\"%s\"}", f->id);
	answer_own(c, 200, NULL);
}

/* --- pieces ------------------------------------------------------------------------------------------------------- */

static void put_flow(void *ctx, const struct flow *flow)
{
	struct export_file *f = ctx;
	struct arena *a = f->redact ? arena_new(FLOW_MEMORY) : NULL;
	struct flow bare;
	int r;

	if (f->redact && (!a || redact_flow(f->redact, flow, a, &bare) < 0)) {
		f->kept_back++; /* rather nothing than a secret */
		arena_free(a);
		return;
	}
	r = f->ops->flow(f->exporter, f->redact ? &bare : flow, f->out);
	f->failed |= r < 0;
	f->flows += r > 0;
	f->left_out += r == 0;
	arena_free(a);
}

static bool enough(void *ctx)
{
	const struct export_file *f = ctx;

	return f->failed || f->out->n >= PIECE_BYTES || hub_now_ns() >= f->until_ns;
}

static int selection(struct web *w, struct export_file *f)
{
	while (f->next < f->nids && !enough(f)) {
		struct arena *a = arena_new(FLOW_MEMORY);
		struct flow flow;
		uint64_t row;
		int r = a ? w->ops->by_id(w->reader, f->ids[f->next++], a, SIZE_MAX, &flow, &row) : -ENOMEM;

		if (r == 0)
			put_flow(f, &flow);
		else if (r != -ENOENT) /* deleted since */
			f->pick.unread++;
		arena_free(a);
	}
	return f->next < f->nids;
}

/* A session's first line: what the hub knows of its agents, and nothing that was captured. */
static void session_line(struct web *w, struct buf *out)
{
	buf_printf(out, "{\"limpid_session\":1,\"version\":\"%s\",\"saved_s\":%lld,\"agents\":", LIMPID_VERSION, (long long)time(NULL));
	hub_lock(w->st);
	agents_health_json(&w->st->agents, out, hub_now_ns());
	buf_puts(out, ",\"counters\":");
	api_counters(w->st, out);
	hub_unlock(w->st);
	buf_puts(out, "}\n");
}

static int piece(struct web *w, struct export_file *f, struct buf *out)
{
	int r = w->reader ? 0 : w->ops->open_reader(&w->reader, w->st->o->db_path);

	if (r < 0)
		return r;
	f->out = out;
	f->until_ns = hub_now_ns() + PIECE_NS;
	if (!f->begun && f->session)
		session_line(w, out);
	f->begun = true;
	f->pick.store = w->reader;
	r = f->ids ? selection(w, f) : pick_some(&f->pick, put_flow, enough, f);
	if (r == 0 && !f->failed) {
		f->ended = true;
		f->failed = f->ops->end(f->exporter, out) < 0;
	}
	return f->failed || out->failed ? -ENOMEM : r;
}

static void progress(struct conn *c, const struct export_file *f)
{
	uint64_t newest = 0, done = f->ids ? f->next : f->pick.after, of = f->nids, from = 0;

	hub_lock(c->w->st);
	if (c->w->st->list.end > c->w->st->list.base)
		newest = list_at(&c->w->st->list, c->w->st->list.end - 1)->n;
	from = c->w->st->store.first_row;
	hub_unlock(c->w->st);
	if (!f->ids) {
		of = newest > from ? newest - from : 0;
		done = done > from ? done - from : 0;
	}
	buf_printf(&c->a.head,
		   "X-Limpid-Export: {\"more\":%s,\"flows\":%" PRIu64 ",\"left_out\":%" PRIu64 ",\"unread\":%" PRIu64 ",\"hidden\":%" PRIu64
		   ",\"done\":%" PRIu64 ",\"of\":%" PRIu64 "}\r\n",
		   f->ended ? "false" : "true", f->flows, f->left_out, f->pick.unread + f->kept_back,
		   f->redact ? redact_count(f->redact) : 0, done < of ? done : of, of);
}

void files_export_next(struct conn *c, const char *rest)
{
	struct export_file **place = find(c->w, rest), *f;
	int r;

	if (!place) {
		answer_error(c, 404, "there is no such export: it has ended, or nobody asked for it in a while");
		return;
	}
	f = *place;
	f->used_ns = hub_now_ns();
	buf_clear(&c->a.own);
	r = piece(c->w, f, &c->a.own);
	if (r < 0) {
		answer_error(c, 503, r == -ENOMEM ? "the hub is out of memory" : "the database cannot be read now");
		*place = NULL;
		drop(f);
		return;
	}
	progress(c, f);
	if (f->ended) {
		*place = NULL;
		drop(f);
	}
	answer_own(c, 200, "application/octet-stream");
}

void files_export_end(struct conn *c, const char *rest)
{
	struct export_file **place = find(c->w, rest);

	if (place) {
		drop(*place);
		*place = NULL;
	}
	answer(c, 204, NULL, (struct slice){ 0 });
}
