/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"

#define BUFFER_BYTES (256 * 1024)

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "recordings are little-endian and are written as the events lie in memory"
#endif

struct recorder {
	int fd, err;
	size_t n;
	uint8_t buf[BUFFER_BYTES];
};

static bool is_terminated(const char *s, size_t n)
{
	return memchr(s, '\0', n) != NULL;
}

static bool open_is_sound(const struct ev_open *o)
{
	return o->path_len <= EV_PATH_MAX && o->h.size == sizeof(*o) + o->path_len &&
	       is_terminated(o->comm, EV_COMM_LEN) && o->side <= EV_SERVER && o->l4 <= EV_UDP;
}

static bool data_is_sound(const struct ev_data *d)
{
	return d->ncap <= EV_CHUNK_MAX && d->ncap <= d->len && d->h.size == sizeof(*d) + d->ncap &&
	       d->dir <= EV_WRITE && d->why < EV_WHY_MAX && d->off <= UINT64_MAX - d->len;
}

static bool container_is_sound(const struct record_container *c)
{
	return is_terminated(c->id, sizeof(c->id)) && is_terminated(c->name, sizeof(c->name)) &&
	       is_terminated(c->image, sizeof(c->image)) &&
	       is_terminated(c->project, sizeof(c->project)) &&
	       is_terminated(c->service, sizeof(c->service)) &&
	       is_terminated(c->state, sizeof(c->state)) &&
	       (c->h.size < sizeof(*c) || (is_terminated(c->pod, sizeof(c->pod)) &&
					   is_terminated(c->namespace, sizeof(c->namespace)))) &&
	       c->naddrs <= sizeof(c->addrs) / sizeof(c->addrs[0]) && c->gone <= 1;
}

static bool name_is_sound(const struct ev_hdr *ev)
{
	const struct record_tls_lib *lib = (const struct record_tls_lib *)ev;

	switch (ev->kind) {
	case RECORD_CGROUP:
		return ev->size == sizeof(struct record_cgroup) &&
		       is_terminated(((const struct record_cgroup *)ev)->id, RECORD_ID_LEN);
	case RECORD_CONTAINER:
		return (ev->size == sizeof(struct record_container) ||
			ev->size == offsetof(struct record_container, pod)) &&
		       container_is_sound((const struct record_container *)ev);
	case RECORD_TLS_LIB:
		return ev->size == sizeof(*lib) && is_terminated(lib->name, sizeof(lib->name)) &&
		       is_terminated(lib->version, sizeof(lib->version));
	default:
		return false;
	}
}

bool event_is_sound(const struct ev_hdr *ev, size_t n)
{
	if (n < sizeof(*ev) || ev->size > n)
		return false;
	switch (ev->kind) {
	case EV_OPEN:
		return ev->size >= sizeof(struct ev_open) &&
		       open_is_sound((const struct ev_open *)ev);
	case EV_DATA:
		return ev->size >= sizeof(struct ev_data) &&
		       data_is_sound((const struct ev_data *)ev);
	case EV_CLOSE:
		return ev->size == sizeof(struct ev_close);
	case EV_EXEC:
	case EV_EXIT:
	case EV_MAP:
	case EV_CGROUP:
		return ev->size == sizeof(struct ev_task) &&
		       is_terminated(((const struct ev_task *)ev)->name, EV_NAME_LEN);
	default:
		return name_is_sound(ev);
	}
}

int recorder_flush(struct recorder *r)
{
	size_t done = 0;

	while (!r->err && done < r->n) {
		ssize_t rc = write(r->fd, r->buf + done, r->n - done);

		if (rc >= 0)
			done += (size_t)rc;
		else if (errno != EINTR)
			r->err = errno;
	}
	r->n = 0;
	return -r->err;
}

static int put(struct recorder *r, const void *p, size_t n)
{
	if (r->n + n > sizeof(r->buf) && recorder_flush(r) < 0)
		return -r->err;
	memcpy(r->buf + r->n, p, n);
	r->n += n;
	return -r->err;
}

int recorder_new(struct recorder **ret, int fd, int64_t epoch_ns)
{
	struct {
		char magic[8];
		uint16_t version, header_len;
		uint32_t flags;
		int64_t epoch_ns;
		uint64_t reserved;
	} head = { .version = RECORD_VERSION,
		   .header_len = RECORD_HEADER_LEN,
		   .epoch_ns = epoch_ns };
	struct recorder *r;
	int rc;

	_Static_assert(sizeof(head) == RECORD_HEADER_LEN, "layout");
	r = malloc(sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->fd = fd;
	r->err = 0;
	r->n = 0;
	memcpy(head.magic, RECORD_MAGIC, sizeof(head.magic));
	if (lseek(fd, 0, SEEK_CUR) <= 0)	   /* a pipe has no place: -1 */
		(void)put(r, &head, sizeof(head)); /* into an empty buffer */
	rc = recorder_flush(r);
	if (rc < 0) {
		free(r);
		return rc;
	}
	*ret = r;
	return 0;
}

int recorder_put(struct recorder *r, const struct ev_hdr *ev)
{
	if (r->err)
		return -r->err;
	if (!event_is_sound(ev, ev->size) || ev->size > RECORD_EVENT_MAX)
		return -EINVAL;
	return put(r, ev, ev->size);
}

void recorder_free(struct recorder *r)
{
	if (!r)
		return;
	(void)recorder_flush(r); /* the caller has had its chance to hear of it */
	free(r);
}
