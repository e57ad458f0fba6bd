/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fcgi/flow: whose a request is, as one word that workers compare: a hash of what tells its tenant, which is the credential
 * (X-API-Key, Authorization, REMOTE_USER) and the namespace (X-Namespace, or namespace= in the target). Those who send none of
 * them are one flow. A namespace in the body, or one that is percent-encoded, is not looked for. 0 stands for no flow.
 */
#ifndef VS_FCGI_FLOW_H
#define VS_FCGI_FLOW_H

#include <stddef.h>
#include <stdint.h>

/* Of NAME=VALUE strings, NULL at the end. Never 0. */
uint64_t vs_flow_of_variables(char *const *variables, uint64_t seed);
/* Of the first bytes of a FastCGI connection; the same as of the variables that they carry. 0 when not all of these are there,
 * or are none. Bytes are moved. */
uint64_t vs_flow_of_records(unsigned char *bytes, size_t len, uint64_t seed);

#endif
