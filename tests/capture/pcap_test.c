/* SPDX-License-Identifier: Apache-2.0 */
/* Packets in, events out, written as text: what was said (> by self, < to it), holes as [n], how it ended. */
#include "test.h"

#include <errno.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "capture/pcap.h"
#include "capture/record.h"
#include "wire.h"

#define GET "GET / HTTP/1.1\r\n\r\n"
#define OK  "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

static struct buf text;
static struct pcap_stats stats;
static uint64_t opens, cookie;

static void note(void *ctx, const struct ev_hdr *ev)
{
	const struct ev_open *o = (const void *)ev;
	const struct ev_data *d = (const void *)ev;
	const struct ev_close *c = (const void *)ev;

	(void)ctx;
	assert_true(event_is_sound(ev, ev->size));
	switch (ev->kind) {
	case EV_OPEN:
		assert_true(ev->flags & EV_WIRE);
		assert_int_not_equal(ev->cookie, cookie);
		cookie = ev->cookie;
		opens++;
		buf_printf(&text, "%s %u-%u\n", o->side == EV_CLIENT ? "client" : "joined",
			   o->lport, o->rport);
		break;
	case EV_DATA:
		buf_printf(&text, "%c%llu ", d->dir == EV_WRITE ? '>' : '<',
			   (unsigned long long)(d->off & 0xffffffff));
		buf_put(&text, (struct slice){ d->data, d->ncap });
		if (d->len > d->ncap)
			buf_printf(&text, "[%u]", d->len - d->ncap);
		buf_puts(&text, "\n");
		break;
	case EV_CLOSE:
		buf_printf(&text, "end%s%s%s%s %llu %llu\n", c->how & EV_END_ALL ? " all" : "",
			   c->how & EV_END_RESET ? " reset" : "", c->how & EV_END_WRITE ? " >" : "",
			   c->how & EV_END_READ ? " <" : "",
			   (unsigned long long)c->total[EV_WRITE] & 0xffffffff,
			   (unsigned long long)c->total[EV_READ] & 0xffffffff);
		break;
	default:
		fail();
	}
}

/* What a file gives; *ret: how it ends. */
static const char *events_of(int fd, int *ret)
{
	struct source *s;
	int rc = source_file_open(&s, fd);

	buf_clear(&text);
	opens = cookie = 0;
	memset(&stats, 0, sizeof(stats));
	*ret = rc;
	if (rc) {
		close(fd);
		return "";
	}
	assert_string_equal(s->ops->name, "pcap");
	do
		rc = s->ops->poll(s, 0, note, NULL);
	while (rc > 0);
	*ret = rc;
	assert_int_equal(s->ops->poll(s, 0, note, NULL), rc); /* and stays so */
	assert_true(source_pcap_stats(s, &stats));
	s->ops->close(s);
	buf_put(&text, (struct slice){ (const uint8_t *)"", 1 });
	return (const char *)text.p;
}

static void gives(struct wire *w, const char *expected)
{
	int rc;

	assert_string_equal(events_of(wire_fd(w), &rc), expected);
	assert_int_equal(rc, -ENODATA);
	wire_release(w);
}

static void exchange(struct wire *w)
{
	wire_connect(w);
	wire_say(w, 0, GET);
	wire_say(w, 1, OK);
	wire_finish(w);
}
#define EXCHANGE "client 40000-80\n>0 " GET "\n<0 " OK "\nend > 18 38\nend all 18 38\n"

/* --- files --- */

static void every_format_and_byte_order_is_read(void **state)
{
	(void)state;
	for (int format = WIRE_PCAP; format <= WIRE_PCAPNG; format++) {
		for (int big = 0; big < 2; big++) {
			struct wire w;

			wire_init(&w, (enum wire_format)format, big, 1);
			exchange(&w);
			gives(&w, EXCHANGE);
			assert_int_equal(stats.packets, 8);
		}
	}
}

