/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers of count and facet. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "service/call.h"
#include "service/json_in.h"
#include "service/json_out.h"

#define VALUES_DEFAULT 100u
#define VALUES_MAX 10000u

struct question {
	struct vs_text filter;
	struct vs_text field; /* facet */
	uint32_t limit;
	struct vs_namespace *ns; /* NULL: there are no records yet */
};

static int decode(struct vs_call *call, const char *const *known, struct question *question, struct vs_error *error)
{
	static const char *const parameters[] = { "namespace", NULL };
	struct vs_text name = { NULL, 0 };
	int rc = vs_target_check(&call->target, parameters, error);
	if (!rc)
		rc = vs_call_json(call, error);
	struct vs_fields fields = { call->body, "" };
	if (rc || (rc = vs_fields_check(&fields, known, error)) ||
	    (rc = vs_fields_filter(&fields, "filter", &question->filter, error)) ||
	    (rc = vs_fields_text(&fields, "field", &question->field, error)) ||
	    (rc = vs_fields_number(&fields, "limit", 1, VALUES_MAX, &question->limit, error)) ||
	    (rc = vs_fields_text(&fields, "namespace", &name, error)))
		return rc;
	if (question->filter.data && (rc = vs_filter_check(question->filter.data, error)))
		return rc;
	return vs_call_namespace(call, &name, false, &question->ns, error);
}

int vs_handle_count(struct vs_call *call, struct vs_error *error)
{
	static const char *const known[] = { "filter", "namespace", NULL };
	struct question question = { .ns = NULL };
	uint64_t count = 0;
	int rc = decode(call, known, &question, error);
	if (!rc && question.ns)
		rc = vs_namespace_count(question.ns, question.filter.data, &count, error);
	if (!rc)
		vs_buf_printf(&call->response->body, "{\"count\":%" PRIu64 "}\n", count);
	return rc;
}

/* In the fewest digits that read back the same. What the library stored beyond float64 reads back as infinite. */
static void put_real(struct vs_buf *out, double real)
{
	char text[40];
	if (isinf(real)) {
		vs_buf_puts(out, real > 0 ? "1e999" : "-1e999");
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, real);
		if (strtod(text, NULL) == real)
			break;
	}
	vs_buf_puts(out, text);
}

static void put_value(struct vs_buf *out, const struct vs_facet_value *value)
{
	switch (value->kind) {
	case VS_FACET_NULL:
		vs_buf_puts(out, "null");
		break;
	case VS_FACET_BOOLEAN:
		vs_json_bool(out, value->boolean);
		break;
	case VS_FACET_INTEGER:
		vs_buf_printf(out, "%" PRId64, value->integer);
		break;
	case VS_FACET_REAL:
		put_real(out, value->real);
		break;
	case VS_FACET_TEXT:
		vs_json_text(out, value->text, value->text_len);
		break;
	}
}

int vs_handle_facet(struct vs_call *call, struct vs_error *error)
{
	static const char *const known[] = { "field", "filter", "limit", "namespace", NULL };
	struct question question = { .limit = VALUES_DEFAULT };
	struct vs_facet facet = { NULL, 0 };
	struct vs_buf *out = &call->response->body;
	int rc = decode(call, known, &question, error);
	if (!rc && !question.field.data)
		rc = vs_error_at(error, VS_EINVAL, "field", -1, "is missing");
	if (!rc)
		rc = vs_field_check(question.field.data, error);
	if (!rc && question.ns)
		rc = vs_namespace_facet(question.ns, question.field.data, question.filter.data, question.limit, &facet, error);
	if (rc)
		return rc;
	vs_buf_puts(out, "{\"values\":[");
	for (size_t i = 0; i < facet.count; i++) {
		vs_buf_puts(out, i > 0 ? ",{\"value\":" : "{\"value\":");
		put_value(out, &facet.values[i]);
		vs_buf_printf(out, ",\"count\":%" PRIu64 "}", facet.values[i].count);
	}
	vs_buf_puts(out, "]}\n");
	return 0;
}
