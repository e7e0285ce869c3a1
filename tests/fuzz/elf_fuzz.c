/* SPDX-License-Identifier: Apache-2.0 */
/* A container may map any file: parsing it and choosing sites must survive every content. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tap/tls_plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("elf", MFD_CLOEXEC);
	struct elf_image *img;
	uint8_t id[ELF_BUILD_ID_MAX];
	struct tls_plan plan;
	char text[256];

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	if (elf_image_open(&img, fd) == 0) {
		for (const struct tls_lib *row = tls_table; row->name; row++)
			if (row->calls && tls_plan_make(&plan, img, row, true) == 0 &&
			    tls_plan_exits(&plan, img, row, true) == 0)
				tls_plan_text(&plan, text, sizeof(text));
		(void)elf_image_build_id(img, id);
		(void)elf_image_version(img, "OpenSSL ", text, sizeof(text));
		(void)elf_image_soname_version(img, text, sizeof(text));
		elf_image_close(img);
	}
	close(fd);
	return 0;
}
