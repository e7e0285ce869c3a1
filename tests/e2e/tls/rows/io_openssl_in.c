/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL in the program itself: linked with libssl.a, its names in .symtab alone. */
#define LINKED
#include "io_openssl.c"
