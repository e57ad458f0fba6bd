/* SPDX-License-Identifier: Apache-2.0 */
/* cli/query_file: the queries of a file. */
#ifndef VS_CLI_QUERY_FILE_H
#define VS_CLI_QUERY_FILE_H

struct vs_ask;
struct vs_error;
struct vs_namespace;

/* Answers each query of the file on standard output, one line of JSON as the server would answer it. The file has one
 * object a line, as the body of /v1/query, or ends in .fvecs; "-" is standard input. What a query does not say is as in
 * defaults. Errors name the line; those before it were answered. */
int vs_query_file(struct vs_namespace *ns, const char *path, const struct vs_ask *defaults, struct vs_error *error);

#endif
