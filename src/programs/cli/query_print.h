/* SPDX-License-Identifier: Apache-2.0 */
/* cli/query_print: answers of queries on standard output. */
#ifndef VS_CLI_QUERY_PRINT_H
#define VS_CLI_QUERY_PRINT_H

struct vs_ask;
struct vs_ask_hybrid;
struct vs_buf;
struct vs_error;
struct vs_explanation;
struct vs_results;

/* One line, as the server would answer it, made in out. hybrid: ask is its; NULL: that is no hybrid query. */
int vs_print_json(struct vs_buf *out, const struct vs_ask *ask, const struct vs_results *results,
                  struct vs_ask_hybrid *hybrid, struct vs_error *error);
/* The same with an explanation, which is as query-explain answers it. */
int vs_print_explained_json(struct vs_buf *out, const struct vs_ask *ask, const struct vs_results *results,
                            const struct vs_explanation *explanation, struct vs_error *error);
/* To read. explanation NULL: none. */
int vs_print_table(struct vs_buf *out, const struct vs_ask *ask, const struct vs_results *results,
                   const struct vs_explanation *explanation, struct vs_error *error);

/* The same of a hybrid query, with passages in the place of metadata where they were asked for. */
int vs_print_hybrid_table(struct vs_buf *out, const struct vs_ask_hybrid *hybrid, const struct vs_results *results,
                          struct vs_error *error);

#endif
