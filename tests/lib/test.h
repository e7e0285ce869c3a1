/* SPDX-License-Identifier: Apache-2.0 */
/* test.h - what every unit test includes: cmocka, and inputs that end at an unreadable page. */
#ifndef LIMPID_TESTS_TEST_H
#define LIMPID_TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"

/* A copy of s whose last byte is followed by an unreadable page; freed by guarded_free. */
struct slice guarded(struct slice s);
void guarded_free(struct slice s);

#endif
