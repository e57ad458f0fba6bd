/* SPDX-License-Identifier: Apache-2.0 */
/* fcgi/accept: connections by those who may connect. */
#ifndef VS_FCGI_ACCEPT_H
#define VS_FCGI_ACCEPT_H

#define VS_PEER_SECONDS 60 /* a peer that is silent for longer is given up */

/* A blocking descriptor with time limits, or -1 when another worker was faster or the peer is not trusted. */
int vs_fcgi_accept(int listener);

#endif