static void interfaces_of_a_file_may_differ_in_link_type_and_clock(void **state)
{
	struct wire w;

	(void)state;
	wire_init(&w, WIRE_PCAPNG, false, 1);
	wire_interface(&w, 101, 6);
	wire_connect(&w);
	wire_say(&w, 0, GET);
	w.link = 101;
	w.iface = 1;
	w.now_ns /= 1000; /* microseconds from here on */
	wire_say(&w, 1, OK);
	wire_finish(&w);
	gives(&w, EXCHANGE);
}

static void every_link_type_is_read(void **state)
{
	static const struct {
		uint16_t link;
		bool ip6;
		size_t n;
		const char *head;
	} links[] = {
		{ 1, false, 14, "\2\0\0\0\0\2\2\0\0\0\0\1\x08\0" },
		{ 1, true, 14, "\2\0\0\0\0\2\2\0\0\0\0\1\x86\xdd" },
		{ 1, false, 18, "\2\0\0\0\0\2\2\0\0\0\0\1\x81\0\0\x64\x08\0" },
		{ 1, true, 22, "\2\0\0\0\0\2\2\0\0\0\0\1\x88\xa8\0\x64\x81\0\0\x65\x86\xdd" },
		{ 1, false, 22, "\2\0\0\0\0\2\2\0\0\0\0\1\x88\x47\0\1\0\x40\0\1\1\x40" },
		{ 1, false, 22, "\2\0\0\0\0\2\2\0\0\0\0\1\x88\x64\x11\0\0\1\0\x40\0\x21" },
		{ 1, false, 22, "\2\0\0\0\0\2\2\0\0\0\0\1\0\x50\xaa\xaa\3\0\0\0\x08\0" },
		{ 113, false, 16, "\0\0\0\1\0\6\2\0\0\0\0\1\0\0\x08\0" },
		{ 113, true, 20, "\0\0\0\1\0\6\2\0\0\0\0\1\0\0\x81\0\0\1\x86\xdd" },
		{ 276, false, 20, "\x08\0\0\0\0\0\0\1\0\1\0\6\2\0\0\0\0\1\0\0" },
		{ 101, false, 0, "" },
		{ 101, true, 0, "" },
		{ 12, false, 0, "" },
		{ 228, false, 0, "" },
		{ 229, true, 0, "" },
		{ 0, false, 4, "\2\0\0\0" },
		{ 0, false, 4, "\0\0\0\2" },
		{ 0, true, 4, "\x1e\0\0\0" },
		{ 108, false, 4, "\0\0\0\2" },
		{ 9, false, 4, "\xff\3\0\x21" },
		{ 9, true, 2, "\0\x57" },
		{ 9, false, 1, "\x21" },
		{ 51, false, 8, "\x11\0\0\1\0\x40\0\x21" },
		{ 166, false, 4, "\0\3\0\x21" },
		{ 104, false, 4, "\x0f\0\x08\0" },
		{ 105, false, 34,
		  "\x88\1\0\0\2\0\0\0\0\1\2\0\0\0\0\2\2\0\0\0\0\1\0\0\0\0\xaa\xaa\3\0\0\0\x08\0" },
		{ 127, false, 40,
		  "\0\0\x08\0\0\0\0\0\x08\1\0\0\2\0\0\0\0\1\2\0\0\0\0\2\2\0\0\0\0\1\0\0\xaa\xaa\3\0"
		  "\0\0\x08\0" },
		{ 239, false, 16, "\2\0\0\1\x06\0\xa\0ab\0\0\xff\xff\x09\0" },
		{ 117, false, 64, "\x3d\2\0\0" },
		{ 109, false, 12, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++) {
		char head[64] = { 0 };
		struct wire w;
		int rc;

		memcpy(head, links[i].head,
		       links[i].link == 117   ? 4
		       : links[i].link == 109 ? 0
					      : links[i].n);
		wire_init(&w, WIRE_PCAP, false, links[i].link);
		w.before_ip = head;
		w.nbefore = links[i].n;
		w.ip6 = links[i].ip6;
		exchange(&w);
		if (strcmp(events_of(wire_fd(&w), &rc), EXCHANGE) != 0)
			fail_msg("link type %u, row %zu: %s", links[i].link, i,
				 (const char *)text.p);
		/* and cut off anywhere in its head it is counted */
		for (size_t n = 0; n < links[i].n; n++) {
			w.file.n = 24;
			wire_packet(&w, (struct slice){ (const uint8_t *)head, n }, 1000);
			(void)events_of(wire_fd(&w), &rc);
			assert_int_equal(stats.cut + stats.other, 1);
		}
		wire_release(&w);
	}
}

static void an_unknown_link_type_is_told(void **state)
{
	struct wire w;

	(void)state;
	wire_init(&w, WIRE_PCAP, false, 147);
	exchange(&w);
	gives(&w, "");
	assert_int_equal(stats.unknown, 8);
	assert_int_equal(stats.unknown_link, 147);
}

/* The bytes of fd, compressed by coding, as a file. */
static int compressed(const struct wire *w, int coding)
{
	size_t room = w->file.n * 2 + 1000, n = room, at = 0;
	uint8_t *out = malloc(room);
	z_stream z = { .next_in = w->file.p,
		       .avail_in = (unsigned)w->file.n,
		       .next_out = out,
		       .avail_out = (unsigned)room };
	int fd = memfd_create("compressed", MFD_CLOEXEC);

	assert_non_null(out);
	if (coding == 0) {
		assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 16 + 15, 8, Z_DEFAULT_STRATEGY),
				 Z_OK);
		assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
		n = z.total_out;
		deflateEnd(&z);
	} else if (coding == 1) {
		n = ZSTD_compress(out, room, w->file.p, w->file.n, 3);
	} else {
		assert_int_equal(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC64, NULL, w->file.p,
							 w->file.n, out, &at, room),
				 LZMA_OK);
		n = at;
	}
	assert_int_equal(write(fd, out, n), n);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	free(out);
	return fd;
}

