/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a capture file, and any bytes as packets of any link type: no event may reach beyond itself, nor tell of a byte twice,
 * and the connections that they make are decoded like any others. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/pcap.h"
#include "capture/record.h"
#include "conn/table.h"

#define CONNS 32
#define BYTES 16384

static uint8_t told[CONNS][2]
		   [BYTES]; /* of the first connections, around the places where streams begin */
static uint64_t captured;

static void note_bytes(const struct ev_data *d)
{
	uint64_t at =
		d->off >= (uint64_t)1 << 32 ? d->off - ((uint64_t)1 << 32) + BYTES / 2 : d->off;

	captured += d->ncap;
	if (d->h.cookie >= CONNS)
		return;
	for (uint32_t i = 0; i < d->len && at + i < BYTES; i++)
		if (told[d->h.cookie][d->dir][at + i]++)
			abort();
}

static void deliver(void *ctx, const struct ev_hdr *ev)
{
	volatile uint8_t sum = 0;

	if (!event_is_sound(ev, ev->size) || ev->size > RECORD_EVENT_MAX)
		abort();
	for (size_t i = 0; i < ev->size; i++) /* all of it is there */
		sum = (uint8_t)(sum + ((const uint8_t *)ev)[i]);
	if (ev->kind == EV_DATA)
		note_bytes((const struct ev_data *)ev);
	(void)conn_table_event(ctx, ev);
}

static void flow(void *ctx, const struct flow *f)
{
	(void)ctx;
	if (!f->conn || !f->proto)
		abort();
}

static void le32(uint8_t *to, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t)(v >> 8 * i);
}

/* The first byte 0: a file follows.  Else it is a link type, and packets follow, each with its length in two bytes. */
static void write_file(int fd, const uint8_t *data, size_t size)
{
	static const uint8_t links[] = { 1,   113, 101, 0,   108, 9,   50, 51,
					 166, 104, 105, 127, 239, 117, 109 };
	uint8_t head[24] = { 0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4 }, record[16] = { 0 };
	uint32_t ms = 0;

	if (data[0] == 0) {
		if (write(fd, data + 1, size - 1) != (ssize_t)size - 1)
			abort();
		return;
	}
	le32(head + 16, 65535);
	le32(head + 20, data[0] == 255 ? 276 : links[data[0] % sizeof(links)]);
	if (write(fd, head, sizeof(head)) != sizeof(head))
		abort();
	for (size_t at = 1; at + 2 <= size;) {
		size_t n = (size_t)(data[at] << 8 | data[at + 1]) & 2047, left = size - at - 2;

		ms += data[at] >> 3; /* and the time that passed */
		n = n < left ? n : left;
		le32(record, ms / 1000);
		le32(record + 4, ms % 1000 * 1000);
		le32(record + 8, (uint32_t)n);
		le32(record + 12, (uint32_t)n);
		if (write(fd, record, sizeof(record)) != sizeof(record) ||
		    write(fd, data + at + 2, n) != (ssize_t)n)
			abort();
		at += 2 + n;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct conn_hooks hooks = { .flow = flow };
	static const uint8_t seed[16] = { 1 };
	int fd = memfd_create("capture", MFD_CLOEXEC);
	struct conn_limits limits;
	struct pcap_stats st;
	struct conn_table *t;
	struct source *s;

	conn_limits_default(&limits);
	t = conn_table_new(&limits, &hooks, NULL, 0, seed);
	if (fd < 0 || !t)
		abort();
	if (size)
		write_file(fd, data, size);
	if (lseek(fd, 0, SEEK_SET) < 0)
		abort();
	if (source_file_open(&s, fd) < 0) {
		close(fd);
		conn_table_free(t);
		return 0;
	}
	memset(told, 0, sizeof(told));
	captured = 0;
	while (s->ops->poll(s, 0, deliver, t) > 0)
		;
	if (source_pcap_stats(s, &st) && captured + st.tcp.cut_bytes != st.tcp.bytes)
		abort();
	conn_table_finish(t);
	conn_table_free(t);
	s->ops->close(s);
	return 0;
}
