/* SPDX-License-Identifier: Apache-2.0 */
/* toy.h - two small protocols, to test connections without the weight of a real one.
 *
 * line, in order:  Qname:3\nabc   a request with a body of 3      Aname:3\nxyz   its answer
 *                  Cname\n...     an answer that lasts until the end
 *                  Itext\n        an interim answer
 *                  Sname\n        a request to change the protocol, answered by
 *                  Tname\n        from here on it is `key`, or by
 *                  Uname\n        from here on it is nothing that is known
 *                  Z              no frame
 * key:             K7:name\n      a request with key 7            R7:name\n      its answer
 * Names are small letters and digits, and an answer has the name of its request: a wrong pair shows. */
#ifndef LIMPID_TESTS_TOY_H
#define LIMPID_TESTS_TOY_H

#include "proto/proto.h"

extern const struct proto toy_line, toy_key;
extern const struct proto *const toys[]; /* both; ends with NULL */

#endif