static void compressed_files_are_read_and_cut_ones_told(void **state)
{
	(void)state;
	for (int coding = 0; coding < 3; coding++) {
		struct wire w;
		off_t size;
		int rc, fd;

		wire_init(&w, WIRE_PCAP, false, 1);
		exchange(&w);
		assert_string_equal(events_of(compressed(&w, coding), &rc), EXCHANGE);
		assert_int_equal(rc, -ENODATA);
		size = lseek(fd = compressed(&w, coding), 0, SEEK_END);
		close(fd);
		for (off_t cut = 8; cut < size; cut++) {
			fd = compressed(&w, coding);
			assert_int_equal(ftruncate(fd, cut), 0);
			(void)events_of(fd, &rc);
			assert_int_equal(rc, -ENOMSG);
		}
		fd = compressed(&w, coding);
		assert_int_equal(pwrite(fd, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, 20), 8);
		(void)events_of(fd, &rc);
		assert_true(rc == -EBADMSG || rc == -ENOMSG);
		wire_release(&w);
	}
}

static void a_file_cut_anywhere_gives_what_is_whole(void **state)
{
	(void)state;
	for (int format = WIRE_PCAP; format <= WIRE_PCAPNG; format++) {
		struct wire w;
		size_t all, told = 0;

		wire_init(&w, (enum wire_format)format, false, 1);
		exchange(&w);
		all = w.file.n;
		for (size_t n = 0; n <= all; n++) {
			int rc;
			size_t now;

			w.file.n = n;
			now = strlen(events_of(wire_fd(&w), &rc));
			assert_true(now >= told); /* never less than a shorter file gave */
			told = now;
			assert_true(rc == -ENOMSG || rc == -ENODATA || (n < 24 && rc == -EBADMSG));
		}
		assert_int_equal(told, strlen(EXCHANGE));
		wire_release(&w);
	}
}

