/* SPDX-License-Identifier: Apache-2.0 */
/* alloc.h - makes a chosen allocation fail, in the code under test and in the test itself.
 *
 * The linker sends malloc, calloc and realloc of everything that is linked statically through here
 * (--wrap in the Makefile); shared libraries are not touched.
 */
#ifndef LIMPID_TESTS_ALLOC_H
#define LIMPID_TESTS_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

/* Lets n allocations succeed, fails the next `times`, lets the rest succeed. */
void alloc_fail(size_t n, size_t times);
/* Lets all succeed again; true when at least one was refused since alloc_fail. */
bool alloc_refused(void);
/* Between true and false nothing is refused or counted: for a test's own work inside a callback. */
void alloc_pause(bool on);
/* Allocations asked for since the program began. */
size_t alloc_count(void);

#endif
