/* SPDX-License-Identifier: Apache-2.0 */
/* The order in a table: connect, accept, bind, listen, shutdown, close, recv, send, read, write, getpeername, getsockname.  Neither
 * has an accept; bind, listen and the last two are those of both; all the others differ.  With TLS, read
 * is recv without flags, by a jump.  (NSS 3.12 to 3.110.) */
#include "tap/nss_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tap/site_ends.h"

enum { CONNECT, ACCEPT, BIND, LISTEN, SHUTDOWN, CLOSE, RECV, SEND, READ, WRITE, GETPEERNAME, GETSOCKNAME, SLOTS };
#define SECTION     ".data.rel.ro"
#define SECTION_MAX (64UL << 20) /* of the largest browsers it is 20 MB */

static bool is_shared(int slot)
{
	return slot == ACCEPT || slot == BIND || slot == LISTEN || slot >= GETPEERNAME;
}

static bool is_code(const struct elf_image *img, uint64_t addr)
{
	uint64_t off;

	return addr != 0 && elf_image_offset(img, addr, &off) == 0;
}

/* Two tables, one behind the other. */
static bool are_tables(const struct elf_image *img, const uint64_t *a)
{
	const uint64_t *b = a + SLOTS;

	for (int i = 0; i < SLOTS; i++)
		if ((a[i] == b[i]) != is_shared(i) || (i == ACCEPT) != (a[i] == 0))
			return false;
	for (int i = 0; i < SLOTS; i++)
		if (i != ACCEPT && (!is_code(img, a[i]) || !is_code(img, b[i])))
			return false;
	return true;
}

static bool has_tls(struct elf_image *img, const uint64_t *t)
{
	return site_forwards(img, t[READ]) == t[RECV];
}

/* Adds what the loader adds for the machine's address; what the file has there itself counts without. */
static int load_words(struct elf_image *img, uint64_t **ret, size_t *ret_n)
{
	struct elf_load load[ELF_LOADS_MAX];
	int n = elf_image_loads(img, load), err;
	uint64_t off, len, addr = 0, *words;

	if (elf_image_section(img, SECTION, &off, &len) != 0 || len > SECTION_MAX)
		return -ENOENT;
	for (int i = 0; i < n; i++)
		if (off >= load[i].off && off - load[i].off < load[i].len)
			addr = load[i].addr + (off - load[i].off);
	if (addr == 0)
		return -ENOENT;
	words = calloc(len / sizeof(*words) + 1, sizeof(*words));
	if (!words)
		return -ENOMEM;
	*ret_n = len / sizeof(*words);
	err = elf_image_read(img, off, words, (size_t)len) < 0 ? -EIO : elf_image_relocate(img, addr, words, *ret_n);
	if (err) {
		free(words);
		return err;
	}
	*ret = words;
	return 0;
}

int nss_table_find(struct elf_image *img, struct nss_table *ret)
{
	uint64_t *words;
	size_t n;
	int err = load_words(img, &words, &n);

	if (err)
		return err;
	err = -ENOENT;
	for (size_t i = 0; i + 2 * SLOTS <= n && err; i++) {
		const uint64_t *a = words + i, *b = a + SLOTS, *t;

		if (!are_tables(img, a) || has_tls(img, a) == has_tls(img, b))
			continue;
		t = has_tls(img, a) ? a : b;
		*ret = (struct nss_table){ t[READ], t[WRITE], t[RECV], t[SEND], t[CLOSE] };
		err = 0;
	}
	free(words);
	return err;
}
