/* SPDX-License-Identifier: Apache-2.0 */
/* many.h - more calls that wait at once than the kernel has returns to watch. */
#ifndef LIMPID_TESTS_MANY_H
#define LIMPID_TESTS_MANY_H

#include <stdint.h>

#define MANY_MAX 256

/* n connections to one port, which comes back: on each a thread of the server waits for size bytes, in recv, read, readv, recvmsg or
 * recvmmsg.  When all wait the clients write them, with the client's port as key of the pattern.  0, or negative errno. */
int many_blocked(uint32_t n, uint64_t size, uint16_t *ret_sport);

#endif
