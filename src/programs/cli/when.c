/* SPDX-License-Identifier: Apache-2.0 */
#include "programs/cli/when.h"

#include <stddef.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"

#define SPAN_MAX_MS (INT64_C(36525) * 86400000) /* 100 years */

static int64_t unit_ms(char unit)
{
	switch (unit) {
	case 's':
		return 1000;
	case 'm':
		return 60000;
	case 'h':
		return 3600000;
	case 'd':
		return 86400000;
	default:
		return 0;
	}
}

int vs_when_span(const char *flag, const char *text, int64_t *span_ms, struct vs_error *error)
{
	size_t digits = strspn(text, "0123456789");
	int64_t unit = unit_ms(text[digits]);
	int64_t number = 0;
	for (size_t i = 0; i < digits && number <= SPAN_MAX_MS; i++)
		number = number * 10 + (text[i] - '0');
	if (digits == 0 || unit == 0 || text[digits + 1] != '\0' || number > SPAN_MAX_MS / unit)
		return vs_error_set(error, VS_EINVAL, "--%s: '%.64s' is no span of time such as 90s, 15m, 12h or 30d", flag, text);
	*span_ms = number * unit;
	return 0;
}

int vs_when_parse(const char *flag, const char *text, int64_t *wall_ms, struct vs_error *error)
{
	*wall_ms = 0;
	int64_t now = vs_clock_wall_ms();
	if (!text)
		return 0;
	if (!vs_clock_parse(text, strlen(text), wall_ms)) {
		if (vs_when_span(flag, text, wall_ms, NULL))
			return vs_error_set(error, VS_EINVAL,
			                    "--%s: '%.64s' is neither a time such as 2026-01-31T12:00:00Z nor a span such as 30d", flag, text);
		*wall_ms += now;
	}
	return *wall_ms > now ? 0 : vs_error_set(error, VS_EINVAL, "--%s: '%.64s' is past", flag, text);
}
