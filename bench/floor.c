/* SPDX-License-Identifier: Apache-2.0 */
/* floor OBJECT - attach every program of a BPF object file, say "attached", and hold them until ended. */
#include <bpf/libbpf.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct bpf_object *o = argc == 2 ? bpf_object__open_file(argv[1], NULL) : NULL;
	struct bpf_program *p;

	if (!o || bpf_object__load(o)) {
		(void)fprintf(stderr, "usage: floor OBJECT; it cannot be opened or loaded\n");
		return 1;
	}
	bpf_object__for_each_program(p, o) {
		if (!bpf_program__attach(p)) {
			(void)fprintf(stderr, "%s cannot be attached\n", bpf_program__name(p));
			return 1;
		}
	}
	(void)puts("attached");
	(void)fflush(stdout);
	for (;;)
		(void)pause();
}