static void damaged_files_are_told(void **state)
{
	struct wire w;
	int rc;

	(void)state;
	wire_init(&w, WIRE_PCAP, false, 1);
	exchange(&w);
	memset(w.file.p + 24 + 8, 0xff, 4); /* the first packet's length */
	assert_string_equal(events_of(wire_fd(&w), &rc), "");
	assert_int_equal(rc, -EBADMSG);
	w.file.n = 0;
	buf_puts(&w.file, "this is text, and not a capture at all");
	(void)events_of(wire_fd(&w), &rc);
	assert_int_equal(rc, -EBADMSG);
	w.file.n = 0;
	buf_put(&w.file, SLICE_LIT("\x04\x22\x4d\x18 lz4"));
	(void)events_of(wire_fd(&w), &rc);
	assert_int_equal(rc, -EPROTONOSUPPORT);
	wire_release(&w);
}

/* --- TCP --- */

static void segments_out_of_order_and_again_are_sorted(void **state)
{
	struct wire w;

	(void)state;
	wire_init(&w, WIRE_PCAP, false, 1);
	wire_connect(&w);
	wire_tcp(&w, 0, WIRE_ACK, 3, "def");
	wire_tcp(&w, 0, WIRE_ACK, 0, "abc");
	wire_tcp(&w, 0, WIRE_ACK, 0, "abcdef");
	wire_tcp(&w, 0, WIRE_ACK, 9, "jkl");
	wire_tcp(&w, 0, WIRE_ACK, 15, "pqr");
	wire_tcp(&w, 0, WIRE_ACK, 4, "EFghiJKLmnoPQRst"); /* the first copy wins */
	wire_tcp(&w, 0, WIRE_ACK, -1, "x");		  /* a keep-alive */
	gives(&w, "client 40000-80\n>3 def\n>0 abc\n>9 jkl\n>15 pqr\n>6 ghi\n>12 mno\n>18 st\n");
	assert_int_equal(stats.tcp.bytes, 20);
	assert_int_equal(stats.tcp.again, 6 + 2 + 3 + 3 + 1);
	assert_int_equal(stats.tcp.lost_bytes, 0);
}

static void what_was_acknowledged_and_never_came_is_lost(void **state)
{
	struct wire w;

	(void)state;
	wire_init(&w, WIRE_PCAP, false, 1);
	wire_connect(&w);
	wire_say(&w, 0, "abc");
	w.seq[0] += 100; /* missed */
	wire_say(&w, 0, "xyz");
	wire_tcp(&w, 1, WIRE_ACK, 0, "");
	w.now_ns += 60000000;
	wire_say(&w, 1, "ok");
	gives(&w, "client 40000-80\n>0 abc\n>103 xyz\n>3 [100]\n<0 ok\n");
	assert_int_equal(stats.tcp.lost_bytes, 100);
	assert_int_equal(stats.tcp.holes, 1);
}

static void what_was_acknowledged_may_come_a_little_later(void **state)
{
	struct wire w;

	(void)state;
	wire_init(&w, WIRE_PCAP, false, 1);
	wire_connect(&w);
	w.seq[0] += 3;
	wire_tcp(&w, 1, WIRE_ACK, 0, "");
	wire_tcp(&w, 0, WIRE_ACK, -3, "abc");
	w.now_ns += 60000000;
	wire_say(&w, 0, "def");
	gives(&w, "client 40000-80\n>0 abc\n>3 def\n");
	assert_int_equal(stats.tcp.lost_bytes, 0);
}

/* The server answers what the client says next, and then the client says it. */
static void answer_first(struct wire *w, const char *question, const char *answer)
{
	w->seq[0] += (uint32_t)strlen(question);
	wire_say(w, 1, answer);
	w->seq[0] -= (uint32_t)strlen(question);
	w->seq[1] -= (uint32_t)strlen(answer);
	wire_say(w, 0, question);
	w->seq[1] += (uint32_t)strlen(answer);
}

