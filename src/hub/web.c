/* SPDX-License-Identifier: Apache-2.0 */
/* The web thread: libwebsockets 4.1.6, with its traps avoided.  Sockets are listened on and accepted here and
 * given to it, so that a port in use is an error with a name; nothing but lws_cancel_service is called
 * from the other thread; one write a writeable callback; only an upgrade to "websocket" gets past
 * CONFIRM_UPGRADE, and `in` is not looked at there; a raw connection (CONNECT) is hung up at once. */
#include "hub/web.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "hub/files.h"
#include "hub/types.h"
#include "hub/listen.h"
#include "hub/serve.h"

#define SLICE_NS  UINT64_C(15000000) /* the thread looks at filters that long, then at its sockets */
#define RESEND_POLL_NS UINT64_C(20000000)
#define SCAN_ROWS 4000
#define TIMEOUT_S 10 /* for a request to be sent; an idle connection has three times that */

static bool stopping(const struct web *w)
{
	return __atomic_load_n(&w->stopping, __ATOMIC_ACQUIRE);
}

/* --- connections ------------------------------------------------------------------------------------------ */

static void conn_free(struct conn *c)
{
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	c->w->nconns--;
	if (c->tab)
		tab_end(c);
	request_reset(c);
	buf_release(&c->q.path);
	buf_release(&c->q.query);
	buf_release(&c->q.body);
	buf_release(&c->a.head);
	buf_release(&c->a.own);
	free(c);
}

static void take(struct web *w, int fd)
{
	struct conn *c = w->nconns < WEB_CONNS_MAX ? calloc(1, sizeof(*c)) : NULL;
	lws_adopt_desc_t d = { .vh = w->vhost,
			       .type = LWS_ADOPT_HTTP | LWS_ADOPT_SOCKET,
			       .opaque = c };

	if (!c) {
		close(fd);
		return;
	}
	c->w = w;
	c->next = w->conns;
	c->link = &w->conns;
	if (c->next)
		c->next->link = &c->next;
	w->conns = c;
	w->nconns++;
	d.fd.sockfd = fd;
	if (lws_adopt_descriptor_vhost_via_info(&d))
		return;
	for (struct conn *i = w->conns; i; i = i->next) {
		if (i == c) { /* not freed with the connection that did not come to be */
			conn_free(c);
			return;
		}
	}
}

