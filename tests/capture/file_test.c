/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/record.h"

/* Four events as the kernel side makes them. */
struct sample {
	struct ev_open open;
	struct ev_close close;
	struct ev_task exec;
	struct {
		struct ev_data ev;
		uint8_t bytes[EV_CHUNK_MAX];
	} data;
};
#define SAMPLE_BYTES                                                                       \
	(sizeof(struct ev_open) + sizeof(struct ev_data) + 100 + sizeof(struct ev_close) + \
	 sizeof(struct ev_task))

static void sample_init(struct sample *s)
{
	memset(s, 0, sizeof(*s));
	s->open.h = (struct ev_hdr){ 1, sizeof(s->open), EV_OPEN, EV_LATE, 77, 4, 5 };
	s->open.side = EV_SERVER;
	memcpy(s->open.comm, "nginx", 6);
	s->data.ev.h = (struct ev_hdr){ 2, sizeof(s->data.ev) + 100, EV_DATA, 0, 77, 4, 5 };
	s->data.ev.off = 10;
	s->data.ev.len = 120;
	s->data.ev.ncap = 100;
	s->data.ev.dir = EV_WRITE;
	memset(s->data.bytes, 'x', sizeof(s->data.bytes));
	s->close.h = (struct ev_hdr){ 3, sizeof(s->close), EV_CLOSE, 0, 77, 0, 0 };
	s->close.how = EV_END_ALL;
	s->exec.h = (struct ev_hdr){ 4, sizeof(s->exec), EV_EXEC, 0, 0, 9, 9 };
	memcpy(s->exec.name, "sh", 3);
}

static int record(const struct sample *s, struct recorder *r)
{
	int rc = recorder_put(r, &s->open.h);

	rc = rc ? rc : recorder_put(r, &s->data.ev.h);
	rc = rc ? rc : recorder_put(r, &s->close.h);
	return rc ? rc : recorder_put(r, &s->exec.h);
}

static int recording_of(const struct sample *s)
{
	int fd = memfd_create("recording", MFD_CLOEXEC);
	struct recorder *r;

	assert_true(fd >= 0);
	assert_int_equal(recorder_new(&r, fd, -5), 0);
	assert_int_equal(record(s, r), 0);
	recorder_free(r);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

struct got {
	size_t n;
	uint16_t kinds[16];
	uint8_t last[RECORD_EVENT_MAX];
};

static void collect(void *ctx, const struct ev_hdr *ev)
{
	struct got *g = ctx;

	assert_int_equal((uintptr_t)ev % 8, 0);
	if (g->n < 16)
		g->kinds[g->n] = ev->kind;
	g->n++;
	memcpy(g->last, ev, ev->size);
}

static int read_all(struct source *s, struct got *g)
{
	int rc;

	do {
		rc = s->ops->poll(s, 0, collect, g);
	} while (rc > 0);
	return rc;
}

static void what_was_recorded_is_read(void **state)
{
	static struct got g;
	struct sample s;
	struct source *src;

	(void)state;
	g.n = 0;
	sample_init(&s);
	assert_int_equal(source_file_open(&src, recording_of(&s)), 0);
	assert_string_equal(src->ops->name, "file");
	assert_int_equal(src->ops->fd(src), -1);
	assert_int_equal(src->epoch_ns, -5);
	assert_int_equal(read_all(src, &g), -ENODATA);
	assert_int_equal(read_all(src, &g), -ENODATA);
	assert_int_equal(g.n, 4);
	assert_int_equal(g.kinds[0], EV_OPEN);
	assert_int_equal(g.kinds[1], EV_DATA);
	assert_int_equal(g.kinds[2], EV_CLOSE);
	assert_int_equal(g.kinds[3], EV_EXEC);
	assert_memory_equal(g.last, &s.exec, sizeof(s.exec));
	src->ops->close(src);
}

static void thousands_of_events_come_in_bounded_batches(void **state)
{
	int fd = memfd_create("recording", MFD_CLOEXEC), rc;
	static struct got g;
	struct recorder *r;
	struct source *src;
	struct sample s;

	(void)state;
	g.n = 0;
	sample_init(&s);
	s.data.ev.ncap = EV_CHUNK_MAX;
	s.data.ev.len = EV_CHUNK_MAX;
	s.data.ev.h.size = sizeof(s.data.ev) + EV_CHUNK_MAX;
	assert_int_equal(recorder_new(&r, fd, 0), 0);
	for (int i = 0; i < 1500; i++)
		assert_int_equal(record(&s, r), 0);
	assert_int_equal(recorder_flush(r), 0);
	recorder_free(r);
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(source_file_open(&src, fd), 0);
	rc = src->ops->poll(src, 0, collect, &g);
	assert_true(rc > 0 && rc <= 1024);
	assert_int_equal(read_all(src, &g), -ENODATA);
	assert_int_equal(g.n, 6000);
	src->ops->close(src);
}

static void a_file_cut_anywhere_gives_what_is_whole(void **state)
{
	static const size_t ends[] = { 0, sizeof(struct ev_open),
				       sizeof(struct ev_open) + sizeof(struct ev_data) + 100,
				       sizeof(struct ev_open) + sizeof(struct ev_data) + 100 +
					       sizeof(struct ev_close),
				       SAMPLE_BYTES };
	static struct got g;
	struct sample s;

	(void)state;
	sample_init(&s);
	for (size_t cut = 0; cut <= RECORD_HEADER_LEN + SAMPLE_BYTES; cut++) {
		int fd = recording_of(&s), rc;
		size_t whole = 0;
		struct source *src;

		assert_int_equal(ftruncate(fd, (off_t)cut), 0);
		rc = source_file_open(&src, fd);
		if (cut < RECORD_HEADER_LEN) {
			assert_int_equal(rc, -EBADMSG);
			close(fd);
			continue;
		}
		assert_int_equal(rc, 0);
		while (whole < 4 && ends[whole + 1] + RECORD_HEADER_LEN <= cut)
			whole++;
		g.n = 0;
		rc = read_all(src, &g);
		assert_int_equal(rc, ends[whole] + RECORD_HEADER_LEN == cut ? -ENODATA : -ENOMSG)
;
		assert_int_equal(g.n, whole);
		assert_int_equal(source_file_offset(src), RECORD_HEADER_LEN + ends[whole]);
		src->ops->close(src);
	}
}

static void other_files_are_refused(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} wrong[] = { { 0, 'X' }, { 8, RECORD_VERSION - 1 }, { 10, 31 }, { 12, 1 } };
	struct sample s;
	struct source *src;

	(void)state;
	sample_init(&s);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		int fd = recording_of(&s);

		assert_int_equal(pwrite(fd, &wrong[i].value, 1, (off_t)wrong[i].at), 1);
		assert_int_equal(source_file_open(&src, fd), wrong[i].at == 8 ? -EPROTO : -EBADMSG);
		close(fd);
	}
	assert_int_equal(source_file_open(&src, -1), -EBADF);
}