static void what_answers_bytes_that_come_later_waits_for_them(void **state)
{
	struct wire w;

	(void)state;
	wire_init(&w, WIRE_PCAP, false, 1);
	wire_connect(&w);
	answer_first(&w, "one?", "one!");
	wire_say(&w, 0, "two?");
	wire_say(&w, 1, "two!");
	gives(&w, "client 40000-80\n>0 one?\n<0 one!\n>4 two?\n<4 two!\n");
	wire_init(&w, WIRE_PCAP, false, 1); /* one behind the other: two! two? one! one? */
	wire_connect(&w);
	w.seq[0] += 8;
	w.seq[1] += 4;
	wire_say(&w, 1, "two!");
	w.seq[0] -= 4;
	w.seq[1] -= 4;
	wire_say(&w, 0, "two?");
	w.seq[0] -= 4;
	w.seq[1] -= 4;
	wire_say(&w, 1, "one!");
	w.seq[0] -= 4;
	w.seq[1] -= 4;
	wire_say(&w, 0, "one?");
	gives(&w, "client 40000-80\n>0 one?\n<0 one!\n>4 two?\n<4 two!\n");
	assert_int_equal(stats.tcp.lost_bytes, 0);
}

static void what_answers_bytes_that_never_come_goes_on_behind_their_loss(void **state)
{
	static char said[1000];
	struct wire w;
	const char *got;
	int rc;

	(void)state;
	wire_init(&w, WIRE_PCAP, false, 1); /* for a while */
	wire_connect(&w);
	w.seq[0] += 4;
	wire_say(&w, 1, "one!");
	wire_say(&w, 1, "and more");
	w.now_ns += 70000000;
	wire_tcp(&w, 0, WIRE_ACK, 0, "");
	wire_say(&w, 0, "two?");
	gives(&w, "client 40000-80\n>0 [4]\n<0 one!\n<4 and more\n>4 two?\n");
	wire_init(&w, WIRE_PCAP, false, 1); /* until it ends */
	wire_connect(&w);
	w.seq[0] += 4;
	wire_say(&w, 1, "one!");
	wire_tcp(&w, 1, WIRE_RST | WIRE_ACK, 0, "");
	gives(&w, "client 40000-80\n>0 [4]\n<0 one!\nend all reset 4 4\n");
	wire_init(&w, WIRE_PCAP, false, 1); /* until there is no room */
	wire_connect(&w);
	w.seq[0] += 4;
	memset(said, 'x', sizeof(said) - 1);
	for (int i = 0; i < 2000; i++)
		wire_say(&w, 1, said);
	got = events_of(wire_fd(&w), &rc);
	assert_memory_equal(got, "client 40000-80\n>0 [4]\n<0 xxx", 29);
	assert_non_null(strstr(got, "\n<1997001 xxx"));
	assert_int_equal(stats.tcp.lost_bytes, 4);
	wire_release(&w);
}

static void what_is_missing_at_the_end_of_the_file_is_lost(void **state)
{
	struct wire w;

	(void)state;
	wire_init(&w, WIRE_PCAP, false, 1); /* acknowledged */
	wire_connect(&w);
	wire_say(&w, 0, "abc");
	w.seq[0] += 100;
	wire_tcp(&w, 1, WIRE_ACK, 0, "");
	gives(&w, "client 40000-80\n>0 abc\n>3 [100]\n");
	wire_init(&w, WIRE_PCAP, false, 1); /* before a FIN */
	wire_connect(&w);
	wire_say(&w, 0, "abc");
	w.seq[0] += 100;
	wire_tcp(&w, 0, WIRE_FIN | WIRE_ACK, 0, "");
	gives(&w, "client 40000-80\n>0 abc\n>3 [100]\n");
	assert_int_equal(stats.tcp.lost_bytes, 100);
}

