/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "go_image.h"
#include "tap/go_plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uint8_t image[GO_IMAGE_SIZE];

/* What go_plan_make says of the first n bytes of the image; the version, too. */
static int analyse(size_t n, struct go_plan *plan, char *version, size_t size)
{
	int fd = memfd_create("go", MFD_CLOEXEC), err;
	struct elf_image *img;

	assert_true(fd >= 0 && write(fd, image, n) == (ssize_t)n);
	err = elf_image_open(&img, fd);
	if (!err) {
		err = go_plan_version(img, version, size);
		err = err == 1 ? go_plan_make(plan, img) : err < 0 ? err : -ENOENT;
		elf_image_close(img);
	}
	close(fd);
	return err;
}

static const struct go_place *place_of(const struct go_plan *p, const char *func, bool exit)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->place[i].func, func) == 0 && p->place[i].exit == exit)
			return &p->place[i];
	return NULL;
}

static void check_plan(const struct go_plan *p)
{
	const struct go_place *in = place_of(p, "Read", false), *out = place_of(p, "Read", true);

	assert_non_null(in);
	assert_int_equal(in->at.addr, GO_IMAGE_READ + 4);
	assert_int_equal(in->at.off, 0x1044);
	assert_int_equal(in->at.cost, SITE_BRANCH);
	assert_memory_equal(in->at.bytes, "\x76\x3a", 2);
	assert_non_null(out);
	assert_int_equal(out->at.addr, GO_IMAGE_DEFER + 4);
	assert_int_equal(out->frame, 0x60);
	assert_int_equal(out->slot, 0x20);
	/* Nothing is known of what Write defers: its two returns. */
	assert_int_equal(place_of(p, "Write", false)->at.addr, GO_IMAGE_WRITE + 4);
	assert_int_equal(place_of(p, "Write", true)->frame, 0);
	assert_int_equal(place_of(p, "Write", true)->at.cost, SITE_STEP);
	assert_int_equal(p->n, 5);
}

static void every_layout_gives_the_same_places(void **state)
{
	static const char *const versions[] = { "go1.17.13", "go1.19.13", "go1.22.12", "go1.26.8" };
	char version[32], text[256];
	struct go_plan plan;

	(void)state;
	for (int relocated = 0; relocated < 2; relocated++)
		for (int i = 0; i < 4; i++) {
			struct go_image_options o = { .layout = (enum go_layout)i,
						      .version = versions[i],
						      .relocated = relocated };

			go_image_make(image, &o);
			assert_int_equal(analyse(sizeof(image), &plan, version, sizeof(version)),
					 0);
			assert_string_equal(version, versions[i]);
			check_plan(&plan);
			go_plan_text(&plan, text, sizeof(text));
			assert_string_equal(
				text, "Read+4 (branch), Write+4 (branch); ends Read deferred+4 "
				      "(branch), 2 returns (single-stepped)");
		}
}

static void without_the_deferred_function_all_returns_are_probed(void **state)
{
	struct go_image_options o = { .layout = GO_LAYOUT_1_20,
				      .version = "go1.20",
				      .no_defer = true };
	struct go_plan plan;
	char version[32];

	(void)state;
	go_image_make(image, &o);
	assert_int_equal(analyse(sizeof(image), &plan, version, sizeof(version)), 0);
	assert_int_equal(plan.n, 6);
	assert_int_equal(place_of(&plan, "Read", true)->frame, 0);
}

static void code_of_an_older_go_is_left_alone(void **state)
{
	struct go_image_options o = { .layout = GO_LAYOUT_1_17,
				      .version = "go1.16.15",
				      .old_code = true };
	struct go_plan plan;
	char version[32];

	(void)state;
	go_image_make(image, &o);
	assert_int_equal(analyse(sizeof(image), &plan, version, sizeof(version)), -ENOTSUP);
	assert_string_equal(version, "go1.16.15");
}

static void results_in_different_places_are_not_believed(void **state)
{
	struct go_image_options o = { .layout = GO_LAYOUT_1_20, .version = "go1.20" };
	struct go_plan plan;
	char version[32];

	(void)state;
	go_image_make(image, &o);
	image[0x1040 + 39 + 6] = 0x28; /* the second way out loads from elsewhere */
	assert_int_equal(analyse(sizeof(image), &plan, version, sizeof(version)), 0);
	assert_int_equal(place_of(&plan, "Read", true)->frame, 0);
}

static void a_program_without_its_tables_is_none(void **state)
{
	struct go_image_options o = { .layout = GO_LAYOUT_1_26, .version = "go1.26.8" };
	struct go_plan plan;
	char version[32];

	(void)state;
	go_image_make(image, &o);
	image[GO_IMAGE_INFO + 3] = 'g';
	assert_int_equal(analyse(sizeof(image), &plan, version, sizeof(version)), -ENOENT);
	go_image_make(image, &o);
	image[GO_IMAGE_TABLE] = 0xfb; /* of Go 1.2 to 1.15 */
	assert_int_equal(analyse(sizeof(image), &plan, version, sizeof(version)), -ENOENT);
	go_image_make(image, &o);
	memset(image + GO_IMAGE_DATA, 0, 0x100); /* where the code is, nobody says */
	assert_int_equal(analyse(sizeof(image), &plan, version, sizeof(version)), -ENOTSUP);
	go_image_make(image, &o);
	image[GO_IMAGE_TABLE + 0x200 + 7] = 0xff; /* a function is told of far away */
	assert_int_equal(analyse(sizeof(image), &plan, version, sizeof(version)), -EBADMSG);
}

static void every_damaged_byte_is_survived(void **state)
{
	static const uint8_t to[] = { 0x00, 0x7f, 0x80, 0xff };
	struct go_plan plan;
	char version[32];

	(void)state;
	for (int relocated = 0; relocated < 2; relocated++) {
		struct go_image_options o = { .layout = GO_LAYOUT_1_26,
					      .version = "go1.26.8",
					      .relocated = relocated };

		go_image_make(image, &o);
		for (size_t at = 0; at < sizeof(image); at++) {
			uint8_t was = image[at];

			if (at > 0x100 && was == 0 && at % 64)
				continue;
			for (size_t i = 0; i < sizeof(to); i++) {
				image[at] = to[i];
				(void)analyse(sizeof(image), &plan, version, sizeof(version));
			}
			image[at] = was;
		}
		for (size_t n = 0; n < sizeof(image); n += 61)
			(void)analyse(n, &plan, version, sizeof(version));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_layout_gives_the_same_places),
		cmocka_unit_test(without_the_deferred_function_all_returns_are_probed),
		cmocka_unit_test(code_of_an_older_go_is_left_alone),
		cmocka_unit_test(results_in_different_places_are_not_believed),
		cmocka_unit_test(a_program_without_its_tables_is_none),
		cmocka_unit_test(every_damaged_byte_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
