/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of a Go program, in any file that a container may map, must not lead the analysis astray. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tap/go_plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("go", MFD_CLOEXEC);
	struct elf_image *img;
	struct go_plan plan;
	char text[512];

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	if (elf_image_open(&img, fd) == 0) {
		(void)go_plan_version(img, text, sizeof(text));
		if (go_plan_make(&plan, img) == 0)
			go_plan_text(&plan, text, sizeof(text));
		elf_image_close(img);
	}
	close(fd);
	return 0;
}
