/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a recording: no event may reach beyond itself. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/record.h"

static void deliver(void *ctx, const struct ev_hdr *ev)
{
	volatile uint8_t sum = 0;

	(void)ctx;
	if (!event_is_sound(ev, ev->size) || ev->size > RECORD_EVENT_MAX)
		abort();
	for (size_t i = 0; i < ev->size; i++) /* all of it is there */
		sum = (uint8_t)(sum + ((const uint8_t *)ev)[i]);
	if (ev->kind == EV_OPEN)
		sum = (uint8_t)(sum + strlen(((const struct ev_open *)ev)->comm));
	if (ev->kind == RECORD_CGROUP)
		sum = (uint8_t)(sum + strlen(((const struct record_cgroup *)ev)->id));
	if (ev->kind == RECORD_CONTAINER)
		sum = (uint8_t)(sum + strlen(((const struct record_container *)ev)->state));
	if (ev->kind == RECORD_TLS_LIB)
		sum = (uint8_t)(sum + strlen(((const struct record_tls_lib *)ev)->version));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("recording", MFD_CLOEXEC);
	struct source *s;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) < 0)
		abort();
	if (source_file_open(&s, fd) < 0) {
		close(fd);
		return 0;
	}
	while (s->ops->poll(s, 0, deliver, NULL) > 0)
		;
	s->ops->close(s);
	return 0;
}