static void a_connection_without_its_beginning_is_joined(void **state)
{
	struct wire w;

	(void)state;
	wire_init(&w, WIRE_PCAP, false, 1);
	wire_tcp(&w, 0, WIRE_ACK, -1, "x"); /* a keep-alive tells nothing */
	wire_tcp(&w, 1, WIRE_ACK, 0, "");
	wire_say(&w, 1, "half an answer");
	wire_say(&w, 0, GET);
	gives(&w, "joined 80-40000\n>0 half an answer\n<0 " GET "\n");
	assert_int_equal(stats.tcp.midstream, 1);
}

static void resets_and_ports_used_again_end_a_connection(void **state)
{
	struct wire w;

	(void)state;
	wire_init(&w, WIRE_PCAP, false, 1);
	exchange(&w);
	w.seq[0] = 77777777; /* the same ports, at once */
	w.seq[1] = 5;
	wire_connect(&w);
	wire_say(&w, 0, "a");
	wire_tcp(&w, 1, WIRE_RST | WIRE_ACK, 0, "");
	wire_tcp(&w, 0, WIRE_ACK, 0, "too late");
	w.seq[0] = 1; /* and without an end */
	wire_connect(&w);
	wire_tcp(&w, 0, WIRE_SYN, -1, ""); /* once more is none of its own */
	wire_say(&w, 0, "b");
	w.seq[0] = 3000000000u;
	wire_connect(&w);
	wire_say(&w, 0, "c");
	gives(&w, EXCHANGE "client 40000-80\n>0 a\nend all reset 1 0\nclient 40000-80\n>0 b\nend "
			   "all 1 0\nclient 40000-80\n>0 c\n");
	assert_int_equal(stats.tcp.conns, 4);
}

static void what_two_interfaces_saw_one_after_the_other_counts_once(void **state)
{
	struct wire w;

	(void)state;
	wire_init(&w, WIRE_PCAP, false, 1);
	exchange(&w);
	w.seq[0] = 1000;
	w.seq[1] = 0xfffffff0u;
	w.now_ns -= 7000000;
	exchange(&w);
	gives(&w, EXCHANGE);
	assert_int_equal(stats.tcp.again, 18 + 38);
}

static void another_connection_whose_syn_is_missing_is_noticed(void **state)
{
	struct wire w;

	(void)state;
	wire_init(&w, WIRE_PCAP, false, 1);
	wire_connect(&w);
	wire_say(&w, 0, "a");
	wire_tcp(&w, 0, WIRE_ACK, 500000000, "stray");
	wire_say(&w, 0, "b");
	w.seq[0] += 1000000000;
	wire_say(&w, 0, "x");
	wire_say(&w, 0, "y");
	wire_say(&w, 0, "z");
	wire_say(&w, 0, "!");
	gives(&w, "client 40000-80\n>0 a\n>1 b\nend all 2 0\njoined 40000-80\n>0 z\n>1 !\n");
	assert_int_equal(stats.tcp.stray, 4);
}

static void positions_go_on_where_sequence_numbers_wrap(void **state)
{
	static char chunk[40001];
	struct wire w;
	int rc;

	(void)state;
	memset(chunk, 'x', sizeof(chunk) - 1);
	wire_init(&w, WIRE_PCAP, false, 1);
	w.seq[0] = 0xffff0000u;
	wire_connect(&w);
	for (int i = 0; i < 4; i++)
		wire_say(&w, 0, chunk);
	wire_finish(&w);
	(void)events_of(wire_fd(&w), &rc);
	assert_non_null(strstr((const char *)text.p, "end all 160000 0\n"));
	assert_int_equal(stats.tcp.bytes, 160000);
	wire_release(&w);
}