static int on_listen(struct lws *wsi, enum lws_callback_reasons why, void *user, void *in,
		     size_t len)
{
	struct web *w = lws_context_user(lws_get_context(wsi));
	int fd, on = 1;

	(void)user;
	(void)in;
	(void)len;
	if (why != LWS_CALLBACK_RAW_RX_FILE)
		return 0;
	for (int i = 0; i < 32; i++) {
		fd = accept4(w->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			break;
		/* The end of a message longer than a segment would wait 40 ms for the browser's acknowledgement. */
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		take(w, fd);
	}
	return 0;
}

/* --- what libwebsockets calls ------------------------------------------------------------------------------ */

static int on_http(struct conn *c, enum lws_callback_reasons why, void *in, size_t len)
{
	switch ((int)why) {
	case LWS_CALLBACK_HTTP:
		request_begin(c, in, len);
		return 0;
	case LWS_CALLBACK_HTTP_BODY:
		request_body(c, (struct slice){ in, len });
		return 0;
	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
		request_end(c);
		return 0;
	case LWS_CALLBACK_HTTP_WRITEABLE:
		return request_write(c);
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
		return request_upgrade(c);
	case LWS_CALLBACK_ESTABLISHED:
		return tab_begin(c);
	case LWS_CALLBACK_RECEIVE:
		return tab_input(c, (struct slice){ in, len }, lws_frame_is_binary(c->wsi),
				 lws_is_final_fragment(c->wsi) &&
					 lws_remaining_packet_payload(c->wsi) == 0);
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return tab_write(c);
	default:
		return 0;
	}
}

static int on_event(struct lws *wsi, enum lws_callback_reasons why, void *user, void *in,
		    size_t len)
{
	struct conn *c;

	(void)user;
	switch ((int)why) {
	case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
		web_pump(lws_context_user(lws_get_context(wsi)));
		return 0;
	case LWS_CALLBACK_RAW_ADOPT:
	case LWS_CALLBACK_RAW_RX:
	case LWS_CALLBACK_RAW_CONNECTED:
	case LWS_CALLBACK_RAW_WRITEABLE:
		return -1; /* after CONNECT libwebsockets would go on with any bytes */
	case LWS_CALLBACK_HTTP:
	case LWS_CALLBACK_HTTP_BODY:
	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
	case LWS_CALLBACK_HTTP_WRITEABLE:
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
	case LWS_CALLBACK_ESTABLISHED:
	case LWS_CALLBACK_RECEIVE:
	case LWS_CALLBACK_SERVER_WRITEABLE:
		c = lws_get_opaque_user_data(wsi);
		if (!c)
			return -1;
		c->wsi = wsi;
		return on_http(c, why, in, len);
	case LWS_CALLBACK_WSI_DESTROY:
		c = lws_get_opaque_user_data(wsi);
		if (c)
			conn_free(c);
		lws_set_opaque_user_data(wsi, NULL);
		return 0;
	default:
		return 0;
	}
}

static const struct lws_protocols protocols[] = {
	{ .name = "http", .callback = on_event, .rx_buffer_size = 16384 },
	{ .name = "listen", .callback = on_listen },
	{ 0 },
};

/* --- views: scanning in slices, ticks ----------------------------------------------------------------------- */

struct trial {
	struct view *view;
	uint64_t last, deadline;
	unsigned n;
	bool stopped;
};

static bool try_one(void *ctx, uint64_t row, const struct flow *f)
{
	struct trial *t = ctx;

	view_try(t->view, row, f);
	t->last = row;
	t->stopped = ++t->n % 16 == 0 && hub_now_ns() >= t->deadline;
	return !t->stopped;
}

/* Rows that only the store can decide; without the lock. */
static void try_store(struct web *w, struct view *v, uint64_t deadline)
{
	struct trial t = { .view = v, .deadline = deadline };
	uint64_t first, last;
	bool bodies;

	if (!view_wants(v, &first, &last, &bodies))
		return;
	if (!w->reader && w->ops->open_reader(&w->reader, w->st->o->db_path) < 0)
		w->reader = NULL;
	if (w->reader)
		(void)w->ops->scan(w->reader, first, last, bodies, try_one, &t);
	/* Stopped for the time: on from there.  Else all rows up to last were seen, or are gone. */
	if (t.stopped)
		last = t.last;
	hub_lock(w->st);
	view_tried(v, &w->st->list, last);
	hub_unlock(w->st);
}

/* True: there is more to do at once. */
static bool scan_view(struct web *w, struct view *v, uint64_t deadline)
{
	bool more;

	do {
		hub_lock(w->st);
		more = view_scan(v, &w->st->list, SCAN_ROWS);
		hub_unlock(w->st);
		if (hub_now_ns() < deadline)
			try_store(w, v, deadline);
	} while (more && hub_now_ns() < deadline);
	hub_lock(w->st);
	more = !view_done(v, &w->st->list);
	hub_unlock(w->st);
	return more;
}

static bool scan_views(struct web *w)
{
	unsigned n = 0, i = 0;
	bool more = false;

	for (const struct conn *c = w->conns; c; c = c->next)
		n += c->view != NULL;
	if (n == 0)
		return false;
	for (struct conn *c = w->conns; c; c = c->next)
		if (c->view)
			more |= scan_view(w, c->view, hub_now_ns() + SLICE_NS / n + (i++ == 0));
	return more;
}

static void make_common(struct web *w)
{
	struct hub_state *st = w->st;

	buf_clear(&w->common);
	buf_puts(&w->common, "\"counters\":");
	api_counters(st, &w->common);
	buf_puts(&w->common, ",\"tally\":");
	tally_json(&st->list, &w->common);
	buf_printf(&w->common, ",\"agents\":%zu,\"capture\":", agents_connected(&st->agents));
	capture_json(&w->common, &st->capture);
	w->common_version = st->version + st->agents.version;
}

static void on_timer(lws_sorted_usec_list_t *timer)
{
	web_pump(lws_container_of(timer, struct web, timer));
}

void web_pump(struct web *w)
{
	uint64_t due = UINT64_MAX, now;
	bool more;

	if (stopping(w))
		return;
	more = scan_views(w);
	more |= job_run(w, hub_now_ns() + SLICE_NS);
	now = hub_now_ns();
	files_exports_drop(w, now, false);
	files_imports_drop(w, now, false);
	hub_lock(w->st);
	make_common(w);
	for (struct conn *c = w->conns; c; c = c->next) {
		if (!c->tab)
			continue;
		tab_tick(c, now);
		if (c->view && view_due_at(c->view) < due && view_due_at(c->view) > now)
			due = view_due_at(c->view);
	}
	hub_unlock(w->st);
	for (struct conn *c = w->conns; c; c = c->next)
		if (!c->tab)
			api_poll(c);
	if (resend_reap(w) && now + RESEND_POLL_NS < due)
		due = now + RESEND_POLL_NS;
	/* For a tick that was not due yet; after one that found nothing new a wake-up comes first. */
	if (more)
		lws_sul_schedule(w->context, 0, &w->timer, on_timer, 1);
	else if (due != UINT64_MAX)
		lws_sul_schedule(w->context, 0, &w->timer, on_timer,
				 (lws_usec_t)((due - now) / 1000 + 1));
}

/* --- life --------------------------------------------------------------------------------------------------- */

static void log_line(int level, const char *line)
{
	(void)level;
	log_debug("web: %.*s", (int)strcspn(line, "\n"), line);
}

static void *serve(void *arg)
{
	struct web *w = arg;

	while (!stopping(w) && lws_service(w->context, 0) >= 0)
		;
	if (!stopping(w))
		log_error("the page's server stopped: restart the hub to see the page again");
	return NULL;
}

static int make_context(struct web *w)
{
	static const lws_retry_bo_t idle = { .secs_since_valid_ping = 20,
					     .secs_since_valid_hangup = 50 };
	struct lws_context_creation_info info = { 0 };
	lws_sock_file_fd_type fd;

	lws_set_log_level(LLL_ERR | LLL_WARN, log_line);
	info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
	info.protocols = protocols;
	info.gid = (gid_t)-1;
	info.uid = (uid_t)-1;
	info.user = w;
	info.server_string = "limpid";
	info.options =
		LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME;
	info.fd_limit_per_thread = WEB_CONNS_MAX + 64;
	info.max_http_header_data = 16384;
	info.max_http_header_pool = WEB_CONNS_MAX + 8;
	info.pt_serv_buf_size = 65536;
	info.timeout_secs = TIMEOUT_S;
	info.keepalive_timeout = 3 * TIMEOUT_S;
	info.retry_and_idle_policy = &idle;
	w->context = lws_create_context(&info);
	if (!w->context)
		return -ENOMEM;
	info.vhost_name = "limpid";
	w->vhost = lws_create_vhost(w->context, &info);
	if (!w->vhost)
		return -ENOMEM;
	fd.filefd = w->listen_fd;
	return lws_adopt_descriptor_vhost(w->vhost, LWS_ADOPT_RAW_FILE_DESC, fd, "listen", NULL)
		       ? 0
		       : -ENOMEM;
}

int web_start(struct web **ret, struct hub_state *st, char *err, size_t errlen)
{
	struct web *w = calloc(1, sizeof(*w));
	uint16_t port = 0;
	int r;

	if (!w)
		return -ENOMEM;
	*ret = w;
	w->st = st;
	w->ops = &store_sqlite;
	w->listen_fd = r = listen_web(st->o, &port, err, errlen);
	if (r < 0)
		return r;
	w->rules = (struct access_rules){ st->o->token, st->o->web_host, port };
	r = make_context(w);
	if (r == 0)
		r = -pthread_create(&w->thread, NULL, serve, w);
	w->started = r == 0;
	if (r < 0)
		(void)snprintf(err, errlen, "the page's server cannot start: %s", strerror(-r));
	return r;
}

void web_wake(struct web *w)
{
	lws_cancel_service(w->context);
}

void web_stop(struct web *w)
{
	if (!w)
		return;
	__atomic_store_n(&w->stopping, true, __ATOMIC_RELEASE);
	if (w->started) {
		lws_cancel_service(w->context);
		(void)pthread_join(w->thread, NULL);
	}
	if (w->context)
		lws_context_destroy(w->context); /* closes all of its descriptors */
	else if (w->listen_fd >= 0)
		close(w->listen_fd);
	files_exports_drop(w, 0, true);
	files_imports_drop(w, 0, true);
	schemas_free(w->types);
	if (w->reader)
		w->ops->close(w->reader);
	buf_release(&w->common);
	free(w);
}