/* One byte of the first event is made wrong; the file must end there. */
static void contradictions_end_the_reading(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		const char *what;
	} wrong[] = {
		{ 8, 103, "a size that is not its kind's" },
		{ 8, 31, "a size below that of the head" },
		{ 10, 1, "a size above all limits" },
		{ 12, 99, "an unknown kind" },
		{ 12, EV_CLOSE, "another kind" },
		{ 84, 9, "a side that does not exist" },
	};
	static struct got g;
	struct sample s;
	struct source *src;

	(void)state;
	assert_int_equal(offsetof(struct ev_open, side), 84);
	sample_init(&s);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		int fd = recording_of(&s);

		assert_int_equal(
			pwrite(fd, &wrong[i].value, 1, RECORD_HEADER_LEN + (off_t)wrong[i].at), 1);
		assert_int_equal(source_file_open(&src, fd), 0);
		g.n = 0;
		if (read_all(src, &g) != -EBADMSG || g.n != 0)
			fail_msg("read: %s", wrong[i].what);
		src->ops->close(src);
	}
}

static void an_unsound_event_is_not_recorded(void **state)
{
	int fd = memfd_create("recording", MFD_CLOEXEC);
	struct recorder *r;
	struct sample s;

	(void)state;
	assert_int_equal(recorder_new(&r, fd, 0), 0);
	sample_init(&s);
	s.data.ev.ncap = 99;
	assert_int_equal(recorder_put(r, &s.data.ev.h), -EINVAL);
	sample_init(&s);
	s.data.ev.len = 99;
	assert_int_equal(recorder_put(r, &s.data.ev.h), -EINVAL);
	sample_init(&s);
	s.data.ev.dir = 2;
	assert_int_equal(recorder_put(r, &s.data.ev.h), -EINVAL);
	sample_init(&s);
	s.data.ev.off = UINT64_MAX;
	assert_int_equal(recorder_put(r, &s.data.ev.h), -EINVAL);
	memset(s.open.comm, 'c', sizeof(s.open.comm));
	assert_int_equal(recorder_put(r, &s.open.h), -EINVAL);
	memset(s.exec.name, 'n', sizeof(s.exec.name));
	assert_int_equal(recorder_put(r, &s.exec.h), -EINVAL);
	assert_false(event_is_sound(&s.close.h, sizeof(s.close) - 1));
	assert_true(event_is_sound(&s.close.h, sizeof(s.close)));
	recorder_free(r);
	close(fd);
}

static void a_full_disk_is_reported(void **state)
{
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC),
	    fd = memfd_create("recording", MFD_CLOEXEC);
	struct recorder *r;
	struct sample s;

	(void)state;
	assert_int_equal(recorder_new(&r, full, 0), -ENOSPC);
	sample_init(&s);
	assert_int_equal(recorder_new(&r, fd, 0), 0);
	assert_int_equal(dup2(full, fd), fd);
	assert_int_equal(record(&s, r), 0); /* buffered */
	assert_int_equal(recorder_flush(r), -ENOSPC);
	assert_int_equal(recorder_put(r, &s.open.h), -ENOSPC);
	assert_int_equal(recorder_flush(r), -ENOSPC);
	recorder_free(r);
	recorder_free(NULL);
	close(full);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_recorded_is_read),
		cmocka_unit_test(thousands_of_events_come_in_bounded_batches),
		cmocka_unit_test(a_file_cut_anywhere_gives_what_is_whole),
		cmocka_unit_test(other_files_are_refused),
		cmocka_unit_test(contradictions_end_the_reading),
		cmocka_unit_test(an_unsound_event_is_not_recorded),
		cmocka_unit_test(a_full_disk_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