static void more_holes_than_can_be_noted_are_given_up(void **state)
{
	struct wire w;

	(void)state;
	wire_init(&w, WIRE_PCAP, false, 1);
	wire_connect(&w);
	for (int i = 0; i < 300; i++)
		wire_tcp(&w, 0, WIRE_ACK, 10 + i * 20, "0123456789");
	wire_finish(&w);
	{
		int rc;

		(void)events_of(wire_fd(&w), &rc);
		assert_int_equal(rc, -ENODATA);
	}
	assert_int_equal(stats.tcp.bytes, 3000);
	assert_int_equal(stats.tcp.lost_bytes, 3000);
	wire_release(&w);
}

static void packets_cut_by_the_snaplen_leave_holes(void **state)
{
	struct wire w;

	(void)state;
	wire_init(&w, WIRE_PCAP, false, 1);
	w.snaplen = 14 + 40 + 10;
	exchange(&w);
	gives(&w,
	      "client 40000-80\n>0 GET / HTTP[8]\n<0 HTTP/1.1 2[28]\nend > 18 38\nend all 18 38\n");
	assert_int_equal(stats.tcp.cut_bytes, 36);
}

/* --- fragments, extension headers, tunnels --- */

static void fragments_come_together_in_any_order(void **state)
{
	(void)state;
	for (int ip6 = 0; ip6 < 2; ip6++) {
		for (int order = 0; order < 4;
		     order++) { /* forwards, backwards, doubled, one missing */
			struct buf seg = { 0 }, part[3] = { { 0 } };
			struct wire w;

			wire_init(&w, WIRE_PCAP, false, 101);
			w.ip6 = ip6;
			wire_connect(&w);
			wire_segment(&w, &seg, 0, WIRE_ACK | WIRE_PSH, 0, GET);
			for (size_t i = 0; i < 3; i++) { /* 16, 16, 6 bytes */
				struct slice piece =
					slice_cut(buf_slice(&seg), i * 16, (i + 1) * 16);
				struct buf with = { 0 };
				uint16_t off = (uint16_t)(i * 16);

				if (ip6) { /* next header, nothing, offset and more, id */
					uint8_t head[8] = { 6, 0, 0, (uint8_t)(off | (i < 2)),
							    0, 0, 0, 9 };

					buf_put(&with, (struct slice){ head, 8 });
				}
				buf_put(&with, piece);
				wire_payload(&w, &part[i], 0, ip6 ? 44 : 6, buf_slice(&with));
				if (!ip6) {
					part[i].p[5] = 9;
					part[i].p[6] = i < 2 ? 0x20 : 0;
					part[i].p[7] = (uint8_t)(off / 8);
				}
				buf_release(&with);
			}
			for (int i = 0; i < 3; i++) {
				wire_ip(&w, buf_slice(&part[order == 1		   ? 2 - i
							    : order == 3 && i == 1 ? 0
										   : i]));
				if (order == 2)
					wire_ip(&w, buf_slice(&part[0]));
			}
			gives(&w, order == 3 ? "" : "client 40000-80\n>0 " GET "\n");
			assert_int_equal(stats.fragments, order == 3 ? 3 : order == 2 ? 1 : 0);
			buf_release(&seg);
			for (int i = 0; i < 3; i++)
				buf_release(&part[i]);
		}
	}
}

static void extension_headers_are_passed_over(void **state)
{
	/* hop by hop, then destination options, then authentication */
	static const uint8_t heads[] = { 60, 0, 1, 4, 0, 0, 0, 0, 51, 0, 1, 4, 0, 0,
					 0,  0, 6, 4, 0, 0, 0, 0, 0,  1, 0, 0, 0, 1,
					 9,  9, 9, 9, 9, 9, 9, 9, 9,  9, 9, 9 };
	struct buf seg = { 0 }, with = { 0 }, ip = { 0 };
	struct wire w;

	(void)state;
	wire_init(&w, WIRE_PCAP, false, 101);
	w.ip6 = true;
	wire_connect(&w);
	wire_segment(&w, &seg, 0, WIRE_ACK | WIRE_PSH, 0, GET);
	buf_put(&with, (struct slice){ heads, sizeof(heads) });
	buf_put(&with, buf_slice(&seg));
	wire_payload(&w, &ip, 0, 0, buf_slice(&with));
	wire_ip(&w, buf_slice(&ip));
	gives(&w, "client 40000-80\n>0 " GET "\n");
	buf_release(&seg);
	buf_release(&with);
	buf_release(&ip);
}

static void tunnels_are_looked_into(void **state)
{
	static const struct {
		uint8_t proto;
		size_t n;
		const char *head;
	} tunnels[] = {
		{ 4, 0, "" },
		{ 47, 4, "\0\0\x08\0" },
		{ 47, 8, "\x20\0\x08\0\0\0\0\1" },
		{ 17, 30,
		  "\xc0\0\x12\xb5\0\0\0\0\x08\0\0\0\0\0\1\0\2\0\0\0\0\2\2\0\0\0\0\1\x08\0" },
		{ 17, 34,
		  "\xc0\0\x17\xc1\0\0\0\0\1\0\x65\x58\0\0\1\0\0\0\0\0\2\0\0\0\0\2\2\0\0\0\0\1\x08"
		  "\0" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(tunnels) / sizeof(*tunnels); i++) {
		struct buf seg = { 0 }, ip = { 0 }, with = { 0 }, outer = { 0 };
		struct wire w;

		wire_init(&w, WIRE_PCAP, false, 101);
		wire_connect(&w);
		wire_segment(&w, &seg, 0, WIRE_ACK | WIRE_PSH, 0, GET);
		wire_payload(&w, &ip, 0, 6, buf_slice(&seg));
		buf_put(&with, (struct slice){ (const uint8_t *)tunnels[i].head, tunnels[i].n });
		buf_put(&with, buf_slice(&ip));
		wire_payload(&w, &outer, 1, tunnels[i].proto, buf_slice(&with));
		wire_ip(&w, buf_slice(&outer));
		gives(&w, "client 40000-80\n>0 " GET "\n");
		buf_release(&seg);
		buf_release(&ip);
		buf_release(&with);
		buf_release(&outer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_format_and_byte_order_is_read),
		cmocka_unit_test(interfaces_of_a_file_may_differ_in_link_type_and_clock),
		cmocka_unit_test(every_link_type_is_read),
		cmocka_unit_test(an_unknown_link_type_is_told),
		cmocka_unit_test(compressed_files_are_read_and_cut_ones_told),
		cmocka_unit_test(a_file_cut_anywhere_gives_what_is_whole),
		cmocka_unit_test(damaged_files_are_told),
		cmocka_unit_test(segments_out_of_order_and_again_are_sorted),
		cmocka_unit_test(what_was_acknowledged_and_never_came_is_lost),
		cmocka_unit_test(what_was_acknowledged_may_come_a_little_later),
		cmocka_unit_test(what_answers_bytes_that_come_later_waits_for_them),
		cmocka_unit_test(what_answers_bytes_that_never_come_goes_on_behind_their_loss),
		cmocka_unit_test(what_is_missing_at_the_end_of_the_file_is_lost),
		cmocka_unit_test(a_connection_without_its_beginning_is_joined),
		cmocka_unit_test(resets_and_ports_used_again_end_a_connection),
		cmocka_unit_test(what_two_interfaces_saw_one_after_the_other_counts_once),
		cmocka_unit_test(another_connection_whose_syn_is_missing_is_noticed),
		cmocka_unit_test(positions_go_on_where_sequence_numbers_wrap),
		cmocka_unit_test(more_holes_than_can_be_noted_are_given_up),
		cmocka_unit_test(packets_cut_by_the_snaplen_leave_holes),
		cmocka_unit_test(fragments_come_together_in_any_order),
		cmocka_unit_test(extension_headers_are_passed_over),
		cmocka_unit_test(tunnels_are_looked_into),
	};
	int rc = cmocka_run_group_tests_name("pcap", tests, NULL, NULL);

	buf_release(&text);
	return rc;
}
